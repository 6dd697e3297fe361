"""The expected best score of k trials of a search (Dodge et al. 2019, "Show Your Work: Improved Reporting of Experimental
Results", section 3)."""

from collections.abc import Sequence

import numpy as np

from ...datasets.arrays import FloatArray


def expected_best(scores: Sequence[float]) -> FloatArray:
    """The exact expected maximum of k = 1 to n scores drawn at random, with replacement, from these n.

    The maximum of k draws is at most the i-th smallest of the n scores with probability (i / n) ** k, so it equals that score with
    probability (i / n) ** k - ((i - 1) / n) ** k.
    """
    ordered = np.sort(np.asarray(scores, dtype=float))
    n = len(ordered)
    shares, draws = np.arange(n + 1) / n, np.arange(1, n + 1)
    probabilities = np.diff(shares[None, :] ** draws[:, None], axis=1)
    return probabilities @ ordered
