"""The best of k trials that a search of a given size can expect (Dodge et al. 2019, "Show Your Work: Improved Reporting of Experimental
Results", section 3)."""

from collections.abc import Sequence

import numpy as np

from ...datasets.arrays import FloatArray


def expected_best(scores: Sequence[float]) -> FloatArray:
    """The expected maximum of k = 1 to n scores drawn at random, with replacement, from these n: exact, from their distribution.

    The chance that the best of k is at most the i-th smallest of n is (i / n) ** k, so it is that score with the chance
    (i / n) ** k - ((i - 1) / n) ** k.
    """
    ordered = np.sort(np.asarray(scores, dtype=float))
    count = len(ordered)
    shares, draws = np.arange(count + 1) / count, np.arange(1, count + 1)
    chances = np.diff(shares[None, :] ** draws[:, None], axis=1)
    return chances @ ordered
