"""The bootstrap: how much a metric moves when the rows of its test are drawn again (Efron 1979)."""

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
"""From so many different rows on, Poisson counts are faster."""
KEPT = 20_000_000
"""The most counts that are kept for the next method (20 MB)."""


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
    different, frequencies = grouped(np.asarray(statistics, dtype=np.float64))
    n_rows = int(frequencies.sum())
    if len(different) < n_rows:
        counts = _counts_of_groups(frequencies, draws, seed)
    else:
        counts = _kept_counts(n_rows, draws, seed) if n_rows * draws <= KEPT else _counts_of_rows(n_rows, draws, seed)
    return np.concatenate([block.astype(np.float64) @ different for block in counts])


def _counts_of_groups(frequencies: IntArray, draws: int, seed: int) -> Iterator[IntArray]:
    """Blocks (draws of the block, m): how often the rows of each group are drawn together; each row is one of n drawn."""
    generator, n_rows = np.random.default_rng(seed), frequencies.sum()
    yield from (generator.multinomial(n_rows, frequencies / n_rows, size=size) for size in blocks(draws, len(frequencies)))


@lru_cache(maxsize=1)
def _kept_counts(n_rows: int, draws: int, seed: int) -> list[Counts]:
    """The same for every method that is tested on as many rows, so that they are drawn once for all of them."""
    return list(_counts_of_rows(n_rows, draws, seed))


def _counts_of_rows(n_rows: int, draws: int, seed: int) -> Iterator[Counts]:
    """Blocks (draws of the block, n_rows): how often each row is drawn, by the faster of two ways."""
    generator = np.random.default_rng(seed)
    counts = _counts_of_many if n_rows >= MANY else _counts_of_few
    yield from (counts(generator, n_rows, size) for size in blocks(draws, n_rows))


def _counts_of_few(generator: np.random.Generator, n_rows: int, draws: int) -> Counts:
    """(draws, n_rows): n rows are drawn one by one."""
    drawn = generator.integers(n_rows, size=(draws, n_rows)) + n_rows * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * n_rows).astype(np.uint8).reshape(draws, n_rows)


def _counts_of_many(generator: np.random.Generator, n_rows: int, draws: int) -> Counts:
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
    lacking = np.maximum(n_rows - counts.sum(axis=1, dtype=np.int64), 0)
    rest = generator.integers(n_rows, size=lacking.sum()) + n_rows * np.repeat(np.arange(draws), lacking)
    np.add.at(counts.reshape(-1), rest, np.uint8(1))
    return counts
