"""The folder that TensorBoard reads: the runs to show, and the points added to them so that all generations share a chart."""

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
"""Number of runs that every version of TensorBoard shows by default: some select no sub-run if there are more than 40."""


def dataset_of(run: RunDirectory) -> str:
    """The first folder of a recipe's name; empty for a recipe outside any folder."""
    return run.dataset


def latest_runs(runs: Sequence[RunDirectory], dataset: str) -> list[RunDirectory]:
    """The latest run of each recipe of a dataset, newest first, as are `runs`. Runs on a part of the training examples come after all
    others.
    """
    latest: dict[str, RunDirectory] = {}
    for run in sorted((run for run in runs if dataset_of(run) == dataset), key=RunDirectory.is_of_part):
        latest.setdefault(run.recipe, run)
    return [*latest.values()][:MOST_RECIPES]


def short_name(run: RunDirectory) -> str:
    """The recipe without its dataset, and the seed if it was one of several."""
    recipe = run.recipe.removeprefix(f"{dataset_of(run)}/")
    return f"{recipe}, seed {run.seed}" if run.seed else recipe


@dataclass
class Board:
    """Runs by their names in TensorBoard, as links in a temporary folder, which `refresh` keeps up to date."""

    folder: Path
    runs: dict[str, RunDirectory] = field(default_factory=dict)
    _added: dict[Path, EventFile] = field(default_factory=dict)
    _levels: dict[str, int] = field(default_factory=dict)
    _completed: set[str] = field(default_factory=set)

    def add(self, run: RunDirectory, name: str) -> None:
        """Show one more run, under a longer name if this one is taken; does nothing if it is shown already."""
        if all(run.path != shown.path for shown in self.runs.values()):
            self.runs[f"{name}, {run.name}" if name in self.runs else name] = run

    def refresh(self) -> None:
        """Add what runs have written since the last call: new files, and points for further steps."""
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
        """Link files, not folders, so that files can be added beside them; a resumed run starts new files."""
        for sub_run in sorted(set(SUB_RUN.values())):
            for path in (*run.folder.glob(f"{sub_run}/{PREFIX}*"), *run.folder.glob(f"{sub_run}/{PROJECTOR}*")):
                link = self.folder / name / sub_run / path.name
                link.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileExistsError):
                    link.symlink_to(path)

    def _complete(self, name: str, run: RunDirectory) -> None:
        """Add test figures and the row in the table of runs for a run of an earlier version, which kept them in separate sub-runs."""
        self._completed.add(name)
        with suppress(UserError):
            results = read_results(run.results)
            row = hyperparameters(load_recipe(str(run.config)), results.cost.model_dump())
            scored = {f"scored/{tag}": value for tag, value in results.validation.items()}
            step = last_step(run) or 0
            self._events(name, "validation").add(step, *hparams(f"{run.recipe}/{run.name}", row, run.started()), *_scalars(scored))
            for line in read_metrics(run):
                if line["split"] == "test":
                    self._events(name, "validation").add(step, *_scalars(_figures(line)))

    def _level(self, name: str, run: RunDirectory, end: int) -> None:
        """Add a second point for a model that trains in at most one step, so that it shows as a line beside the curves of others."""
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
        """Close the added files."""
        for events in self._added.values():
            events.close()


def _figures(line: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a log line by their tags in TensorBoard."""
    return {shown_as(line["split"], tag): value for tag, value in figures_of(line).items()}


def _scalars(values: Mapping[str, Any]) -> Iterator[Any]:
    return (scalar(tag, float(value)) for tag, value in values.items())


def main_metrics(runs: Sequence[RunDirectory]) -> list[str]:
    """The metrics that select the best checkpoints of these runs."""
    metrics: dict[str, None] = {}
    for run in runs:
        with suppress(UserError):
            metrics[load_recipe(str(run.config)).best_metric] = None
    return [*metrics]
