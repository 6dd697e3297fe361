"""Progress bars on a terminal: one for steps, fitted to the terminal's width, and one for waiting. Rich is imported only when needed."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...terminal import drawing_stream, visible

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

LEAST_GAUGE, WIDEST_GAUGE = 5, 40


class Bar:
    """A bar below the printed lines."""

    def __init__(self, *columns: "ProgressColumn", total: int | None, done: int = 0, vanishes: bool = False) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self.bar = Progress(*columns, console=Console(file=drawing_stream(sys.stderr)), transient=vanishes)
        self.bar.start()
        self.task = self.bar.add_task("", total=total, completed=done)

    @property
    def width(self) -> int:
        """The width of the terminal in characters."""
        return self.bar.console.width

    def line(self, text: str) -> None:
        """Print a line above the bar."""
        self.bar.console.print(visible(text), highlight=False, markup=False)

    def stop(self) -> None:
        """Stop drawing the bar."""
        self.bar.stop()


class StepBar(Bar):
    """The step, a gauge, as many figures as fit, and the time left."""

    def __init__(self, n_steps: int | None, first_step: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

        self.gauge, figures = BarColumn(LEAST_GAUGE), TextColumn("{task.description}", markup=False)
        self.used_width = len(f"step {n_steps}/{n_steps}    00:00:00 left")
        super().__init__(TextColumn("step"), MofNCompleteColumn(), self.gauge, figures, TimeRemainingColumn(), TextColumn("left"),
                         total=n_steps, done=first_step)

    def step(self, step: int, figures: Sequence[str]) -> None:
        """Show the step, and the first figures that fit."""
        room, shown = self.width - self.used_width, list(figures)
        while shown and len("  ".join(shown)) > room - LEAST_GAUGE:
            shown.pop()
        self._show("  ".join(shown), completed=step)

    def wait(self, text: str) -> None:
        """Show an activity between two steps instead of the figures."""
        self._show(text)

    def _show(self, text: str, completed: int | None = None) -> None:
        self.gauge.bar_width = max(LEAST_GAUGE, min(WIDEST_GAUGE, self.width - self.used_width - len(text)))
        self.bar.update(self.task, completed=completed, description=visible(text))


class WaitBar(Bar):
    """An activity, its progress if known, and the elapsed time; it vanishes at the end."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

        super().__init__(TextColumn("{task.description}", markup=False), BarColumn(20), TimeElapsedColumn(), total=None, vanishes=True)

    def wait(self, text: str, done: int = 0, total: int | None = None) -> None:
        """Show the activity and its progress."""
        self.bar.update(self.task, description=visible(text), completed=done, total=total)
