"""What a paired test of two accuracies can show: the smallest difference for a number of rows, and the rows for a difference.

With ψ the share of rows where exactly one of the two systems is right, McNemar's test shows a difference d of their accuracies with the
chosen power on n = (z_α √ψ + z_β √(ψ - d²))² / d² rows, z_α being the normal quantile of 1 - α/2 and z_β that of the power (Connor 1987).
The exact test needs a few rows more.
"""

from math import ceil, inf, sqrt
from statistics import NormalDist


def rows_needed(disagreement: float, difference: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """The rows that show a difference of accuracy; infinity for none. Systems that differ by d disagree on at least a share d of rows."""
    if difference == 0:
        return inf
    z_alpha, z_beta = _quantiles(power, alpha)
    gap = abs(difference)
    share = max(disagreement, gap)
    return ceil((z_alpha * sqrt(share) + z_beta * sqrt(share - gap * gap)) ** 2 / gap**2)


def smallest_difference(disagreement: float, n: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest difference of accuracy that n rows show, the formula solved for d.

    Infinity where even a system that is right on every row of the disagreement would not be called better, as where there is none.
    """
    z_alpha, z_beta = _quantiles(power, alpha)
    inside = n - z_alpha**2 + z_beta**2
    if disagreement == 0 or inside < 0:
        return inf
    gap = sqrt(disagreement) * (z_alpha * sqrt(n) + z_beta * sqrt(inside)) / (n + z_beta**2)
    return gap if gap <= disagreement else inf


def _quantiles(power: float, alpha: float) -> tuple[float, float]:
    return NormalDist().inv_cdf(1 - alpha / 2), NormalDist().inv_cdf(power)
