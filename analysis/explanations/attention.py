"""What a network looks at: the attention of its last layer, and of all layers together (Abnar and Zuidema 2020).

Both begin with the pooling, which says how much each position counts for the vector of the text: with [CLS] all of it is the first one,
with the mean all are equal. The attention of a layer is the mean of its heads.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ...datasets.arrays import FloatArray
from ...models.layers.attention import SelfAttention
from ...models.layers.heads import TextOutput
from ...models.layers.pooling import AttentionPooling
from ...models.networks.network import Network, as_tensors
from ...models.networks.pretrained import Pretrained


class Looks(NamedTuple):
    """How much each position counts in the text's vector (seq,), and of each layer how much each position looks at each (seq, seq)."""

    pooled: FloatArray
    layers: list[FloatArray]


def attends_in_layers(network: Network) -> bool:
    """Whether it has layers of self-attention."""
    if isinstance(network, Pretrained):
        return getattr(network.encoder.config, "num_attention_heads", None) is not None
    return any(isinstance(module, SelfAttention) for module in network.modules())


def attends(network: Network) -> bool:
    """Whether it has attention anywhere, in the pooling too."""
    return attends_in_layers(network) or any(isinstance(module, AttentionPooling) for module in network.modules())


def attention(network: Network, inputs: Mapping[str, Any]) -> FloatArray:
    """(n_tokens,): the share of each token in the text's vector by the pooling and the last layer."""
    looks = _looks(network, inputs)
    return _filled(looks.pooled @ looks.layers[-1] if looks.layers else looks.pooled, inputs)


def attention_rollout(network: Network, inputs: Mapping[str, Any]) -> FloatArray:
    """(n_tokens,): the same through all layers, each of which is half attention, half residual path."""
    return _filled(rolled_out(_looks(network, inputs)), inputs)


def rolled_out(looks: Looks) -> FloatArray:
    """(seq,): from the text's vector down through each layer."""
    seen = looks.pooled
    for layer in reversed(looks.layers):
        seen = 0.5 * (seen @ layer) + 0.5 * seen
    return seen


def _filled(seen: FloatArray, inputs: Mapping[str, Any]) -> FloatArray:
    """(n_tokens,): of a text that is too long, the rest is not read."""
    n_tokens = int(inputs["lengths"][0])
    return np.pad(seen[:n_tokens], (0, max(n_tokens - len(seen), 0)))


@torch.inference_mode()
def _looks(network: Network, inputs: Mapping[str, Any]) -> Looks:
    """Of one text, a batch of its own."""
    assert isinstance(network.output, TextOutput)
    read, pooled = as_tensors(inputs, network.device), list[Tensor]()

    def keep(pooling: nn.Module, arguments: tuple[Any, ...]) -> None:
        pooled.append(pooling.weights(*arguments)[0])  # type: ignore[operator]

    with ExitStack() as stack:
        stack.enter_context(network.without_dropout())
        stack.callback(network.output.pooling.register_forward_pre_hook(keep).remove)
        if isinstance(network, Pretrained):
            layers = stack.enter_context(_published(network))
            network.output(network.encode(**read), read["lengths"])  # `forward` would not read again what it has kept
        else:
            layers = stack.enter_context(_ours(network))
            network(**read)
    return Looks(_array(pooled[0]), [_array(layer) for layer in layers()])


@contextmanager
def _ours(network: Network) -> "Iterator[Any]":
    found = list[Tensor]()

    def keep(layer: nn.Module, arguments: tuple[Any, ...]) -> None:
        assert isinstance(layer, SelfAttention)
        found.append(layer.weights(*arguments)[0].mean(dim=0))

    with ExitStack() as stack:
        for module in network.modules():
            if isinstance(module, SelfAttention):
                stack.callback(module.register_forward_pre_hook(keep).remove)
        yield lambda: found


@contextmanager
def _published(network: Pretrained) -> "Iterator[Any]":
    """Of a text that is read in windows, no window looks at another."""
    windows = list[list[Tensor]]()

    def keep(_: nn.Module, __: Any, output: Any) -> None:
        windows.append([layer[0].mean(dim=0) for layer in output.attentions])

    encoder = network.encoder
    before = encoder.config._attn_implementation, encoder.config.output_attentions
    encoder.set_attn_implementation("eager")  # no other gives its weights
    encoder.config.output_attentions = True
    handle = encoder.register_forward_hook(keep)
    try:
        yield lambda: [torch.block_diag(*layer) for layer in zip(*windows, strict=True)]
    finally:
        handle.remove()
        encoder.config.output_attentions = before[1]
        encoder.set_attn_implementation(before[0])


def _array(weights: Tensor) -> FloatArray:
    return weights.double().cpu().numpy()
