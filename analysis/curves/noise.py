"""The noise of a run: how much runs of the same size differ by chance."""

from typing import NamedTuple

import numpy as np

from ...datasets.arrays import FloatArray
from .points import Levels

TRENDS = np.linspace(-2, 0, 41)
PENALTY = 2.0
"""AIC penalty (Akaike 1974) for one parameter: without it, a few seeds suggest spurious trends, and the largest size looks too certain."""
NEARLY = 1e-12
"""Deviations below this share of the errors are rounding."""


class Noise(NamedTuple):
    """The standard deviation of a single run at each size (m,), and its degrees of freedom."""

    deviations: FloatArray
    degrees: float
    from_seeds: bool


def noise_of(levels: Levels) -> Noise:
    """Estimated from the spread over seeds, or from the roughness of the curve if there is one seed or seeds make no difference."""
    smallest = NEARLY * max(float(np.abs(levels.means).max(initial=0)), NEARLY)
    squares = np.nan_to_num(levels.spreads) ** 2
    if (squares > smallest**2).any():
        return Noise(np.maximum(_pooled(levels, squares), smallest), float((levels.runs - 1).sum()), from_seeds=True)
    rough = max(_roughness(np.log(levels.examples), levels.means), smallest)
    return Noise(np.full(len(levels.means), rough), max(len(levels.means) - 2.0, 1.0), from_seeds=False)


def _pooled(levels: Levels, squares: FloatArray) -> FloatArray:
    """Pooled standard deviations, with the variance over seeds modelled as σ² n^β, since runs on more examples vary less.

    With ν_i = k_i - 1 for k_i seeds, (k_i - 1) s_i² / σ_i² has a χ² distribution, whose likelihood is largest where
    ν log σ²(β) + β Σ ν_i log n_i is smallest, σ²(β) being Σ ν_i s_i² n_i^-β / ν. β is restricted to -2 to 0, and is 0 unless AIC
    prefers another value.
    """
    degrees, relative = levels.runs - 1, np.log(levels.examples / levels.largest)
    scales = (degrees * squares * np.exp(-np.outer(TRENDS, relative))).sum(axis=1) / degrees.sum()
    misfits = degrees.sum() * np.log(scales) + TRENDS * (degrees * relative).sum() + PENALTY * (TRENDS != 0)
    best = int(np.argmin(misfits))
    return np.sqrt(scales[best] * np.exp(TRENDS[best] * relative))


def _roughness(log_sizes: FloatArray, means: FloatArray) -> float:
    """From the distance of each size to the line between its neighbours over log n (Gasser, Sroka and Jennen-Steinmetz 1986)."""
    if len(means) < 3:
        return 0.0
    left = (log_sizes[2:] - log_sizes[1:-1]) / (log_sizes[2:] - log_sizes[:-2])
    residuals = left * means[:-2] + (1 - left) * means[2:] - means[1:-1]
    return float(np.sqrt(np.mean(residuals**2 / (left**2 + (1 - left) ** 2 + 1))))
