"""Two ways of doing the same work, timed in turns, so that whatever else the machine does slows both equally."""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import typer
from nlp.errors import UserError

Clock = Callable[[], float]
"""The time in seconds: `time.perf_counter`, or the processor time of this process, `time.process_time`."""


@dataclass(frozen=True)
class Pairs:
    """Seconds that two ways took, pair by pair."""

    one: list[float]
    other: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times as fast as the other the one was, pair by pair."""
        return [other / one for one, other in zip(self.one, self.other, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    def figures(self) -> dict[str, float]:
        """The median of the ratios, with the lowest and the highest."""
        return {"ratio": self.ratio, "min": min(self.ratios), "max": max(self.ratios)}


def in_turns(one: Callable[[], Any], other: Callable[[], Any], pairs: int, clock: Clock = time.perf_counter) -> Pairs:
    """Time both `pairs` times, after one warm-up run of each; which goes first alternates from pair to pair."""
    one()
    other()
    taken: tuple[list[float], list[float]] = ([], [])
    for pair in range(pairs):
        for which in (0, 1) if pair % 2 == 0 else (1, 0):
            taken[which].append(seconds((one, other)[which], clock))
    return Pairs(*taken)


def seconds(work: Callable[[], Any], clock: Clock = time.perf_counter) -> float:
    """How long a piece of work takes."""
    started = clock()
    work()
    return clock() - started


def show(rows: Iterable[dict[str, Any]], as_json: bool) -> None:
    """One line for each row as soon as it is there, or all of them as JSON; an error that the user can fix ends it with one paragraph."""
    try:
        _show(rows, as_json)
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise typer.Exit(error.exit_code) from None


def _show(rows: Iterable[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(list(rows), indent=2))
        return
    for row in rows:
        print("  ".join(f"{name} {value:.3f}" if isinstance(value, float) else str(value) for name, value in row.items()), flush=True)
