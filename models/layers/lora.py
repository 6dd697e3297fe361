"""Low-rank adapters (Hu et al. 2022): beside a frozen matrix, the product of two narrow ones learns."""

import math
from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

ADAPTERS = "lora_a", "lora_b"
CALLED = {"attention": ("attention", "attn"), "feed_forward": ("feed_forward", "mlp")}
"""How the names of the parts end that a matrix is in, here and in published networks."""


class LoraLinear(nn.Linear):
    """W x + b + (alpha / rank) B A x, where A is (rank, d_in) and B, at first 0, is (d_out, rank); W and b are those of `linear`."""

    def __init__(self, linear: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__(linear.in_features, linear.out_features, bias=linear.bias is not None, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.scale = alpha / rank
        self.lora_a = nn.Parameter(linear.weight.new_empty(rank, linear.in_features))
        self.lora_b = nn.Parameter(linear.weight.new_zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))

    def forward(self, input: Tensor) -> Tensor:
        """(..., d_in) -> (..., d_out)"""
        return super().forward(input) + self.scale * functional.linear(functional.linear(input, self.lora_a), self.lora_b)

    def merged(self) -> Tensor:
        """(d_out, d_in): the one matrix that gives the same."""
        return self.weight + self.scale * self.lora_b @ self.lora_a


def add_lora(model: nn.Module, rank: int, alpha: float, matrices: Collection[str]) -> int:
    """Put adapters beside the linear layers of these parts, such as `attention`; returns how many there are."""
    ends = tuple(end for name in matrices for end in CALLED[name])
    found = [(module, name, layer) for place, module in model.named_modules() for name, layer in module.named_children()
             if isinstance(layer, nn.Linear) and any(part.endswith(ends) for part in place.split("."))]
    for module, name, layer in found:
        setattr(module, name, LoraLinear(layer, rank, alpha))
    return len(found)


def is_adapter(name: str) -> bool:
    """Whether a parameter belongs to an adapter."""
    return name.endswith(ADAPTERS)


@torch.no_grad()
def merged_weights(model: nn.Module) -> dict[str, Tensor]:
    """The weights of the same network without adapters."""
    weights: dict[str, Tensor] = {name: tensor for name, tensor in model.state_dict().items() if not is_adapter(name)}
    return weights | {f"{name}.weight": layer.merged() for name, layer in _adapted(model).items()}


def adapters(model: nn.Module) -> dict[str, Tensor]:
    """The weights of the adapters alone."""
    return {name: tensor for name, tensor in model.state_dict().items() if is_adapter(name)}


@torch.no_grad()
def with_adapters(model: nn.Module, merged: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights without adapters as those of a network that has some: these are then 0."""
    zeros = {name: torch.zeros_like(tensor) for name, tensor in adapters(model).items()}
    return {**merged, **zeros}


def _adapted(model: nn.Module) -> dict[str, LoraLinear]:
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, LoraLinear)}
