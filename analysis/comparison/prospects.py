"""The power of a test set before anything is trained, from its size and the expected disagreement of two systems."""

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

import numpy as np

from ..statistics.power import rows_needed, smallest_difference
from .methods import Method


class Prospect(NamedTuple):
    """For a share of examples that only one of two systems gets right: the smallest difference detected with 80 % power, and the number
    of examples needed to detect one point. `what` describes where the share comes from.
    """

    what: str
    disagreement: float
    smallest: float
    rows_for_a_point: float


def prospects(n: int, disagreements: Sequence[tuple[str, float]], alpha: float) -> list[Prospect]:
    """One prospect for each share."""
    return [Prospect(what, share, smallest_difference(share, n, alpha=alpha), rows_needed(share, 0.01, alpha=alpha))
            for what, share in disagreements]


def expected_disagreements(accuracy: float) -> list[tuple[str, float]]:
    """Two systems that are both right with this probability disagree on 2 a (1 - a) of the examples if their mistakes are independent.
    Real systems share many mistakes.
    """
    independent = 2 * accuracy * (1 - accuracy)
    return [("mostly the same mistakes", independent / 4), ("half as often as with independent mistakes", independent / 2),
            ("independent mistakes", independent)]


def of_seeds(method: Method) -> list[tuple[str, float]]:
    """How often two seeds of one method disagree on whether a row is right; other methods disagree more. Empty for one run."""
    runs = method.runs
    pairs = [np.mean(a.right != b.right) for place, a in enumerate(runs) for b in runs[:place]]
    return [("as two of its seeds do", float(np.mean(pairs)))] if pairs else []


def sentence(each: Prospect, n: int) -> str:
    """The prospect as a sentence."""
    detects = (f"detect a difference of {100 * each.smallest:.1f} points or more with 80 % power" if isfinite(each.smallest)
               else "detect no difference")
    size = f"{n:,} examples {detects}" if n > 1 else f"1 example {detects.replace('detect ', 'detects ', 1)}"
    return f"If two systems disagree on {100 * each.disagreement:.1f} % of the examples ({each.what}), {size}."
