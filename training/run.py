"""A run from start to end: build data, task, model, plan and learner; then fit, and evaluate the result. Read this file first."""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..configs.schema.recipe import Recipe
from ..datasets.encoded.batching import Plan
from ..datasets.encoded.split import Data, Encoding
from ..errors import TakenError
from ..models.build import build_model
from ..tasks.build import build_task
from ..tasks.task import Task
from . import description
from .devices import Setting, placed
from .distributed import World, join_world, leave_world, refuse_ranks
from .finish import Results, finish
from .folder.run_directory import RunDirectory
from .jobs import Job, discarded_unless_started
from .log.display import Display
from .loop.learner import Learner, build_learner, build_plan
from .loop.trainer import fit
from .session import open_session
from .sources.language_model import language_model_of
from .sources.start import build_recipe_data, first_weights, start_of
from .stop_signal import preemptible


class Trained(NamedTuple):
    """The results of the finished runs, and the signal that interrupted the last one, if any."""

    results: list[Results]
    stopped_by: int | None = None


def train_jobs(jobs: Sequence[Job], show: Callable[[int | None, int], Display] | None = None) -> Trained:
    """Train one job after the other, each from its last checkpoint if it has one; finished runs only have their results read.

    `show` creates the display of a run, by default one on this terminal; see Setting.
    """
    results, world = [], World()
    with discarded_unless_started(jobs), preemptible():
        for job in jobs:
            if job.directory.status() == "finished":
                results.append(Results.read(job.directory))
                continue
            world = join_world(job.device)
            refuse_ranks(job.recipe, world.size)
            try:
                result = run_recipe(job.recipe, Setting(job.seed, job.device, job.threads, world, show), job.directory)
            except TakenError:
                if job.directory.status() != "finished":
                    raise
                result = Results.read(job.directory)
            if isinstance(result, int):
                return Trained(results, stopped_by=result)
            results.append(result)
        leave_world(world)
    return Trained(results)


def run_recipe(recipe: Recipe, setting: Setting, directory: RunDirectory) -> Results | int:
    """Train, evaluate and save one run, from its last checkpoint if it has one. Returns the signal that stopped it, if one did."""
    run = build_run(recipe, setting, directory)
    with open_session(recipe, setting, directory, run.data, run.plan, run.learner) as session:
        session.display.begin([*description.parts(recipe, run, setting), *description.steps(recipe, run.plan),
                               f"run         {directory.path}"])
        finished = fit(run.learner, run.task, run.data, run.plan, session)
        return finish(run.learner, run.task, run.data, run.plan, session) if finished else session.stop.received or signal.SIGTERM


@dataclass(frozen=True)
class Run:
    """Everything that training needs, built from a recipe; `start` describes what came from an earlier run."""

    data: Data
    task: Task
    model: Any
    plan: Plan
    learner: Learner
    start: str | None = None


def build_run(recipe: Recipe, setting: Setting, directory: RunDirectory | None = None) -> Run:
    """The five parts of a run, each built from a section of the recipe and the parts before it; `directory` has its last checkpoint."""
    start = start_of(recipe, directory)
    data = build_recipe_data(recipe, start)
    task = build_task(recipe.task, data.encoding)
    model = build_placed_model(recipe, setting, data.encoding, task)
    start_report = first_weights(recipe, start, directory, model, task, data.encoding)
    plan = build_plan(recipe, data, setting.seed)
    learner = build_learner(recipe, task, model, plan, setting)
    return Run(data, task, model, plan, learner, start_report)


def build_placed_model(recipe: Recipe, setting: Setting, encoding: Encoding, task: Task) -> Any:
    """The model of a recipe on its device; a network's initial weights are drawn from the seed."""
    language_model = language_model_of(recipe.model)
    return placed(recipe, setting, lambda: build_model(recipe.model, encoding.spec, task.head, language_model))
