"""Progress of a run as a single line that is overwritten, for programs and notebooks that train runs."""

import io
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from typing import Self

from ...terminal import figure, visible
from .display import Display

PAUSE_SECONDS = 0.5
"""Seconds between two updates of the line."""
NOTICE = "Notice: "


class ProgressLine(io.TextIOBase):
    """A stream that shows the last line written to it, on standard error or not at all, and collects notices."""

    def __init__(self, whose: str, shown: bool) -> None:
        self.whose, self.stream = whose, sys.stderr if shown else None
        self.notices: list[str] = []
        self.width, self.last = 0, 0.0

    def write(self, text: str) -> int:
        """Show each line in turn."""
        for line in filter(None, map(str.strip, text.splitlines())):
            if line.startswith(NOTICE):
                self.notices.append(line.removeprefix(NOTICE))
            else:
                self.show(line)
        return len(text)

    def show(self, text: str, end: str = "") -> None:
        """Overwrite the line, unless it was updated a moment ago; always if `end` is given."""
        now = time.monotonic()
        if self.stream is None or (not end and now - self.last < PAUSE_SECONDS):
            return
        line = visible(f"{self.whose}: {text}")
        print(f"\r{line:<{self.width}}", end=end, file=self.stream, flush=True)
        self.width, self.last = 0 if end else len(line), now


@contextmanager
def on_one_line(whose: str, shown: bool) -> Iterator[ProgressLine]:
    """Show the standard error output of the block on one line; notices become warnings after it."""
    line = ProgressLine(whose, shown)
    try:
        with redirect_stderr(line):
            yield line
    finally:
        if line.width:
            print(file=line.stream)
    for notice in line.notices:
        warnings.warn(notice, stacklevel=4)


class LineDisplay(Display):
    """Shows the steps and evaluations of a run on a progress line."""

    def __init__(self, n_steps: int | None, first_step: int, to: ProgressLine) -> None:
        super().__init__(n_steps, first_step)
        self.to, self.validation = to, ""

    def __enter__(self) -> Self:
        return self

    def begin(self, lines: Sequence[str]) -> None:
        """Print nothing: there is only one line."""

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Show the step, and the figures of the last evaluation."""
        total = "" if self.n_steps is None else f"/{self.n_steps:,}"
        self.to.show(f"step {step:,}{total}{self.validation}")

    def evaluation(self, step: int, metrics: Mapping[str, float], is_best: bool) -> None:
        """Show these figures from now on."""
        self.validation = ", validation " + ", ".join(f"{name} {figure(value)}" for name, value in metrics.items())
        self.step(step, {})

    def fitting(self, what: str, done: int, total: int | None) -> None:
        """Show a solver's progress."""
        self.to.show(f"{what} {done:,}{f'/{total:,}' if total else ''}" if what else "fitting")

    def scoring(self, split: str) -> None:
        """Show nothing new: the figures of the last evaluation stay."""

    def line(self, text: str) -> None:
        """Show a line, or keep it if it is a notice."""
        self.to.write(text)
