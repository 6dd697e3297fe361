"""Positional encodings of a transformer: sinusoidal, learned or rotary."""

import torch
from torch import Tensor, nn


def sinusoids(n_positions: int, d_model: int) -> Tensor:
    """(n_positions, d_model): sine in even columns, cosine in odd ones (Vaswani et al. 2017, section 3.5)."""
    angles = _angles(n_positions, d_model)  # (n_positions, ceil(d_model / 2))
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :d_model]


def _angles(n_positions: int, size: int) -> Tensor:
    """(n_positions, ceil(size / 2)): position / 10,000^(2i / size)."""
    rates = 10_000.0 ** (-torch.arange(0, size, 2, dtype=torch.float32) / size)
    return torch.arange(n_positions, dtype=torch.float32).unsqueeze(1) * rates


class Rotary(nn.Module):
    """Turns each pair of numbers of a query or key by an angle that grows with its position (Su et al. 2021).

    The product of a query and a key then depends on their distance alone.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, n_positions: int, head_size: int) -> None:
        super().__init__()
        angles = _angles(n_positions, head_size).repeat(1, 2)  # number i turns together with number i + head_size / 2
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """(batch, n_heads, seq, head_size) -> (batch, n_heads, seq, head_size); the first of them is at position `start`"""
        here = slice(start, start + x.shape[2])
        first, second = x.chunk(2, dim=3)
        turned = torch.cat([-second, first], dim=3)
        return x * self.cos[here].to(x.dtype) + turned * self.sin[here].to(x.dtype)
