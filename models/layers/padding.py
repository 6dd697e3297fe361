"""Masks of padding."""


import torch
from torch import Tensor


def real_tokens(lengths: Tensor, seq: int) -> Tensor | None:
    """(batch,) -> (batch, seq), True where a text has a token; None where no text of the batch is filled up.

    Only a CPU looks whether there is padding: elsewhere the look would make the program wait for the device.
    """
    if lengths.device.type == "cpu" and not torch.compiler.is_compiling() and bool((lengths >= seq).all()):
        return None
    return torch.arange(seq, device=lengths.device) < lengths.unsqueeze(1)
