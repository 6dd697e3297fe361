"""Parameter counts per layer, on the meta device: no weights are allocated."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from ...models.layers.embedding import SparseLinear


@dataclass(frozen=True)
class Layer:
    """A row of the table: the parameters of a module, including its submodules beyond the depth of the table.

    `times` modules with the same shapes share a row; `shapes` are for one of them, `parameters` is the total.
    """

    name: str
    times: int
    shapes: tuple[tuple[int, ...], ...]
    parameters: int

    @property
    def sum(self) -> str:
        """The count as a formula, such as `2 x (10 x 50 + 10)`."""
        once = " + ".join(" x ".join(f"{size:,}" for size in shape) for shape in self.shapes)
        return once if self.times == 1 else f"{self.times} x ({once})"


@dataclass(frozen=True)
class Tie:
    """A parameter shared by two or more layers; it is counted once."""

    names: tuple[str, ...]
    parameters: int


@dataclass(frozen=True)
class Parameters:
    """The parameter counts of a network. `looked_up` counts embedding tables."""

    layers: list[Layer]
    total: int
    trainable: int
    looked_up: int
    ties: list[Tie]

    @property
    def frozen(self) -> int:
        """Parameters that are not trained."""
        return self.total - self.trainable

    @property
    def multiplied(self) -> int:
        """Parameters that take part in matrix products."""
        return self.total - self.looked_up


def count_parameters(model: nn.Module, depth: int | None = None) -> Parameters:
    """Count each parameter once; the table is `depth` levels deep, by default down to the modules that hold the parameters."""
    unique = dict(model.named_parameters())
    return Parameters(
        layers=_layers({name: tuple(parameter.shape) for name, parameter in unique.items()}, depth),
        total=sum(parameter.numel() for parameter in unique.values()),
        trainable=sum(parameter.numel() for parameter in unique.values() if parameter.requires_grad),
        looked_up=_looked_up(model),
        ties=list(_ties(model)),
    )


def _layers(shapes: dict[str, tuple[int, ...]], depth: int | None) -> list[Layer]:
    """One row per module; modules whose names differ only in a number, and whose shapes are equal, share a row."""
    modules: dict[str, list[tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        module = ".".join(name.split(".")[:-1][:depth]) or name
        modules.setdefault(module, []).append(shape)
    groups: dict[tuple[str, tuple[tuple[int, ...], ...]], list[str]] = {}
    for module, module_shapes in modules.items():
        groups.setdefault((re.sub(r"\d+", "#", module), tuple(module_shapes)), []).append(module)
    return [Layer(_joint_name(names), len(names), module_shapes, len(names) * sum(map(math.prod, module_shapes)))
            for (_, module_shapes), names in groups.items()]


def _joint_name(names: Sequence[str]) -> str:
    """One name for several modules, such as `hidden.blocks.0-11.attention`."""
    parts = zip(*(name.split(".") for name in names), strict=True)
    return ".".join(_joint_part(sorted(set(part), key=lambda each: (len(each), each))) for part in parts)


def _joint_part(values: Sequence[str]) -> str:
    if len(values) == 1:
        return values[0]
    numbers = [int(value) for value in values]
    consecutive = numbers == list(range(numbers[0], numbers[-1] + 1))
    return f"{values[0]}-{values[-1]}" if consecutive else ",".join(values)


def _ties(model: nn.Module) -> Iterator[Tie]:
    """Parameters that the model holds under more than one name."""
    names: dict[nn.Parameter, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(parameter, []).append(name)
    for parameter, its_names in names.items():
        if len(its_names) > 1:
            yield Tie(tuple(its_names), parameter.numel())


def _looked_up(model: nn.Module) -> int:
    """Parameters of embedding tables, except those tied to an output layer."""
    multiplied = {module.weight for module in model.modules() if isinstance(module, nn.Linear)}
    tables = {module.weight for module in model.modules() if isinstance(module, nn.Embedding | nn.EmbeddingBag | SparseLinear)}
    return sum(table.numel() for table in tables - multiplied)
