"""Where two learning curves cross: the number of examples from which the initially worse method is ahead."""

from typing import NamedTuple

import numpy as np

from ...datasets.arrays import FloatArray
from .power_law import Estimate, Fit, estimate

DRAWN = 4.0
"""Curves are extrapolated up to this multiple of the largest size."""
SEARCHED = 100.0
"""Crossings of resampled curves are searched up to this multiple of the largest size; later ones count as never."""


class Crossing(NamedTuple):
    """Indices of the two methods: `ahead` overtakes `behind` at `examples`."""

    ahead: int
    behind: int
    examples: Estimate


def crossing(fits: tuple[Fit, Fit], smallest: float, largest: float) -> Crossing | None:
    """The last crossing of two laws up to four times the largest size, or None.

    The interval comes from the same crossing in pairs of resamples: 0 if `ahead` leads from the start, infinite if it never gets ahead.
    """
    sizes = np.geomspace(smallest, DRAWN * largest, 400)
    gaps = fits[0].errors(sizes) - fits[1].errors(sizes)
    last = [_last(_crossings(sign * gaps[None], sizes)) for sign in (-1, 1)]
    if not any(last):
        return None
    ahead, behind = (0, 1) if last[0] > last[1] else (1, 0)
    resampled = _resampled(fits[ahead], fits[behind], last[ahead], np.geomspace(smallest, SEARCHED * largest, 800))
    return Crossing(ahead, behind, estimate(np.array([last[ahead]]), resampled))


def _resampled(ahead: Fit, behind: Fit, size: float, sizes: FloatArray) -> FloatArray:
    """(k,): for each pair of resamples, the crossing nearest to `size` in log n; 0 or infinity if they do not cross."""
    gaps = behind.draws.errors(sizes) - ahead.draws.errors(sizes)
    crossings = _crossings(gaps, sizes)
    distances = np.where(np.isnan(crossings), np.inf, np.abs(np.log(crossings / size)))
    nearest = np.take_along_axis(crossings, distances.argmin(axis=1)[:, None], axis=1)[:, 0]
    leads = gaps[:, np.searchsorted(sizes, size) - 1] > 0
    return np.where(np.isnan(nearest), np.where(leads, 0, np.inf), nearest)


def _last(crossings: FloatArray) -> float:
    return float(np.nanmax(crossings, initial=0))


def _crossings(gaps: FloatArray, sizes: FloatArray) -> FloatArray:
    """(k, g - 1): the sizes at which each row of gaps (k, g), the difference of two error curves, turns positive; NaN elsewhere.

    Between two sizes the gap is interpolated linearly in log n.
    """
    left, right = gaps[:, :-1], gaps[:, 1:]
    turns = (left < 0) & (right >= 0)
    share = np.divide(-left, right - left, out=np.full(left.shape, np.nan), where=turns)
    return np.exp(np.log(sizes[:-1]) + share * np.diff(np.log(sizes)))
