"""Signals that end training: Ctrl-C, and those that a scheduler sends before it takes the machine away."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import Preempted
from .log.display import announce

PREEMPTING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name))  # Windows has only the first
KINDS = (signal.SIGINT, *PREEMPTING)


class StopSignal:
    """A signal requests a stop at the end of the step; a second one ends the program at once.

    `at_once`: so does the first one, where the end of a step would save nothing: in a solver's fit, and once training is over.
    """

    def __init__(self, at_once: bool = False) -> None:
        self.received: int | None = None
        self.at_once = at_once

    @contextmanager
    def listening(self) -> "Iterator[StopSignal]":
        """Catch the signals inside the block, and leave them as they were after it."""
        before = {kind: signal.signal(kind, self._receive) for kind in _heard(KINDS)}
        try:
            yield self
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)

    def _receive(self, number: int, _frame: Any) -> None:
        if self.at_once or self.received is not None:
            raise_interrupt(number)
        self.received = number
        announce("Stopping after this step; press Ctrl-C again to stop at once, without a checkpoint of it.")


@contextmanager
def preemptible() -> Iterator[None]:
    """Where nothing listens for a stop, SIGTERM and SIGUSR1 end the block at once, as Ctrl-C does, but by Preempted."""
    before = {kind: signal.signal(kind, lambda number, _: raise_interrupt(number)) for kind in _heard(PREEMPTING)}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _heard(kinds: Sequence[signal.Signals]) -> Sequence[signal.Signals]:
    """Python delivers signals to the main thread alone: a run in another thread, as of a notebook or a server, cannot listen for any."""
    return kinds if threading.current_thread() is threading.main_thread() else ()


def raise_interrupt(number: int) -> None:
    """Raises Preempted for what a scheduler sends, KeyboardInterrupt for Ctrl-C."""
    raise Preempted if number in PREEMPTING else KeyboardInterrupt
