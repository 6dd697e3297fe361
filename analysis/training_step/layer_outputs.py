"""What each layer of a network returns in a forward pass."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ...training.loop.gradient import layer_of


@dataclass(frozen=True)
class LayerOutput:
    """What a layer returned in the forward pass: its shape, and mean and standard deviation of its elements."""

    layer: str
    shape: tuple[int, ...]
    mean: float
    std: float


@contextmanager
def layer_outputs(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Collect the last output of each layer during the block, in the order in which the layers run; that of the model itself under ''.

    If only parts of a layer are called, such as the directions of a recurrent layer, the output of the last part is taken. If the module
    around several layers computes them together, such as the filters of a CNN, its output is taken for all of them. Modules in evaluation
    mode are left out: they are frozen encoders, which run once per text to fill a cache.
    """
    outputs: dict[str, Tensor] = {}
    layers = {"", *(layer_of(name) for name, _ in model.named_parameters())}
    groups = {group for layer in layers for group in _containing(layer)} - layers

    def collect(layer: str) -> Callable[..., None]:
        def hook(module: nn.Module, _inputs: Any, output: Any) -> None:
            tensor = next(iter(output), None) if isinstance(output, tuple) else output
            if module.training and isinstance(tensor, Tensor) and tensor.is_floating_point():
                outputs.pop(layer, None)  # so that a layer is listed where it runs last
                outputs[layer] = tensor.detach()

        return hook

    handles = [module.register_forward_hook(collect(layer)) for name, module in model.named_modules()
               if (layer := name if name in groups else _enclosing(name, layers)) or not name]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
        for group in groups:
            if any(group in _containing(layer) for layer in outputs):
                outputs.pop(group, None)


def _containing(layer: str) -> list[str]:
    """The modules that a layer is in, the innermost first: `encoder.layers`, `encoder`."""
    parts = layer.split(".")
    return [".".join(parts[:size]) for size in range(len(parts) - 1, 0, -1)]


def _enclosing(name: str, layers: Collection[str]) -> str:
    """The innermost layer that a module is, or is part of; '' for none."""
    while name and name not in layers:
        name = name.rpartition(".")[0]
    return name


def layer_output(layer: str, values: Tensor) -> LayerOutput:
    """Mean and standard deviation of what a layer returned."""
    numbers = values.double()
    return LayerOutput(layer, tuple(values.shape), numbers.mean().item(), numbers.std(correction=0).item())
