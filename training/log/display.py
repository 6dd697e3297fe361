"""The display of a run in progress: a bar on a terminal, plain lines elsewhere, a row for each evaluation."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

from ...terminal import drawing_stream, figure, visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Display:
    """Progress of one run on standard error; silent on all ranks but the first. `n_steps` is None where the last step is not known."""

    def __init__(self, n_steps: int | None, first_step: int = 0, silent: bool = False, seed: str = "") -> None:
        self.n_steps, self.first_step, self.silent = n_steps, first_step, silent
        self.whose = f"seed {seed}  " if seed else ""  # one of several, which may go side by side
        self.started, self.train_loss = time.monotonic(), ""
        self.bar: Progress | None = None
        self.bar_task: TaskID | None = None

    def __enter__(self) -> Self:
        if (self.n_steps is None or self.n_steps > 1) and not self.silent and sys.stderr.isatty():
            self._open_bar()
        return self

    def _open_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("step"), MofNCompleteColumn(), BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
        self.bar = Progress(*columns, console=Console(file=drawing_stream(sys.stderr)))
        self.bar.start()
        self.bar_task = self.bar.add_task("", total=self.n_steps, completed=self.first_step)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def begin(self, lines: Sequence[str]) -> None:
        """What the run is about to do."""
        for line in lines:
            self.line(line)
        if self.first_step:
            self.line(f"resumed     after step {self.first_step:,}")

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """New running figures of the training split."""
        shown = [f"{name} {values[name]:.3f}" for name in ("loss", "accuracy") if name in values]
        if "learning_rate" in values:
            shown.append(f"rate {values['learning_rate']:.2g}")
        if "loss" in values:
            shown.append(f"{values['throughput/tokens_per_second']:,.0f} tokens/s")
            self.train_loss = f"  train loss {values['loss']:.3f}"
        if self.bar is not None and self.bar_task is not None:
            self.bar.update(self.bar_task, completed=step, description="  ".join(shown))

    def evaluation(self, step: int, metrics: Mapping[str, float], is_best: bool) -> None:
        """One row for an evaluation of the validation split."""
        self.line(self.row(step, metrics, is_best))

    def row(self, step: int, metrics: Mapping[str, float], is_best: bool) -> str:
        """Whose run, the time since it was started, the step, and the figures."""
        figures = "  ".join(f"{name} {figure(value)}" for name, value in metrics.items())
        clock = f"{time.monotonic() - self.started:7.1f} s"
        of = f"{step:>6}/{'?' if self.n_steps is None else self.n_steps}"
        return f"{self.whose}{clock}  step {of}{self.train_loss}  validation {figures}{'  best' if is_best else ''}"

    def line(self, text: str) -> None:
        """One line, above the bar where there is one."""
        if self.silent:
            return
        if self.bar is not None:
            self.bar.console.print(visible(text), highlight=False, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)


def announce(text: str) -> None:
    """Say what is about to take long, before a run has a display; of several processes the first one speaks."""
    if os.environ.get("RANK", "0") == "0":
        print(text, file=sys.stderr, flush=True)
