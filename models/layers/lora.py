"""Low-rank adapters (Hu et al. 2022): a trainable product of two narrow matrices beside each frozen matrix."""

import math
import re
from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

ADAPTERS = "lora_a", "lora_b"
ATTENTION = re.compile(r"(attention|attn|Attention)\.")
"""Names of the attention modules: in our networks, BERT, RoBERTa and DistilBERT; in Llama and GPT-2; in T5."""
FEED_FORWARD = re.compile(r"feed_forward\.|\.(mlp|ffn|intermediate)\.|\.ffn(_output)?$|\.layer\.\d+\.output\.")
"""Names of the feed-forward layers: in our networks; in Llama and GPT-2, DistilBERT, BERT; in ALBERT; and BERT's second matrix."""
CONV1D = "Conv1D"
"""The linear layer of GPT-2 in transformers, whose matrix is (d_in, d_out)."""


class LoraLinear(nn.Linear):
    """W x + b + (alpha / rank) B A x, where A is (rank, d_in) and B, initialised to 0, is (d_out, rank); W and b are those of `linear`."""

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
        """(d_out, d_in): the equivalent single matrix."""
        return self.weight + self.scale * self.lora_b @ self.lora_a


class LoraConv1D(nn.Module):
    """The LoRA layer for the linear layer of GPT-2, whose matrix is (d_in, d_out)."""

    def __init__(self, linear: nn.Module, rank: int, alpha: float) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias
        weight = linear.weight
        assert isinstance(weight, nn.Parameter)
        self.scale = alpha / rank
        self.lora_a = nn.Parameter(weight.new_empty(rank, weight.shape[0]))
        self.lora_b = nn.Parameter(weight.new_zeros(weight.shape[1], rank))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))

    def forward(self, input: Tensor) -> Tensor:
        """(..., d_in) -> (..., d_out)"""
        assert isinstance(self.weight, Tensor)
        added = functional.linear(functional.linear(input, self.lora_a), self.lora_b)
        return functional.linear(input, self.weight.T, self.bias) + self.scale * added  # type: ignore[arg-type]

    def merged(self) -> Tensor:
        """(d_in, d_out): the equivalent single matrix."""
        assert isinstance(self.weight, Tensor)
        return self.weight + self.scale * (self.lora_b @ self.lora_a).T


def add_lora(model: nn.Module, rank: int, alpha: float, matrices: Collection[str]) -> int:
    """Add adapters to the linear layers of these parts, such as `attention`; returns the number of adapters."""
    targets = [(module, name, layer) for place, module in model.named_modules() for name, layer in module.named_children()
             if _is_matrix(layer) and _kind(f"{place}.{name}") in matrices]
    for module, name, layer in targets:
        adapted = LoraLinear(layer, rank, alpha) if isinstance(layer, nn.Linear) else LoraConv1D(layer, rank, alpha)
        setattr(module, name, adapted)
    return len(targets)


def _is_matrix(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear) or type(layer).__name__ == CONV1D


def _kind(place: str) -> str | None:
    """Which part of a transformer block a layer belongs to, by the names of the modules that it is in."""
    if place.startswith("output."):
        return None
    return "attention" if ATTENTION.search(place) else "feed_forward" if FEED_FORWARD.search(place) else None


def is_adapter(name: str) -> bool:
    """Whether a parameter belongs to an adapter."""
    return name.endswith(ADAPTERS)


@torch.no_grad()
def merged_weights(model: nn.Module) -> dict[str, Tensor]:
    """The network's weights with the adapters merged in."""
    weights: dict[str, Tensor] = {name: tensor for name, tensor in model.state_dict().items() if not is_adapter(name)}
    return weights | {f"{name}.weight": layer.merged() for name, layer in _adapted(model).items()}


def adapters(model: nn.Module) -> dict[str, Tensor]:
    """The weights of the adapters alone."""
    return {name: tensor for name, tensor in model.state_dict().items() if is_adapter(name)}


@torch.no_grad()
def with_adapters(model: nn.Module, merged: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Merged weights as the weights of a network with adapters, which are set to 0."""
    zeros = {name: torch.zeros_like(tensor) for name, tensor in adapters(model).items()}
    return {**merged, **zeros}


def _adapted(model: nn.Module) -> dict[str, LoraLinear | LoraConv1D]:
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, LoraLinear | LoraConv1D)}
