"""How training time grows with the number of examples: seconds = g n^p."""

import numpy as np

from .points import Levels

SHORTEST = 0.05
"""Seconds: what takes less is the overhead of a run rather than its training."""


def time_exponent(levels: Levels) -> float | None:
    """p, the slope of log seconds over log n by least squares; None for fewer than three sizes that take long enough to tell."""
    long = levels.seconds >= SHORTEST
    if long.sum() < 3:
        return None
    slope, _ = np.polyfit(np.log(levels.examples[long]), np.log(levels.seconds[long]), 1)
    return float(slope)
