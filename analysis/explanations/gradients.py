"""Gradient x input, and integrated gradients (Sundararajan, Taly and Yan 2017): a network's score attributed to its tokens.

Only the vectors of the tokens are multiplied by a factor, not the network's other inputs; for weighted n-grams it is the weights. At 0
the text is the baseline, a text of the same length without any content.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...datasets.arrays import FloatArray
from ...models.layers.embedding import SparseLinear
from ...models.networks.network import Network, as_tensors

FIRST_STEPS, MOST_STEPS = 16, 1_024
ENOUGH = 0.01
"""The completeness error below which the number of steps is not doubled again."""
TOGETHER = 64
"""Points of the path in one batch."""
TINY = 1e-12


class Attribution(NamedTuple):
    """A number for each token (n,), the error of their sum, and the number of gradients computed."""

    numbers: FloatArray
    completeness_error: float
    steps: int


def gradient_input(network: Network, inputs: Mapping[str, Any]) -> Attribution:
    """The gradient of the predicted class's score at the text itself, times the input of each token."""
    path = _Path(network, inputs)
    return Attribution(numbers := path.mean_products([1.0]), path.error(numbers), 1)


def integrated_gradients(network: Network, inputs: Mapping[str, Any]) -> Attribution:
    """The mean of that gradient on the straight line from the baseline to the text, times the input of each token.

    By the midpoint rule; the number of steps is doubled until the error of the sum is below 1 %, or it reaches 1,024.
    """
    path, steps = _Path(network, inputs), FIRST_STEPS
    while True:
        numbers = path.mean_products(((np.arange(steps) + 0.5) / steps).tolist())
        if (error := path.error(numbers)) < ENOUGH or steps >= MOST_STEPS:
            return Attribution(numbers, error, steps)
        steps *= 2


class _Path:
    """The straight line from the baseline to one text, and the network's scores on it."""

    def __init__(self, network: Network, inputs: Mapping[str, Any]) -> None:
        self.network, self.inputs = network, as_tensors(
            {name: value for name, value in network.prepared(inputs).items() if value is not None}, network.device)
        self.layer = token_layer(network, self.inputs)
        self.n_tokens = int(self.inputs["lengths"][0]) if "lengths" in self.inputs else len(self.inputs["tokens"])
        of_text, of_baseline = self._at([1.0, 0.0])[0].detach()
        self.predicted = int(of_text.argmax())
        self.change = float(of_text[self.predicted] - of_baseline[self.predicted])

    def error(self, numbers: FloatArray) -> float:
        """The error of the numbers' sum, relative to the change from baseline to text."""
        return abs(float(numbers.sum()) - self.change) / max(abs(self.change), TINY)

    def mean_products(self, factors: Sequence[float]) -> FloatArray:
        """(n_tokens,): gradient times input, the mean over the points of the path."""
        if not self.n_tokens:
            return np.zeros(0)
        sums = np.zeros(self.n_tokens)
        for start in range(0, len(factors), TOGETHER):
            sums += self._products(factors[start : start + TOGETHER])
        return sums / len(factors)

    def _products(self, factors: Sequence[float]) -> FloatArray:
        scores, scaled = self._at(factors)
        gradients = torch.autograd.grad(scores[:, self.predicted].sum(), [leaf for leaf, _ in scaled])
        products = [(gradient * unscaled).double().reshape(len(factors), -1, unscaled.shape[-1]).sum(dim=2)
                    for gradient, (_, unscaled) in zip(gradients, scaled, strict=True)]
        summed = torch.cat(products, dim=1)[:, : self.n_tokens].sum(dim=0).cpu().numpy()
        return np.pad(summed, (0, self.n_tokens - len(summed)))  # the network reads only the beginning of a text that is too long

    def _at(self, factors: Sequence[float]) -> "tuple[Tensor, list[tuple[Tensor, Tensor]]]":
        """Scores (points, n_classes), and for each call of the layer its output: scaled, as a leaf, and unscaled.

        Both are (points, seq, size) for sequences, (points * n, size) for bags, where size is 1 for weights.
        """
        scaled: list[tuple[Tensor, Tensor]] = []
        factor = torch.tensor(factors, device=self.network.device)
        inputs = _repeated(self.inputs, len(factors))

        def scale(layer: nn.Module, _: tuple[Any, ...], output: Tensor) -> Tensor:
            return _scaled(layer, output, inputs, factor, scaled)

        with ExitStack() as stack:
            stack.enter_context(self.network.without_dropout())
            stack.enter_context(torch.enable_grad())
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))  # its recurrent layers have no gradient outside training
            stack.enter_context(_learning(self.layer))
            stack.callback(self.layer.register_forward_hook(scale).remove)
            logits = self.network(**inputs)
        return logits.double(), scaled


def _scaled(layer: nn.Module, output: Tensor, inputs: Mapping[str, Tensor], factor: Tensor, scaled: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The layer's output for scaled tokens; the leaf is appended to `scaled`."""
    tokens = inputs["tokens"]
    if isinstance(layer, nn.Embedding):
        unscaled = output.detach()
        return _leaf(unscaled, unscaled * factor.to(unscaled.dtype)[:, None, None], scaled)
    by_token = factor.repeat_interleave(len(tokens) // len(factor))[:, None]
    if isinstance(layer, SparseLinear):
        weights = inputs["weights"] if "weights" in inputs else torch.ones(len(tokens), device=factor.device)
        unscaled = weights.to(layer.weight.dtype)[:, None]
        leaf = _leaf(unscaled, unscaled * by_token, scaled)
        return functional.embedding_bag(tokens, layer.weight, inputs["starts"], mode="sum", per_sample_weights=leaf[:, 0]) + layer.bias
    assert isinstance(layer, nn.EmbeddingBag)
    unscaled = functional.embedding(tokens, layer.weight).detach()
    leaf = _leaf(unscaled, unscaled * by_token.to(unscaled.dtype), scaled)
    return leaf.reshape(len(factor), (size := len(tokens) // len(factor)), leaf.shape[1]).sum(dim=1) / max(size, 1)


def _leaf(unscaled: Tensor, values: Tensor, scaled: list[tuple[Tensor, Tensor]]) -> Tensor:
    leaf = values.to(unscaled.dtype).detach().requires_grad_()
    scaled.append((leaf, unscaled))
    return leaf


def _repeated(inputs: Mapping[str, Tensor], times: int) -> dict[str, Tensor]:
    """One text as a batch of copies: sequences by row, bags end to end."""
    bag = ("tokens", "weights") if "starts" in inputs else ()
    rows = {name: value.expand(times, *value.shape[1:]) for name, value in inputs.items() if name not in bag}
    if not bag:
        return rows
    size = len(inputs["tokens"])
    starts = torch.arange(times, device=inputs["starts"].device, dtype=inputs["starts"].dtype) * size
    return {**rows, **{name: inputs[name].repeat(times) for name in bag if name in inputs}, "starts": starts}


def token_layer(network: Network, inputs: Mapping[str, Tensor]) -> nn.Module:
    """The layer that turns tokens into vectors: the layer of bags, or the embedding whose input in the forward pass is the tokens."""
    for module in network.modules():
        if isinstance(module, nn.EmbeddingBag | SparseLinear):
            return module
    tokens, embeddings = inputs["tokens"], list[nn.Module]()

    def keep(layer: nn.Module, arguments: tuple[Any, ...], _: Any) -> None:
        layer_input = arguments[0]
        if layer_input.ndim == tokens.ndim and torch.equal(layer_input, tokens[:, : layer_input.shape[1]].to(layer_input.dtype)):
            embeddings.append(layer)

    with ExitStack() as stack:
        for module in network.modules():
            if isinstance(module, nn.Embedding):
                stack.callback(module.register_forward_hook(keep).remove)
                stack.enter_context(_learning(module))
        stack.enter_context(network.without_dropout())
        stack.enter_context(torch.no_grad())
        network(**inputs)
    return embeddings[0]


@contextmanager
def _learning(layer: nn.Module) -> Iterator[None]:
    """Unfreeze a layer inside the block: a frozen network computes no gradients and caches the vectors of texts."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    before = weight.requires_grad
    weight.requires_grad_(True)
    try:
        yield
    finally:
        weight.requires_grad_(before)
