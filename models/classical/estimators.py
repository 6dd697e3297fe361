"""Wrappers of scikit-learn estimators that cannot be used directly: one does not accept sparse rows, others cannot be saved as plain
numbers and trees."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeRegressor

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


class GaussianBayes(GaussianNB):
    """Gaussian naive Bayes over sparse rows, whose missing entries are 0; priors are learned, or uniform."""

    def __init__(self, *, fit_prior: bool = True, priors: FloatArray | None = None, var_smoothing: float = 1e-9) -> None:
        super().__init__(priors=priors, var_smoothing=var_smoothing)
        self.fit_prior = fit_prior

    def fit(self, X: Any, y: IntArray, sample_weight: FloatArray | None = None) -> "GaussianBayes":
        n_classes = len(np.unique(y))
        self.priors = None if self.fit_prior else np.full(n_classes, 1 / n_classes)
        super().fit(X.toarray(), y, sample_weight)
        return self

    def predict_proba(self, X: Any) -> FloatArray:
        """(rows, n_features) -> (rows, n_classes)."""
        return super().predict_proba(X.toarray())


class BoostedTrees:
    """Gradient boosting (Friedman 2001), fitted by scikit-learn: initial scores, trees and learning rate.

    A round has one tree for each class; for two classes, a single tree. `start` (n_scores,) are the scores before the first round.
    """

    def __init__(self, learning_rate: float, max_depth: int, min_samples_leaf: int, n_rounds: int, max_features: str | None,
                 seed: int) -> None:
        self.learning_rate, self.max_depth, self.min_samples_leaf = learning_rate, max_depth, min_samples_leaf
        self.n_rounds, self.max_features, self.seed = n_rounds, max_features, seed

    @property
    def estimator(self) -> DecisionTreeRegressor:
        """An estimator of the type of the trees."""
        return DecisionTreeRegressor()

    def fit(self, texts: Any, labels: IntArray, rounds: list[int], report: Callable[[int], object]) -> "BoostedTrees":
        """Fit round by round; `report` is called with the number of completed rounds after each of `rounds`."""
        self._grow(GradientBoostingClassifier(**self._settings()), texts, labels, rounds, report)
        self.classes_, counts = np.unique(labels, return_counts=True)
        shares = counts / counts.sum()
        self.start = np.log(shares) if len(shares) > 2 else np.array([np.log(shares[1] / shares[0])])
        return self

    def _settings(self) -> dict[str, Any]:
        return {"learning_rate": self.learning_rate, "max_depth": self.max_depth, "min_samples_leaf": self.min_samples_leaf,
                "max_features": self.max_features, "random_state": self.seed, "warm_start": True}

    def _grow(self, fitted: Any, texts: Any, targets: Any, rounds: list[int], report: Callable[[int], object]) -> None:
        for count in rounds:
            fitted.set_params(n_estimators=count).fit(texts, targets)
            report(count)
        self.n_features_in_ = int(texts.shape[1])
        self.estimators_: list[Any] = [tree.set_params(random_state=None) for tree in fitted.estimators_.ravel()]

    def decision_function(self, texts: Any) -> FloatArray:
        """(rows, n_features) -> (rows, n_classes) scores; with two classes (rows,) scores of the second."""
        rows, n_scores = texts.astype(np.float32), len(self.start)
        scores = np.tile(self.start, (texts.shape[0], 1))
        for number, tree in enumerate(self.estimators_):
            scores[:, number % n_scores] += self.learning_rate * tree.tree_.predict(rows)[:, 0]
        return scores[:, 0] if n_scores == 1 else scores

    def predict_proba(self, texts: Any) -> FloatArray:
        """(rows, n_features) -> (rows, n_classes)."""
        from scipy.special import softmax

        scores = self.decision_function(texts)
        if scores.ndim == 1:
            scores = np.stack([np.zeros_like(scores), scores], axis=1)
        return softmax(scores, axis=1)


class BoostedNumbers(BoostedTrees):
    """Gradient boosting for regression with squared error: it starts at the mean, and a round has one tree."""

    def fit(self, texts: Any, labels: FloatArray, rounds: list[int], report: Callable[[int], object]) -> "BoostedNumbers":  # type: ignore[override]
        """Fit round by round to the numbers (rows,)."""
        self._grow(GradientBoostingRegressor(**self._settings()), texts, labels, rounds, report)
        self.start = np.array([labels.mean()])
        return self

    def predict(self, texts: Any) -> FloatArray:
        """(rows, n_features) -> (rows,)."""
        return self.decision_function(texts)
