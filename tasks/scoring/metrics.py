"""Classification metrics as plain sums over a confusion matrix; checked in the tests against scikit-learn."""

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer]
FloatArray = npt.NDArray[np.floating]

CLIP = 1e-7
"""Probabilities are kept this far from 0, so that one confident mistake does not make the log loss infinite."""


def confusion_matrix(gold: IntArray, predicted: IntArray, n_classes: int) -> IntArray:
    """Counts (n_classes, n_classes): gold in rows, predicted in columns; rows with a gold label of -1 are left out."""
    known = gold >= 0
    cells = gold[known] * n_classes + predicted[known]
    return np.bincount(cells, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def accuracy(gold: IntArray, predicted: IntArray) -> float:
    """Share of predictions that are right; a gold label of -1, unknown to the model, counts as wrong."""
    return float(np.mean(gold == predicted)) if len(gold) else 0.0


def f1_scores(matrix: IntArray) -> FloatArray:
    """F1 of each class, (n_classes,); 0 where a class neither occurs nor is predicted."""
    right = np.diag(matrix)
    return 2 * right / np.maximum(matrix.sum(axis=0) + matrix.sum(axis=1), 1)


def precision_and_recall(matrix: IntArray) -> tuple[FloatArray, FloatArray]:
    """Precision and recall of each class, both (n_classes,); 0 if a class is never predicted or never occurs."""
    right = np.diag(matrix)
    return right / np.maximum(matrix.sum(axis=0), 1), right / np.maximum(matrix.sum(axis=1), 1)


def f1_macro(matrix: IntArray) -> float:
    """Mean F1 over the classes that occur or are predicted."""
    seen = (matrix.sum(axis=0) + matrix.sum(axis=1)) > 0
    return float(f1_scores(matrix)[seen].mean()) if seen.any() else 0.0


def softmax(logits: FloatArray) -> FloatArray:
    """(batch, n_classes) -> (batch, n_classes), each row summing to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def log_losses(probabilities: FloatArray, gold: IntArray) -> FloatArray:
    """-ln p(gold) of each row, (batch,), in nats; a gold label of -1 has probability 0 before clipping."""
    picked = probabilities[np.arange(len(gold)), np.maximum(gold, 0)]
    return -np.log(np.clip(np.where(gold >= 0, picked, 0.0), CLIP, 1.0))


def hinge_losses(margins: FloatArray, gold: IntArray) -> FloatArray:
    """max(0, 1 + best other margin - gold margin) of each row, (batch,) (Crammer and Singer 2001)."""
    rows = np.arange(len(gold))
    right = margins[rows, np.maximum(gold, 0)]
    others = margins.copy()
    others[rows, np.maximum(gold, 0)] = -np.inf
    return np.maximum(0.0, 1.0 + others.max(axis=1) - right)
