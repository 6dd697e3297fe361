"""Classical classifiers over a bag of tokens, weighted n-grams or numbers, fitted by scikit-learn, which is imported on first use."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ...configs.schema.data import SizesData
from ...configs.schema.models.classical import (
    GradientBoostingConfig,
    KernelSvmConfig,
    KnnConfig,
    LinearSvmConfig,
    LogisticRegressionConfig,
    NaiveBayesConfig,
    OnlineConfig,
    PerceptronConfig,
    RandomForestConfig,
    SgdConfig,
)
from ...errors import ConfigError, RunError, TrainingError
from ...storage import release
from ..head import Head
from .explanations import Contributions, Reason, contributions, reasons
from .new_estimator import AnyClassicalConfig, new_estimator
from .rounds import Report, fit_in_blocks, fit_in_rounds, silent
from .skops_file import read_estimator, write_estimator

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.floating[Any]]

Targets = Mapping[str, tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]
"""What to predict, by name: values, and a mask that is true for values to predict."""
PLACES = 65_536
"""Values of a memory map that are read together: in the worst case each loads its page and the 15 next to it."""
DISTANCE_MEGABYTES = 128
"""Memory for a block of distances between texts and all stored examples (k-nearest neighbours)."""
MOST_DENSE_BYTES = 8_000_000_000
"""Maximum memory of the training texts as a dense matrix, which Gaussian naive Bayes needs."""


class Bag(NamedTuple):
    """Texts as flat arrays, which may be memory maps; see `Classical`."""

    tokens: IntArray
    starts: IntArray
    weights: FloatArray | None

    def taken(self, rows: IntArray) -> "Bag":
        """The chosen texts, in this order."""
        starts, last = self.starts[rows].astype(np.int64), len(self.starts) - 1
        lengths = np.where(rows < last, self.starts[np.minimum(rows + 1, last)], len(self.tokens)) - starts
        ends = np.cumsum(lengths)
        indices = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
        return Bag(_at(self.tokens, indices), ends - lengths, None if self.weights is None else _at(self.weights, indices))

    @property
    def n_rows(self) -> int:
        """Number of texts."""
        return len(self.starts)

    def matrix(self, n_features: int) -> Any:
        """(batch, n_features) sparse rows, float64. Raises RunError for an id outside the features."""
        from scipy.sparse import csr_matrix

        tokens, starts, weights = self
        if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) < n_features:
            raise RunError(f"A text has the token id {int(tokens.max())}, but the model knows ids from 0 to {n_features - 1}: the "
                           "tokenizer and the model are not of the same run.")
        values = np.ones(len(tokens)) if weights is None else weights.astype(np.float64)
        ends = np.append(starts, len(tokens)).astype(np.int64)
        rows = csr_matrix((values, tokens.copy(), ends), shape=(len(starts), n_features))
        rows.sum_duplicates()
        return rows


def _at(values: npt.NDArray[Any], indices: IntArray) -> npt.NDArray[Any]:
    """The values at these indices, read in blocks so that few pages of a memory map are in memory at a time."""
    chosen = np.empty(len(indices), values.dtype)
    for start in range(0, len(indices), PLACES):
        chosen[start : start + PLACES] = values[indices[start : start + PLACES]]
        release(values)
    return chosen


class Vectors(NamedTuple):
    """Rows of numbers (batch, n_features), which scikit-learn gets as sparse rows although almost no number is 0."""

    vectors: FloatArray

    def taken(self, rows: IntArray) -> "Vectors":
        """The chosen rows, in this order."""
        return Vectors(self.vectors[rows])

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.vectors)

    def matrix(self, n_features: int) -> Any:
        """(batch, n_features) sparse rows, float64. Raises RunError for rows of another length."""
        from scipy.sparse import csr_matrix

        if self.vectors.shape[1] != n_features:
            raise RunError(f"The rows have {self.vectors.shape[1]} numbers, but the model knows {n_features}: the data and the model are "
                           "not of the same run.")
        return csr_matrix(self.vectors.astype(np.float64))


def rows_of(inputs: Mapping[str, Any]) -> Bag | Vectors:
    """The named inputs of a batch as a bag of tokens or as vectors."""
    return Vectors(**inputs) if "vectors" in inputs else Bag(**inputs)


class Classical:
    """One scikit-learn classifier, with a column of scores for every class of the task in the order of its labels.

    Texts are flat arrays: tokens (n,) ids, the starts (batch,) of each text in them, weights (n,) or None for counts.
    An id may repeat within a text; its weights are then added up. Rows of numbers are vectors (batch, n_features).
    """

    scores_are: Literal["probabilities", "margins"]
    why_names: Literal["features", "examples"]
    """What `why` refers to: ids of the vocabulary, or training rows in the order of `fit`."""
    _needs_two_classes: ClassVar[tuple[type, ...]] = (
        LogisticRegressionConfig, LinearSvmConfig, KernelSvmConfig, OnlineConfig, GradientBoostingConfig)

    def __init__(self, config: AnyClassicalConfig, spec: SizesData, head: Head) -> None:
        by_vector = config.input == "vector"
        size, what = (spec.n_features, "numbers in a row") if by_vector else (spec.vocab_size, "tokens or n-grams")
        if size is None:
            raise ConfigError(f"model.type {config.type} needs the number of {what}; state "
                              f"`data.{'n_features' if by_vector else 'vocab_size'}`.")
        self.config = config
        self.n_features, self.n_classes, self.labels = size, head.n_outputs, head.labels
        self.scores_are = "margins" if _gives_margins(config) else "probabilities"
        self.why_names = "examples" if isinstance(config, KnnConfig) else "features"
        self.notices: list[str] = []
        """Notices of the last fit or load: a solver that did not converge, fewer neighbours than requested."""
        self._estimator: Any = None

    def fit(self, *, targets: Targets, seed: int, report: Report = silent, **inputs: Any) -> None:
        """Fit on the complete training split, with inputs as for `scores`; the `labels` in `targets` are class ids (batch,). Warnings
        are collected in `notices`.

        Raises TrainingError if the classifier needs two classes and the training split has one.
        """
        labels, _ = targets["labels"]
        present = np.unique(labels)
        if len(present) < 2 and isinstance(self.config, self._needs_two_classes):
            raise TrainingError(f"model.type {self.config.type} distinguishes classes, but all {len(labels)} training texts are of "
                                f"class {self._name(int(present[0]))}; add texts of another class.")
        self.notices = []
        estimator = new_estimator(self.config, seed)
        if isinstance(self.config, KnnConfig):
            self._limit_neighbours(estimator, len(labels))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self._fit(estimator, rows_of(inputs), labels, seed, report)
        self.notices += [self._plain(warning) for warning in caught]
        if isinstance(self.config, RandomForestConfig):
            estimator.n_jobs = 1  # threads would add up the trees' votes in the order in which they finish
        self._estimator = estimator

    def _fit(self, estimator: Any, texts: Bag | Vectors, labels: IntArray, seed: int, report: Report) -> None:
        """Fit the estimator; those that can learn incrementally get blocks of texts and never all of them as a matrix."""
        match self.config:
            case OnlineConfig(n_iterations=passes):
                orders = (np.random.default_rng((seed, epoch)).permutation(len(labels)) for epoch in range(passes))
                fit_in_blocks(estimator, self._rows_of(texts), labels, orders, passes, report)
            case NaiveBayesConfig(variant="gaussian"):
                self._refuse_too_large(len(labels))
                estimator.fit(self._rows_of(texts)(slice(None)), labels)
            case NaiveBayesConfig():
                fit_in_blocks(estimator, self._rows_of(texts), labels, [np.arange(len(labels))], 1, report)
            case _:
                fit_in_rounds(estimator, self._rows_of(texts)(slice(None)), labels, report)

    def _rows_of(self, texts: Bag | Vectors) -> Callable[[Any], Any]:
        """A function that returns chosen rows, or all of them, as a sparse matrix."""
        return lambda rows: (texts if isinstance(rows, slice) else texts.taken(rows)).matrix(self.n_features)

    def _refuse_too_large(self, n_texts: int) -> None:
        if (size := n_texts * self.n_features * 8) > MOST_DENSE_BYTES:
            raise ConfigError(f"model.variant `gaussian` needs a dense matrix of all texts: {n_texts:,} texts with {self.n_features:,} "
                              f"features take {size / 1e9:,.0f} GB. Use few dense features, such as tokenizer.analysis.meaning "
                              "`{latent: 100, ngrams: false}`, or another variant.")

    def scores(self, **inputs: Any) -> npt.NDArray[np.float64]:
        """`tokens` (n,), `starts` (batch,) and `weights` (n,), or `vectors` (batch, n_features) -> (batch, n_classes) probabilities or
        margins.

        A class that did not occur in training gets probability 0, or a margin below that of every other class.
        """
        import sklearn

        estimator, rows = self._fitted(), rows_of(inputs)
        if not rows.n_rows:
            return np.zeros((0, self.n_classes))
        texts = rows.matrix(self.n_features)
        with sklearn.config_context(working_memory=DISTANCE_MEGABYTES):
            known = self._margins(texts) if self.scores_are == "margins" else estimator.predict_proba(texts)
        floor = np.minimum(known.min(axis=1, keepdims=True), 0) - 1 if self.scores_are == "margins" else 0.0
        scores = np.zeros((rows.n_rows, self.n_classes)) + floor
        scores[:, estimator.classes_] = known
        return scores

    def why(self, *, predicted: IntArray, **inputs: Any) -> list[list[Reason]]:
        """For each text, up to ten reasons for its predicted class (batch,), the largest first; see `explanations`."""
        estimator, rows = self._fitted(), rows_of(inputs)
        return reasons(estimator, rows.matrix(self.n_features), predicted) if rows.n_rows else []

    def contributions(self, *, predicted: IntArray, **inputs: Any) -> list[Contributions]:
        """For each text, the contributions of its features to its predicted class (batch,); not for nearest neighbours."""
        return contributions(self._fitted(), rows_of(inputs).matrix(self.n_features), predicted)

    def save(self, folder: Path) -> None:
        """Write `model.skops` into an existing folder."""
        write_estimator(self._fitted(), folder)

    def load(self, folder: Path) -> None:
        """Read `model.skops`. Raises RunError if the file is damaged or does not match the recipe; runs no code."""
        self._estimator, self.notices = read_estimator(folder, new_estimator(self.config, seed=0), self.n_features, self.n_classes)

    def describe(self) -> dict[str, int]:
        """Numbers of features and classes, and sizes of the fitted estimator."""
        return {"features": self.n_features, "classes": self.n_classes, **_fitted_sizes(self._estimator)}

    def _fitted(self) -> Any:
        if self._estimator is None:
            raise RunError(f"The {self.config.type} model has not been fitted or loaded; train it first.")
        return self._estimator

    def _margins(self, texts: Any) -> FloatArray:
        margins = self._fitted().decision_function(texts)
        return np.stack([-margins, margins], axis=1) if margins.ndim == 1 else margins

    def _limit_neighbours(self, estimator: Any, n_examples: int) -> None:
        if estimator.n_neighbors > n_examples:
            self.notices.append(f"model.n_neighbors is {estimator.n_neighbors}, but there are only {n_examples} training texts; "
                                "all of them vote.")
            estimator.n_neighbors = n_examples

    def _plain(self, warning: warnings.WarningMessage) -> str:
        from sklearn.exceptions import ConvergenceWarning

        if not issubclass(warning.category, ConvergenceWarning):
            return str(warning.message)
        return (f"The {self.config.type} solver stopped after model.max_iterations = {getattr(self.config, 'max_iterations', '?')} "
                "steps before it converged; results may still change with more steps, or with a smaller model.C.")

    def _name(self, label: int) -> str:
        return f"`{self.labels[label]}`" if self.labels else str(label)


def _gives_margins(config: AnyClassicalConfig) -> bool:
    match config:
        case LinearSvmConfig() | KernelSvmConfig() | PerceptronConfig() | SgdConfig(loss="hinge"):
            return True
        case _:
            return False


def _fitted_sizes(estimator: Any) -> dict[str, int]:
    """Sizes of a fitted estimator; empty before the fit."""
    sizes: dict[str, Callable[[], dict[str, int]]] = {
        "estimators_": lambda: _tree_sizes(estimator.estimators_),
        "tree_": lambda: _tree_sizes([estimator]),
        "_fit_X": lambda: {"stored_examples": estimator.n_samples_fit_, "stored_weights": estimator._fit_X.nnz},
        "support_vectors_": lambda: {"support_vectors": estimator.support_vectors_.shape[0],
                                     "stored_weights": estimator.support_vectors_.nnz},
        "theta_": lambda: {"coefficients": 2 * estimator.theta_.size + estimator.class_prior_.size},
        "coef_": lambda: {"coefficients": estimator.coef_.size + estimator.intercept_.size},
        "feature_log_prob_": lambda: {"coefficients": estimator.feature_log_prob_.size + estimator.class_log_prior_.size},
    }
    return next((size() for name, size in sizes.items() if hasattr(estimator, name)), {})


def _tree_sizes(trees: list[Any]) -> dict[str, int]:
    return {"trees": len(trees), "nodes": sum(tree.tree_.node_count for tree in trees),
            "leaves": sum(int(tree.get_n_leaves()) for tree in trees), "depth": max(int(tree.get_depth()) for tree in trees)}
