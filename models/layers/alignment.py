"""Attention of a decoder to its source: additive (Bahdanau et al. 2015); dot, general and concat (Luong et al. 2015)."""

from typing import Literal

import torch
from torch import Tensor, nn

ScoreName = Literal["additive", "dot", "general", "concat"]


class DotScore(nn.Module):
    """query . state, which have the same size."""

    def keys(self, states: Tensor) -> Tensor:
        """(batch, src, d_source) -> (batch, src, d_key), the part that does not depend on the query, computed once per source"""
        return states

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """(batch, n, d_query), (batch, src, d_key) -> (batch, n, src)"""
        return torch.bmm(queries, keys.transpose(1, 2))


class GeneralScore(DotScore):
    """query . (W state)"""

    def __init__(self, d_query: int, d_source: int) -> None:
        super().__init__()
        self.key = nn.Linear(d_source, d_query, bias=False)

    def keys(self, states: Tensor) -> Tensor:
        """(batch, src, d_source) -> (batch, src, d_query)"""
        return self.key(states)


class AdditiveScore(nn.Module):
    """v . tanh(W query + U state), which is also Luong's v . tanh(W [query; state]): his W is [W U]."""

    def __init__(self, d_query: int, d_source: int) -> None:
        super().__init__()
        self.query = nn.Linear(d_query, d_query, bias=False)
        self.key = nn.Linear(d_source, d_query, bias=False)
        self.score = nn.Linear(d_query, 1, bias=False)  # a constant added to all scores would change nothing

    def keys(self, states: Tensor) -> Tensor:
        """(batch, src, d_source) -> (batch, src, d_query)"""
        return self.key(states)

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """(batch, n, d_query), (batch, src, d_query) -> (batch, n, src)

        One query at a time: the sums of all pairs at once do not fit a CPU's cache and take up to twice as long.
        """
        sums = [self.score(torch.tanh(keys + query)).transpose(1, 2) for query in self.query(queries).split(1, dim=1)]
        return torch.cat(sums, dim=1)


def score(name: ScoreName, d_query: int, d_source: int) -> DotScore | AdditiveScore:
    """A score by name."""
    match name:
        case "dot":
            return DotScore()
        case "general":
            return GeneralScore(d_query, d_source)
        case "additive" | "concat":
            return AdditiveScore(d_query, d_source)


def weights(scores: Tensor, real: Tensor | None) -> Tensor:
    """(batch, n, src) -> (batch, n, src), 1 in sum and 0 on padding; `real` (batch, src): true for real tokens, None: all are real"""
    if real is not None:
        scores = scores.masked_fill(~real.unsqueeze(1), float("-inf"))
    return scores.softmax(dim=2)
