"""What the runs of a study say of each method at each size."""

from collections.abc import Sequence

from ...configs.schema.data import SizesData
from ...errors import ConfigError
from ...training.finish import Results
from ...training.study.plan import PlannedRun
from .points import Point, Scale


def points_of(runs: Sequence[PlannedRun], results: Sequence[Results], n_largest: int, scale: Scale) -> tuple[dict[str, list[Point]], str]:
    """The points of each recipe, and the split that they are of: test, or validation where a run has none.

    A run without a number of examples has the largest one. Raises ConfigError for a metric that a run does not have.
    """
    split = "test" if all("test" in each.metrics for each in results) else "validation"
    if lacking := next((each for each in results if scale.metric not in each.metrics[split]), None):
        raise ConfigError(f"{lacking.directory.address} has no {scale.metric}; choose a --metric that all methods have, such as "
                          f"{', '.join(lacking.metrics[split])}.")
    planned, points = {run.directory: run for run in runs}, dict[str, list[Point]]()
    for each in results:
        run = planned[each.directory]
        assert not isinstance(run.recipe.data, SizesData)
        n_examples, value = run.recipe.data.train_rows or n_largest, each.metrics[split][scale.metric]
        points.setdefault(run.config, []).append(Point(n_examples, each.seed, value, float(each.cost["train_seconds"])))
    return points, split
