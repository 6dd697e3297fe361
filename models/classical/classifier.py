"""Classical classifiers over a bag of tokens, weighted n-grams or numbers, fitted by scikit-learn, which is imported when one is used."""

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
"""What to predict by name: values, and a mask that is true where there is something to predict."""
PLACES = 65_536
"""Of a memory map, read together: in the worst case each brings its page and the 15 beside it into memory."""
DISTANCE_MEGABYTES = 128
"""Memory for a block of distances between texts and all stored examples (k-nearest neighbours)."""
MOST_DENSE_BYTES = 8_000_000_000
"""Memory of the training texts with all features, for a model that needs them so (Gaussian naive Bayes)."""


class Bag(NamedTuple):
    """Texts as flat arrays; see Classical. They may be memory maps."""

    tokens: IntArray
    starts: IntArray
    weights: FloatArray | None

    def taken(self, rows: IntArray) -> "Bag":
        """Chosen texts, in this order."""
        starts, last = self.starts[rows].astype(np.int64), len(self.starts) - 1
        lengths = np.where(rows < last, self.starts[np.minimum(rows + 1, last)], len(self.tokens)) - starts
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
        return Bag(_at(self.tokens, places), ends - lengths, None if self.weights is None else _at(self.weights, places))

    @property
    def n_rows(self) -> int:
        """How many texts there are."""
        return len(self.starts)

    def matrix(self, n_features: int) -> Any:
        """(batch, n_features) sparse rows, float64. Raises RunError for an id that is none of the features."""
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


def _at(values: npt.NDArray[Any], places: IntArray) -> npt.NDArray[Any]:
    """The values at these places; of a memory map, the pages of some of them are in memory at a time."""
    found = np.empty(len(places), values.dtype)
    for start in range(0, len(places), PLACES):
        found[start : start + PLACES] = values[places[start : start + PLACES]]
        release(values)
    return found


class Vectors(NamedTuple):
    """Rows of numbers (batch, n_features), which scikit-learn reads as sparse rows with almost every number in them."""

    vectors: FloatArray

    def taken(self, rows: IntArray) -> "Vectors":
        """Chosen rows, in this order."""
        return Vectors(self.vectors[rows])

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return len(self.vectors)

    def matrix(self, n_features: int) -> Any:
        """(batch, n_features) sparse rows, float64. Raises RunError for rows of another length."""
        from scipy.sparse import csr_matrix

        if self.vectors.shape[1] != n_features:
            raise RunError(f"The rows have {self.vectors.shape[1]} numbers, but the model knows {n_features}: the data and the model are "
                           "not of the same run.")
        return csr_matrix(self.vectors.astype(np.float64))


def rows_of(inputs: Mapping[str, Any]) -> Bag | Vectors:
    """The inputs of a batch, by their names there."""
    return Vectors(**inputs) if "vectors" in inputs else Bag(**inputs)


class Classical:
    """One scikit-learn classifier, with a column of scores for every class of the task in the order of its labels.

    Texts come as flat arrays: tokens (n,) ids, the starts (batch,) of each text in them, weights (n,) or None for counts.
    An id may repeat within a text; its weights are then added up. Rows of numbers come as vectors (batch, n_features).
    """

    scores_are: Literal["probabilities", "margins"]
    why_names: Literal["features", "examples"]
    """What `why` points at: ids of the vocabulary, or rows in the order that `fit` was given."""
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
        """Fit on the complete training split at once, given as for `scores`; `labels` among the targets are class ids (batch,). Warnings
        end up in `notices`.

        Raises TrainingError where the classifier needs two classes and training has one.
        """
        labels, _ = targets["labels"]
        present = np.unique(labels)
        if len(present) < 2 and isinstance(self.config, self._needs_two_classes):
            raise TrainingError(f"model.type {self.config.type} distinguishes classes, but all {len(labels)} training texts are of "
                                f"class {self._name(int(present[0]))}; give it texts of at least two classes.")
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
        """Those that can learn from one block of texts after the other never have all as a matrix."""
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
        """Chosen rows, or all, as a sparse matrix."""
        return lambda rows: (texts if isinstance(rows, slice) else texts.taken(rows)).matrix(self.n_features)

    def _refuse_too_large(self, n_texts: int) -> None:
        if (size := n_texts * self.n_features * 8) > MOST_DENSE_BYTES:
            raise ConfigError(f"model.variant `gaussian` keeps every feature of every text: {n_texts:,} texts with {self.n_features:,} "
                              f"features take {size / 1e9:,.0f} GB. Use few dense features, such as tokenizer.analysis.meaning "
                              "`{latent: 100, ngrams: false}`, or another variant.")

    def scores(self, **inputs: Any) -> npt.NDArray[np.float64]:
        """`tokens` (n,), `starts` (batch,) and `weights` (n,), or `vectors` (batch, n_features) -> (batch, n_classes) probabilities or
        margins.

        A class that training did not have gets probability 0, or a margin below that of every other class.
        """
        import sklearn

        estimator, given = self._fitted(), rows_of(inputs)
        if not given.n_rows:
            return np.zeros((0, self.n_classes))
        texts = given.matrix(self.n_features)
        with sklearn.config_context(working_memory=DISTANCE_MEGABYTES):
            known = self._margins(texts) if self.scores_are == "margins" else estimator.predict_proba(texts)
        floor = np.minimum(known.min(axis=1, keepdims=True), 0) - 1 if self.scores_are == "margins" else 0.0
        scores = np.zeros((given.n_rows, self.n_classes)) + floor
        scores[:, estimator.classes_] = known
        return scores

    def why(self, *, predicted: IntArray, **inputs: Any) -> list[list[Reason]]:
        """For each text, at most ten pairs behind its predicted class (batch,), the weightiest first; see `explanations`."""
        estimator, given = self._fitted(), rows_of(inputs)
        return reasons(estimator, given.matrix(self.n_features), predicted) if given.n_rows else []

    def contributions(self, *, predicted: IntArray, **inputs: Any) -> list[Contributions]:
        """For each text what its features add to its predicted class (batch,); not for nearest neighbours."""
        return contributions(self._fitted(), rows_of(inputs).matrix(self.n_features), predicted)

    def save(self, folder: Path) -> None:
        """Write `model.skops` into a folder that is there."""
        write_estimator(self._fitted(), folder)

    def load(self, folder: Path) -> None:
        """Read `model.skops`. Raises RunError for a damaged file, one of another kind, or one that does not fit; runs no code."""
        self._estimator, self.notices = read_estimator(folder, new_estimator(self.config, seed=0), self.n_features, self.n_classes)

    def describe(self) -> dict[str, int]:
        """Sizes: features and classes, and once fitted what the solver found."""
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
                "steps and had not converged; the figures may still change with more, or with a smaller model.C.")

    def _name(self, label: int) -> str:
        return f"`{self.labels[label]}`" if self.labels else str(label)


def _gives_margins(config: AnyClassicalConfig) -> bool:
    match config:
        case LinearSvmConfig() | KernelSvmConfig() | PerceptronConfig() | SgdConfig(loss="hinge"):
            return True
        case _:
            return False


def _fitted_sizes(estimator: Any) -> dict[str, int]:
    """What a fitted estimator consists of; nothing before the fit."""
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
