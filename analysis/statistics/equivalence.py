"""Whether a difference is too small to matter: within a margin that the reader sets."""

from typing import NamedTuple

from .student import Difference


class Shares(NamedTuple):
    """How likely the first system is better by more than the margin, the same in practice, and worse by more than the margin."""

    better: float
    same: float
    worse: float


def equivalence_p(difference: Difference, margin: float) -> float:
    """The p of two one-sided tests (Schuirmann 1987): small where the difference lies within ± margin.

    The larger of the p that it is -margin or less and the p that it is margin or more. That two systems are called no different shows
    nothing of the kind.
    """
    return max(difference.below(-margin), difference.beyond(margin))


def practical_shares(difference: Difference, margin: float) -> Shares:
    """The t distribution of the difference, cut at ± margin: the region of practical equivalence (Corani and Benavoli 2015).

    It is the posterior of a difference of which nothing is known beforehand.
    """
    better, worse = difference.beyond(margin), difference.below(-margin)
    return Shares(better, max(1 - better - worse, 0.0), worse)
