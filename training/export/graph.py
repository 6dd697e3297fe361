"""The graph of a network in ONNX, written by torch's exporter."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ...datasets.encoded.split import Standard
from ...models.networks.recurrent_language_model import RecurrentLanguageModel
from .arrays import Array
from .layers import with_onnx_layers

SIZES = {"batch": 3, "tokens": 7, "other_tokens": 5, "words": 4, "distinct_words": 6, "characters": 8}
"""Sizes of the arrays that the exporter traces the network with, all different; any others work afterwards."""


class Scores(nn.Module):
    """A network as a function from arrays in the order of `names` to its outputs.

    With `standard`, the output is the number in its own units instead of a standardised one.
    """

    def __init__(self, network: nn.Module, names: Sequence[str], standard: Standard | None) -> None:
        super().__init__()
        self.network, self.names, self.standard = with_onnx_layers(network), names, standard

    def forward(self, *arrays: Tensor) -> tuple[Tensor, ...]:
        """The arrays -> the output, or several in the order in which the network names them"""
        inputs = dict(zip(self.names, arrays, strict=True))
        scores: Any = self._scores(**inputs)
        if self.standard is not None:
            return (scores[:, 0] * self.standard.scale + self.standard.mean,)
        return tuple(scores.values()) if isinstance(scores, dict) else (scores,)

    def _scores(self, **inputs: Tensor) -> Tensor | dict[str, Tensor]:
        if not isinstance(self.network, RecurrentLanguageModel):
            return self.network(**inputs)
        states, _ = self.network.read_on(inputs["tokens"], None)  # every row is a new text, since a graph carries no state
        return self.network.output(states, inputs["lengths"])


def onnx_graph(network: nn.Module, inputs: Sequence[Array], outputs: Sequence[str], longest: int | None, standard: Standard | None) -> Any:
    """The graph as a model of the `onnx` library, for any sizes of the named axes, with at most `longest` tokens in each text."""
    input_names = [each.name for each in inputs]
    scores = Scores(network, input_names, standard).eval()
    names = {axis for each in inputs for axis in each.shape if isinstance(axis, str)}
    axes = {name: torch.export.Dim(name, min=1, max=longest if name.endswith("tokens") else None) for name in names}
    shapes = tuple({place: axes[axis] for place, axis in enumerate(each.shape) if isinstance(axis, str)} for each in inputs)
    example = tuple(_example(each, longest) for each in inputs)
    with torch.no_grad(), _quiet():
        traced = torch.export.export(scores, example, dynamic_shapes={"arrays": shapes})
        program = torch.onnx.export(traced, dynamic_shapes={"arrays": shapes}, input_names=input_names, output_names=list(outputs),
                                    dynamo=True, verbose=False)
    assert program is not None
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # paths and lines of this machine's files
    return program.model_proto


def _example(array: Array, longest: int | None) -> Tensor:
    """An array of ones of this shape."""
    most = {axis: min(size, longest or size) if axis.endswith("tokens") else size for axis, size in SIZES.items()}
    return torch.ones([most[axis] if isinstance(axis, str) else axis for axis in array.shape], dtype=getattr(torch, array.dtype))


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress what torch's exporter says about torch itself: a function of its own that it calls, packages that it looks for, and
    axes that have the same name because they are the same."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
            warnings.filterwarnings("ignore", r"# The axis name: \w+ will not be used", UserWarning)
            yield
    finally:
        logger.setLevel(level)
