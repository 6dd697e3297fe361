"""Long fits in rounds, with progress reports; scikit-learn itself reports nothing until it is done."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Report = Callable[[str, int, int | None], None]
"""Progress callback: the unit, such as `tree`, the number done, and the total or None if it is unknown."""
NEWTON_STEPS = 2
"""Steps per round: the line search of the second step uses the length of the first."""
ROUNDS_OF_TREES = 20
BLOCK = 8_192
"""Texts per block."""
LEARNING_ONLY = {"_loss_function_", "_standard_coef", "_standard_intercept", "_average_coef", "_average_intercept"}
"""Attributes that scikit-learn's stochastic gradient descent keeps for further training; predictions do not need them."""


def silent(what: str, done: int, total: int | None) -> None:
    """Report nothing."""


def fit_in_rounds(estimator: Any, texts: Any, labels: npt.NDArray[Any], report: Report) -> None:
    """Fit a scikit-learn classifier or regressor; the result is the same as of a single fit."""
    match type(estimator).__name__:
        case "LogisticRegression":
            _fit_by_steps(estimator, texts, labels, report)
        case "RandomForestClassifier":
            _fit_by_trees(estimator, texts, labels, report)
        case "BoostedTrees" | "BoostedNumbers":
            total = estimator.n_rounds
            estimator.fit(texts, labels, _counts(total), lambda done: report("round", done, total))
        case _:
            estimator.fit(texts, labels)


def fit_in_blocks(estimator: Any, rows_of: Callable[[Any], Any], labels: npt.NDArray[np.integer[Any]],
                  orders: Iterable[npt.NDArray[np.integer[Any]]], n_orders: int, report: Report) -> None:
    """Fit a classifier incrementally on the texts in each of these orders, block by block; only one block is in memory."""
    classes = np.unique(labels)
    for done, order in enumerate(orders):
        for start in range(0, len(order), BLOCK):
            rows = order[start : start + BLOCK]
            estimator.partial_fit(rows_of(rows), labels[rows], classes=classes)
        report("epoch", done + 1, n_orders)
    for name in LEARNING_ONLY & vars(estimator).keys():
        delattr(estimator, name)


def _fit_by_steps(estimator: Any, texts: Any, labels: npt.NDArray[np.integer[Any]], report: Report) -> None:
    """Newton's method has no state besides the coefficients, so it can be stopped after any step and resumed."""
    from sklearn.exceptions import ConvergenceWarning

    most, done, steps, requested = estimator.max_iter, 0, 1, 1
    while steps == requested and done < most:
        requested = min(NEWTON_STEPS, most - done)
        estimator.set_params(warm_start=True, max_iter=requested)
        with warnings.catch_warnings():
            if done + requested < most:
                warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.fit(texts, labels)
        steps = int(estimator.n_iter_.max())
        done += steps
        report("iteration", done, None)
    estimator.set_params(warm_start=False, max_iter=most)
    estimator.n_iter_ = np.array([done], dtype=estimator.n_iter_.dtype)


def _fit_by_trees(estimator: Any, texts: Any, labels: npt.NDArray[np.integer[Any]], report: Report) -> None:
    """Fit a forest in rounds. Each tree has its own seed, which does not depend on the rounds."""
    total = estimator.n_estimators
    for count in _counts(total):
        estimator.set_params(warm_start=True, n_estimators=count).fit(texts, labels)
        report("tree", count, total)
    estimator.set_params(warm_start=False)


def _counts(total: int) -> list[int]:
    """Number of trees after each round, for at most `ROUNDS_OF_TREES` rounds."""
    counts = np.unique(np.linspace(0, total, ROUNDS_OF_TREES + 1).astype(int)[1:])
    return counts[counts > 0].tolist()
