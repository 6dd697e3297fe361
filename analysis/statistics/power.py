"""Power of a paired test of two accuracies: the smallest detectable difference for a number of rows, and the rows for a difference.

With ψ the share of rows where exactly one of the two systems is right, McNemar's test detects a difference d of their accuracies with the
chosen power on n = (z_α √ψ + z_β √(ψ - d²))² / d² + 1/|d| rows, z_α being the normal quantile of 1 - α/2 and z_β that of the power. The
first term is Connor's (1987) normal approximation. The exact test is discrete and needs more rows: the continuity correction, which shifts
the count by one, would add about 2/|d|; half of that is enough. `benchmarks/error_rates.py --table power` measures a power of 79 to 80 %
for a nominal 80 %, and 77 to 79 % without the second term; it is higher if one system is right on nearly all rows where they disagree.
"""

from math import ceil, inf, sqrt
from statistics import NormalDist

HALVINGS = 60
"""Bisection steps, enough for full precision."""


def rows_needed(disagreement: float, difference: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """Rows needed to detect a difference of accuracy; infinity for 0. Systems that differ by d disagree on at least a share d of rows."""
    gap = abs(difference)
    return ceil(_rows(max(disagreement, gap), gap, power, alpha)) if gap else inf


def smallest_difference(disagreement: float, n: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest difference of accuracy that n rows can detect, by solving the formula for d.

    Infinity if even a system that is right on every row where they disagree would not be called better, or if they never disagree.
    """
    if disagreement == 0 or _rows(disagreement, disagreement, power, alpha) > n:
        return inf
    low, high = 0.0, disagreement
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _rows(disagreement, middle, power, alpha) > n else (low, middle)
    return high


def _rows(share: float, gap: float, power: float, alpha: float) -> float:
    z_alpha, z_beta = NormalDist().inv_cdf(1 - alpha / 2), NormalDist().inv_cdf(power)
    return (z_alpha * sqrt(share) + z_beta * sqrt(share - gap * gap)) ** 2 / gap**2 + 1 / gap
