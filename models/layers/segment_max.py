"""The maximum over each segment of a list of rows, such as over the characters of each word."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _SegmentMax(torch.autograd.Function):
    """`torch.segment_reduce` with a backward pass of its own.

    If several rows of a segment share the maximum, as the windows of a repeated pattern such as `1991-1991` do, torch 2.x gives each of
    them the whole gradient where it is negative, and divides it by their number only where it is positive. Here it is always divided.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, lengths: Tensor) -> Tensor:
        """(n, size), (n_segments,) that sum to n -> (n_segments, size)"""
        # `unsafe` skips a check of the lengths, which are right by construction; the check fails if there are no segments at all.
        largest = torch.segment_reduce(rows, "max", lengths=lengths, unsafe=True)
        ctx.save_for_backward(rows, largest, lengths)
        return largest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        """(n_segments, size) -> (n, size)"""
        rows, largest, lengths = ctx.saved_tensors
        segments = torch.repeat_interleave(lengths)  # (n,)
        shares = (rows == largest.index_select(0, segments)).to(rows.dtype)  # (n, size)
        counts = torch.segment_reduce(shares, "sum", lengths=lengths, unsafe=True)  # (n_segments, size)
        return shares.mul_((gradients[0] / counts).index_select(0, segments)), None


def segment_max(rows: Tensor, lengths: Tensor) -> Tensor:
    """(n, size), (n_segments,) that sum to n -> (n_segments, size): the largest value of each feature in each segment"""
    return _SegmentMax.apply(rows, lengths)  # type: ignore[return-value]
