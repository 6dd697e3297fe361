"""Metrics as functions of sums of row statistics, so that resampling rows needs only new sums, not new scoring.

Accuracy is right / rows, F1 is 2 tp / (2 tp + fp + fn), BLEU a function of matched and possible n-grams. The statistics of a system are
(rows, k), and a metric takes their sums (..., k) to its values (...).
"""

from collections.abc import Callable, Iterator

import numpy as np

from ...datasets.arrays import FloatArray, IntArray

Metric = Callable[[FloatArray], FloatArray]

BLOCK = 2_000_000
"""Maximum random numbers drawn before summing (16 MB). With smaller blocks, BLAS starts its threads more often."""


def ratio(sums: FloatArray) -> FloatArray:
    """The ratio of two sums; 0 if the second is 0."""
    return np.divide(sums[..., 0], sums[..., 1], out=np.zeros(sums.shape[:-1]), where=sums[..., 1] != 0)


def difference(metric: Metric) -> Metric:
    """The difference of a metric between a and b, for rows with the statistics of both, `np.hstack([a, b])`: resampling is then paired."""
    def of_both(sums: FloatArray) -> FloatArray:
        a, b = np.split(sums, 2, axis=-1)
        return metric(a) - metric(b)

    return of_both


def by_cluster(statistics: FloatArray, clusters: IntArray) -> FloatArray:
    """(clusters, k): sums over the rows of each cluster, such as the sentences of a document, so that they are resampled together."""
    _, places = np.unique(clusters, return_inverse=True)
    sums = np.zeros((places.max(initial=-1) + 1, statistics.shape[1]))
    np.add.at(sums, places, statistics)
    return sums


def grouped(statistics: FloatArray) -> tuple[FloatArray, IntArray]:
    """The distinct rows (m, k) and their counts (m,), so that fewer random numbers are needed; all rows if most are distinct."""
    distinct, frequencies = np.unique(statistics, axis=0, return_counts=True)
    if 20 * len(distinct) > len(statistics):
        return statistics, np.ones(len(statistics), dtype=np.int64)
    return distinct, frequencies


def blocks(draws: int, numbers: int) -> Iterator[int]:
    """Sizes of blocks that add up to `draws`, with at most BLOCK numbers per block if a draw takes `numbers`."""
    size = max(BLOCK // max(numbers, 1), 1)
    yield from (min(size, draws - start) for start in range(0, draws, size))
