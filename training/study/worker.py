"""One run in a process of its own, forked from one in which the libraries are loaded; it tells the study how it is getting on."""

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
"""From an error to its message, one paragraph, and the exit code."""

ALWAYS = ("nlp.cli.main", "nlp.training.study.worker", "nlp.tasks.classification", "nlp.training.log.tensorboard_events",
          "nlp.training.folder.row_scores_file", "PIL.ImageFont")
BY_KIND = {
    "gradient": ("torch._dynamo", "nlp.training.loop.gradient", "tokenizers", "safetensors.torch"),  # optimisers load the first
    "solver": ("sklearn.feature_extraction.text", "sklearn.linear_model", "sklearn.naive_bayes", "sklearn.svm", "skops.io"),
    "nothing": (),
}
"""What is loaded once for all runs, by how their models learn."""


class Step(NamedTuple):
    """The run is at this step of so many; None where time decides how many there will be."""

    step: int
    n_steps: int | None


class Line(NamedTuple):
    """Something to read: an evaluation, which is one of many, or a notice."""

    text: str
    is_evaluation: bool = False


class Finished(NamedTuple):
    """The run is done; its results are in its folder."""


class Stopped(NamedTuple):
    """A signal stopped the run, and it can go on from there."""


class Taken(NamedTuple):
    """Another process was quicker to train the run."""


class Failed(NamedTuple):
    """Why the run ended before its time; `diverged`: its loss was no longer a number."""

    reason: str
    exit_code: int
    diverged: bool = False


Event = Step | Line | Finished | Stopped | Taken | Failed


@dataclass(frozen=True)
class Options:
    """How each run of a study is trained."""

    device: str
    threads: int | None
    n_workers: int
    explain: Explain


class Contexts:
    """How processes are started: on Linux by forking one that has loaded what the runs of a study need, so that each starts in a moment.

    There is one such process, for networks where there are any. Other runs then load what they need anew: with the libraries of networks
    they would seem to need as much memory. Elsewhere system libraries do not survive a fork, and each process loads them anew.
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
    """The process, and where its events are received, the last of which is Finished, Stopped, Taken or Failed unless it is killed."""
    context = contexts.of(run)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_train, args=(run, options, sender, dict(os.environ), str(Path.cwd())), name=run.name)  # pyright: ignore[reportAttributeAccessIssue]
    process.start()
    sender.close()
    return process, receiver


def _train(run: PlannedRun, options: Options, events: Connection, variables: Mapping[str, str], cwd: str) -> None:
    """The whole life of the process. It has a process group of its own: Ctrl-C reaches the study, which then signals its processes."""
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(cwd)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    send = sending(events)
    with redirect_stderr(_Lines(send)), redirect_stdout(io.StringIO()):
        send(_outcome(run, options, send))


def sending(events: Connection) -> Callable[[Event], None]:
    """Sends an event; to no one where the study was killed, for the run is then about to be told to save its state and end."""
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
    """How a process ended that sent no outcome."""
    if code is None or code >= 0:
        return f"its process ended with exit code {code}"
    remedy = ""
    if -code == signal.SIGKILL:
        remedy = "; the system may have run out of memory" + (", which fewer --parallel-runs leave more of" if n_workers > 1 else "")
    return f"its process was ended by {signal.Signals(-code).name}{remedy}"


def _end_with_parent() -> None:
    """A study that is killed takes its runs with it: each saves its state, or else would go on unseen."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


class RelayedDisplay(Display):
    """Sends what a display would show."""

    def __init__(self, n_steps: int | None, first_step: int, seed: str, send: Callable[[Event], None]) -> None:
        super().__init__(n_steps, first_step, seed=seed)
        self.send = send
        send(Step(first_step, n_steps))

    def begin(self, lines: Sequence[str]) -> None:
        """Nothing: one run of many is no news."""

    def step(self, step: int, values: Mapping[str, float]) -> None:
        """The step alone."""
        super().step(step, values)
        self.send(Step(step, self.n_steps))

    def evaluation(self, step: int, metrics: Mapping[str, float], is_best: bool) -> None:
        """The rows that a display would show."""
        for line in self.rows(step, metrics, is_best):
            self.send(Line(line, is_evaluation=True))

    def fitting(self, what: str, done: int, total: int | None) -> None:
        """How far a solver has come, where it knows."""
        if total:
            self.send(Step(done, total))

    def scoring(self, split: str) -> None:
        """Nothing."""

    def line(self, text: str) -> None:
        """The line."""
        self.send(Line(text))


class _Lines(io.TextIOBase):
    """A text stream whose lines are sent."""

    def __init__(self, send: Callable[[Event], None]) -> None:
        self.send_event, self.begun = send, ""

    def write(self, text: str) -> int:
        *lines, self.begun = (self.begun + text).split("\n")
        for line in lines:
            if line.strip():
                self.send_event(Line(line))
        return len(text)
