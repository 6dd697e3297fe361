"""Proportions of rows, such as accuracy: intervals, and the interval and test of a difference of two on the same rows."""

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

MAX_EXACT_THROWS = 5_000


class PairedCounts(NamedTuple):
    """Numbers of rows that both systems, only a, only b, and neither get right."""

    both: int
    only_a: int
    only_b: int
    neither: int

    @classmethod
    def of(cls, right_a: npt.ArrayLike, right_b: npt.ArrayLike) -> Self:
        """From (rows,) booleans for each system: whether it is right."""
        a, b = np.asarray(right_a, dtype=bool), np.asarray(right_b, dtype=bool)
        return cls(*(int(np.count_nonzero(rows)) for rows in (a & b, a & ~b, ~a & b, ~a & ~b)))


def wilson_interval(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a share p = successes / n (Wilson 1927); from 0 to 1 if there are no rows.

    With z the normal quantile: (p + z²/2n ± z √(p (1 - p)/n + z²/4n²)) / (1 + z²/n). Unlike p ± z √(p (1 - p)/n) it keeps its
    coverage for small n and for shares near 0 and 1 (Brown, Cai and DasGupta 2001).
    """
    if n == 0:
        return 0.0, 1.0
    z, share = NormalDist().inv_cdf((1 + confidence) / 2), successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return (max(middle - half, 0.0) if successes else 0.0), (min(middle + half, 1.0) if successes < n else 1.0)


def newcombe_interval(counts: PairedCounts, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of the difference of two shares of the same rows, a - b: method 10 of Newcombe (1998, Statistics in Medicine 17, 2635).

    With l and u the ends of Wilson's interval of each share, low = d - √((a - l_a)² - 2 φ (a - l_a)(u_b - b) + (u_b - b)²), and high the
    same with the other ends; φ is the correlation of the two systems' right answers.
    """
    n = sum(counts)
    if n == 0:
        return -1.0, 1.0
    right_a, right_b = counts.both + counts.only_a, counts.both + counts.only_b
    (low_a, high_a), (low_b, high_b) = wilson_interval(right_a, n, confidence), wilson_interval(right_b, n, confidence)
    a, b, phi = right_a / n, right_b / n, _correlation(counts)
    below, above = _joined(a - low_a, high_b - b, phi), _joined(high_a - a, b - low_b, phi)
    return max((right_a - right_b) / n - below, -1.0), min((right_a - right_b) / n + above, 1.0)


def mcnemar_p(counts: PairedCounts) -> float:
    """The exact p of McNemar's test that two systems are right equally often on the same rows; 1 if they never disagree.

    Twice the probability of at most min(only_a, only_b) heads in only_a + only_b throws of a fair coin (McNemar 1947; Dietterich 1998).
    """
    fewer, disagreements = min(counts.only_a, counts.only_b), counts.only_a + counts.only_b
    return min(1.0, 2 * _at_most_heads(fewer, disagreements))


def _at_most_heads(heads: int, throws: int) -> float:
    """The probability of at most `heads` heads. Up to some thousand throws, integers are exact and faster than loading scipy."""
    if throws > MAX_EXACT_THROWS:
        from scipy.special import bdtr

        return float(bdtr(heads, throws, 0.5))
    ways = total = 1
    for number in range(heads):
        ways = ways * (throws - number) // (number + 1)
        total += ways
    return total / 2**throws


def _joined(own: float, other: float, phi: float) -> float:
    return sqrt(max(own * own - 2 * phi * own * other + other * other, 0.0))


def _correlation(counts: PairedCounts) -> float:
    """φ with the continuity correction of method 10, which shrinks positive values towards 0; 0 if a margin is empty."""
    both, only_a, only_b, neither = counts
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    covariance = both * neither - only_a * only_b
    corrected = max(covariance - sum(counts) / 2, 0.0) if covariance > 0 else covariance
    return corrected / sqrt(margins) if margins else 0.0
