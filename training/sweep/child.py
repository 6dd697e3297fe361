"""A trial's run in a child process, and how it ended."""

from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from ..folder.files import disk_errors
from ..study.plan import PlannedRun
from ..study.worker import Contexts, Event, Failed, Finished, Line, Options, Step, Stopped, Taken, ending, start


class Ended(NamedTuple):
    """How a run in a child process ended, and its error message."""

    how: Literal["finished", "stopped", "diverged", "failed"]
    message: str = ""


class ChildRun:
    """A run that trains in a child process; its output goes to a file."""

    def __init__(self, contexts: Contexts, run: PlannedRun, options: Options, output: Path) -> None:
        self.output, self.stopping = output, False
        with disk_errors(output):
            output.parent.mkdir(parents=True, exist_ok=True)
            output.touch()
        self.process, self.events = start(contexts, run, options)
        self.outcome: Event | None = None

    def stop(self) -> None:
        """Make the run save a checkpoint and end. A second signal would end it without one, so only the first call sends a signal."""
        if not self.stopping:
            self.stopping = True
            self.process.terminate()

    def is_over(self) -> bool:
        """Whether the process has ended; also reads its pending events."""
        self._read()
        return self.process.exitcode is not None

    def ended(self) -> Ended:
        """Wait for the process to end, and return how the run ended."""
        self._read(wait=True)
        self.process.join()
        match self.outcome:
            case Finished():
                return Ended("finished")
            case Failed(reason, _, diverged):
                return Ended("diverged" if diverged else "failed", reason)
            case Taken():
                return Ended("failed", "another process is training it")
        if self.stopping or isinstance(self.outcome, Stopped):
            return Ended("stopped")
        return Ended("failed", ending(self.process.exitcode, n_workers=1))

    def _read(self, wait: bool = False) -> None:
        """Read pending events, or with `wait` all events until the process closes the connection."""
        with suppress(EOFError, OSError):
            while wait or self.events.poll():
                match event := self.events.recv():
                    case Line(text):
                        with self.output.open("a", encoding="utf-8") as file:
                            file.write(f"{text}\n")
                    case Step():
                        pass
                    case _:
                        self.outcome = event
