"""Checks whether a power law fits a learning curve at all. About one curve in seven is not well-behaved (Yan, Mohr and Viering 2025)."""

from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np

from .noise import Noise
from .points import Levels
from .power_law import Fit

MIN_SIZES = 4
"""Minimum number of sizes: a law with three parameters can pass through any three points."""
UNLIKELY, MAX_MISFIT = 0.01, 0.15


class Trouble(NamedTuple):
    """Why no law is fitted; if the error rises, `first` and `last` are the sizes between which it does, and `amount` is by how much."""

    kind: Literal["nothing", "few_sizes", "rises", "flat", "far_off"]
    first: float = 0.0
    last: float = 0.0
    amount: float = 0.0


def trouble_before(levels: Levels, noise: Noise) -> Trouble | None:
    """Checks before fitting: too few sizes, an error that rises significantly, or one that does not fall significantly."""
    if len(levels.examples) < MIN_SIZES:
        return Trouble("few_sizes" if len(levels.examples) else "nothing")
    if (rise := _rise(levels, noise)) is not None:
        return rise
    return None if _falls(levels, noise) else Trouble("flat", float(levels.examples[0]), levels.largest)


def trouble_after(fit: Fit) -> Trouble | None:
    """Checks after fitting: a misfit of more than 15 % of the law's fall that seeds alone do not explain."""
    return Trouble("far_off", amount=fit.misfit) if fit.misfit > MAX_MISFIT and fit.misfit_p < UNLIKELY else None


def _rise(levels: Levels, noise: Noise) -> Trouble | None:
    """The largest rise of the error between two sizes, by one-sided t-tests of all pairs at 0.05 (Bonferroni)."""
    from scipy.special import stdtr

    errors = noise.deviations / np.sqrt(levels.runs if noise.from_seeds else 1)
    rises = []
    for low, high in combinations(range(len(errors)), 2):
        amount = float(levels.means[high] - levels.means[low])
        p = float(stdtr(noise.degrees, -amount / np.hypot(errors[low], errors[high])))
        rises.append((p, Trouble("rises", float(levels.examples[low]), float(levels.examples[high]), amount)))
    significant = [rise for p, rise in rises if p * len(rises) < 0.05]
    return max(significant, key=lambda rise: rise.amount, default=None)


def _falls(levels: Levels, noise: Noise) -> bool:
    """Whether the error falls: a one-sided t-test at 0.05 of its slope over log n."""
    from scipy.special import stdtr

    weights = (levels.runs if noise.from_seeds else 1) / noise.deviations**2
    log_sizes = np.log(levels.examples)
    log_sizes = log_sizes - np.average(log_sizes, weights=np.broadcast_to(weights, log_sizes.shape))
    information = float((weights * log_sizes**2).sum())
    slope = float((weights * log_sizes * levels.means).sum()) / information
    return bool(stdtr(noise.degrees, slope * information**0.5) < 0.05)
