"""How training time grows with the number of examples: seconds = g n^p."""

import numpy as np

from .points import Levels

SHORTEST = 0.05
"""Seconds: what takes less is the overhead of a run rather than its training."""


def time_exponent(levels: Levels) -> float | None:
    """p, the median slope of log seconds over log n between two sizes; None for fewer than three that take long enough to tell.

    The median (Theil 1950, Sen 1968) leaves out the one size that loading libraries made slow.
    """
    long = levels.seconds >= SHORTEST
    if long.sum() < 3:
        return None
    examples, seconds = np.log(levels.examples[long]), np.log(levels.seconds[long])
    first, second = np.triu_indices(len(examples), 1)
    return float(np.median((seconds[second] - seconds[first]) / (examples[second] - examples[first])))
