"""Biaffine scores of heads and relations (Dozat and Manning 2017)."""

import torch
from torch import Tensor, nn

from ..head import TreeSizes

NOWHERE = -1e9
"""The score of a head that is padding or the word itself."""


class Biaffine(nn.Module):
    """A score of two vectors for each output: a bilinear term and a linear term of the second vector; with `of_first` also a linear term
    of the first one, and a constant.
    """

    def __init__(self, d_vector: int, n_outputs: int, of_first: bool = True) -> None:
        super().__init__()
        self.of_first = of_first
        self.weight = nn.Parameter(torch.empty(n_outputs, d_vector + 1, d_vector + of_first))
        nn.init.normal_(self.weight, std=1 / d_vector)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(..., n, d_vector), (..., m, d_vector) -> (..., n_outputs, n, m)"""
        second = with_one(second) if self.of_first else second
        return with_one(first).unsqueeze(-3) @ self.weight @ second.unsqueeze(-3).transpose(-1, -2)

    def paired(self, first: Tensor, second: Tensor) -> Tensor:
        """(n, d_vector), (n, d_vector) -> (n, n_outputs): row i of the first with row i of the second only"""
        return torch.einsum("ni,oij,nj->no", with_one(first), self.weight, with_one(second))


def with_one(vectors: Tensor) -> Tensor:
    """Appends 1 to each vector: its weights give the linear term of the other vector."""
    return torch.cat([vectors, vectors.new_ones(*vectors.shape[:-1], 1)], dim=-1)


class TreeOutput(nn.Module):
    """Scores each other word, and the root, as the head of each word; and each relation to a given head.

    The root has a learned vector. Words have separate representations as heads and as dependents.
    """

    def __init__(self, hidden: nn.Module, d_hidden: int, n_relations: int, sizes: TreeSizes) -> None:
        super().__init__()
        self.hidden = hidden
        self.root = nn.Parameter(torch.zeros(d_hidden))
        nn.init.normal_(self.root, std=d_hidden**-0.5)
        self.arc_dependents, self.arc_heads = (_layer(d_hidden, sizes.d_arc, sizes.dropout) for _ in range(2))
        self.relation_dependents, self.relation_heads = (_layer(d_hidden, sizes.d_relation, sizes.dropout) for _ in range(2))
        self.arcs = Biaffine(sizes.d_arc, 1, of_first=False)  # a term of the dependent alone is the same for all heads
        self.relations = Biaffine(sizes.d_relation, n_relations)

    def forward(self, states: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """(batch, n_words, d_hidden), (batch,) -> `arcs` (batch, n_words, n_words + 1), scores of heads, the root first; and the
        inputs of `relation_scores`, `dependents` (batch, n_words, d_relation) and `heads` (batch, n_words + 1, d_relation)."""
        words = self.hidden(states)
        rooted = torch.cat([self.root.expand(len(words), 1, -1), words], dim=1)
        arcs = self.arcs(self.arc_dependents(words), self.arc_heads(rooted)).squeeze(1)
        places = torch.arange(rooted.shape[1], device=states.device)
        impossible = (places > lengths[:, None, None]) | (places == places[1:, None])
        return {"arcs": arcs.masked_fill(impossible, NOWHERE), "dependents": self.relation_dependents(words),
                "heads": self.relation_heads(rooted)}

    def relation_scores(self, dependents: Tensor, heads: Tensor, chosen: Tensor, real: Tensor) -> Tensor:
        """Outputs of `forward`, heads (batch, n_words), and a mask of words -> (n, n_relations): relation scores of the masked words"""
        rows = torch.arange(len(chosen), device=chosen.device).unsqueeze(1).expand_as(chosen)
        return self.relations.paired(dependents[real], heads[rows[real], chosen[real]])


def _layer(d_input: int, d_output: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(d_input, d_output), nn.LeakyReLU(0.1), nn.Dropout(dropout))
