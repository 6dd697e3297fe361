"""The bootstrap: the variation of a metric when the test rows are resampled with replacement (Efron 1979)."""

from collections.abc import Iterator
from functools import lru_cache
from math import exp, factorial, sqrt

import numpy as np
import numpy.typing as npt

from ...datasets.arrays import FloatArray, IntArray
from .sums import Metric, blocks, grouped

Counts = npt.NDArray[np.uint8]

DRAWS = 10_000
MANY = 1_000
"""From this number of distinct rows, Poisson counts are faster."""
MAX_CACHED = 20_000_000
"""Maximum number of counts cached for the next method (20 MB)."""


def percentile_interval(metric: Metric, statistics: FloatArray, confidence: float = 0.95, draws: int = DRAWS,
                        seed: int = 0) -> tuple[float, float]:
    """The percentile interval (Efron and Tibshirani 1993, chapter 13): the middle `confidence` of the metric over resamples.

    For clustered rows pass `by_cluster(statistics, clusters)`; for two systems, `difference(metric)` and their statistics side by side
    (the paired bootstrap of Koehn 2004).
    """
    values = metric(resampled_sums(statistics, draws, seed))
    low, high = np.percentile(values, [50 * (1 - confidence), 50 * (1 + confidence)]).tolist()
    return low, high


def resampled_sums(statistics: FloatArray, draws: int = DRAWS, seed: int = 0) -> FloatArray:
    """(draws, k): sums of the statistics (rows, k) over resamples of the same number of rows, drawn with replacement."""
    distinct, frequencies = grouped(np.asarray(statistics, dtype=np.float64))
    n_rows = int(frequencies.sum())
    if len(distinct) < n_rows:
        counts = _counts_of_groups(frequencies, draws, seed)
    else:
        counts = _cached_counts(n_rows, draws, seed) if n_rows * draws <= MAX_CACHED else _counts_of_rows(n_rows, draws, seed)
    return np.concatenate([block.astype(np.float64) @ distinct for block in counts])


def _counts_of_groups(frequencies: IntArray, draws: int, seed: int) -> Iterator[IntArray]:
    """Blocks (draws of the block, m): how many of the n drawn rows fall in each group of equal rows."""
    generator, n_rows = np.random.default_rng(seed), frequencies.sum()
    yield from (generator.multinomial(n_rows, frequencies / n_rows, size=size) for size in blocks(draws, len(frequencies)))


@lru_cache(maxsize=1)
def _cached_counts(n_rows: int, draws: int, seed: int) -> list[Counts]:
    """Drawn once for all methods that are tested on the same number of rows."""
    return list(_counts_of_rows(n_rows, draws, seed))


def _counts_of_rows(n_rows: int, draws: int, seed: int) -> Iterator[Counts]:
    """Blocks (draws of the block, n_rows): how often each row is drawn, by the faster of two methods."""
    generator = np.random.default_rng(seed)
    counts = _counts_of_many if n_rows >= MANY else _counts_of_few
    yield from (counts(generator, n_rows, size) for size in blocks(draws, n_rows))


def _counts_of_few(generator: np.random.Generator, n_rows: int, draws: int) -> Counts:
    """(draws, n_rows): draws n rows one by one."""
    drawn = generator.integers(n_rows, size=(draws, n_rows)) + n_rows * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * n_rows).astype(np.uint8).reshape(draws, n_rows)


def _counts_of_many(generator: np.random.Generator, n_rows: int, draws: int) -> Counts:
    """(draws, n_rows): draws each row a Poisson number of times, on average a little less than once, then the remaining rows one by one.

    Given their total, independent Poisson counts are a uniform draw of rows, so all n rows are drawn uniformly (Hanley and MacGibbon
    2006). The total exceeds n once in 10^12 draws. Each Poisson number uses 16 random bits, so its variance is accurate to 1 in 10^4.
    """
    rate = 1 - 7 / sqrt(n_rows)
    chances = exp(-rate) * np.cumsum([rate**count / factorial(count) for count in range(10)])
    random = generator.bit_generator.random_raw(-(-draws * n_rows // 4)).view(np.uint16)[: draws * n_rows].reshape(draws, n_rows)
    counts = np.zeros((draws, n_rows), dtype=np.uint8)
    for step in np.rint(chances * 2**16):
        if step < 2**16:
            counts += (random >= np.uint16(step)).view(np.uint8)
    missing = np.maximum(n_rows - counts.sum(axis=1, dtype=np.int64), 0)
    rest = generator.integers(n_rows, size=missing.sum()) + n_rows * np.repeat(np.arange(draws), missing)
    np.add.at(counts.reshape(-1), rest, np.uint8(1))
    return counts
