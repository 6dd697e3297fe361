"""One run in its own process, forked from one that has loaded the libraries; it reports its progress to the study."""

import io
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import Preempted, TakenError, TrainingError
from ..devices import thread_count
from ..jobs import job_in
from ..log.display import Display
from ..run import train_jobs
from .plan import PlannedRun

Explain = Callable[[Exception], tuple[str, int]]
"""From an error to its message (one paragraph) and exit code."""

ALWAYS = ("nlp.cli.main", "nlp.training.study.worker", "nlp.tasks.classification", "nlp.training.log.tensorboard_events",
          "nlp.training.folder.row_scores_file", "PIL.ImageFont")
BY_KIND = {
    "gradient": ("torch._dynamo", "nlp.training.loop.gradient", "tokenizers", "safetensors.torch"),  # optimisers import the first one
    "solver": ("sklearn.feature_extraction.text", "sklearn.linear_model", "sklearn.naive_bayes", "sklearn.svm", "skops.io"),
    "nothing": (),
}
"""Modules to import once for all runs, by how their models learn."""


class Step(NamedTuple):
    """The run has reached `step` of `n_steps`, which is None for runs with a time limit."""

    step: int
    n_steps: int | None


class Line(NamedTuple):
    """A line to show: an evaluation, of which there are many, or a notice."""

    text: str
    is_evaluation: bool = False


class Finished(NamedTuple):
    """The run has finished; its results are in its folder."""


class Stopped(NamedTuple):
    """A signal stopped the run, and it can be resumed."""


class Taken(NamedTuple):
    """Another process trains the run, or has finished it."""


class Failed(NamedTuple):
    """The run ended with an error; `diverged`: its loss was not finite."""

    reason: str
    exit_code: int
    diverged: bool = False


Event = Step | Line | Finished | Stopped | Taken | Failed


@dataclass(frozen=True)
class Options:
    """Options for training each run of a study."""

    device: str
    threads: int | None
    n_workers: int
    explain: Explain


class Contexts:
    """Start methods for processes: on Linux they are forked from one that has imported the libraries, so that they start quickly.

    There is only one such process, for networks if the study has any. Other runs then start from scratch: with the libraries of networks
    they would appear to need as much memory. On other systems, where system libraries do not survive a fork, all do.
    """

    def __init__(self, runs: Sequence[PlannedRun]) -> None:
        kinds = {run.recipe.model.learns_by for run in runs}
        self.forked = set() if sys.platform != "linux" else {"gradient"} if "gradient" in kinds else kinds
        if self.forked:
            multiprocessing.get_context("forkserver").set_forkserver_preload(
                [*ALWAYS, *(name for kind in sorted(self.forked) for name in BY_KIND[kind])])

    def of(self, run: PlannedRun) -> BaseContext:
        """The context that starts this run."""
        return multiprocessing.get_context("forkserver" if run.recipe.model.learns_by in self.forked else "spawn")


def start(contexts: Contexts, run: PlannedRun, options: Options) -> tuple[Any, Connection]:
    """Start a process. Returns it and a connection for its events; the last is Finished, Stopped, Taken or Failed, unless it is killed."""
    context = contexts.of(run)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_train, args=(run, options, sender, dict(os.environ), str(Path.cwd())), name=run.name)  # pyright: ignore[reportAttributeAccessIssue]
    process.start()
    sender.close()
    return process, receiver


def _train(run: PlannedRun, options: Options, events: Connection, variables: Mapping[str, str], cwd: str) -> None:
    """The main function of the process. It has its own process group: Ctrl-C reaches only the study, which then signals its processes."""
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(cwd)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    send = sending(events)
    with redirect_stderr(_Lines(send)), redirect_stdout(io.StringIO()):
        send(_outcome(run, options, send))


def sending(events: Connection) -> Callable[[Event], None]:
    """A function that sends events. It ignores a broken pipe: if the study was killed, the run is about to be stopped too."""
    def send(event: Event) -> None:
        with suppress(BrokenPipeError):
            events.send(event)

    return send


def _outcome(run: PlannedRun, options: Options, send: Callable[[Event], None]) -> Event:
    try:
        threads = thread_count(run.recipe, options.threads, options.n_workers)
        job = job_in(run.directory, run.recipe, run.config, options.device, threads)
        trained = train_jobs([job], lambda n_steps, first: RelayedDisplay(n_steps, first, run.directory.seed, send))
        return Finished() if trained.stopped_by is None else Stopped()
    except (KeyboardInterrupt, Preempted):
        return Stopped()
    except TakenError:
        return Taken()
    except Exception as error:
        return Failed(*options.explain(error), diverged=isinstance(error, TrainingError))


def ending(code: int | None, n_workers: int) -> str:
    """Describe the end of a process that sent no outcome."""
    if code is None or code >= 0:
        return f"its process ended with exit code {code}"
    remedy = ""
    if -code == signal.SIGKILL:
        remedy = "; the system may have run out of memory" + ("; try fewer --parallel-runs" if n_workers > 1 else "")
    return f"its process was ended by {signal.Signals(-code).name}{remedy}"


def _end_with_parent() -> None:
    """Stop this run when the study is killed; the run saves its state, and does not continue unnoticed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


class RelayedDisplay(Display):
    """Sends the display's content to the study as events."""

    def __init__(self, n_steps: int | None, first_step: int, seed: str, send: Callable[[Event], None]) -> None:
        super().__init__(n_steps, first_step, seed=seed)
        self.send = send
        send(Step(first_step, n_steps))

    def begin(self, lines: Sequence[str]) -> None:
        """Send nothing: a study does not announce each run."""

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """Send only the step."""
        super().step(step, values)
        self.send(Step(step, self.n_steps))

    def evaluation(self, step: int, metrics: Mapping[str, float], is_best: bool) -> None:
        """Send the rows of the table."""
        for line in self.rows(step, metrics, is_best):
            self.send(Line(line, is_evaluation=True))

    def fitting(self, what: str, done: int, total: int | None) -> None:
        """Send a solver's progress, if the total is known."""
        if total:
            self.send(Step(done, total))

    def scoring(self, split: str) -> None:
        """Send nothing."""

    def line(self, text: str) -> None:
        """Send the line."""
        self.send(Line(text))


class _Lines(io.TextIOBase):
    """A text stream that sends each line as an event."""

    def __init__(self, send: Callable[[Event], None]) -> None:
        self.send_event, self.partial_line = send, ""

    def write(self, text: str) -> int:
        *lines, self.partial_line = (self.partial_line + text).split("\n")
        for line in lines:
            if line.strip():
                self.send_event(Line(line))
        return len(text)
