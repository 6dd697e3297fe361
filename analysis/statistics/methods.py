"""Which of two methods is better, where each was trained with several seeds and all runs were tested on the same rows.

A row's score in a run of method a is taken as μ_a + row + (row, a) + seed + (row, seed), each part drawn independently: another test set
and other seeds would give other figures. With n rows and k_a and k_b runs, the variance of the difference of means is

    V = σ²_rows/n + σ²_a/k_a + σ²_b/k_b + ρ²_a/(n k_a) + ρ²_b/(n k_b)

where σ²_rows is the variance over rows of the true difference (what both methods find hard drops out), σ²_a that of the seed, and ρ²_a that
of (row, seed). Three mean squares estimate them:

    S_rows, the variance over rows of the difference of the rows' means over seeds: E S_rows = σ²_rows + ρ²_a/k_a + ρ²_b/k_b
    S_a, the variance over seeds of the means over rows:                            E S_a = σ²_a + ρ²_a/n
    R_a, the residual mean square of the layout seed x row:                         E R_a = ρ²_a

so that S_rows/n + S_a/k_a + S_b/k_b has ρ²_a/(n k_a) and ρ²_b/(n k_b) twice, and without bias

    V = S_rows/n + (S_a - R_a/n)/k_a + (S_b - R_b/n)/k_b

A part of the seeds below 0 counts as 0. (Two-way layouts with random rows and columns: Searle, Casella and McCulloch 1992, chapter 4.)
The degrees of freedom are Satterthwaite's (1946), with the whole S_a/k_a for the seeds, since the subtraction makes it no more certain:
V² / ((S_rows/n)²/(n - 1) + (S_a/k_a)²/(k_a - 1) + (S_b/k_b)²/(k_b - 1)), and no fewer than those of the part that has the fewest.
With one run each this is the paired t-test, and with rows that are all alike Welch's t-test of the runs.
"""

from typing import NamedTuple

import numpy as np

from ...datasets.arrays import FloatArray
from .student import Difference

NEARLY = 1e-12
"""Differences and errors this small beside the scores are rounding."""


class Verdict(NamedTuple):
    """The difference a - b, and the shares of its variance that come from the seeds and from the rows; both 0 without any variance."""

    difference: Difference
    seed_share: float
    test_set_share: float


def compare_methods(scores_a: FloatArray, scores_b: FloatArray) -> Verdict:
    """From the scores (runs of a, rows) and (runs of b, rows); for a metric that is no mean, the `influences` of each run.

    A method with one run counts as one without chance. If it has chance, its part is not known, and the verdict is on that run. Where
    seeds make most of the variance, two runs say little about it: of equal methods, 5 to 7 % are called different at 0.05 with as many
    runs a side, but 13 % with two runs against a method without chance, 8 % with three and 6 % with five.
    """
    a, b = np.atleast_2d(np.asarray(scores_a, dtype=np.float64)), np.atleast_2d(np.asarray(scores_b, dtype=np.float64))
    rows = a.mean(axis=0) - b.mean(axis=0)
    if len(rows) < 2:
        return Verdict(Difference(float(rows.sum()), np.inf, 1.0), 0.0, 0.0)
    smallest = NEARLY * float(max(np.abs(a).max(), np.abs(b).max()))
    value, of_rows = float(rows.mean()), float(rows.var(ddof=1)) / len(rows)
    seeds = [_seeds(a), _seeds(b)]
    variance = of_rows + sum(part.variance for part in seeds)
    if variance <= smallest**2:
        return Verdict(Difference(value if abs(value) > smallest else 0.0, 0.0, len(rows) - 1.0), 0.0, 0.0)
    degrees = _degrees_of_freedom(variance, [(of_rows, len(rows) - 1), *((part.whole, part.runs - 1) for part in seeds)])
    return Verdict(Difference(value, variance**0.5, degrees), 1 - of_rows / variance, of_rows / variance)


class _Seeds(NamedTuple):
    """What seeds add to the variance of a method's mean, the same with what chance of rows is in it (S_a/k_a), and the number of runs."""

    variance: float
    whole: float
    runs: int


def _seeds(scores: FloatArray) -> _Seeds:
    runs, n_rows = scores.shape
    if runs < 2:
        return _Seeds(0.0, 0.0, runs)
    means = scores.mean(axis=1)
    residuals = scores - scores.mean(axis=0) - means[:, None] + means.mean()
    residual = float((residuals**2).sum()) / ((runs - 1) * (n_rows - 1))
    between = float(means.var(ddof=1))
    return _Seeds(max(between - residual / n_rows, 0.0) / runs, between / runs, runs)


def _degrees_of_freedom(variance: float, parts: list[tuple[float, int]]) -> float:
    """From each part of the variance and its degrees of freedom; parts with none are constants."""
    varying = [(part, degrees) for part, degrees in parts if degrees]
    spread = sum((part / variance) ** 2 / degrees for part, degrees in varying)
    return max(1 / spread, float(min(degrees for _, degrees in varying)))
