"""How training time grows with the number of examples: seconds = g n^p."""

import numpy as np

from .points import Levels

SHORTEST = 0.05
"""Seconds; shorter times measure the overhead of a run rather than its training."""


def time_exponent(levels: Levels) -> float | None:
    """p, the median slope of log seconds over log n between pairs of sizes; None for fewer than three sizes with long enough times.

    The median (Theil 1950, Sen 1968) is robust to one size that is slow because libraries were loaded.
    """
    long = levels.seconds >= SHORTEST
    if long.sum() < 3:
        return None
    examples, seconds = np.log(levels.examples[long]), np.log(levels.seconds[long])
    first, second = np.triu_indices(len(examples), 1)
    return float(np.median((seconds[second] - seconds[first]) / (examples[second] - examples[first])))
