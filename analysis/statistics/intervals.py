"""Confidence intervals of metrics over the test rows."""

from math import atanh, sqrt, tanh
from statistics import NormalDist

import numpy as np

from ...tasks.predictions import Predictions
from ...tasks.task import Task
from .proportions import wilson_interval

RESAMPLES = 1_000


def intervals(task: Task, predictions: Predictions, confidence: float = 0.95) -> dict[str, tuple[float, float]]:
    """(low, high) of each metric: Wilson's interval for shares of rows, which also holds for few rows and near 0 and 1, Fisher's for rank
    correlations, and the percentile bootstrap for all others.
    """
    shares = {name: wilson_interval(int(np.count_nonzero(successes)), len(successes), confidence)
              for name, successes in task.counted_rows(predictions).items()}
    figures = task.metrics(predictions)
    correlations = {name: correlation_interval(figures[name], n_pairs, confidence) for name, n_pairs in task.correlated_pairs().items()}
    return bootstrap_intervals(task, predictions, confidence) | shares | correlations


def correlation_interval(value: float, n_pairs: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of Spearman's rank correlation, by Fisher's transformation with the standard error of Bonett and Wright (2000); -1 to 1
    for 3 pairs or fewer."""
    if n_pairs <= 3:
        return -1.0, 1.0
    half = NormalDist().inv_cdf((1 + confidence) / 2) * sqrt((1 + value**2 / 2) / (n_pairs - 3))
    middle = atanh(min(max(value, -1 + 1e-12), 1 - 1e-12))
    return tanh(middle - half), tanh(middle + half)


def bootstrap_intervals(task: Task, predictions: Predictions, confidence: float = 0.95) -> dict[str, tuple[float, float]]:
    """The percentile bootstrap (Efron and Tibshirani 1993) over 1,000 resamples of the rows."""
    generator = np.random.default_rng(0)
    n_rows = len(predictions.rows)
    resamples = [task.metrics(predictions.take(generator.integers(n_rows, size=n_rows))) for _ in range(RESAMPLES)]
    ends = [50 * (1 - confidence), 50 * (1 + confidence)]
    return {name: tuple(np.percentile([figures[name] for figures in resamples], ends).tolist()) for name in resamples[0]}
