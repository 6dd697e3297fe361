"""Permutation tests of two systems on the same rows: how often a difference as large appears when chance decides which system is which."""

from collections.abc import Iterator

import numpy as np

from ...datasets.arrays import FloatArray, IntArray
from .sums import Metric, blocks, grouped

DRAWS = 10_000
NEARLY = 1e-9
"""Differences this close, relative to the largest, are equal: sums in another order differ in their last digits."""


def randomisation_p(metric: Metric, a: FloatArray, b: FloatArray, draws: int = DRAWS, seed: int = 0) -> float:
    """The two-sided p that a metric of the statistics a and b (rows, k) is equal: paired approximate randomisation (Noreen 1989; Yeh 2000).

    Each draw exchanges a and b in every row with probability 1/2. p = (c + 1)/(draws + 1), where c draws have a difference at least as
    large; exact, c out of 2^m, where m rows differ and 2^m is no more than `draws`.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    total_a, total_b, gaps = a.sum(axis=0), b.sum(axis=0), (a - b)[np.any(a != b, axis=1)]
    exact = 2 ** len(gaps) <= draws
    moved = _every_exchange(gaps) if exact else _drawn_exchanges(gaps, draws, seed)
    found = np.abs(np.concatenate([metric(total_a - gained) - metric(total_b + gained) for gained in moved]))
    seen = abs(float(metric(total_a) - metric(total_b)))
    count = int(np.count_nonzero(found >= seen - NEARLY * max(seen, float(found.max()))))
    return count / len(found) if exact else (count + 1) / (draws + 1)


def sign_flip_p(differences: FloatArray, draws: int = DRAWS, seed: int = 0) -> float:
    """The two-sided p that the mean of differences (texts,) is 0: each may as well have had the other sign (Fisher 1935)."""
    gaps = np.asarray(differences, dtype=np.float64)[:, None]
    return randomisation_p(lambda sums: sums[..., 0], gaps, np.zeros_like(gaps), draws, seed)


def _every_exchange(gaps: FloatArray) -> Iterator[FloatArray]:
    """(2^m, k): what a loses in each set of exchanged rows."""
    sets = np.arange(2 ** len(gaps))[:, None] >> np.arange(len(gaps)) & 1
    yield sets.astype(np.float64) @ gaps


def _drawn_exchanges(gaps: FloatArray, draws: int, seed: int) -> Iterator[FloatArray]:
    """Blocks (draws of the block, k): what a loses in rows that chance exchanges."""
    generator = np.random.default_rng(seed)
    different, frequencies = grouped(gaps)
    yield from (_exchanged(generator, frequencies, size) @ different for size in blocks(draws, len(different)))


def _exchanged(generator: np.random.Generator, frequencies: IntArray, draws: int) -> FloatArray:
    """(draws, m): how often each of m different rows is exchanged; single bits where each occurs once."""
    if frequencies.max() > 1:
        return generator.binomial(frequencies, 0.5, size=(draws, len(frequencies))).astype(np.float64)
    shape = draws, len(frequencies)
    bits = np.unpackbits(np.frombuffer(generator.bytes(-(-draws * shape[1] // 8)), dtype=np.uint8), count=draws * shape[1])
    return bits.reshape(shape).astype(np.float64)
