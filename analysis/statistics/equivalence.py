"""Equivalence tests: whether a difference is too small to matter, within a margin that the user sets."""

from typing import NamedTuple

from .student import Difference


class Shares(NamedTuple):
    """Probabilities that the first system is better by more than the margin, equivalent in practice, and worse by more than it."""

    better: float
    same: float
    worse: float


def equivalence_p(difference: Difference, margin: float) -> float:
    """The p of two one-sided tests (Schuirmann 1987): small if the difference lies within ± margin.

    The larger p-value of the two tests, against `-margin or less` and against `margin or more`. Failing to find a difference does not show
    equivalence.
    """
    return max(difference.below(-margin), difference.beyond(margin))


def practical_shares(difference: Difference, margin: float) -> Shares:
    """The t distribution of the difference, cut at ± margin: the region of practical equivalence (Corani and Benavoli 2015).

    It is the posterior of the difference under an uninformative prior.
    """
    better, worse = difference.beyond(margin), difference.below(-margin)
    return Shares(better, max(1 - better - worse, 0.0), worse)
