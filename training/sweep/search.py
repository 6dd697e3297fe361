"""The search: runs trials in child processes, follows their logs, prunes hopeless ones, and trains the chosen setting."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import optuna

from ...configs.load import dump_recipe
from ...configs.schema.recipe import Recipe
from ...configs.search_space import SearchSpace
from ...errors import ConfigError
from ...terminal import figure
from ..finish import Results
from ..folder.files import write_atomically
from ..folder.run_directory import RunDirectory, runs_root
from ..folder.run_lock import is_locked
from ..jobs import name_of
from ..log.display import announce
from ..log.tracking import read_metrics
from ..loop.trainer import followed_metric, score_of
from ..sources.start import build_recipe_data, start_of
from ..study.engine import Outcome, Study
from ..study.plan import PlannedRun
from ..study.worker import Contexts, Options
from .child import ChildRun
from .trials import PATIENCE, Setting, Trials, Tried, best_of

GLANCE = 0.05
"""Seconds between two checks of the logs."""
HOPELESS = 3
"""Number of trials after which the search ends if all have failed."""
MOST_INVALID = 1_000


@dataclass(frozen=True)
class Sweep:
    """One search: its recipe with open values, its name, and the options for its runs."""

    space: SearchSpace
    config: str
    name: str
    options: Options

    @property
    def within(self) -> str:
        return f"sweep-{self.name}" if self.name else "sweep"

    @property
    def address(self) -> str:
        return f"{name_of(self.config)}/{self.within}"

    @property
    def folder(self) -> Path:
        return runs_root() / self.address

    @property
    def chosen_recipe(self) -> Path:
        """The file that the recipe with the best setting is written to."""
        return self.folder / f"{Path(self.address).parent.name}-{self.within}.yaml"

    def recipe(self, setting: Setting) -> Recipe:
        """The recipe of a trial: with one seed, and without scoring the test split."""
        recipe = self.space.recipe(setting)
        return recipe.model_copy(update={"seeds": recipe.seeds[:1], "score_test": False})

    def run(self, recipe: Recipe, name: str) -> PlannedRun:
        """A run of the sweep."""
        return PlannedRun(recipe, self.config, (), RunDirectory(self.folder / name, runs_root()))


@dataclass
class RunningTrial:
    """A trial in progress, and how much of its log has been read."""

    trial: optuna.Trial
    setting: Setting
    run: PlannedRun
    child: ChildRun
    bytes_read: int = 0
    reported: int = 0
    best: dict[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def follow(self) -> None:
        """Report new validation figures, and stop the run if the pruner finds it hopeless."""
        path = self.run.directory.metrics
        size = path.stat().st_size if path.is_file() else 0
        if size == self.bytes_read:
            return
        self.bytes_read = size
        lines = [line for line in read_metrics(self.run.directory) if line["split"] == "validation" and line["step"] > 0]
        for line in lines[self.reported :]:
            self.reported += 1
            self._report(line)

    def _report(self, line: Mapping[str, float]) -> None:
        """Trials are compared after the same number of evaluations, since their steps may be of different sizes."""
        score = score_of(line, self.run.recipe)
        if math.isfinite(score) and score > self.best.get("score", -math.inf):
            self.best = _figures(line, self.run.recipe)
        self.trial.report(score, self.reported)
        if self.run.recipe.training is not None and not self.child.is_over() and self.trial.should_prune():
            self.child.stop()

    def tried(self) -> Tried:
        """The outcome of the trial, after its process has ended."""
        ended = self.child.ended()
        self.follow()
        how, message, figures = ended.how, ended.message, self.best
        if how == "finished":
            figures = _figures(Results.read(self.run.directory).metrics["validation"], self.run.recipe)
            if not math.isfinite(figures["score"]):
                how, message, figures = "diverged", f"its {figures['metric']} is not a finite number", self.best
        elif how == "stopped":
            how, message = ("pruned", "") if self.child.stopping else ("failed", "a signal from outside stopped it")
        return Tried(str(self.trial.user_attrs["run"]), self.setting, how, **figures, evaluations=self.reported,
                     seconds=round(time.monotonic() - self.started, 3), message=message)


def _figures(metrics: Mapping[str, float], recipe: Recipe) -> dict[str, Any]:
    name = followed_metric(metrics, recipe)
    return {"metric": name, "figure": float(metrics[name]), "score": float(score_of(metrics, recipe))}


class Limits(NamedTuple):
    """Limits of a search: the number of trials, and the seconds after which no more trials are started."""

    trials: float
    seconds: float


def prepare(sweep: Sweep) -> None:
    """Build the data, which reports its errors before anything is written; trials then find it in the cache."""
    recipe = sweep.recipe(next(sweep.space.corners()))
    build_recipe_data(recipe, start_of(recipe))


def search(sweep: Sweep, trials: Trials, limits: Limits) -> None:
    """Try settings until a limit is reached. Ctrl-C stops the runs; running the same search again resumes them."""
    with trials.worker() as worker:
        Search(sweep, trials, limits, worker).run()


class Search:
    """The part of a search that one process runs."""

    def __init__(self, sweep: Sweep, trials: Trials, limits: Limits, worker: str) -> None:
        self.sweep, self.trials, self.limits, self.worker = sweep, trials, limits, worker
        self.started = time.monotonic()
        self.contexts = Contexts([sweep.run(sweep.recipe(next(sweep.space.corners())), "first")])
        self.running: list[RunningTrial] = []
        self.ended: list[Tried] = []

    def run(self) -> None:
        """Start, follow and judge trials until none are left."""
        try:
            while self._start() or self.running:
                for running in list(self.running):
                    running.follow()
                    if running.child.is_over():
                        self._judge(running)
                self.trials.beat([running.trial for running in self.running])
                time.sleep(GLANCE)
        except BaseException:
            self._stop()
            raise

    def _start(self) -> bool:
        """Start a trial if possible. Returns whether one was started."""
        late = time.monotonic() - self.started >= self.limits.seconds
        hopeless = len(self.ended) >= HOPELESS and all(tried.how == "failed" for tried in self.ended)
        if late or hopeless or len(self.running) >= self.sweep.options.n_workers:
            return False
        for _ in range(MOST_INVALID):
            if (trial := self.trials.ask(self.worker, self.limits.trials)) is None:
                return False
            if (recipe := self._recipe(trial)) is not None:
                self._train(trial, recipe)
                return True
        raise ConfigError(f"{MOST_INVALID:,} settings in a row gave invalid recipes; the errors are listed above. "
                          "Narrow the ranges, give them a `step`, or list choices.")

    def _recipe(self, trial: optuna.Trial) -> Recipe | None:
        """The recipe of a trial; None for an invalid combination of values, which does not count as a trial."""
        try:
            return self.sweep.recipe(dict(trial.params))
        except ConfigError as error:
            announce(f"Skipped {_shown(trial.params)}: {error}")
            self.trials.tell(trial, Tried("", dict(trial.params), "invalid", message=str(error)))
            return None

    def _train(self, trial: optuna.Trial, recipe: Recipe) -> None:
        name, start = str(trial.user_attrs["run"]), time.monotonic()
        while is_locked(self.sweep.folder / name / ".lock") and time.monotonic() - start < PATIENCE:
            time.sleep(GLANCE)  # a run of a killed search is about to end
        run = self.sweep.run(recipe, name)
        child = ChildRun(self.contexts, run, self.sweep.options, self.sweep.folder / "output" / f"{name}.txt")
        self.running.append(RunningTrial(trial, dict(trial.params), run, child))

    def _judge(self, running: RunningTrial) -> None:
        self.running.remove(running)
        tried = running.tried()
        self.trials.tell(running.trial, tried)
        self.ended.append(tried)
        best = best_of(self.trials.tried())
        announce(f"trial {_outcome(tried)}  {tried.seconds:.1f} s  {_shown(tried.setting)}"
                 + ("  best so far" if best is not None and best.run == tried.run else ""))

    def _stop(self) -> None:
        """Stop all runs, and return their settings to the queue."""
        announce("Stopping the search; run the same command again to continue it.")
        for running in self.running:
            running.child.stop()
        for running in self.running:
            running.child.process.join()
        self.trials.reclaim(self.worker)


def _outcome(tried: Tried) -> str:
    best = f"{tried.metric} {figure(tried.figure)}" if tried.figure is not None else "no figure"
    match tried.how:
        case "finished":
            return f"{tried.run}: {best}"
        case "pruned":
            return f"{tried.run}: pruned after {tried.evaluations} evaluations, {best}"
    return f"{tried.run}: {tried.how}, {best}: {tried.message}"


def _shown(setting: Mapping[str, Any]) -> str:
    """The setting for a progress line, with only the last part of each key."""
    return ", ".join(f"{name.rpartition('.')[2]} {value:.4g}" if isinstance(value, float) else f"{name.rpartition('.')[2]} {value}"
                     for name, value in setting.items())


def write_chosen(sweep: Sweep, best: Tried, count: int) -> Recipe:
    """Write the recipe with the best setting to a file, which can be trained like any other."""
    recipe = sweep.space.recipe(best.setting)
    assert best.figure is not None
    title = f"# Best of {count} trials of {sweep.address}: validation {best.metric} {figure(best.figure)} in trial {best.run}\n"
    write_atomically(sweep.chosen_recipe, title + dump_recipe(recipe))
    return recipe


def train_chosen(sweep: Sweep, trials: Trials, best: Tried, recipe: Recipe) -> tuple[list[PlannedRun], Outcome]:
    """Train the best setting with each seed of the recipe, and score the test split."""
    several = len(recipe.seeds) > 1
    with trials.alone("best"):
        runs = [sweep.run(recipe.model_copy(update={"seeds": [seed]}), f"best-{best.run}" + (f"-seed-{seed}" if several else ""))
                for seed in recipe.seeds]
        return runs, Study(runs, sweep.options).train()
