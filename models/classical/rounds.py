"""Fits that take long, in rounds, so that a person sees how far they have come; scikit-learn itself says nothing until it is done."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Report = Callable[[str, int, int | None], None]
"""Takes what is counted, such as `tree`, how many are done, and of how many; None where that is not known."""
NEWTON_STEPS = 2
"""In a round: the line search of the second knows how far the first one went."""
ROUNDS_OF_TREES = 20
BLOCK = 8_192
"""Texts of a block."""
LEARNING_ONLY = {"_loss_function_", "_standard_coef", "_standard_intercept", "_average_coef", "_average_intercept"}
"""What scikit-learn's stochastic gradient descent keeps to go on learning; predictions need none of it."""


def silent(what: str, done: int, total: int | None) -> None:
    """Nothing."""


def fit_in_rounds(estimator: Any, texts: Any, labels: npt.NDArray[Any], report: Report) -> None:
    """Fit a scikit-learn classifier or regressor; afterwards it is as if it had been fitted at once."""
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
    """Show a classifier that can learn bit by bit the texts in each of these orders, a block at a time; only one block is in memory."""
    classes = np.unique(labels)
    for done, order in enumerate(orders):
        for start in range(0, len(order), BLOCK):
            rows = order[start : start + BLOCK]
            estimator.partial_fit(rows_of(rows), labels[rows], classes=classes)
        report("epoch", done + 1, n_orders)
    for name in LEARNING_ONLY & vars(estimator).keys():
        delattr(estimator, name)


def _fit_by_steps(estimator: Any, texts: Any, labels: npt.NDArray[np.integer[Any]], report: Report) -> None:
    """Newton's method remembers nothing but where it is, so it can be stopped after any step and go on from there."""
    from sklearn.exceptions import ConvergenceWarning

    most, done, taken, asked = estimator.max_iter, 0, 1, 1
    while taken == asked and done < most:
        asked = min(NEWTON_STEPS, most - done)
        estimator.set_params(warm_start=True, max_iter=asked)
        with warnings.catch_warnings():
            if done + asked < most:
                warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.fit(texts, labels)
        taken = int(estimator.n_iter_.max())
        done += taken
        report("iteration", done, None)
    estimator.set_params(warm_start=False, max_iter=most)
    estimator.n_iter_ = np.array([done], dtype=estimator.n_iter_.dtype)


def _fit_by_trees(estimator: Any, texts: Any, labels: npt.NDArray[np.integer[Any]], report: Report) -> None:
    """Every tree has a seed of its own, the same whether it is grown with the others or after them."""
    total = estimator.n_estimators
    for count in _counts(total):
        estimator.set_params(warm_start=True, n_estimators=count).fit(texts, labels)
        report("tree", count, total)
    estimator.set_params(warm_start=False)


def _counts(total: int) -> list[int]:
    """How many trees there are after each round, at most `ROUNDS_OF_TREES` times."""
    counts = np.unique(np.linspace(0, total, ROUNDS_OF_TREES + 1).astype(int)[1:])
    return counts[counts > 0].tolist()
