"""Metrics as functions of summed statistics (..., k) -> (...), so that thousands of resamples of the rows are scored at once."""

from collections.abc import Callable, Mapping
from math import log
from typing import Literal, NamedTuple

import numpy as np

from ...datasets.arrays import FloatArray

Kind = Literal["share", "ratio", "exp_ratio", "bits", "f1", "precision", "recall", "macro_f1", "bleu", "bleu_lowercase", "chrf", "ter",
               "rmse", "correlation"]

LARGEST_EXPONENT = 700.0
"""The exponential of anything larger overflows a float."""
ROUNDING = 1e-12
"""A variance this small relative to its terms is rounding error."""
BETA = 2
"""Weight of recall relative to precision in chrF."""


class Figure(NamedTuple):
    """A kind of metric: the function from sums over rows to values, and how many numbers are stored per row."""

    of_sums: Callable[[FloatArray], FloatArray]
    n_columns: int


def ratio(sums: FloatArray) -> FloatArray:
    """The first sum over the second; 0 where both are 0."""
    return sums[..., 0] / np.maximum(sums[..., 1], 1e-9)


def exp_ratio(sums: FloatArray) -> FloatArray:
    """exp of the ratio, clipped so that a very bad model causes no overflow."""
    return np.exp(np.minimum(ratio(sums), LARGEST_EXPONENT))


def bits(sums: FloatArray) -> FloatArray:
    """The ratio, converted from nats to bits."""
    return ratio(sums) / log(2)


def precision(sums: FloatArray) -> FloatArray:
    """Correct over predicted, from sums of correct, predicted and gold."""
    return _shares(sums[..., 0], sums[..., 1])


def recall(sums: FloatArray) -> FloatArray:
    """Correct over gold, from the same sums."""
    return _shares(sums[..., 0], sums[..., 2])


def f1(sums: FloatArray) -> FloatArray:
    """The harmonic mean of precision and recall, from the same sums."""
    return _shares(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def macro_f1(sums: FloatArray) -> FloatArray:
    """Mean F1 over the classes that occur or are predicted.

    Sums: for each class the number of right predictions; then for each class the number of predictions plus the number of gold answers.
    """
    right, occurrences = np.split(sums, 2, axis=-1)
    seen = np.count_nonzero(occurrences > 0, axis=-1)
    return _shares(2 * right, occurrences).sum(axis=-1) / np.maximum(seen, 1)


def bleu(sums: FloatArray) -> FloatArray:
    """sacrebleu's BLEU of up to 4-grams with its default smoothing, `exp`: the i-th zero precision becomes 1 / (2^i * possible).

    Sums: lengths of the predictions and the references in tokens, 4 counts of matched n-grams, 4 counts of possible ones.
    """
    predicted, reference, matched, possible = sums[..., 0], sums[..., 1], sums[..., 2:6], sums[..., 6:10]
    halved = np.cumsum(matched == 0, axis=-1)
    precisions = np.where(matched == 0, 0.5**halved, matched) / np.maximum(possible, 1)
    brevity = np.where(predicted > 0, np.exp(np.minimum(1 - reference / np.maximum(predicted, 1), 0)), reference == 0)
    scored = np.any(matched != 0, axis=-1) & np.all(possible > 0, axis=-1)
    return np.where(scored, 100 * brevity * np.exp(np.log(precisions).mean(axis=-1)), 0.0)


def chrf(sums: FloatArray) -> FloatArray:
    """sacrebleu's chrF of up to 6 characters. Sums: for each length, n-grams of the predictions, of the references, and matched ones."""
    predicted, reference, matched = (sums[..., start::3] for start in range(3))
    counted = (predicted > 0) & (reference > 0)
    lengths = np.maximum(np.count_nonzero(counted, axis=-1), 1)
    precisions, recalls = (np.where(counted, _shares(matched, total), 0).sum(axis=-1) / lengths for total in (predicted, reference))
    return 100 * _shares((1 + BETA**2) * precisions * recalls, BETA**2 * precisions + recalls)


def ter(sums: FloatArray) -> FloatArray:
    """sacrebleu's TER. Sums: edits and reference lengths; if all references are empty, any edit gives 100."""
    edits, length = sums[..., 0], sums[..., 1]
    return 100 * np.where(length > 0, edits / np.where(length > 0, length, 1), edits > 0)


def rmse(sums: FloatArray) -> FloatArray:
    """Root mean squared error. Sums: squared errors and rows."""
    return np.sqrt(ratio(sums))


def correlation(sums: FloatArray) -> FloatArray:
    """Pearson's correlation; 0 if x or y is constant. Sums: rows, x, y, xx, yy and xy."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    varies = (n * xx - x**2) * (n * yy - y**2)
    least = ROUNDING * (n * xx) * (n * yy)
    return np.where(varies > least, (n * xy - x * y) / np.sqrt(np.where(varies > least, varies, 1.0)), 0.0)


def _shares(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Part over whole, 0 where the whole is 0."""
    return part / np.where(whole > 0, whole, np.inf)


FIGURES: Mapping[Kind, Figure] = {
    "share": Figure(ratio, 2),
    "ratio": Figure(ratio, 2),
    "exp_ratio": Figure(exp_ratio, 2),
    "bits": Figure(bits, 2),
    "f1": Figure(f1, 3),
    "precision": Figure(precision, 3),
    "recall": Figure(recall, 3),
    "macro_f1": Figure(macro_f1, 2),
    "bleu": Figure(bleu, 10),
    "bleu_lowercase": Figure(bleu, 10),
    "chrf": Figure(chrf, 18),
    "ter": Figure(ter, 2),
    "rmse": Figure(rmse, 2),
    "correlation": Figure(correlation, 2),
}
