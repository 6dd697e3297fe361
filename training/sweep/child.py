"""A run in a process of its own, forked from one in which the libraries are loaded: it starts in a moment, and a signal ends it alone."""

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, NamedTuple

from ...configs.schema.networks import NetworkConfig
from ...configs.schema.recipe import Recipe
from ...errors import TrainingError, UserError
from ..folder.files import disk_errors
from ..jobs import Job
from ..run import train_jobs

NETWORK_LIBRARIES = ["nlp.training.run", "nlp.training.loop.gradient", "nlp.training.log.tensorboard_events", "torch._dynamo"]
OTHER_LIBRARIES = ["nlp.training.run", "nlp.training.log.tensorboard_events", "sklearn.feature_extraction.text", "skops.io"]


class Ended(NamedTuple):
    """How a run in a child process ended, and the message of its error."""

    how: Literal["finished", "stopped", "diverged", "failed"]
    message: str = ""


def start_server(recipe: Recipe, variables: Mapping[str, str]) -> None:
    """Start the process that children are forked from. It imports no module from the working folder (PYTHONSAFEPATH)."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(NETWORK_LIBRARIES if isinstance(recipe.model, NetworkConfig) else OTHER_LIBRARIES)
    before = dict(os.environ)
    os.environ.update({"PYTHONSAFEPATH": "1", **variables})
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)


class ChildRun:
    """One job that trains in a child process; what it prints goes to a file."""

    def __init__(self, job: Job, output: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        with disk_errors(output):
            output.parent.mkdir(parents=True, exist_ok=True)
            output.touch()
        self.outcome, sending = context.Pipe(duplex=False)
        self.process = context.Process(target=_train, args=(job, sending, output, dict(os.environ)), daemon=True)
        self.process.start()
        sending.close()
        self.stopping = False

    def stop(self) -> None:
        """Have the run save a checkpoint and end. A second signal would end it without one, so only the first call sends one."""
        if not self.stopping:
            self.stopping = True
            self.process.terminate()

    def is_over(self) -> bool:
        """Whether the process has ended."""
        return self.process.exitcode is not None

    def ended(self) -> Ended:
        """Wait for the end of the process, and tell how the run ended."""
        self.process.join()
        with suppress(EOFError, ConnectionError):
            return Ended(*self.outcome.recv())
        code = self.process.exitcode or 0
        if self.stopping:
            return Ended("stopped")  # before the run listened to signals
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Ended("failed", f"its process ended with {name}" + ("; is there enough memory?" if -code == signal.SIGKILL else ""))


def _train(job: Job, outcome: Connection, output: Path, variables: Mapping[str, str]) -> None:
    """In the child: train, and report how it ended."""
    os.environ.update(variables)  # the server's are as old as itself
    os.setsid()  # Ctrl-C is for the parent, which then ends its children
    to, nothing = os.open(output, os.O_WRONLY | os.O_APPEND), os.open(os.devnull, os.O_RDONLY)
    for descriptor, kind in ((nothing, 0), (to, 1), (to, 2)):
        os.dup2(descriptor, kind)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        outcome.send(("stopped" if train_jobs([job]).stopped else "finished", ""))
    except KeyboardInterrupt:
        outcome.send(("stopped", ""))
    except Exception as error:
        traceback.print_exc()
        message = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}".partition("\n")[0]
        outcome.send(("diverged" if isinstance(error, TrainingError) else "failed", message))


def _end_with_parent() -> None:
    """A parent that is killed cannot end its children."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
