"""Where two methods differ: rows that one gets right and the other wrong, and how well they could do together."""

from dataclasses import dataclass
from math import inf

import numpy as np

from ...datasets.arrays import FloatArray, IntArray
from .methods import Method


@dataclass(frozen=True)
class Disagreement:
    """Shares of rows, averaged over all pairs of a run of the first method and a run of the second.

    `better`, `worse`: the first does better or worse on a row. `only_first`, `only_second`: only that one gets it right; `oracle`: at
    least one of them does. `agreement`: both give the same answer.
    """

    better: float
    worse: float
    only_first: float
    only_second: float
    oracle: float
    agreement: float

    @property
    def superiority(self) -> float:
        """The probability that the first does better on a row, with ties counted as half (Vargha and Delaney 2000)."""
        return self.better + (1 - self.better - self.worse) / 2

    @property
    def odds(self) -> float:
        """The number of rows on which the first does better for each on which it does worse."""
        return self.better / self.worse if self.worse else inf if self.better else 1.0


def disagreement(a: Method, b: Method) -> Disagreement:
    """The disagreement of two methods over all pairs of their runs."""
    pairs = [(first, second) for first in a.on_rows for second in b.on_rows]
    better, worse = (float(np.mean([np.mean(test(first, second)) for first, second in pairs])) for test in (np.greater, np.less))
    same = float(np.mean([np.mean(first.predicted == second.predicted) for first in a.runs for second in b.runs]))
    right, other = a.right, b.right
    only_first, only_second = float(np.mean(right * (1 - other))), float(np.mean(other * (1 - right)))
    return Disagreement(better, worse, only_first, only_second, 1 - float(np.mean((1 - right) * (1 - other))), same)


def clearest(a: Method, b: Method, most: int) -> IntArray:
    """At most `most` rows that more runs of a than of b get right, the largest gap first; ties are in random order."""
    gap: FloatArray = a.right - b.right
    mixed = np.random.default_rng(0).permutation(len(gap))
    order = mixed[np.argsort(-gap[mixed], kind="stable")][:most]
    return order[gap[order] > 0]
