"""The tool's own training loop, in stretches of steps that can be timed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from nlp.configs.schema.recipe import Recipe
from nlp.datasets.arrays import IntArray
from nlp.datasets.encoded.batching import Plan
from nlp.datasets.encoded.split import Data
from nlp.tasks.task import Task
from nlp.training.devices import Setting, thread_count
from nlp.training.folder.run_directory import RunDirectory
from nlp.training.loop.learner import Learner
from nlp.training.loop.trainer import fit
from nlp.training.run import build_run
from nlp.training.session import Session, open_session


class Stretch(Plan):
    """The next steps of a plan. It has neither an epoch's end nor a last step, so nothing is evaluated or saved in it."""

    def __init__(self, plan: Plan, steps: int) -> None:
        self.plan, self.steps, self.epoch_ends, self.n_steps = plan, steps, [], 0

    def ends_epoch(self, step: int) -> bool:
        """Never inside a stretch."""
        return False

    def window(self, step: int) -> list[IntArray]:
        """The rows of one step, as in the full plan."""
        return self.plan.window(step)

    def windows(self, after: int = 0) -> Iterator[tuple[int, list[IntArray]]]:
        """So many steps after `after`."""
        for step in range(after + 1, after + self.steps + 1):
            yield step, self.window(step)


@dataclass
class Ours:
    """A run of `nlp train` that is under way, in a temporary folder."""

    recipe: Recipe
    data: Data
    task: Task
    plan: Plan
    learner: Learner
    session: Session

    def run(self, steps: int) -> None:
        """The next steps: batches, updates, running sums, and the log every `log_every` steps."""
        fit(self.learner, self.task, self.data, Stretch(self.plan, steps), self.session)

    @property
    def step(self) -> int:
        return self.session.progress.step

    def rows(self, steps: int) -> list[IntArray]:
        """The rows of the next batches."""
        return [rows for _, window in Stretch(self.plan, steps).windows(after=self.step) for rows in window]


@contextmanager
def opened(recipe: Recipe, threads: int | None = None, device: str = "cpu") -> Iterator[Ours]:
    """Everything that `nlp train` builds before its first step, with the threads that it would take."""
    threads = thread_count(recipe, threads)
    setting = Setting(recipe.seeds[0], device, threads)
    run = build_run(recipe, setting)
    with TemporaryDirectory() as folder:
        directory = RunDirectory(Path(folder), Path(folder))
        with open_session(recipe, setting, directory, run.data, run.plan, run.learner) as session:
            yield Ours(recipe, run.data, run.task, run.plan, run.learner, session)
