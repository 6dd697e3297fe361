"""Normalisation of each position's vector."""

from typing import Literal

from torch import nn

NormType = Literal["layer_norm", "rms_norm"]


def norm_layer(kind: NormType, size: int, eps: float = 1e-5, bias: bool = True) -> nn.Module:
    """Layer norm (Ba et al. 2016) or RMSNorm (Zhang and Sennrich 2019), which never has a bias."""
    return nn.LayerNorm(size, eps, bias=bias) if kind == "layer_norm" else nn.RMSNorm(size, eps)
