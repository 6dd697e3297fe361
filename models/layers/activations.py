"""Non-linearities by name."""

from collections.abc import Callable
from functools import partial

from torch import nn

from ...configs.schema.models.networks import Activation

ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,  # slope 0.01 below zero
    "elu": nn.ELU,  # Clevert et al. 2016
    "gelu": nn.GELU,  # Hendrycks and Gimpel 2016, exact, by the error function
    "gelu_tanh": partial(nn.GELU, approximate="tanh"),
    "silu": nn.SiLU,  # Hendrycks and Gimpel 2016, Ramachandran et al. 2017
}

MONOTONE: frozenset[Activation] = frozenset(ACTIVATIONS) - {"gelu", "gelu_tanh", "silu"}
"""Monotone activations: the maximum of their outputs is the output of the maximum."""


def activation(name: Activation) -> nn.Module:
    """An elementwise non-linearity by name."""
    return ACTIVATIONS[name]()
