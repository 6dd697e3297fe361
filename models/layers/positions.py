"""Positional encodings of a transformer: sinusoidal, rotary or relative."""

import math

import torch
from torch import Tensor, nn


def sinusoids(n_positions: int, d_model: int) -> Tensor:
    """(n_positions, d_model): sine in even columns, cosine in odd ones (Vaswani et al. 2017, section 3.5)."""
    angles = _angles(n_positions, d_model)  # (n_positions, ceil(d_model / 2))
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :d_model]


def _angles(n_positions: int, size: int, base: float = 10_000.0) -> Tensor:
    """(n_positions, ceil(size / 2)): position / base^(2i / size)."""
    rates = base ** (-torch.arange(0, size, 2, dtype=torch.float32) / size)
    return torch.arange(n_positions, dtype=torch.float32).unsqueeze(1) * rates


class Rotary(nn.Module):
    """Rotates each pair of numbers of a query or key by an angle that grows with its position (Su et al. 2021).

    The dot product of a query and a key then depends on their positions only through their distance.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, n_positions: int, head_size: int, base: float = 10_000.0) -> None:
        super().__init__()
        angles = _angles(n_positions, head_size, base).repeat(1, 2)  # number i is paired with number i + head_size / 2
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """(batch, n_heads, seq, head_size) -> (batch, n_heads, seq, head_size); the first vector is at position `start`"""
        positions = slice(start, start + x.shape[2])
        first, second = x.chunk(2, dim=3)
        rotated = torch.cat([-second, first], dim=3)
        return x * self.cos[positions].to(x.dtype) + rotated * self.sin[positions].to(x.dtype)


class RelativePositions(nn.Module):
    """A learned bias for each head and distance, which is added to the attention scores (Raffel et al. 2020, section 2.1).

    Distances are divided into 32 buckets: one for each short distance, wider and wider ones for longer distances, and the last for all
    from 128 on. With `causal` all buckets are for keys before the query, otherwise half of them are for keys after it.
    """

    N_BUCKETS, MAX_DISTANCE = 32, 128
    buckets: Tensor

    def __init__(self, n_positions: int, n_heads: int, causal: bool) -> None:
        super().__init__()
        self.n_positions, self.biases = n_positions, nn.Embedding(self.N_BUCKETS, n_heads)
        nn.init.normal_(self.biases.weight, std=0.02)
        self.causal, offsets = causal, torch.arange(1 - n_positions, n_positions)  # key - query
        if causal:
            buckets = self._bucket((-offsets).clamp(min=0), self.N_BUCKETS)
        else:
            half = self.N_BUCKETS // 2
            buckets = torch.where(offsets > 0, half, 0) + self._bucket(offsets.abs(), half)
        self.register_buffer("buckets", buckets, persistent=False)

    def forward(self, n_queries: int, n_keys: int) -> Tensor:
        """-> (n_heads, n_queries, n_keys), -inf after the query with `causal`; the queries are at the last positions of the keys"""
        positions = torch.arange(n_keys, device=self.buckets.device)
        offsets = positions - positions[n_keys - n_queries :, None]  # (n_queries, n_keys)
        biases = self.biases(self.buckets[offsets + self.n_positions - 1]).permute(2, 0, 1)
        return biases.masked_fill(offsets > 0, float("-inf")) if self.causal else biases

    @classmethod
    def _bucket(cls, distances: Tensor, n_buckets: int) -> Tensor:
        """The bucket of each distance: half of the buckets hold one distance each, the others are logarithmic up to MAX_DISTANCE."""
        exact = n_buckets // 2
        growth = torch.log(distances.clamp(min=1) / exact) / math.log(cls.MAX_DISTANCE / exact)
        wide = (exact + growth * (n_buckets - exact)).long().clamp(max=n_buckets - 1)
        return torch.where(distances < exact, distances, wide)
