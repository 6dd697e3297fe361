"""Metrics as functions of summed statistics of the rows, so that a resample of the rows costs a sum and no new scoring.

Accuracy is right / rows, F1 is 2 tp / (2 tp + fp + fn), BLEU a function of matched and possible n-grams. The statistics of a system are
(rows, k), and a metric takes their sums (..., k) to its values (...).
"""

from collections.abc import Callable, Iterator

import numpy as np

from ...datasets.arrays import FloatArray, IntArray

Metric = Callable[[FloatArray], FloatArray]

BLOCK = 2_000_000
"""The most numbers that are drawn before they are summed (16 MB). In smaller blocks BLAS starts its threads more often."""


def ratio(sums: FloatArray) -> FloatArray:
    """The metric of two sums: the first over the second, 0 where the second is 0."""
    return np.divide(sums[..., 0], sums[..., 1], out=np.zeros(sums.shape[:-1]), where=sums[..., 1] != 0)


def difference(metric: Metric) -> Metric:
    """The metric of a less that of b, of rows that hold the statistics of both: `np.hstack([a, b])`. What draws rows draws them paired."""
    def of_both(sums: FloatArray) -> FloatArray:
        a, b = np.split(sums, 2, axis=-1)
        return metric(a) - metric(b)

    return of_both


def by_cluster(statistics: FloatArray, clusters: IntArray) -> FloatArray:
    """(clusters, k) sums of the rows of each cluster, such as the sentences of one document, which are then drawn together."""
    _, places = np.unique(clusters, return_inverse=True)
    sums = np.zeros((places.max(initial=-1) + 1, statistics.shape[1]))
    np.add.at(sums, places, statistics)
    return sums


def grouped(statistics: FloatArray) -> tuple[FloatArray, IntArray]:
    """The different rows (m, k) and how often each occurs (m,), which draw the same sums from fewer numbers; all rows where most differ."""
    different, frequencies = np.unique(statistics, axis=0, return_counts=True)
    if 20 * len(different) > len(statistics):
        return statistics, np.ones(len(statistics), dtype=np.int64)
    return different, frequencies


def blocks(draws: int, numbers: int) -> Iterator[int]:
    """Sizes of blocks that add up to `draws`, each of at most BLOCK numbers where a draw takes `numbers`."""
    size = max(BLOCK // max(numbers, 1), 1)
    yield from (min(size, draws - start) for start in range(0, draws, size))
