"""Expected training times, estimated from earlier runs of the same recipe."""

import math
from collections.abc import Sequence
from itertools import islice
from statistics import mean, median

from ...configs.schema.data import SizesData
from ...errors import UserError
from ..finish import Results
from ..folder.run_directory import runs_in
from .plan import PlannedRun

LATEST = 5
"""Number of earlier runs to use."""


class ExpectedTimes:
    """Seconds of training by recipe, learned from finished runs."""

    def __init__(self, runs: Sequence[PlannedRun]) -> None:
        self.seconds: dict[str, list[float]] = {}
        for recipe, run in {run.directory.recipe: run for run in runs}.items():
            self.seconds[recipe] = _earlier_seconds(run)

    def learn(self, run: PlannedRun, results: Results) -> None:
        """Add a finished run to the estimate."""
        self.seconds[run.directory.recipe].append(float(results.cost["train_seconds"]) / _share(run))

    def of(self, run: PlannedRun) -> float:
        """The expected seconds for a run. Without earlier runs: infinity for a network, the mean of the other recipes for other models."""
        if seconds := self.seconds[run.directory.recipe]:
            return median(seconds) * _share(run)
        others = [median(seconds) for seconds in self.seconds.values() if seconds]
        return math.inf if run.recipe.model.learns_by == "gradient" else mean(others) if others else 0.0


def _share(run: PlannedRun) -> float:
    """The share of the training data; a number of examples counts as all of it, since the data is not read here."""
    data = run.recipe.data
    return 1.0 if isinstance(data, SizesData) else data.train_share


def _earlier_seconds(run: PlannedRun) -> list[float]:
    """The training seconds of the latest readable runs of this recipe on all of its data."""
    seconds = []
    for directory in islice((each for each in runs_in(run.directory.path.parent) if not each.is_of_part()), LATEST):
        try:
            seconds.append(float(Results.read(directory).cost["train_seconds"]))
        except UserError:
            continue
    return seconds
