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

    `at_once`: the first one does too, for phases in which finishing a step saves nothing: a solver's fit, and after training.
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
        announce("Stopping after this step; press Ctrl-C again to stop at once, without a checkpoint.")


@contextmanager
def preemptible() -> Iterator[None]:
    """Outside of `listening`, let SIGTERM and SIGUSR1 end the block at once, as Ctrl-C does, but by raising Preempted."""
    before = {kind: signal.signal(kind, lambda number, _: raise_interrupt(number)) for kind in _heard(PREEMPTING)}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _heard(kinds: Sequence[signal.Signals]) -> Sequence[signal.Signals]:
    """The signals that this thread can handle: Python delivers them only to the main thread, not to one of a notebook or a server."""
    return kinds if threading.current_thread() is threading.main_thread() else ()


def raise_interrupt(number: int) -> None:
    """Raises Preempted for a scheduler's signal, KeyboardInterrupt for Ctrl-C."""
    raise Preempted if number in PREEMPTING else KeyboardInterrupt
