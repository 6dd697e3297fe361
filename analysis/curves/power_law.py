"""The inverse power law of a learning curve, e(n) = a + b n^-c, with a >= 0, b >= 0 and c > 0.

`a` is the irreducible error, and `c` the rate at which the rest vanishes: doubling the examples multiplies it by 2^-c.
This is the most widely used model of learning curves (Hestness et al. 2017; Viering and Loog 2023, section 4).

For a given c, least squares is linear regression on n^-c, so the fit is a one-dimensional search over c (variable projection: Golub and
Pereyra 1973), vectorised over thousands of resampled curves. n is measured in units of the largest size.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...datasets.arrays import FloatArray, IntArray
from .noise import Noise
from .points import Levels

EXPONENTS = (0.02, 4.0)
"""Range of c: below it a curve is practically flat, above it the error vanishes practically at once."""
DRAWS = 2_000
PARAMETERS = 3
UNLIKELY = 0.05


class PowerLaw(NamedTuple):
    """k power laws; each field is (k,)."""

    floor: FloatArray
    factor: FloatArray
    exponent: FloatArray

    def errors(self, examples: FloatArray) -> FloatArray:
        """(k, m) errors at m sizes."""
        return self.floor[:, None] + self.factor[:, None] * np.asarray(examples) ** -self.exponent[:, None]

    def examples(self, errors: FloatArray) -> FloatArray:
        """(k,) sizes at which each law has the error (k,); infinity if it is never reached."""
        left = errors - self.floor
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            reached = np.exp(np.log(self.factor / left) / self.exponent)
        return np.where((left > 0) & (self.factor > 0), reached, np.inf)


class Estimate(NamedTuple):
    """A value with its 95 % interval; each number may be infinite."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Fit:
    """The law of a method (k = 1), and the laws of its resamples."""

    law: PowerLaw
    draws: PowerLaw
    misfit: float
    """Root mean square deviation of the means from the law, relative to the law's fall over the sizes."""
    misfit_p: float
    """The p-value of a misfit this large from seeds alone; 0 if the noise is not estimated from seeds."""

    def errors(self, examples: FloatArray) -> FloatArray:
        return self.law.errors(examples)[0]

    def band(self, examples: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The 95 % interval at each size: (low, high)."""
        low, high = np.percentile(self.draws.errors(examples), [2.5, 97.5], axis=0)
        return low, high


def estimate(value: FloatArray, draws: FloatArray) -> Estimate:
    """A value with the percentile interval of its resamples (Efron and Tibshirani 1993, chapter 13), infinite values included."""
    low, high = np.quantile(draws, [0.025, 0.975], method="inverted_cdf").tolist()
    return Estimate(float(value[0]), low, high)


def fit_power_laws(examples: FloatArray, errors: FloatArray, weights: FloatArray) -> PowerLaw:
    """Fit a law to each row of errors (k, m) at the sizes (m,), by least squares with weights (m,)."""
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
    """(k, g) each: weighted squared error, a and b of the least-squares line a + b x with a, b >= 0, for x (k, g, m) and errors (k, m)."""
    y, mean_x, mean_y = errors[:, None, :], x @ weights, (errors @ weights)[:, None]
    centred = x - mean_x[:, :, None]
    factor = np.maximum((centred * y) @ weights / (centred**2 @ weights), 0)
    floor = mean_y - factor * mean_x
    through_zero = np.maximum((x * y) @ weights / (x**2 @ weights), 0)
    factor, floor = np.where(floor < 0, through_zero, factor), np.maximum(floor, 0)
    return (floor[:, :, None] + factor[:, :, None] * x - y) ** 2 @ weights, floor, factor


def fit_levels(levels: Levels, noise: Noise, draws: int = DRAWS, seed: int = 0) -> Fit:
    """Fit a method's law with weights k_i / σ_i², and resample it.

    Each resample adds to the law, at each size with k runs, the mean of k residuals. They are drawn from the residuals of all sizes in
    units of σ_i (around the size's mean or, if the noise does not come from seeds, around the law), and scaled to the residual variance of
    the fit. With N runs it has N - 3 degrees of freedom, so residuals are also scaled by the ratio of Student's quantile to the normal one;
    otherwise few runs would give intervals that are too short (Hesterberg 2015).
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
    """F-test of lack of fit: variance around the law over variance within sizes (Draper and Smith 1998)."""
    from scipy.special import fdtrc

    return float(fdtrc(left, noise.degrees, ratio)) if noise.from_seeds else 0.0


def _pool(within: FloatArray, levels: Levels, off: FloatArray) -> FloatArray:
    """Pooled residuals, scaled to mean square 1."""
    repeated = levels.runs[levels.places] > 1
    pool = (within * np.sqrt(levels.runs / np.maximum(levels.runs - 1, 1))[levels.places])[repeated] if len(within) else off
    size = float(np.sqrt(np.mean(pool**2)))
    return pool / size if size else pool


def _resampled(pool: FloatArray, runs: IntArray, draws: int, seed: int) -> FloatArray:
    """(draws, m): means of `runs` (m,) residuals each."""
    drawn = pool[np.random.default_rng(seed).integers(len(pool), size=(draws, int(runs.sum())))]
    return np.add.reduceat(drawn, np.cumsum(runs) - runs, axis=1) / runs
