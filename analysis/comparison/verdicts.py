"""Whether one method is better than another: difference, interval and p, by the test that suits the metric and the number of runs."""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, inf
from typing import Self

import numpy as np

from ...datasets.arrays import BoolArray, FloatArray
from ..statistics.methods import compare_methods
from ..statistics.permutation import randomisation_p, sign_flip_p
from ..statistics.power import rows_needed, smallest_difference
from ..statistics.proportions import PairedCounts, mcnemar_p, newcombe_interval
from ..statistics.student import Difference, quantile
from .methods import LOSSES, Method

MANY = 5_000
"""From this many differing rows on, a paired t-test replaces permutations, which would give the same p but take seconds."""
POWER = 0.8


class Test(StrEnum):
    """The test that a p-value comes from."""

    MCNEMAR = "exact McNemar"
    SIGN_FLIPS = "sign flips"
    RANDOMISATION = "paired randomisation"
    T = "paired t"
    COMPONENTS = "components of variance"


@dataclass(frozen=True)
class Pair:
    """The verdict on two methods; `value` is how much better the first is, also for metrics where lower is better.

    `adjusted` is p after Holm's correction. `of_methods`: whether it holds for the methods, or only for the runs of `only_run`.
    """

    first: str
    second: str
    value: float
    interval: tuple[float, float]
    test: Test
    p: float
    adjusted: float
    difference: Difference
    seed_share: float
    test_set_share: float
    only_run: tuple[str, ...]
    two_seeds: bool
    counts: PairedCounts | None
    n: int

    @property
    def of_methods(self) -> bool:
        """Whether the verdict holds for the methods."""
        return not self.only_run

    def with_adjusted(self, p: float) -> Self:
        """The same with p corrected for many pairs."""
        return replace(self, adjusted=p)

    def is_different(self, alpha: float) -> bool:
        """Whether the difference is called real at level alpha."""
        return self.adjusted <= alpha

    def turned(self) -> Self:
        """The same with the methods in the other order."""
        low, high = self.interval
        counts = self.counts and PairedCounts(self.counts.both, self.counts.only_b, self.counts.only_a, self.counts.neither)
        difference = self.difference._replace(value=-self.difference.value)
        return replace(self, first=self.second, second=self.first, value=-self.value, interval=(-high, -low), counts=counts,
                       difference=difference)


def judge(a: Method, b: Method, confidence: float = 0.95) -> Pair:
    """The verdict before correction for many pairs. For one run each, a paired test by metric; for more, components of variance."""
    sign = -1.0 if a.rows.lower_is_better else 1.0
    verdict = compare_methods(sign * a.scores, sign * b.scores)
    counts = _counts(a, b)
    test, p = _p(a, b, verdict.difference, counts)
    interval = newcombe_interval(counts, confidence) if counts is not None else verdict.difference.interval(confidence)
    alone = tuple(method.name for method in (a, b) if not method.is_known)
    runs = sorted((len(a.runs), len(b.runs)))
    return Pair(a.name, b.name, verdict.difference.value, interval, test, p, p, verdict.difference, verdict.seed_share,
                verdict.test_set_share, alone, not alone and runs == [1, 2], counts, len(a.rows))


def _counts(a: Method, b: Method) -> PairedCounts | None:
    """Counts of rows that both, one or neither get right, for shares with one run each."""
    if a.rows.kind != "share" or len(a.runs) > 1 or len(b.runs) > 1:
        return None
    lower = a.rows.lower_is_better
    return PairedCounts.of((a.rows.firsts > 0) != lower, (b.rows.firsts > 0) != lower)


def _p(a: Method, b: Method, difference: Difference, counts: PairedCounts | None) -> tuple[Test, float]:
    if counts is not None:
        return Test.MCNEMAR, mcnemar_p(counts)
    if len(a.runs) > 1 or len(b.runs) > 1:
        return Test.COMPONENTS, difference.p()
    differs = a.rows.different[a.rows.places] != b.rows.different[b.rows.places]
    changed = differs.any(axis=1)
    if np.count_nonzero(changed) >= MANY:
        return Test.T, difference.p()
    if a.rows.kind in LOSSES:
        return Test.SIGN_FLIPS, sign_flip_p(_gaps(a, b))
    return Test.RANDOMISATION, randomisation_p(a.rows.figure, _condensed(a.rows.sums, changed), _condensed(b.rows.sums, changed))


def _gaps(a: Method, b: Method) -> FloatArray:
    """(rows,): differences of the rows' losses, or if rows differ in length, of what they add to the metric."""
    one, other = a.rows.sums, b.rows.sums
    return one[:, 0] - other[:, 0] if np.array_equal(one[:, 1:], other[:, 1:]) else (a.scores - b.scores)[0]


def _condensed(sums: FloatArray, changed: BoolArray) -> FloatArray:
    """Sum the rows on which two runs are equal into one: exchanging them changes nothing."""
    return np.vstack([sums[changed], sums[~changed].sum(axis=0)])


def detectable(pair: Pair, alpha: float) -> float:
    """The smallest difference detectable with 80 % power at level alpha with as many rows and seeds; infinity if none is.

    For shares with one run each, from how often the two disagree (Connor 1987); otherwise (t_(1 - α/2) + t_0.8) standard errors.
    """
    if pair.counts is not None:
        disagreement = (pair.counts.only_a + pair.counts.only_b) / max(pair.n, 1)
        return smallest_difference(disagreement, pair.n, POWER, alpha)
    return _quantiles(pair.difference, alpha) * pair.difference.standard_error or inf


def rows_for(pair: Pair, wanted: float, alpha: float) -> float:
    """The number of rows needed to detect a difference with 80 % power at level alpha; infinity if the variance of seeds alone hides it,
    or nothing is known.

    The variance from rows shrinks with their number, the variance from seeds does not.
    """
    if pair.counts is not None:
        disagreement = (pair.counts.only_a + pair.counts.only_b) / max(pair.n, 1)
        return rows_needed(disagreement, wanted, POWER, alpha) if disagreement else inf
    variance = pair.difference.standard_error**2
    room = (wanted / _quantiles(pair.difference, alpha)) ** 2 - variance * pair.seed_share
    return ceil(pair.n * variance * pair.test_set_share / room) if room > 0 and 0 < variance < inf else inf


def _quantiles(difference: Difference, alpha: float) -> float:
    degrees = difference.degrees_of_freedom
    return quantile(1 - alpha / 2, degrees) + quantile(POWER, degrees)
