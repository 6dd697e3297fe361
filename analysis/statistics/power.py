"""What a paired test of two accuracies can show: the smallest difference for a number of rows, and the rows for a difference.

With ψ the share of rows where exactly one of the two systems is right, McNemar's test shows a difference d of their accuracies with the
chosen power on n = (z_α √ψ + z_β √(ψ - d²))² / d² + 1/|d| rows, z_α being the normal quantile of 1 - α/2 and z_β that of the power. The
first part is Connor's (1987) for the normal approximation. The exact test rejects at whole numbers only and needs more: moving the count of
rows by one, as the correction for continuity does, adds about 2/|d|, of which half is enough. `benchmarks/error_rates.py --table power`
measures a power of 79 to 80 % for 80 %, where 77 to 79 % were without; where one system is right on nearly all rows of the disagreement it
is higher.
"""

from math import ceil, inf, sqrt
from statistics import NormalDist

HALVINGS = 60
"""Until the smallest difference is known to the last digit."""


def rows_needed(disagreement: float, difference: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """The rows that show a difference of accuracy; infinity for none. Systems that differ by d disagree on at least a share d of rows."""
    gap = abs(difference)
    return ceil(_rows(max(disagreement, gap), gap, power, alpha)) if gap else inf


def smallest_difference(disagreement: float, n: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest difference of accuracy that n rows show, the formula solved for d.

    Infinity where even a system that is right on every row of the disagreement would not be called better, as where there is none.
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
