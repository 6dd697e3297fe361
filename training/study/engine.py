"""Trains the runs of a study, several at a time: reads finished ones, resumes interrupted ones, trains the rest, longest first."""

import math
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from ...errors import UserError
from ..finish import Results
from ..log.study_display import StudyDisplay
from ..stop_signal import KINDS
from .expected_time import ExpectedTimes
from .plan import PlannedRun
from .worker import Contexts, Event, Failed, Finished, Line, Options, Step, Stopped, Taken, ending, start

POLL_SECONDS = 0.5
"""Seconds to wait for an event before checking for signals and for runs that another process trains."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a study: results in the order of its runs, failed runs with their reasons, and the signal that stopped it."""

    results: Sequence[Results]
    failures: Mapping[PlannedRun, Failed]
    stopped_by: int | None


@dataclass
class Going:
    """A run in progress."""

    run: PlannedRun
    process: Any
    events: Connection
    started: float = field(default_factory=time.monotonic)
    share_done: float = 0.0
    is_built: bool = False
    outcome: Event | None = None


class Study:
    """Keeps `n_workers` runs going until all have finished or failed, or a signal stops them."""

    def __init__(self, runs: Sequence[PlannedRun], options: Options) -> None:
        self.runs, self.options, self.contexts = runs, options, Contexts(runs)
        self.results: dict[PlannedRun, Results] = {}
        self.failures: dict[PlannedRun, Failed] = {}
        self.going: dict[Connection, Going] = {}
        self.expected = ExpectedTimes(runs)
        self.to_come = [run for run in runs if not self._read(run)]
        self.stopped_by: int | None = None

    def train(self) -> Outcome:
        """Train all runs that are not finished."""
        with StudyDisplay(len(self.runs), len({run.directory.group for run in self.runs}) == 1) as self.display, self._listening():
            while self.going or (self.to_come and self.stopped_by is None):
                self._start_some()
                for connection in wait([*self.going], POLL_SECONDS) if self.going else self._nothing_to_wait_for():
                    assert isinstance(connection, Connection)
                    self._receive(self.going[connection])
                self._show()
        return Outcome([self.results[run] for run in self.runs if run in self.results], self.failures, self.stopped_by)

    def _start_some(self) -> None:
        """Start runs while workers are free. The first of several runs with the same data builds it; the others then find it cached."""
        if len(self.going) >= self.options.n_workers:  # the common case, since each step is an event
            return
        building = {_data(going.run) for going in self.going.values() if not going.is_built}
        for run in sorted(self.to_come, key=self.expected.of, reverse=True):
            if len(self.going) >= self.options.n_workers or self.stopped_by is not None:
                return
            if _data(run) in building or run.directory.status() == "running":
                continue
            self.to_come.remove(run)
            if self._read(run):
                continue
            process, events = start(self.contexts, run, self.options)
            self.going[events] = Going(run, process, events)
            building.add(_data(run))
            if self.stopped_by is not None:  # the signal came while the process was starting, and could not be forwarded to it
                process.terminate()

    def _nothing_to_wait_for(self) -> Iterator[Connection]:
        """Sleep for a moment: other processes are training all remaining runs."""
        if self.to_come:
            self.display.once(f"{self.to_come[0].name} is being trained by another process; waiting for it to end.")
            time.sleep(POLL_SECONDS)
        return iter(())

    def _receive(self, going: Going) -> None:
        try:
            event: Event = going.events.recv()
        except (EOFError, OSError):
            return self._end(going)
        match event:
            case Step(step, n_steps):
                going.is_built, going.share_done = True, step / n_steps if n_steps else 0.0
            case Line(text, is_evaluation):
                self.display.line(going.run.name, text, is_evaluation)
            case _:
                going.outcome = event

    def _end(self, going: Going) -> None:
        """Handle the end of a process, which has closed its connection; without an outcome it was killed."""
        going.process.join()
        del self.going[going.events]
        going.events.close()
        match going.outcome:
            case Finished() if self._read(going.run):
                if going.run in self.results:
                    self.expected.learn(going.run, self.results[going.run])
                    self.display.finished(going.run.name, going.run.recipe, self.results[going.run])
            case Finished() | Taken():  # or another process has briefly locked it, to check that it is finished
                self.to_come.append(going.run)
            case Failed() as failed:
                self._fail(going.run, failed)
            case Stopped():  # by a signal sent to it alone
                self.to_come.append(going.run)
                self.stopped_by = self.stopped_by or signal.SIGTERM
            case _ if self.stopped_by is not None:  # killed before its signal handlers were installed
                self.to_come.append(going.run)
            case _:
                self._fail(going.run, Failed(ending(going.process.exitcode, self.options.n_workers), 1))

    def _read(self, run: PlannedRun) -> bool:
        """Whether the run is over: its results are read, or are unreadable, which counts as a failure."""
        if run.directory.status() != "finished":
            return False
        try:
            self.results[run] = Results.read(run.directory)
        except UserError as error:
            self.failures[run] = Failed(str(error), error.exit_code)
        return True

    def _fail(self, run: PlannedRun, failed: Failed) -> None:
        self.failures[run] = failed
        self.display.failed(run.name, failed.reason)

    def _show(self) -> None:
        running = {going.run.name: going.share_done for going in self.going.values()}
        self.display.update(len(self.results), len(self.failures), running, len(self.to_come), self._seconds_left())

    def _seconds_left(self) -> float:
        """The expected time of all remaining runs, divided by the number of workers; NaN while unknown."""
        now = time.monotonic()
        running = (max(self.expected.of(going.run) - (now - going.started), 0) for going in self.going.values())
        total = sum(running) + sum(map(self.expected.of, self.to_come))
        return total / self.options.n_workers if math.isfinite(total) else math.nan

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Handle signals: the first makes each process save its state and stop, the second makes them stop at once."""
        before = {kind: signal.signal(kind, self._stop) for kind in KINDS}
        try:
            yield
        finally:
            for going in self.going.values():  # after an error in the study itself
                going.process.terminate()
            for kind, handler in before.items():
                signal.signal(kind, handler)

    def _stop(self, number: int, _frame: Any) -> None:
        if self.stopped_by is None:
            self.display.once("Stopping all runs after their current steps; press Ctrl-C again to stop at once, without checkpoints.")
        self.stopped_by = number
        for going in self.going.values():
            going.process.terminate()


def _data(run: PlannedRun) -> str:
    """A key for the data of a run; runs with the same key share the encoded data."""
    return run.recipe.model_dump_json(include={"data", "tokenizer", "task"})
