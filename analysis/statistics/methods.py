"""Which of two methods is better, given runs of each with several seeds, all tested on the same rows.

A row's score in a run of method a is modelled as μ_a + row + (row, a) + seed + (row, seed), with independent random terms: another test
set and other seeds would give other scores. With n rows and k_a and k_b runs, the variance of the difference of means is

    V = σ²_rows/n + σ²_a/k_a + σ²_b/k_b + ρ²_a/(n k_a) + ρ²_b/(n k_b)

where σ²_rows is the variance over rows of the true difference (what is hard for both methods cancels), σ²_a that of the seed, and ρ²_a that
of (row, seed). They are estimated from three mean squares:

    S_rows, the variance over rows of the difference of the rows' means over seeds: E S_rows = σ²_rows + ρ²_a/k_a + ρ²_b/k_b
    S_a, the variance over seeds of the means over rows:                            E S_a = σ²_a + ρ²_a/n
    R_a, the residual mean square of the seed x row table:                          E R_a = ρ²_a

so σ²_rows = S_rows - R_a/k_a - R_b/k_b is unbiased (and set to 0 if negative), and

    V = σ²_rows/n + S_a/k_a + S_b/k_b

(Two-way layouts with random rows and columns: Searle, Casella and McCulloch 1992, chapter 4.) S_a can be near 0 by
chance, and is 0 if the runs get the same number of rows right. V is therefore at least half of (R_a/k_a + R_b/k_b)/n, the part that remains
even if no seed makes a run better and no row favours a method.

The degrees of freedom are Satterthwaite's (1946), V² / (Σ part² / its degrees of freedom), from the parts S_rows/n with n - 1, S_a/k_a with
k_a - 1 and S_b/k_b with k_b - 1, and at least the smallest of these. A mean square of few runs is more often too low than
too high, and would then look like a negligible part of V. The degrees of freedom, but not V, are therefore computed with
S_a (k_a - 1) / χ², where χ² is the median of that distribution with k_a - 1 degrees of freedom: the median-unbiased estimate (Brown 1947).
It is 2.2 S_a for two runs, 1.4 for three and 1.2 for five. If only one method has several runs, no other seeds compensate for a low S_a,
and χ² is the 0.3 quantile: 6.7 S_a for two runs, 2.8 for three and 1.8 for five.

With one run each this is the paired t-test; with identical rows and the same number of runs on each side, Welch's t-test of the runs.
"""

from typing import NamedTuple

import numpy as np

from ...datasets.arrays import FloatArray
from .student import Difference

NEARLY = 1e-12
"""Differences and errors below this share of the scores are rounding."""
ALONE = 0.3
"""The quantile of χ² if only one method has several runs."""


class Verdict(NamedTuple):
    """The difference a - b, and the shares of its variance that come from the seeds and from the rows; both 0 if there is no variance."""

    difference: Difference
    seed_share: float
    test_set_share: float


def compare_methods(scores_a: FloatArray, scores_b: FloatArray) -> Verdict:
    """From the scores (runs of a, rows) and (runs of b, rows); for a metric that is not a mean, pass the `influences` of each run.

    A method with one run is treated as deterministic. If it is not, its variance over seeds is unknown, and the verdict is on that run.
    `benchmarks/error_rates.py` measures how often equal methods are called different.
    """
    a, b = np.atleast_2d(np.asarray(scores_a, dtype=np.float64)), np.atleast_2d(np.asarray(scores_b, dtype=np.float64))
    rows = a.mean(axis=0) - b.mean(axis=0)
    if len(rows) < 2:
        return Verdict(Difference(float(rows.sum()), np.inf, 1.0), 0.0, 0.0)
    smallest = NEARLY * float(max(np.abs(a).max(), np.abs(b).max()))
    value, of_rows = float(rows.mean()), float(rows.var(ddof=1)) / len(rows)
    seeds = [_seeds(scores) for scores in (a, b) if len(scores) > 1]
    whole, residual = sum(part.whole for part in seeds), sum(part.residual for part in seeds)
    variance = max(max(of_rows - residual, 0.0) + whole, residual / 2)
    if variance <= smallest**2:
        return Verdict(Difference(value if abs(value) > smallest else 0.0, 0.0, len(rows) - 1.0), 0.0, 0.0)
    seed_share = max(whole - residual, 0.0) / variance
    return Verdict(Difference(value, variance**0.5, _degrees_of_freedom(variance, of_rows, len(rows), seeds)), seed_share, 1 - seed_share)


class _Seeds(NamedTuple):
    """For one method: S_a/k_a, its residual part R_a/(n k_a), and the degrees of freedom k_a - 1."""

    whole: float
    residual: float
    degrees: int


def _seeds(scores: FloatArray) -> _Seeds:
    runs, n_rows = scores.shape
    means = scores.mean(axis=1)
    residuals = scores - scores.mean(axis=0) - means[:, None] + means.mean()
    residual = float((residuals**2).sum()) / ((runs - 1) * (n_rows - 1))
    return _Seeds(float(means.var(ddof=1)) / runs, residual / (n_rows * runs), runs - 1)


def _degrees_of_freedom(variance: float, of_rows: float, n_rows: int, seeds: list[_Seeds]) -> float:
    """Satterthwaite's degrees of freedom, with upward-corrected variances over seeds, as described above."""
    share = 0.5 if len(seeds) > 1 else ALONE
    raised = [part.whole * part.degrees / _chi_square(share, part.degrees) for part in seeds]
    from_rows = variance - sum(part.whole for part in seeds)
    total = from_rows + sum(raised)
    parts = [(max(of_rows, from_rows), n_rows - 1), *((part, seed.degrees) for part, seed in zip(raised, seeds, strict=True))]
    spread = sum((part / total) ** 2 / degrees for part, degrees in parts)
    return max(1 / spread, float(min(degrees for _, degrees in parts)))


def _chi_square(share: float, degrees: int) -> float:
    """The quantile below which this share lies."""
    from scipy.special import chdtri

    return float(chdtri(degrees, 1 - share))
