"""How long a run will take, from earlier runs of the same recipe."""

import math
from collections.abc import Sequence
from statistics import mean, median

from ...configs.schema.data import SizesData
from ...errors import UserError
from ..finish import Results
from ..folder.run_directory import runs_in
from .plan import PlannedRun

LATEST = 5
"""Earlier runs that are looked at."""


class ExpectedTimes:
    """Seconds of training by recipe, learned from finished runs."""

    def __init__(self, runs: Sequence[PlannedRun]) -> None:
        self.seconds: dict[str, list[float]] = {}
        for recipe in {run.directory.recipe: run for run in runs}.values():
            self.seconds[recipe.directory.recipe] = _earlier(recipe)

    def learn(self, run: PlannedRun, results: Results) -> None:
        """Another run is finished."""
        self.seconds[run.directory.recipe].append(float(results.cost["train_seconds"]) / _share(run))

    def of(self, run: PlannedRun) -> float:
        """Of this run, in seconds; infinity for a network of which nothing is known, the mean of the others for other models."""
        if known := self.seconds[run.directory.recipe]:
            return median(known) * _share(run)
        others = [median(each) for each in self.seconds.values() if each]
        return math.inf if run.recipe.model.learns_by == "gradient" else mean(others) if others else 0.0


def _share(run: PlannedRun) -> float:
    """Of the training data; a number of examples is taken for all of it, since nothing is read to find out."""
    data = run.recipe.data
    return 1.0 if isinstance(data, SizesData) else data.train_share


def _earlier(run: PlannedRun) -> list[float]:
    """Of the latest runs of this recipe on all of the data, as far as they can be read."""
    found = []
    for directory in runs_in(run.directory.path.parent)[:LATEST]:
        try:
            found.append(float(Results.read(directory).cost["train_seconds"]))
        except UserError:
            continue
    return found
