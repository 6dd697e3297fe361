"""The display of a run in progress: a bar on a terminal, plain lines elsewhere, and a row for each evaluation."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

from .evaluation_table import EvaluationTable

if TYPE_CHECKING:
    from .bars import Bar, StepBar

PAUSE_SECONDS = 10.0
"""Seconds between two lines about a fit in progress, without a terminal."""


class Display:
    """Progress of one run on standard error; silent on all ranks but the first. `n_steps` is None if the last step is unknown."""

    def __init__(self, n_steps: int | None, first_step: int = 0, silent: bool = False, seed: str = "") -> None:
        self.n_steps, self.first_step, self.silent = n_steps, first_step, silent
        self.table = EvaluationTable(n_steps, f"seed {seed}  " if seed else "")  # several seeds may train at the same time
        self.started = self.printed_at = time.monotonic()
        self.train_loss = ""
        self.step_bar: StepBar | None = None
        self.bar: Bar | None = None

    def __enter__(self) -> Self:
        if (self.n_steps is None or self.n_steps > 1) and self._draws():
            from .bars import StepBar

            self.bar = self.step_bar = StepBar(self.n_steps, self.first_step)
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def begin(self, lines: Sequence[str]) -> None:
        """Print the description of the run."""
        for line in lines:
            self.line(line)
        if self.first_step:
            self.line(f"resumed     after step {self.first_step:,}")

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Show training figures, most important first: a narrow terminal shows only the first ones."""
        shown = [f"{name} {values[name]:.3f}" for name in ("loss", "accuracy") if name in values]
        if "learning_rate" in values:
            shown.append(f"rate {values['learning_rate']:.2g}")
        if "loss" in values:
            shown.append(f"{values['throughput/tokens_per_second']:,.0f} tokens/s")
            self.train_loss = f"{values['loss']:.4f}"
        if self.step_bar is not None:
            self.step_bar.step(step, shown)

    def fitting(self, what: str, done: int, total: int | None) -> None:
        """Show a solver's progress: how many units of `what` are done, out of `total` if known."""
        text = f"fitting: {what} {done:,}{f' of {total:,}' if total else ''}" if what else "fitting"
        if self._draws():
            self._wait(text, done, total)
        elif what and time.monotonic() - self.printed_at > PAUSE_SECONDS:
            self.line(f"{time.monotonic() - self.started:8.1f} s  {text}")
            self.printed_at = time.monotonic()

    def scoring(self, split: str) -> None:
        """Show that a split is being scored, which may take a while."""
        if self.step_bar is not None:
            self.step_bar.wait(f"scoring {split}")
        elif self._draws():
            self._wait(f"scoring {split}")

    def evaluation(self, step: int, metrics: Mapping[str, float], is_best: bool) -> None:
        """Print a row for an evaluation of the validation split."""
        for line in self.rows(step, metrics, is_best, None if self.bar is None else self.bar.width):
            self.line(line)
        if self.bar is not None and self.bar is not self.step_bar:
            self._wait("saving")

    def rows(self, step: int, metrics: Mapping[str, float], is_best: bool, room: int | None = None) -> list[str]:
        """The table lines for an evaluation: seed, elapsed time, step and figures, with column names before the first row."""
        return self.table.lines(step, time.monotonic() - self.started, self.train_loss, metrics, is_best, room)

    def line(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        if self.silent:
            return
        if self.bar is not None:
            self.bar.line(text)
        else:
            print(text, file=sys.stderr, flush=True)

    def _draws(self) -> bool:
        return not self.silent and sys.stderr.isatty()

    def _wait(self, text: str, done: int = 0, total: int | None = None) -> None:
        from .bars import WaitBar

        if not isinstance(self.bar, WaitBar):
            self._close()
            self.bar = WaitBar()
        self.bar.wait(text, done, total)

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


def announce(text: str) -> None:
    """Print a message before a run has a display; of several processes only the first one prints."""
    if os.environ.get("RANK", "0") == "0":
        print(text, file=sys.stderr, flush=True)
