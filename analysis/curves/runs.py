"""The points of learning curves, from the runs of a study."""

from collections.abc import Sequence

from ...configs.schema.data import SizesData
from ...errors import ConfigError
from ...training.finish import Results
from ...training.study.plan import PlannedRun
from .points import Point, Scale


def points_of(runs: Sequence[PlannedRun], results: Sequence[Results], n_largest: int, scale: Scale) -> tuple[dict[str, list[Point]], str]:
    """The points of each recipe and their split: test, or validation if any run has no test results.

    A run without `train_rows` used the largest size. Raises ConfigError if a run lacks the metric.
    """
    split = "test" if all("test" in result.metrics for result in results) else "validation"
    if lacking := next((result for result in results if scale.metric not in result.metrics[split]), None):
        raise ConfigError(f"{lacking.directory.address} has no {scale.metric}; choose a --metric that all methods have, such as "
                          f"{', '.join(lacking.metrics[split])}.")
    planned, points = {run.directory: run for run in runs}, dict[str, list[Point]]()
    for result in results:
        run = planned[result.directory]
        assert not isinstance(run.recipe.data, SizesData)
        n_examples, value = run.recipe.data.train_rows or n_largest, result.metrics[split][scale.metric]
        points.setdefault(run.config, []).append(Point(n_examples, result.seed, value, float(result.cost["train_seconds"])))
    return points, split
