"""Explanations of predictions of classical models: contributions of n-grams, or the neighbours that voted."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.floating[Any]]

Reason = tuple[int, float]
MOST_REASONS = 10
MOST_REMOVED = 200
"""Maximum number of features of a text that are removed, one at a time."""
WITHOUT_COEFFICIENTS = frozenset({"SVC", "BoostedTrees", "GaussianBayes"})


class Contributions(NamedTuple):
    """Features of one text (k,), and the contribution of each to the score of its class (k,)."""

    features: IntArray
    amounts: FloatArray


def reasons(estimator: Any, texts: Any, predicted: IntArray) -> list[list[Reason]]:
    """texts (batch, n_features) sparse, predicted (batch,) class ids -> for each text up to ten pairs, the most important first.

    k-nearest neighbours: (row of the training data, distance), the nearest first. All others: (feature, contribution above 0).
    """
    if hasattr(estimator, "kneighbors"):
        return _neighbours(estimator, texts)
    return [_largest(text) for text in contributions(estimator, texts, predicted)]


def contributions(estimator: Any, texts: Any, predicted: IntArray) -> list[Contributions]:
    """For each text, how much its features raise or lower the score of its predicted class.

    Linear models and naive Bayes: the feature's weight in the text times its coefficient for the class. Trees: how much the splits on
    the feature along the text's path raise the probability of the class, averaged over the trees of a forest; a feature that the text
    lacks can contribute. Kernels, boosting and Gaussian naive Bayes: how much lower the score of the class would be without the
    feature, for the features with the largest weights.
    """
    columns = np.searchsorted(estimator.classes_, predicted)
    if type(estimator).__name__ in WITHOUT_COEFFICIENTS:
        return [_removed(estimator, texts[row], int(column)) for row, column in enumerate(columns)]
    if hasattr(estimator, "tree_"):
        return _paths([estimator], texts, columns)
    if hasattr(estimator, "estimators_"):
        return _paths(estimator.estimators_, texts, columns)
    return [_linear(estimator, texts[row], int(column)) for row, column in enumerate(columns)]


def number_reasons(estimator: Any, texts: Any) -> list[list[Reason]]:
    """texts (batch, n_features) sparse -> for each up to ten pairs (feature, contribution: how much lower the predicted number would be
    if the feature were 0), the largest absolute values first; only the features with the largest weights are tried.
    """
    reasons_by_text = []
    for row in range(texts.shape[0]):
        tried, without = _without_each(texts[row])
        numbers = estimator.predict(without)
        amounts = numbers[0] - numbers[1:]
        order = np.argsort(-np.abs(amounts), kind="stable")[:MOST_REASONS]
        reasons_by_text.append([(int(texts[row].indices[tried[index]]), float(amounts[index])) for index in order if amounts[index]])
    return reasons_by_text


def _linear(estimator: Any, text: Any, column: int) -> Contributions:
    weights = np.ones_like(text.data) if hasattr(estimator, "binarize") else text.data
    return Contributions(text.indices, weights * _coefficients(estimator, text.indices, column))


def _coefficients(estimator: Any, features: IntArray, column: int) -> FloatArray:
    """How much one unit of each feature (k,) adds to the class's score: (k,).

    Naive Bayes scores every class, so the coefficient is the difference from the mean of the other classes.
    """
    if not hasattr(estimator, "feature_log_prob_"):
        coefficients = estimator.coef_[:, features]
        return coefficients[column] if len(coefficients) > 1 else coefficients[0] * (1 if column else -1)
    scores = estimator.feature_log_prob_[:, features]  # (n_classes, k)
    if hasattr(estimator, "binarize"):
        scores = scores - np.log1p(-np.exp(scores))
    others = np.delete(scores, column, axis=0)
    return scores[column] - (others.mean(axis=0) if len(others) else 0.0)


def _removed(estimator: Any, text: Any, column: int) -> Contributions:
    """The score of the text minus its score with one feature set to 0."""
    tried, without = _without_each(text)
    scores = _scores(estimator, without, column)
    return Contributions(text.indices[tried], scores[0] - scores[1:])


def _without_each(text: Any) -> tuple[IntArray, Any]:
    """The positions of the removed features (k,), and the text (k + 1, n_features): unchanged, then with each of them set to 0."""
    from scipy.sparse import csr_matrix

    tried = np.sort(np.argsort(-np.abs(text.data), kind="stable")[:MOST_REMOVED])
    n_rows, n_stored = len(tried) + 1, len(text.data)
    values = np.tile(text.data, (n_rows, 1))
    values[np.arange(1, n_rows), tried] = 0.0
    parts = (values.ravel(), np.tile(text.indices, n_rows), np.arange(n_rows + 1) * n_stored)
    return tried, csr_matrix(parts, shape=(n_rows, text.shape[1]))


def _scores(estimator: Any, texts: Any, column: int) -> FloatArray:
    """(rows,): the margin of a class, or its log-probability."""
    if not hasattr(estimator, "decision_function"):
        return np.log(np.maximum(estimator.predict_proba(texts)[:, column], np.finfo(np.float64).tiny))
    scores = estimator.decision_function(texts)
    return scores[:, column] if scores.ndim > 1 else scores * (1 if column else -1)


def _largest(text: Contributions) -> list[Reason]:
    features, amounts = text
    order = np.argsort(-amounts, kind="stable")[:MOST_REASONS]
    return [(int(features[index]), float(amounts[index])) for index in order if amounts[index] > 0]


def _paths(trees: list[Any], texts: Any, columns: IntArray) -> list[Contributions]:
    gains: list[dict[int, float]] = [{} for _ in range(texts.shape[0])]
    for tree in trees:
        paths = tree.decision_path(texts)
        for row, column in enumerate(columns):
            nodes = np.sort(paths.indices[paths.indptr[row] : paths.indptr[row + 1]])  # children have larger numbers
            steps = np.diff(tree.tree_.value[nodes, 0, column]) / len(trees)
            for feature, step in zip(tree.tree_.feature[nodes[:-1]], steps, strict=True):
                gains[row][int(feature)] = gains[row].get(int(feature), 0.0) + float(step)
    return [Contributions(np.array(list(gain), dtype=np.int64), np.array(list(gain.values()), dtype=np.float64)) for gain in gains]


def _neighbours(estimator: Any, texts: Any) -> list[list[Reason]]:
    distances, rows = estimator.kneighbors(texts)
    return [
        [(int(row), float(distance)) for row, distance in zip(near, far, strict=True)][:MOST_REASONS]
        for near, far in zip(rows, distances, strict=True)
    ]
