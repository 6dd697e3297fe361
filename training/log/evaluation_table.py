"""A table of evaluations that grows while a run trains."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...terminal import figure

SPARE = ("train loss", "time")
"""Columns to leave out on a narrow terminal, in this order."""


class Cell(NamedTuple):
    """A figure, and the name and minimum width of its column."""

    name: str
    text: str
    min_width: int = 6

    @property
    def width(self) -> int:
        return max(len(self.name), len(self.text), self.min_width)


class EvaluationTable:
    """One row for each evaluation, below column names, which are repeated whenever the columns change."""

    def __init__(self, n_steps: int | None, whose: str = "") -> None:
        self.n_steps, self.whose = n_steps, whose
        self.head = ""

    def lines(self, step: int, seconds: float, train_loss: str, metrics: Mapping[str, float], is_best: bool, room: int | None) -> list[str]:
        """The row, below the column names if they are new or have changed; at most `room` characters wide if possible."""
        cells = _fitting([*self._progress(step, seconds, train_loss), *_figures(metrics)], room, len(self.whose) + len("  best"))
        row = self.whose + "  ".join(f"{cell.text:>{cell.width}}" for cell in cells) + ("  best" if is_best else "")
        head = " " * len(self.whose) + "  ".join(f"{cell.name:>{cell.width}}" for cell in cells)
        is_new, self.head = head != self.head, head
        return [head, row] if is_new else [row]

    def _progress(self, step: int, seconds: float, train_loss: str) -> list[Cell]:
        """Cells for the time, step and training loss; a model fitted in one step has only the time."""
        time = Cell("time", f"{seconds:.1f} s", min_width=8)
        if self.n_steps == 1:
            return [time]
        total = "?" if self.n_steps is None else str(self.n_steps)
        width = 2 * len(total) + 1 if self.n_steps else 11
        return [time, Cell("step", f"{step}/{total}", min_width=width), Cell("train loss", train_loss)]


def _figures(metrics: Mapping[str, float]) -> list[Cell]:
    names = [name if place else f"validation {name}" for place, name in enumerate(metrics)]
    return [Cell(name, figure(value)) for name, value in zip(names, metrics.values(), strict=True)]


def _fitting(cells: Sequence[Cell], room: int | None, used_width: int) -> list[Cell]:
    """The cells that fit: drops spare columns, then abbreviates `validation`, if there is too little room."""
    def is_too_wide() -> bool:
        return room is not None and used_width + sum(cell.width + 2 for cell in shown) - 2 > room

    shown = list(cells)
    for name in SPARE:
        if is_too_wide():
            shown = [cell for cell in shown if cell.name != name]
    return [cell._replace(name=cell.name.replace("validation", "val.")) for cell in shown] if is_too_wide() else shown
