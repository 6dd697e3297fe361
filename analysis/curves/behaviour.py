"""Whether a power law describes a learning curve at all. About one curve in seven is not well-behaved (Yan, Mohr and Viering 2025)."""

from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np

from .noise import Noise
from .points import Levels
from .power_law import Fit

FEWEST = 4
"""Sizes: a law of three numbers passes through any three points, and says nothing."""
UNLIKELY, FAR = 0.01, 0.15


class Trouble(NamedTuple):
    """Why no law is fitted, and where the error rises if it does: from the size `first` to `last`, by `amount`."""

    kind: Literal["nothing", "few_sizes", "rises", "flat", "far_off"]
    first: float = 0.0
    last: float = 0.0
    amount: float = 0.0


def trouble_before(levels: Levels, noise: Noise) -> Trouble | None:
    """What can be said before a fit: too few sizes, an error that rises beyond its noise, or one that does not fall beyond it."""
    if len(levels.examples) < FEWEST:
        return Trouble("few_sizes" if len(levels.examples) else "nothing")
    if (rise := _rise(levels, noise)) is not None:
        return rise
    return None if _falls(levels, noise) else Trouble("flat", float(levels.examples[0]), levels.largest)


def trouble_after(fit: Fit) -> Trouble | None:
    """A law that lies far off the sizes: by more than 15 % of its fall, and more than seeds would put it off."""
    return Trouble("far_off", amount=fit.misfit) if fit.misfit > FAR and fit.misfit_p < UNLIKELY else None


def _rise(levels: Levels, noise: Noise) -> Trouble | None:
    """The largest rise of the error between two sizes, by one-sided t-tests of all pairs at 0.05 (Bonferroni)."""
    from scipy.special import stdtr

    errors = noise.deviations / np.sqrt(levels.runs if noise.from_seeds else 1)
    found = []
    for low, high in combinations(range(len(errors)), 2):
        amount = float(levels.means[high] - levels.means[low])
        p = float(stdtr(noise.degrees, -amount / np.hypot(errors[low], errors[high])))
        found.append((p, Trouble("rises", float(levels.examples[low]), float(levels.examples[high]), amount)))
    sure = [rise for p, rise in found if p * len(found) < 0.05]
    return max(sure, key=lambda rise: rise.amount, default=None)


def _falls(levels: Levels, noise: Noise) -> bool:
    """A one-sided t-test at 0.05 of the slope of the error over log n."""
    from scipy.special import stdtr

    weights = (levels.runs if noise.from_seeds else 1) / noise.deviations**2
    places = np.log(levels.examples)
    places = places - np.average(places, weights=np.broadcast_to(weights, places.shape))
    information = float((weights * places**2).sum())
    slope = float((weights * places * levels.means).sum()) / information
    return bool(stdtr(noise.degrees, slope * information**0.5) < 0.05)
