"""Filters over a sequence (Kim 2014)."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Convolutions(nn.Module):
    """Filters of several widths over a sequence; each computes one number at each position.

    The window of width w at position i covers i - (w - 1) // 2 and the w - 1 positions after that, with zeros outside the text. So
    a text of any length has as many windows as tokens, and the result does not depend on longer texts in the batch.
    """

    def __init__(self, d_input: int, widths: list[int], n_filters: int) -> None:
        super().__init__()
        self.filters = nn.ModuleList(nn.Linear(width * d_input, n_filters) for width in widths)
        self.widths, self.d_input, self.widest = widths, d_input, max(widths)
        self.beyond = (self.widest - 1) // 2, self.widest - 1 - (self.widest - 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        """(batch, seq, d_input) -> (batch, seq, n_widths * n_filters)"""
        seq = x.shape[1]
        x = functional.pad(x, (0, 0, *self.beyond))
        return self.at(torch.cat([x[:, offset : offset + seq] for offset in range(self.widest)], dim=2))

    def at(self, windows: Tensor) -> Tensor:
        """(..., widest * d_input), the window of the widest filter at a position -> (..., n_widths * n_filters)"""
        return functional.linear(windows, *self._as_one_matrix())

    def _as_one_matrix(self) -> tuple[Tensor, Tensor]:
        """All filters padded with zeros to the widest: one matrix product is faster than one for each width."""
        weights, biases = [], []
        for layer, width in zip(self.filters, self.widths, strict=True):
            assert isinstance(layer, nn.Linear)
            left = (self.widest - 1) // 2 - (width - 1) // 2
            weights.append(functional.pad(layer.weight, (left * self.d_input, (self.widest - width - left) * self.d_input)))
            biases.append(layer.bias)
        return torch.cat(weights), torch.cat(biases)
