"""Pooling of the states of a text into one vector; padding never counts.

Each class has `weights`: the weight of each position in that vector, 1 in sum.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from .padding import real_tokens

PoolingName = Literal["mean", "max", "cls", "last", "attention"]


def pooling(name: PoolingName, d_model: int) -> nn.Module:
    """A pooling by name: (batch, seq, d_model), (batch,) -> (batch, d_model)."""
    plain: dict[str, type[nn.Module]] = {"mean": MeanPooling, "max": MaxPooling, "cls": FirstPooling, "last": LastPooling}
    return AttentionPooling(d_model) if name == "attention" else plain[name]()


class MeanPooling(nn.Module):
    """The mean of a text's states."""

    def weights(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq)"""
        positions = torch.arange(states.shape[1], device=states.device)
        return (positions < lengths.unsqueeze(1)) / lengths.unsqueeze(1)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq, d_model) -> (batch, d_model)"""
        real = real_tokens(lengths, states.shape[1])
        if real is None:
            return states.mean(dim=1)  # (batch, d_model)
        return (states * real.unsqueeze(2)).sum(dim=1) / lengths.unsqueeze(1)  # (batch, d_model)


class MaxPooling(nn.Module):
    """The largest value of each feature."""

    def weights(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq): share of the features whose largest value is at the position"""
        real = real_tokens(lengths, states.shape[1])
        if real is not None:
            states = states.masked_fill(~real.unsqueeze(2), float("-inf"))
        return functional.one_hot(states.argmax(dim=1), states.shape[1]).float().mean(dim=1)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq, d_model) -> (batch, d_model)"""
        real = real_tokens(lengths, states.shape[1])
        if real is not None:
            states = states.masked_fill(~real.unsqueeze(2), float("-inf"))
        return states.max(dim=1).values  # (batch, d_model); on a CPU its backward pass is faster than that of `amax`


class FirstPooling(nn.Module):
    """The state of the first token, [CLS]."""

    def weights(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq)"""
        return functional.one_hot(torch.zeros_like(lengths).long(), states.shape[1]).float()

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq, d_model) -> (batch, d_model)"""
        return states[:, 0]  # (batch, d_model)


class LastPooling(nn.Module):
    """The state of the last token."""

    def weights(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq)"""
        return functional.one_hot(lengths.long() - 1, states.shape[1]).float()

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq, d_model) -> (batch, d_model)"""
        return states[torch.arange(states.shape[0], device=states.device), lengths - 1]  # (batch, d_model)


class AttentionPooling(nn.Module):
    """A learned mean: the weight of each state is the softmax of `context . tanh(W state + b)` (Yang et al. 2016)."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.key = nn.Linear(d_model, d_model)
        self.context = nn.Linear(d_model, 1, bias=False)  # a constant added to all scores would change nothing

    def weights(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq), 0 on padding and 1 in sum"""
        scores = self.context(torch.tanh(self.key(states))).squeeze(2)  # (batch, seq)
        real = real_tokens(lengths, states.shape[1])
        if real is not None:
            scores = scores.masked_fill(~real, float("-inf"))
        return scores.softmax(dim=1)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq, d_model) -> (batch, d_model)"""
        return (self.weights(states, lengths).unsqueeze(2) * states).sum(dim=1)  # (batch, d_model)
