"""How sure a figure is, given that the test has only so many rows."""

from math import atanh, sqrt, tanh
from statistics import NormalDist

import numpy as np

from ...tasks.predictions import Predictions
from ...tasks.task import Task
from .proportions import wilson_interval

RESAMPLES = 1_000


def intervals(task: Task, predictions: Predictions, confidence: float = 0.95) -> dict[str, tuple[float, float]]:
    """Low and high end of each metric: Wilson's interval for a share of rows, which is right for few rows and near 0 and 1 too, and the
    percentile bootstrap for all others that rows add up to.
    """
    shares = {name: wilson_interval(int(np.count_nonzero(counted)), len(counted), confidence)
              for name, counted in task.counted_rows(predictions).items()}
    figures = task.metrics(predictions)
    correlations = {name: correlation_interval(figures[name], n_pairs, confidence) for name, n_pairs in task.correlated_pairs().items()}
    return bootstrap_intervals(task, predictions, confidence) | shares | correlations


def correlation_interval(value: float, n_pairs: int, confidence: float = 0.95) -> tuple[float, float]:
    """Of Spearman's rank correlation, by Fisher's transformation with the standard error of Bonett and Wright 2000; -1 to 1 for 3 pairs
    or fewer."""
    if n_pairs <= 3:
        return -1.0, 1.0
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * sqrt((1 + value**2 / 2) / (n_pairs - 3))
    middle = atanh(min(max(value, -1 + 1e-12), 1 - 1e-12))
    return tanh(middle - reach), tanh(middle + reach)


def bootstrap_intervals(task: Task, predictions: Predictions, confidence: float = 0.95) -> dict[str, tuple[float, float]]:
    """The percentile bootstrap (Efron and Tibshirani 1993) over 1,000 resamples of the rows."""
    generator = np.random.default_rng(0)
    n_rows = len(predictions.rows)
    drawn = [task.metrics(predictions.take(generator.integers(n_rows, size=n_rows))) for _ in range(RESAMPLES)]
    ends = [50 * (1 - confidence), 50 * (1 + confidence)]
    return {name: tuple(np.percentile([figures[name] for figures in drawn], ends).tolist()) for name in drawn[0]}
