"""Where the curves of two methods cross: from which number of examples on the one that is worse at first is ahead."""

from typing import NamedTuple

import numpy as np

from ...datasets.arrays import FloatArray
from .power_law import Estimate, Fit, estimate

DRAWN = 4.0
"""Curves are drawn, and believed, up to so many times the data."""
SEARCHED = 100.0
"""Resampled curves may cross up to so many times the data; beyond, they count as never."""


class Crossing(NamedTuple):
    """`behind` is ahead on few examples and `ahead` on many, from `examples` on."""

    ahead: int
    behind: int
    examples: Estimate


def crossing(fits: tuple[Fit, Fit], smallest: float, largest: float) -> Crossing | None:
    """The last crossing of two laws up to four times the largest size; None where there is none.

    The interval is that of the same crossing in pairs of resamples. One where the second method is ahead from the start counts as 0, and
    one where it never gets ahead as infinite.
    """
    sizes = np.geomspace(smallest, DRAWN * largest, 400)
    gaps = fits[0].errors(sizes) - fits[1].errors(sizes)
    passes = [_last(_crossings(sign * gaps[None], sizes)) for sign in (-1, 1)]
    if not any(passes):
        return None
    ahead, behind = (0, 1) if passes[0] > passes[1] else (1, 0)
    drawn = _drawn(fits[ahead], fits[behind], passes[ahead], np.geomspace(smallest, SEARCHED * largest, 800))
    return Crossing(ahead, behind, estimate(np.array([passes[ahead]]), drawn))


def _drawn(ahead: Fit, behind: Fit, size: float, sizes: FloatArray) -> FloatArray:
    """(k,): the crossing of each pair of resamples that is nearest to `size` in log n; without one, 0 or infinity."""
    gaps = behind.draws.errors(sizes) - ahead.draws.errors(sizes)
    found = _crossings(gaps, sizes)
    distances = np.where(np.isnan(found), np.inf, np.abs(np.log(found / size)))
    nearest = np.take_along_axis(found, distances.argmin(axis=1)[:, None], axis=1)[:, 0]
    leads = gaps[:, np.searchsorted(sizes, size) - 1] > 0
    return np.where(np.isnan(nearest), np.where(leads, 0, np.inf), nearest)


def _last(found: FloatArray) -> float:
    return float(np.nanmax(found, initial=0))


def _crossings(gaps: FloatArray, sizes: FloatArray) -> FloatArray:
    """(k, g - 1): where each row of gaps (k, g), errors of one curve less another's, turns from below 0 to above; NaN elsewhere.

    Between two sizes the gap is taken as straight over log n.
    """
    left, right = gaps[:, :-1], gaps[:, 1:]
    turns = (left < 0) & (right >= 0)
    share = np.divide(-left, right - left, out=np.full(left.shape, np.nan), where=turns)
    return np.exp(np.log(sizes[:-1]) + share * np.diff(np.log(sizes)))
