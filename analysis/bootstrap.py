"""The bootstrap: how much a metric moves when the rows of its test are drawn again (Efron 1979)."""

import numpy as np

from ..datasets.arrays import FloatArray, IntArray
from .sums import Metric, blocks, grouped

DRAWS = 10_000


def percentile_interval(metric: Metric, statistics: FloatArray, confidence: float = 0.95, draws: int = DRAWS,
                        seed: int = 0) -> tuple[float, float]:
    """The percentile interval (Efron and Tibshirani 1993, chapter 13): the middle `confidence` of the metric over resamples.

    For rows that belong together pass `by_cluster(statistics, clusters)`; for two systems, `difference(metric)` and their statistics side
    by side (the paired bootstrap of Koehn 2004).
    """
    values = metric(resampled_sums(statistics, draws, seed))
    low, high = np.percentile(values, [50 * (1 - confidence), 50 * (1 + confidence)]).tolist()
    return low, high


def resampled_sums(statistics: FloatArray, draws: int = DRAWS, seed: int = 0) -> FloatArray:
    """(draws, k): sums of the statistics (rows, k) over as many rows, drawn with replacement."""
    generator = np.random.default_rng(seed)
    different, frequencies = grouped(np.asarray(statistics, dtype=np.float64))
    return np.concatenate([_counts(generator, frequencies, size) @ different for size in blocks(draws, len(different))])


def _counts(generator: np.random.Generator, frequencies: IntArray, draws: int) -> FloatArray:
    """(draws, m): how often each of m different rows is drawn; by row where all are different, which is faster than a multinomial."""
    n_rows = int(frequencies.sum())
    if len(frequencies) < n_rows:
        return generator.multinomial(n_rows, frequencies / n_rows, size=draws).astype(np.float64)
    counts = np.empty((draws, n_rows))
    for row in counts:
        row[:] = np.bincount(generator.integers(n_rows, size=n_rows), minlength=n_rows)
    return counts
