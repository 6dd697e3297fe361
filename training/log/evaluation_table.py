"""Evaluations as the rows of a table that grows while a run trains."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...terminal import figure

SPARE = ("train loss", "time")
"""Columns that a narrow terminal does without, the first one first."""


class Cell(NamedTuple):
    """A figure, and the name and the least width of its column."""

    name: str
    text: str
    least: int = 6

    @property
    def width(self) -> int:
        return max(len(self.name), len(self.text), self.least)


class EvaluationTable:
    """One row for each evaluation, below the names of the columns; these come again where they change."""

    def __init__(self, n_steps: int | None, whose: str = "") -> None:
        self.n_steps, self.whose = n_steps, whose
        self.head = ""

    def lines(self, step: int, seconds: float, train_loss: str, metrics: Mapping[str, float], is_best: bool, room: int | None) -> list[str]:
        """The row, below the names where it is the first one or has other columns; at most `room` wide where that is possible."""
        cells = _fitting([*self._progress(step, seconds, train_loss), *_figures(metrics)], room, len(self.whose) + len("  best"))
        row = self.whose + "  ".join(f"{cell.text:>{cell.width}}" for cell in cells) + ("  best" if is_best else "")
        head = " " * len(self.whose) + "  ".join(f"{cell.name:>{cell.width}}" for cell in cells)
        is_new, self.head = head != self.head, head
        return [head, row] if is_new else [row]

    def _progress(self, step: int, seconds: float, train_loss: str) -> list[Cell]:
        """When it was; a model that is fitted at once has no steps to count."""
        time = Cell("time", f"{seconds:.1f} s", least=8)
        if self.n_steps == 1:
            return [time]
        of = "?" if self.n_steps is None else str(self.n_steps)
        return [time, Cell("step", f"{step}/{of}", least=2 * len(of) + 1 if self.n_steps else 11), Cell("train loss", train_loss)]


def _figures(metrics: Mapping[str, float]) -> list[Cell]:
    names = [name if place else f"validation {name}" for place, name in enumerate(metrics)]
    return [Cell(name, figure(value)) for name, value in zip(names, metrics.values(), strict=True)]


def _fitting(cells: Sequence[Cell], room: int | None, taken: int) -> list[Cell]:
    """Without spare columns, and at last with a shorter name, where there is no room for them."""
    def is_too_wide() -> bool:
        return room is not None and taken + sum(cell.width + 2 for cell in shown) - 2 > room

    shown = list(cells)
    for name in SPARE:
        if is_too_wide():
            shown = [cell for cell in shown if cell.name != name]
    return [cell._replace(name=cell.name.replace("validation", "val.")) for cell in shown] if is_too_wide() else shown
