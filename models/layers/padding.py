"""Masks of padding."""


import torch
from torch import Tensor


def real_tokens(lengths: Tensor, seq: int) -> Tensor | None:
    """(batch,) -> (batch, seq), True for real tokens; None if no text of the batch is padded.

    Padding is only checked for on a CPU: on other devices the check would make the program wait for the device.
    """
    if lengths.device.type == "cpu" and not torch.compiler.is_compiling() and bool((lengths >= seq).all()):
        return None
    return torch.arange(seq, device=lengths.device) < lengths.unsqueeze(1)
