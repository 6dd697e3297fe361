"""What each row adds to a metric that is no mean, so that tests of means apply to it."""

import numpy as np

from ...datasets.arrays import FloatArray
from .sums import Metric


def influences(metric: Metric, statistics: FloatArray) -> FloatArray:
    """(rows,): values whose mean is the metric of the statistics (rows, k), and whose variance over rows / n is that of the metric.

    The jackknife's pseudo-values (Tukey 1958), n θ - (n - 1) θ_i with θ_i the metric without row i, moved together so that their mean is θ.
    Of a mean they are the rows' own values. With one row there is nothing to leave out, and the value is θ.
    """
    statistics = np.asarray(statistics, dtype=np.float64)
    total = statistics.sum(axis=0)
    whole = float(metric(total))
    if len(statistics) < 2:
        return np.full(len(statistics), whole)
    without = metric(total - statistics)
    return whole + (len(statistics) - 1) * (without.mean() - without)
