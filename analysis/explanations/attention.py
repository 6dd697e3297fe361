"""What a network attends to: the attention of its last layer, and of all layers together (Abnar and Zuidema 2020).

Both start from the pooling, which weights each position in the vector of the text: with [CLS] only the first position counts, with the
mean all count equally. The attention of a layer is the mean over its heads.
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
    """The weight of each position in the text's vector (seq,), and the attention weights of each layer (seq, seq)."""

    pooled: FloatArray
    layers: list[FloatArray]


def attends_in_layers(network: Network) -> bool:
    """Whether the network has layers of self-attention."""
    if isinstance(network, Pretrained):
        return getattr(network.encoder.config, "num_attention_heads", None) is not None
    return any(isinstance(module, SelfAttention) for module in network.modules())


def attends(network: Network) -> bool:
    """Whether the network has attention anywhere, including the pooling."""
    return attends_in_layers(network) or any(isinstance(module, AttentionPooling) for module in network.modules())


def attention(network: Network, inputs: Mapping[str, Any]) -> FloatArray:
    """(n_tokens,): the share of each token in the text's vector by the pooling and the last layer."""
    looks = _looks(network, inputs)
    return _filled(looks.pooled @ looks.layers[-1] if looks.layers else looks.pooled, inputs)


def attention_rollout(network: Network, inputs: Mapping[str, Any]) -> FloatArray:
    """(n_tokens,): the share of each token through all layers, each counted as half attention, half residual connection."""
    return _filled(rolled_out(_looks(network, inputs)), inputs)


def rolled_out(looks: Looks) -> FloatArray:
    """(seq,): from the text's vector down through each layer."""
    shares = looks.pooled
    for layer in reversed(looks.layers):
        shares = 0.5 * (shares @ layer) + 0.5 * shares
    return shares


def _filled(seen: FloatArray, inputs: Mapping[str, Any]) -> FloatArray:
    """(n_tokens,), with zeros for the end of a text that is too long, which is not read."""
    n_tokens = int(inputs["lengths"][0])
    return np.pad(seen[:n_tokens], (0, max(n_tokens - len(seen), 0)))


@torch.inference_mode()
def _looks(network: Network, inputs: Mapping[str, Any]) -> Looks:
    """The weights for a batch of one text."""
    assert isinstance(network.output, TextOutput)
    tensors, pooled = as_tensors(inputs, network.device), list[Tensor]()

    def keep(pooling: nn.Module, arguments: tuple[Any, ...]) -> None:
        pooled.append(pooling.weights(*arguments)[0])  # type: ignore[operator]

    with ExitStack() as stack:
        stack.enter_context(network.without_dropout())
        stack.callback(network.output.pooling.register_forward_pre_hook(keep).remove)
        if isinstance(network, Pretrained):
            layers = stack.enter_context(_published(network))
            network.output(network.encode(**tensors), tensors["lengths"])  # `forward` would use its cached vectors
        else:
            layers = stack.enter_context(_ours(network))
            network(**tensors)
    return Looks(_array(pooled[0]), [_array(layer) for layer in layers()])


@contextmanager
def _ours(network: Network) -> "Iterator[Any]":
    weights = list[Tensor]()

    def keep(layer: nn.Module, arguments: tuple[Any, ...]) -> None:
        assert isinstance(layer, SelfAttention)
        weights.append(layer.weights(*arguments)[0].mean(dim=0))

    with ExitStack() as stack:
        for module in network.modules():
            if isinstance(module, SelfAttention):
                stack.callback(module.register_forward_pre_hook(keep).remove)
        yield lambda: weights


@contextmanager
def _published(network: Pretrained) -> "Iterator[Any]":
    """Attention of a published network; windows of a long text do not attend to each other."""
    windows = list[list[Tensor]]()

    def keep(_: nn.Module, __: Any, output: Any) -> None:
        windows.append([layer[0].mean(dim=0) for layer in output.attentions])

    encoder = network.encoder
    before = encoder.config._attn_implementation, encoder.config.output_attentions
    encoder.set_attn_implementation("eager")  # no other implementation returns the weights
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
