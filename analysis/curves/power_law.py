"""The inverse power law of a learning curve, e(n) = a + b n^-c, with a >= 0, b >= 0 and c > 0.

`a` is the error that no number of examples takes away, and `c` says how fast the rest vanishes: twice the examples leave 2^-c of it.
Of the shapes that fit learning curves, this is the one in most use (Hestness et al. 2017; Viering and Loog 2023, section 4).

For a given c the least squares are a straight line in n^-c, so that the fit is a search in one dimension (variable projection: Golub and
Pereyra 1973), done for thousands of resampled curves at once. The size of n is counted in units of the largest one.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...datasets.arrays import FloatArray, IntArray
from .noise import Noise
from .points import Levels

EXPONENTS = (0.02, 4.0)
"""Slower than the first is as good as flat, faster than the second as good as at once."""
DRAWS = 2_000
PARAMETERS = 3
UNLIKELY = 0.05


class PowerLaw(NamedTuple):
    """k laws: each field is (k,)."""

    floor: FloatArray
    factor: FloatArray
    exponent: FloatArray

    def errors(self, examples: FloatArray) -> FloatArray:
        """(k, m) errors at m sizes."""
        return self.floor[:, None] + self.factor[:, None] * np.asarray(examples) ** -self.exponent[:, None]

    def examples(self, errors: FloatArray) -> FloatArray:
        """(k,) sizes at which each law has the error (k,); infinity where it never gets there."""
        left = errors - self.floor
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            reached = np.exp(np.log(self.factor / left) / self.exponent)
        return np.where((left > 0) & (self.factor > 0), reached, np.inf)


class Estimate(NamedTuple):
    """A value with the ends of its 95 % interval; each may be infinite."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Fit:
    """The law of a method (k = 1), and those of its resamples."""

    law: PowerLaw
    draws: PowerLaw
    misfit: float
    """How far the sizes lie off the law, beside how far the law falls over them (root mean square over range)."""
    misfit_p: float
    """The p that seeds alone put the sizes so far off it; 0 where seeds tell nothing."""

    def errors(self, examples: FloatArray) -> FloatArray:
        return self.law.errors(examples)[0]

    def band(self, examples: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The ends of the 95 % interval at each size."""
        low, high = np.percentile(self.draws.errors(examples), [2.5, 97.5], axis=0)
        return low, high


def estimate(value: FloatArray, draws: FloatArray) -> Estimate:
    """A value and the percentile interval of its resamples (Efron and Tibshirani 1993, chapter 13); infinite ones count too."""
    low, high = np.quantile(draws, [0.025, 0.975], method="inverted_cdf").tolist()
    return Estimate(float(value[0]), low, high)


def fit_power_laws(examples: FloatArray, errors: FloatArray, weights: FloatArray) -> PowerLaw:
    """The law of each row of errors (k, m) at the sizes (m,) by least squares with weights (m,)."""
    largest = examples[-1]
    relative, weights = np.log(examples / largest), weights / weights.sum()
    low, high = (np.full(len(errors), np.log(end)) for end in EXPONENTS)
    best = low
    for count in (41, *[15] * 6):
        trials = np.linspace(low, high, count, axis=1)
        squares, _, _ = _lines(np.exp(-np.exp(trials)[:, :, None] * relative), errors, weights)
        best = np.take_along_axis(trials, squares.argmin(axis=1)[:, None], axis=1)[:, 0]
        step = (high - low) / (count - 1)
        low, high = np.maximum(best - step, np.log(EXPONENTS[0])), np.minimum(best + step, np.log(EXPONENTS[1]))
    exponent = np.exp(best)
    _, floor, factor = _lines(np.exp(-exponent[:, None, None] * relative), errors, weights)
    return PowerLaw(floor[:, 0], factor[:, 0] * largest**exponent, exponent)


def _lines(x: FloatArray, errors: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(k, g) each: the weighted squares, a and b of the best a + b x with a, b >= 0, for x (k, g, m) and errors (k, m)."""
    y, mean_x, mean_y = errors[:, None, :], x @ weights, (errors @ weights)[:, None]
    centred = x - mean_x[:, :, None]
    factor = np.maximum((centred * y) @ weights / (centred**2 @ weights), 0)
    floor = mean_y - factor * mean_x
    through_zero = np.maximum((x * y) @ weights / (x**2 @ weights), 0)
    factor, floor = np.where(floor < 0, through_zero, factor), np.maximum(floor, 0)
    return (floor[:, :, None] + factor[:, :, None] * x - y) ** 2 @ weights, floor, factor


def fit_levels(levels: Levels, noise: Noise, draws: int = DRAWS, seed: int = 0) -> Fit:
    """Fit a method's law with weights k_i / σ_i², and resample it.

    Each resample adds to the law at each size the mean of as many residuals as it has runs. They are drawn from those of all sizes in units
    of σ_i (from the size's mean or, where seeds tell nothing, from the law), and widened to the variance that the law leaves. With N runs
    that has N - 3 degrees of freedom, and residuals are longer by Student's quantile over the normal one too, or few runs would give
    intervals that are too short (Hesterberg 2015).
    """
    from scipy.special import stdtrit

    runs = levels.runs if noise.from_seeds else np.ones_like(levels.runs)
    law = fit_power_laws(levels.examples, levels.means[None], runs / noise.deviations**2)
    fitted = law.errors(levels.examples)[0]
    off = (levels.means - fitted) / noise.deviations
    within = (levels.errors - levels.means[levels.places]) / noise.deviations[levels.places] if noise.from_seeds else np.zeros(0)
    squares, left = float(runs @ off**2), max(len(runs) - PARAMETERS, 1)
    p = _misfit_p(squares / left, left, noise)
    total, degrees = float(within @ within) + squares, max(int(runs.sum()) - PARAMETERS, 1)
    variance = squares / left if p < UNLIKELY else total / degrees
    width = noise.deviations * variance**0.5 * float(stdtrit(degrees, 0.975)) / 1.959964
    shifts = _resampled(_pool(within, levels, off), runs, draws, seed) * width
    resampled = fit_power_laws(levels.examples, fitted + shifts, runs / noise.deviations**2)
    span = float(fitted[0] - fitted[-1])
    misfit = float(np.sqrt(np.mean((levels.means - fitted) ** 2))) / span if span > 0 else np.inf
    return Fit(law, resampled, misfit, p)


def _misfit_p(ratio: float, left: int, noise: Noise) -> float:
    """F test of lack of fit: what sizes lie off the law, over what runs of one size lie apart (Draper and Smith 1998)."""
    from scipy.special import fdtrc

    return float(fdtrc(left, noise.degrees, ratio)) if noise.from_seeds else 0.0


def _pool(within: FloatArray, levels: Levels, off: FloatArray) -> FloatArray:
    """Residuals with mean square 1."""
    repeated = levels.runs[levels.places] > 1
    pool = (within * np.sqrt(levels.runs / np.maximum(levels.runs - 1, 1))[levels.places])[repeated] if len(within) else off
    size = float(np.sqrt(np.mean(pool**2)))
    return pool / size if size else pool


def _resampled(pool: FloatArray, runs: IntArray, draws: int, seed: int) -> FloatArray:
    """(draws, m): means of `runs` (m,) residuals each."""
    drawn = pool[np.random.default_rng(seed).integers(len(pool), size=(draws, int(runs.sum())))]
    return np.add.reduceat(drawn, np.cumsum(runs) - runs, axis=1) / runs
