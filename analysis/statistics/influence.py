"""The contribution of each row to a metric that is not a mean, so that tests for means apply."""

import numpy as np

from ...datasets.arrays import FloatArray
from .sums import Metric


def influences(metric: Metric, statistics: FloatArray) -> FloatArray:
    """(rows,): values whose mean is the metric of the statistics (rows, k), and whose variance over rows / n is that of the metric.

    The jackknife's pseudo-values (Tukey 1958), n θ - (n - 1) θ_i with θ_i the metric without row i, shifted so that their mean is θ.
    For a mean they are the values of the rows. With a single row there is nothing to leave out, and the value is θ.
    """
    statistics = np.asarray(statistics, dtype=np.float64)
    total = statistics.sum(axis=0)
    full = float(metric(total))
    if len(statistics) < 2:
        return np.full(len(statistics), full)
    left_out = metric(total - statistics)
    return full + (len(statistics) - 1) * (left_out.mean() - left_out)
