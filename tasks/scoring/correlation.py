"""Metrics of predicted numbers; checked in the tests against SciPy."""

import numpy as np

from ...datasets.arrays import FloatArray


def pearson(predicted: FloatArray, gold: FloatArray) -> float:
    """Pearson's correlation of two arrays (rows,); 0 if one of them is constant."""
    if len(gold) < 2 or not (np.ptp(predicted) > 0 and np.ptp(gold) > 0):
        return 0.0
    a, b = (_unit(values - values.mean()) for values in (predicted, gold))
    return float(np.clip(a @ b, -1.0, 1.0))


def spearman(predicted: FloatArray, gold: FloatArray) -> float:
    """Pearson's correlation of the ranks; equal numbers get the mean of their ranks."""
    return pearson(ranks(predicted), ranks(gold))


def ranks(values: FloatArray) -> FloatArray:
    """(rows,): ranks from 1, the smallest first; equal numbers get the mean of their ranks."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return ((2 * last - counts + 1) / 2)[places]


def _unit(centred: FloatArray) -> FloatArray:
    """Scaled to length 1."""
    scaled = centred / np.abs(centred).max()  # so that no square overflows
    return scaled / np.linalg.norm(scaled)
