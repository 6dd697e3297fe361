"""Where two methods differ: rows that one gets right and the other wrong, and how much they would reach together."""

from dataclasses import dataclass
from math import inf

import numpy as np

from ...datasets.arrays import FloatArray, IntArray
from .methods import Method


@dataclass(frozen=True)
class Disagreement:
    """Shares of rows, of a run of the first and a run of the second, averaged over all pairs of runs.

    `better`, `worse`: the first does better or worse on a row. `only_first` and so on: a row is right by only that one; `oracle`: by at
    least one of them. `agreement`: both give the same answer.
    """

    better: float
    worse: float
    only_first: float
    only_second: float
    oracle: float
    agreement: float

    @property
    def superiority(self) -> float:
        """The chance that the first does better on a row, equal rows counted half (Vargha and Delaney 2000)."""
        return self.better + (1 - self.better - self.worse) / 2

    @property
    def odds(self) -> float:
        """How many rows the first does better on for each that it does worse on."""
        return self.better / self.worse if self.worse else inf if self.better else 1.0


def disagreement(a: Method, b: Method) -> Disagreement:
    """Of all pairs of a run of a and a run of b."""
    pairs = [(first, second) for first in a.on_rows for second in b.on_rows]
    better, worse = (float(np.mean([np.mean(test(first, second)) for first, second in pairs])) for test in (np.greater, np.less))
    same = float(np.mean([np.mean(first.predicted == second.predicted) for first in a.runs for second in b.runs]))
    right, other = a.right, b.right
    only_first, only_second = float(np.mean(right * (1 - other))), float(np.mean(other * (1 - right)))
    return Disagreement(better, worse, only_first, only_second, 1 - float(np.mean((1 - right) * (1 - other))), same)


def clearest(a: Method, b: Method, most: int) -> IntArray:
    """The rows, at most so many, that most runs of a get right and most of b get wrong, the clearest first; among equals drawn."""
    gap: FloatArray = a.right - b.right
    mixed = np.random.default_rng(0).permutation(len(gap))
    order = mixed[np.argsort(-gap[mixed], kind="stable")][:most]
    return order[gap[order] > 0]
