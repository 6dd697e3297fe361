"""How large a model is, layer by layer, found before it has any weights: on the meta device, where a tensor is only its shape."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from ...models.layers.embedding import SparseLinear


@dataclass(frozen=True)
class Layer:
    """The parameters of one module, or of all that lie below it where the table is cut off there.

    `times` modules of the same shapes share a row; `shapes` are those of one of them, `parameters` are of all.
    """

    name: str
    times: int
    shapes: tuple[tuple[int, ...], ...]
    parameters: int

    @property
    def sum(self) -> str:
        """The count as a person would write it down, such as `2 x (10 x 50 + 10)`."""
        once = " + ".join(" x ".join(f"{size:,}" for size in shape) for shape in self.shapes)
        return once if self.times == 1 else f"{self.times} x ({once})"


@dataclass(frozen=True)
class Tie:
    """One parameter that two or more layers share; it is counted once."""

    names: tuple[str, ...]
    parameters: int


@dataclass(frozen=True)
class Parameters:
    """The parameters of a network. `looked_up` are those of tables in which a token finds one row."""

    layers: list[Layer]
    total: int
    trainable: int
    looked_up: int
    ties: list[Tie]

    @property
    def frozen(self) -> int:
        """Parameters that training leaves alone."""
        return self.total - self.trainable

    @property
    def multiplied(self) -> int:
        """Parameters that each token is multiplied with."""
        return self.total - self.looked_up


def count_parameters(model: nn.Module, depth: int | None = None) -> Parameters:
    """Count each parameter once; rows of the table go `depth` names deep, to the modules that hold parameters by default."""
    unique = dict(model.named_parameters())
    return Parameters(
        layers=_layers({name: tuple(parameter.shape) for name, parameter in unique.items()}, depth),
        total=sum(parameter.numel() for parameter in unique.values()),
        trainable=sum(parameter.numel() for parameter in unique.values() if parameter.requires_grad),
        looked_up=_looked_up(model),
        ties=list(_ties(model)),
    )


def _layers(shapes: dict[str, tuple[int, ...]], depth: int | None) -> list[Layer]:
    """One row for each module; modules that differ in their number alone share one."""
    modules: dict[str, list[tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        module = ".".join(name.split(".")[:-1][:depth]) or name
        modules.setdefault(module, []).append(shape)
    groups: dict[tuple[str, tuple[tuple[int, ...], ...]], list[str]] = {}
    for module, held in modules.items():
        groups.setdefault((re.sub(r"\d+", "#", module), tuple(held)), []).append(module)
    return [Layer(_joint_name(names), len(names), held, len(names) * sum(map(math.prod, held)))
            for (_, held), names in groups.items()]


def _joint_name(names: Sequence[str]) -> str:
    """`hidden.blocks.0-11.attention` for twelve modules of that name."""
    parts = zip(*(name.split(".") for name in names), strict=True)
    return ".".join(_joint_part(sorted(set(part), key=lambda each: (len(each), each))) for part in parts)


def _joint_part(values: Sequence[str]) -> str:
    if len(values) == 1:
        return values[0]
    numbers = [int(value) for value in values]
    in_a_row = numbers == list(range(numbers[0], numbers[-1] + 1))
    return f"{values[0]}-{values[-1]}" if in_a_row else ",".join(values)


def _ties(model: nn.Module) -> Iterator[Tie]:
    """Parameters that the model holds under more than one name."""
    names: dict[nn.Parameter, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(parameter, []).append(name)
    for parameter, held in names.items():
        if len(held) > 1:
            yield Tie(tuple(held), parameter.numel())


def _looked_up(model: nn.Module) -> int:
    """Parameters of tables in which a token looks up one row, except those that an output layer shares."""
    multiplied = {module.weight for module in model.modules() if isinstance(module, nn.Linear)}
    tables = {module.weight for module in model.modules() if isinstance(module, nn.Embedding | nn.EmbeddingBag | SparseLinear)}
    return sum(table.numel() for table in tables - multiplied)
