"""How sure a figure is: bootstrap intervals over the rows of a test."""

import numpy as np

from ..tasks.predictions import Predictions
from ..tasks.task import Task

RESAMPLES = 1_000


def bootstrap_intervals(task: Task, predictions: Predictions, confidence: float = 0.95) -> dict[str, tuple[float, float]]:
    """Low and high end of each metric: the percentile bootstrap (Efron and Tibshirani 1993) over 1,000 resamples of the rows."""
    generator = np.random.default_rng(0)
    n_rows = len(predictions.rows)
    drawn = [task.metrics(predictions.take(generator.integers(n_rows, size=n_rows))) for _ in range(RESAMPLES)]
    ends = [50 * (1 - confidence), 50 * (1 + confidence)]
    return {name: tuple(np.percentile([figures[name] for figures in drawn], ends).tolist()) for name in drawn[0]}
