"""The predictions of a run for each row of a split, and the sums behind its metrics: all that statistics need."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import normalize

import numpy as np
import numpy.typing as npt

from ...datasets.arrays import BoolArray, FloatArray, IntArray
from .figures import FIGURES, Kind

Keys = npt.NDArray[np.uint64]
Column = npt.NDArray[Any]
"""(rows,) or (rows, n): the numbers of each row, in the smallest type that holds them."""
MetricColumns = Mapping[str, tuple[Kind, Mapping[str, Column]]]
"""For each metric its kind, and what each row adds to its sums; see `MetricRows`."""


class Grouped(NamedTuple):
    """Rows grouped by what they add to the sums: the addends of each group (m, k), and the group of each row (rows,)."""

    addends: FloatArray
    groups: IntArray


@dataclass(frozen=True)
class MetricRows:
    """One metric: how it is computed from sums over rows, and what each row adds to the sums.

    kind: `share`: rows that are 1 rather than 0, over a column of ones; `ratio`: first sum over second; `rmse`: its square root;
    `exp_ratio`: its exponential; `bits`: the ratio over ln 2; `f1`, `precision`, `recall`: of (correct, predicted, gold) spans; `macro_f1`:
    over classes; `correlation`: Pearson's of two numbers; the others as sacrebleu defines them. columns: what each row adds, by name;
    metrics that add the same numbers share columns. `macro_f1` has the ids of the gold and of the predicted class, out of `n_labels`,
    `correlation` the predicted and the gold number. Losses may be infinite or NaN; all other numbers are finite.
    """

    kind: Kind
    columns: Mapping[str, Column]
    lower_is_better: bool = False
    n_labels: int = 0

    @property
    def figure(self) -> Callable[[FloatArray], FloatArray]:
        """Maps sums (..., k) over any rows to the metric's values (...)."""
        return FIGURES[self.kind].of_sums

    @property
    def sums(self) -> FloatArray:
        """(rows, k), computed at each call; `grouped` needs less memory."""
        if self.kind == "macro_f1":
            return self._class_sums(*self.columns.values())
        if self.kind == "correlation":
            x, y = (column.astype(np.float64) for column in self.columns.values())
            return np.column_stack([np.ones(len(x)), x, y, x * x, y * y, x * y])
        return np.column_stack(list(self.columns.values())).astype(np.float64)

    def totals(self) -> FloatArray:
        """(k,): the sums over all rows."""
        if self.kind == "macro_f1":
            gold, predicted = self.columns.values()
            counts = (np.bincount(ids, minlength=self.n_labels) for ids in (gold[gold == predicted], gold, predicted))
            right, gold_counts, predicted_counts = counts
            return np.concatenate([right, gold_counts + predicted_counts]).astype(np.float64)
        return self.sums.sum(axis=0)

    def value(self) -> float:
        """The metric over all rows."""
        return float(self.figure(self.totals()))

    def grouped(self) -> Grouped:
        """The rows grouped by what they add: accuracy has two groups, macro F1 one for each pair of classes that occurs."""
        groups = np.zeros(len(next(iter(self.columns.values()))), dtype=np.int64)
        for column in self.columns.values():
            for numbers in np.column_stack([column]).T:
                values, ids = np.unique(numbers, return_inverse=True)
                groups = np.unique(groups * len(values) + ids, return_inverse=True)[1]
        _, first = np.unique(groups, return_index=True)
        return Grouped(self.take(first).sums, groups)

    def take(self, rows: IntArray) -> "MetricRows":
        """These rows, in their order."""
        return replace(self, columns={name: column[rows] for name, column in self.columns.items()})

    def with_ids(self, ids: Column, n_labels: int) -> "MetricRows":
        """The same metric with label i renumbered as `ids[i]`, out of `n_labels`."""
        columns = {name: ids[column] for name, column in self.columns.items()} if self.kind == "macro_f1" else self.columns
        return replace(self, columns=columns, n_labels=n_labels)

    def _class_sums(self, gold: IntArray, predicted: IntArray) -> FloatArray:
        """(rows, 2 n_labels): 1 where a class is predicted correctly; how often it is the gold or the predicted class."""
        sums, rows = np.zeros((2, len(gold), self.n_labels)), np.arange(len(gold))
        sums[0, rows, gold] = gold == predicted
        sums[1, rows, gold] = 1
        sums[1, rows, predicted] += 1
        return np.concatenate(list(sums), axis=1)


@dataclass(frozen=True)
class RowScores:
    """The rows of one run on one split, in the order of the split.

    keys, answers, predicted: (rows,) 64-bit hashes of the input, the gold answer and the prediction, as text; equal texts hash equally.
    If several answers are right, a prediction that is one of them has the hash of the gold answer. For a language model, input and answer
    are the text of a block, and `predicted` has no meaning. labels: the names of the classes or tags; those that occur only in gold answers
    come last. metrics: by name, all over the same rows. lines: a JSONL file with the rows' texts, if there is one.
    """

    task: str
    main_metric: str
    labels: tuple[str, ...]
    keys: Keys
    answers: Keys
    predicted: Keys
    metrics: Mapping[str, MetricRows]
    lines: Path | None = None

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def right(self) -> BoolArray:
        """(rows,): whether the prediction is the gold answer."""
        return self.answers == self.predicted

    def take(self, rows: IntArray) -> "RowScores":
        """These rows, in their order."""
        metrics = {name: metric.take(rows) for name, metric in self.metrics.items()}
        keys, answers, predicted = (texts[rows] for texts in (self.keys, self.answers, self.predicted))
        return replace(self, keys=keys, answers=answers, predicted=predicted, metrics=metrics, lines=None)

    def with_labels(self, labels: Sequence[str]) -> "RowScores":
        """The same scores with ids from a list that contains all of the labels."""
        if tuple(labels) == self.labels:
            return self
        numbers = {label: number for number, label in enumerate(labels)}
        ids = compact([numbers[label] for label in self.labels])
        metrics = {name: metric.with_ids(ids, len(labels)) for name, metric in self.metrics.items()}
        return replace(self, labels=tuple(labels), metrics=metrics)


def pooled(parts: Sequence[RowScores]) -> RowScores:
    """The rows of all folds of one cross-validation, concatenated.

    Correlations are left out: the numbers of each fold are on the scale of its own training split.
    """
    if len(parts) == 1:
        return parts[0]
    labels = tuple(dict.fromkeys(label for part in parts for label in part.labels))
    parts = [part.with_labels(labels) for part in parts]
    names = [name for name, metric in parts[0].metrics.items() if metric.kind != "correlation"]
    keys, answers, predicted = (np.concatenate([getattr(part, name) for part in parts]) for name in ("keys", "answers", "predicted"))
    main = parts[0].main_metric if parts[0].main_metric in names else names[0]
    return replace(parts[0], main_metric=main, keys=keys, answers=answers, predicted=predicted, lines=None,
                   metrics={name: _joined([part.metrics[name] for part in parts]) for name in names})


def _joined(metrics: Sequence[MetricRows]) -> MetricRows:
    columns = {name: np.concatenate([metric.columns[name] for metric in metrics]) for name in metrics[0].columns}
    return replace(metrics[0], columns=columns)


class RowTexts(NamedTuple):
    """The input, the gold answer and the prediction of each row; each can be iterated over once."""

    read: Iterable[str]
    answers: Iterable[str]
    predicted: Iterable[str]


def hashes(texts: Iterable[str]) -> Keys:
    """(texts,): a 64-bit BLAKE2b hash of each. The probability of a collision among 100,000 texts is 1 in 4 billion."""
    digests = (blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts)
    return np.fromiter((int.from_bytes(digest, "little") for digest in digests), dtype=np.uint64)


def keys_of(texts: Iterable[str]) -> Keys:
    """Hashes of the texts in Unicode's form NFC, so that composed and decomposed characters match."""
    return hashes(text if text.isascii() else normalize("NFC", text) for text in texts)


def compact(values: npt.ArrayLike) -> Column:
    """The numbers in the smallest unsigned integer type that holds them, or as 64-bit floats if none does."""
    array = np.asarray(values)
    least, largest = array.min(initial=0), array.max(initial=0)
    if least >= 0 and largest < 2**32 and (array.dtype.kind in "bui" or np.array_equal(array, np.floor(array))):
        return array.astype(next(kind for kind in (np.uint8, np.uint16, np.uint32) if largest <= np.iinfo(kind).max))
    return array.astype(np.float64)


def ones(n_rows: int) -> Column:
    """A column of ones, which counts rows."""
    return np.ones(n_rows, dtype=np.uint8)
