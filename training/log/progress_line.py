"""A run in progress as one line that is written over, for programs and notebooks that train runs of their own."""

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
"""Between two states of the line."""
NOTICE = "Notice: "


class ProgressLine(io.TextIOBase):
    """A stream that shows the last line written to it, on standard error or nowhere, and keeps notices until the end."""

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
        """Write over the line, unless that was done a moment ago; always where it is the `end`."""
        now = time.monotonic()
        if self.stream is None or (not end and now - self.last < PAUSE_SECONDS):
            return
        line = visible(f"{self.whose}: {text}")
        print(f"\r{line:<{self.width}}", end=end, file=self.stream, flush=True)
        self.width, self.last = 0 if end else len(line), now


@contextmanager
def on_one_line(whose: str, shown: bool) -> Iterator[ProgressLine]:
    """What is printed on standard error in the block goes to one line; notices become warnings after it."""
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
    """The steps and evaluations of a run on a progress line."""

    def __init__(self, n_steps: int | None, first_step: int, to: ProgressLine) -> None:
        super().__init__(n_steps, first_step)
        self.to, self.validation = to, ""

    def __enter__(self) -> Self:
        return self

    def begin(self, lines: Sequence[str]) -> None:
        """Nothing: there is one line."""

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """The step, and the figures of the last evaluation."""
        of = "" if self.n_steps is None else f"/{self.n_steps:,}"
        self.to.show(f"step {step:,}{of}{self.validation}")

    def evaluation(self, step: int, metrics: Mapping[str, float], is_best: bool) -> None:
        """Figures to show from now on."""
        self.validation = ", validation " + ", ".join(f"{name} {figure(value)}" for name, value in metrics.items())
        self.step(step, {})

    def fitting(self, what: str, done: int, total: int | None) -> None:
        """How far a solver has come."""
        self.to.show(f"{what} {done:,}{f'/{total:,}' if total else ''}" if what else "fitting")

    def scoring(self, split: str) -> None:
        """Nothing: the figures of the last evaluation stay."""

    def line(self, text: str) -> None:
        """A notice or another line."""
        self.to.write(text)
