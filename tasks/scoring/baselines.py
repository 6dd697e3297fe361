"""Baselines that ignore the text."""

from collections.abc import Mapping, Sequence

import numpy as np

from ...datasets.arrays import IntArray


def trivial_accuracies(train_counts: Sequence[int], gold: IntArray) -> Mapping[str, float]:
    """Accuracy of always predicting the most frequent training class, and of drawing classes by their training frequency.

    `train_counts` (n_classes,); `gold` (rows,) holds class ids, -1 for a class that training never saw.
    The second is an expected value, the mean of share[gold] over rows; nothing is drawn.
    """
    shares = np.asarray(train_counts) / sum(train_counts)
    known = gold[gold >= 0]
    return {
        "majority": float((gold == shares.argmax()).mean()) if len(gold) else 0.0,
        "random by prior": float(shares[known].sum() / len(gold)) if len(gold) else 0.0,
    }
