"""The folder that TensorBoard reads: which runs are in it, and what is added to them so that all generations share a chart."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...configs.load import load_recipe
from ...errors import UserError
from ..folder.results_file import read_results
from ..folder.run_directory import RunDirectory
from .hyperparameters import hyperparameters
from .projector import PROJECTOR
from .tensorboard_events import PREFIX, EventFile, hparams, scalar
from .tracking import SUB_RUN, figures_of, last_step, read_metrics, shown_as

MOST_RECIPES = 10
MOST_RUNS = 20
"""Runs that every version of TensorBoard shows without being asked: some tick no sub-run where there are more than 40."""


def dataset_of(run: RunDirectory) -> str:
    """The first folder of a recipe's name; empty for a recipe that is in no folder."""
    return run.dataset


def latest_runs(runs: Sequence[RunDirectory], dataset: str) -> list[RunDirectory]:
    """The latest run of each recipe of a dataset; `runs` are the newest first, and so are these. Runs on a part of the training examples
    come after all others.
    """
    latest: dict[str, RunDirectory] = {}
    for run in sorted((run for run in runs if dataset_of(run) == dataset), key=RunDirectory.is_of_part):
        latest.setdefault(run.recipe, run)
    return [*latest.values()][:MOST_RECIPES]


def short_name(run: RunDirectory) -> str:
    """The recipe without its dataset, and the seed of one of several runs."""
    recipe = run.recipe.removeprefix(f"{dataset_of(run)}/")
    return f"{recipe}, seed {run.seed}" if run.seed else recipe


@dataclass
class Board:
    """Runs by the name that TensorBoard shows, as links in a temporary folder, which `refresh` keeps up with them."""

    folder: Path
    runs: dict[str, RunDirectory] = field(default_factory=dict)
    _added: dict[Path, EventFile] = field(default_factory=dict)
    _levels: dict[str, int] = field(default_factory=dict)
    _completed: set[str] = field(default_factory=set)

    def add(self, run: RunDirectory, name: str) -> None:
        """Show one more run, under another name where this one is taken; a run that is shown already is left as it is."""
        if all(run.path != shown.path for shown in self.runs.values()):
            self.runs[f"{name}, {run.name}" if name in self.runs else name] = run

    def refresh(self) -> None:
        """Take in what runs have written since: new files, and a later end of the training of others."""
        ends = {name: last_step(run) for name, run in self.runs.items()}
        end = max((step for step in ends.values() if step is not None), default=0)
        for name, run in self.runs.items():
            self._link(name, run)
            if not run.results.exists():
                continue
            if name not in self._completed and (run.folder / "hparams").is_dir():
                self._complete(name, run)
            if (ends[name] or 0) <= 1:
                self._level(name, run, max(end, 2))

    def _link(self, name: str, run: RunDirectory) -> None:
        """Links to files, not to folders, so that more files can be beside them; a run that is resumed begins new ones."""
        for sub_run in sorted(set(SUB_RUN.values())):
            for path in (*run.folder.glob(f"{sub_run}/{PREFIX}*"), *run.folder.glob(f"{sub_run}/{PROJECTOR}*")):
                link = self.folder / name / sub_run / path.name
                link.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileExistsError):
                    link.symlink_to(path)

    def _complete(self, name: str, run: RunDirectory) -> None:
        """Test figures and the row of the table of a run that has them in sub-runs of their own, as those of earlier versions do."""
        self._completed.add(name)
        with suppress(UserError):
            results = read_results(run.results)
            row = hyperparameters(load_recipe(str(run.config)), results.cost.model_dump())
            reached = {f"scored/{tag}": value for tag, value in results.validation.items()}
            step = last_step(run) or 0
            self._events(name, "validation").add(step, *hparams(f"{run.recipe}/{run.name}", row, run.started()), *_scalars(reached))
            for line in read_metrics(run):
                if line["split"] == "test":
                    self._events(name, "validation").add(step, *_scalars(_figures(line)))

    def _level(self, name: str, run: RunDirectory, end: int) -> None:
        """A second point for a model that is trained in one step or none, so that it is a line beside the curves of others."""
        if self._levels.get(name, 0) >= end:
            return
        self._levels[name] = end
        for line in read_metrics(run):
            self._events(name, SUB_RUN.get(line["split"], "validation")).add(end, *_scalars(_figures(line)))

    def _events(self, name: str, sub_run: str) -> EventFile:
        folder = self.folder / name / sub_run
        if folder not in self._added:
            self._added[folder] = EventFile(folder)
        return self._added[folder]

    def close(self) -> None:
        """Close the files that were added."""
        for events in self._added.values():
            events.close()


def _figures(line: Mapping[str, Any]) -> dict[str, float]:
    """A line of the log by the tags that TensorBoard shows."""
    return {shown_as(line["split"], tag): value for tag, value in figures_of(line).items()}


def _scalars(values: Mapping[str, Any]) -> Iterator[Any]:
    return (scalar(tag, float(value)) for tag, value in values.items())


def main_metrics(runs: Sequence[RunDirectory]) -> list[str]:
    """The metric that decides which checkpoint is best, of each of these runs."""
    metrics: dict[str, None] = {}
    for run in runs:
        with suppress(UserError):
            metrics[load_recipe(str(run.config)).best_metric] = None
    return [*metrics]
