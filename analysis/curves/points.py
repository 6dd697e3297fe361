"""The points of a learning curve: one run per method, number of training examples and seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...datasets.arrays import FloatArray, IntArray
from ..comparison.units import RATIOS_OF_ONE, SCORES

CORRELATIONS = ("pearson", "spearman")
"""Metrics that may be negative."""


class Point(NamedTuple):
    """The result of one run."""

    examples: int
    seed: int
    value: float
    seconds: float


class Scale(NamedTuple):
    """How to convert a metric into an error.

    The error is `best` minus the metric; `best` is None if lower is better, and the error is then the metric itself. `point` is the size
    of one point; None for a loss or perplexity, which are not measured in points.
    """

    metric: str
    best: float | None = 1.0
    point: float | None = 0.01

    def errors(self, values: FloatArray) -> FloatArray:
        return values if self.best is None else self.best - values

    def values(self, errors: FloatArray) -> FloatArray:
        """The metric for these errors (the same formula), clipped at 0, since a fitted curve may go below."""
        values = self.errors(errors)
        return values if self.best is None or self.metric in CORRELATIONS else np.maximum(values, 0)

    def step(self, error: float) -> float:
        """A worthwhile improvement: one point, or about 5 % of the error for a metric without points, rounded to one digit."""
        return float(f"{error / 20:.0e}") if self.point is None else self.point


def scale_of(metric: str, lower_is_better: bool) -> Scale:
    """The scale of a metric by its name."""
    if metric in SCORES:
        return Scale(metric, None if lower_is_better else 100.0, 1.0)
    has_points = not lower_is_better or metric.endswith(RATIOS_OF_ONE)
    return Scale(metric, None if lower_is_better else 1.0, 0.01 if has_points else None)


@dataclass(frozen=True)
class Levels:
    """The errors of one method at m ascending sizes. Arrays are (m,); `errors` and `places` (indices of sizes) have one entry per run."""

    examples: FloatArray
    runs: IntArray
    means: FloatArray
    seconds: FloatArray
    errors: FloatArray
    places: IntArray
    left_out: int

    @property
    def spreads(self) -> FloatArray:
        """The standard deviation over seeds at each size; NaN for a single run."""
        squares = np.bincount(self.places, (self.errors - self.means[self.places]) ** 2, len(self.means))
        return np.sqrt(np.divide(squares, self.runs - 1, out=np.full(len(self.means), np.nan), where=self.runs > 1))

    @property
    def largest(self) -> float:
        return float(self.examples[-1])


def levels_of(points: Sequence[Point], scale: Scale) -> Levels:
    """Group the runs of one method by size; runs without a finite value are left out and counted.

    Seconds are medians, since the first run may load libraries.
    """
    kept = [point for point in points if np.isfinite(point.value)]
    sizes, places, runs = np.unique([point.examples for point in kept], return_inverse=True, return_counts=True)
    errors = scale.errors(np.array([point.value for point in kept], dtype=np.float64))
    seconds = np.array([np.median([point.seconds for point in kept if point.examples == size]) for size in sizes])
    means = _exact_where_equal(np.bincount(places, errors, len(sizes)) / runs, errors, places)
    return Levels(sizes.astype(np.float64), runs, means, seconds, errors, places, len(points) - len(kept))


def _exact_where_equal(means: FloatArray, errors: FloatArray, places: IntArray) -> FloatArray:
    """Make the mean of equal values exactly that value, so that deterministic runs have a spread of exactly 0."""
    low, high = np.full(len(means), np.inf), np.full(len(means), -np.inf)
    np.minimum.at(low, places, errors)
    np.maximum.at(high, places, errors)
    return np.clip(means, low, high)
