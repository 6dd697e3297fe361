"""The bootstrap: how much a metric moves when the rows of its test are drawn again (Efron 1979)."""

from math import exp, factorial, sqrt

import numpy as np

from ...datasets.arrays import FloatArray, IntArray
from .sums import Metric, blocks, grouped

DRAWS = 10_000
MANY = 1_000
"""From so many different rows on, Poisson counts are faster."""


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
    """(draws, m): how often each of m different rows is drawn, by the fastest of three ways: together, each row is one of n drawn."""
    n_rows = int(frequencies.sum())
    if len(frequencies) < n_rows:
        return generator.multinomial(n_rows, frequencies / n_rows, size=draws).astype(np.float64)
    if n_rows >= MANY:
        return _counts_of_many(generator, n_rows, draws)
    counts = np.empty((draws, n_rows))
    for row in counts:
        row[:] = np.bincount(generator.integers(n_rows, size=n_rows), minlength=n_rows)
    return counts


def _counts_of_many(generator: np.random.Generator, n_rows: int, draws: int) -> FloatArray:
    """(draws, n_rows): first each row a Poisson number of times, a little less than once on average, then what lacks of n rows one by one.

    Rows that are drawn by independent Poisson numbers are, given their total, drawn uniformly, so that all n are (Hanley and MacGibbon
    2006). The total exceeds n by chance once in 10^12 draws. Of each Poisson number 16 random bits decide: its variance is right to 1 in
    10^4.
    """
    rate = 1 - 7 / sqrt(n_rows)
    chances = exp(-rate) * np.cumsum([rate**count / factorial(count) for count in range(10)])
    random = generator.bit_generator.random_raw(-(-draws * n_rows // 4)).view(np.uint16)[: draws * n_rows].reshape(draws, n_rows)
    counts = np.zeros((draws, n_rows), dtype=np.uint8)
    for step in np.rint(chances * 2**16):
        if step < 2**16:
            counts += (random >= np.uint16(step)).view(np.uint8)
    for row, lacking in zip(counts, n_rows - counts.sum(axis=1, dtype=np.int64), strict=True):
        np.add.at(row, generator.integers(n_rows, size=max(lacking, 0)), np.uint8(1))
    return counts.astype(np.float64)
