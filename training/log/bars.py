"""Bars on a terminal: one for steps, which fits the width of the terminal, and one for waiting. Rich is loaded when one is drawn."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...terminal import drawing_stream, visible

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

LEAST_GAUGE, WIDEST_GAUGE = 5, 40


class Bar:
    """A bar below the lines that are printed."""

    def __init__(self, *columns: "ProgressColumn", total: int | None, done: int = 0, vanishes: bool = False) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self.bar = Progress(*columns, console=Console(file=drawing_stream(sys.stderr)), transient=vanishes)
        self.bar.start()
        self.task = self.bar.add_task("", total=total, completed=done)

    @property
    def width(self) -> int:
        """The columns of the terminal."""
        return self.bar.console.width

    def line(self, text: str) -> None:
        """Print a line above the bar."""
        self.bar.console.print(visible(text), highlight=False, markup=False)

    def stop(self) -> None:
        """Draw the bar no more."""
        self.bar.stop()


class StepBar(Bar):
    """The step, a gauge, as many figures as there is room for, and the time left."""

    def __init__(self, n_steps: int | None, first_step: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

        self.gauge, figures = BarColumn(LEAST_GAUGE), TextColumn("{task.description}", markup=False)
        self.taken = len(f"step {n_steps}/{n_steps}    00:00:00 left")
        super().__init__(TextColumn("step"), MofNCompleteColumn(), self.gauge, figures, TimeRemainingColumn(), TextColumn("left"),
                         total=n_steps, done=first_step)

    def step(self, step: int, figures: Sequence[str]) -> None:
        """Show the step, and the first of the figures that fit."""
        room, shown = self.width - self.taken, list(figures)
        while shown and len("  ".join(shown)) > room - LEAST_GAUGE:
            shown.pop()
        self._show("  ".join(shown), completed=step)

    def wait(self, text: str) -> None:
        """Show what is done between two steps, in place of the figures."""
        self._show(text)

    def _show(self, text: str, completed: int | None = None) -> None:
        self.gauge.bar_width = max(LEAST_GAUGE, min(WIDEST_GAUGE, self.width - self.taken - len(text)))
        self.bar.update(self.task, completed=completed, description=visible(text))


class WaitBar(Bar):
    """What is being done, how much of it where that is known, and for how long; it vanishes at the end."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

        super().__init__(TextColumn("{task.description}", markup=False), BarColumn(20), TimeElapsedColumn(), total=None, vanishes=True)

    def wait(self, text: str, done: int = 0, total: int | None = None) -> None:
        """Show what is being done."""
        self.bar.update(self.task, description=visible(text), completed=done, total=total)
