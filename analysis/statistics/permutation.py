"""Permutation tests for two systems on the same rows: how often a difference this large appears if systems are swapped at random."""

from collections.abc import Iterator

import numpy as np

from ...datasets.arrays import FloatArray, IntArray
from .sums import Metric, blocks, grouped

DRAWS = 10_000
NEARLY = 1e-9
"""Relative tolerance for equal differences: sums in another order differ in their last digits."""


def randomisation_p(metric: Metric, a: FloatArray, b: FloatArray, draws: int = DRAWS, seed: int = 0) -> float:
    """Two-sided p of equal metrics of the statistics a and b (rows, k): paired approximate randomisation (Noreen 1989; Yeh 2000).

    Each draw swaps a and b in every row with probability 1/2. p = (c + 1)/(draws + 1), where c draws have a difference at least as
    large as the observed one; exact, c / 2^m, if m rows differ and 2^m <= `draws`.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    total_a, total_b, gaps = a.sum(axis=0), b.sum(axis=0), (a - b)[np.any(a != b, axis=1)]
    exact = 2 ** len(gaps) <= draws
    swapped = _all_swaps(gaps) if exact else _random_swaps(gaps, draws, seed)
    differences = np.abs(np.concatenate([metric(total_a - moved) - metric(total_b + moved) for moved in swapped]))
    observed = abs(float(metric(total_a) - metric(total_b)))
    count = int(np.count_nonzero(differences >= observed - NEARLY * max(observed, float(differences.max()))))
    return count / len(differences) if exact else (count + 1) / (draws + 1)


def sign_flip_p(differences: FloatArray, draws: int = DRAWS, seed: int = 0) -> float:
    """Two-sided p that the mean of differences (texts,) is 0, by random changes of their signs (Fisher 1935)."""
    gaps = np.asarray(differences, dtype=np.float64)[:, None]
    return randomisation_p(lambda sums: sums[..., 0], gaps, np.zeros_like(gaps), draws, seed)


def _all_swaps(gaps: FloatArray) -> Iterator[FloatArray]:
    """(2^m, k): the sum that moves from a to b, for each set of swapped rows."""
    sets = np.arange(2 ** len(gaps))[:, None] >> np.arange(len(gaps)) & 1
    yield sets.astype(np.float64) @ gaps


def _random_swaps(gaps: FloatArray, draws: int, seed: int) -> Iterator[FloatArray]:
    """Blocks (draws of the block, k): the sum that moves from a to b, for randomly swapped rows."""
    generator = np.random.default_rng(seed)
    distinct, frequencies = grouped(gaps)
    yield from (_n_swapped(generator, frequencies, size) @ distinct for size in blocks(draws, len(distinct)))


def _n_swapped(generator: np.random.Generator, frequencies: IntArray, draws: int) -> FloatArray:
    """(draws, m): how often each of m distinct rows is swapped; random bits if each occurs once."""
    if frequencies.max() > 1:
        return generator.binomial(frequencies, 0.5, size=(draws, len(frequencies))).astype(np.float64)
    shape = draws, len(frequencies)
    bits = np.unpackbits(np.frombuffer(generator.bytes(-(-draws * shape[1] // 8)), dtype=np.uint8), count=draws * shape[1])
    return bits.reshape(shape).astype(np.float64)
