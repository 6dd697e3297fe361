"""What a run predicted for each row of a split, and the sums that its metrics are made of: all that statistics need of it."""

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
"""(rows,) or (rows, n): numbers of each row, in the smallest type that holds them."""
MetricColumns = Mapping[str, tuple[Kind, Mapping[str, Column]]]
"""For each metric its kind, and what each row adds; see `MetricRows`."""


class Grouped(NamedTuple):
    """Rows by what they add: sums of the different ones (m, k), and for each row which of them it is (rows,)."""

    different: FloatArray
    places: IntArray


@dataclass(frozen=True)
class MetricRows:
    """One metric: how it follows from sums over rows, and what each row adds to the sums.

    kind: `share` is of rows that are 1, not 0, and of ones; `ratio`: first sum over second; `rmse`: its root; `exp_ratio`: its exponential;
    `bits`: the same over ln 2; `f1`, `precision`, `recall`: of (correct, predicted, gold) spans; `macro_f1`: of classes; `correlation`:
    Pearson's of two numbers; the others as sacrebleu defines them. columns: by name, side by side what each row adds, and shared with
    other metrics that add the same; those of `macro_f1` are the ids of the gold and of the predicted class, out of `n_labels`, those of
    `correlation` the predicted and the gold number. Losses may be infinite or NaN, all else is finite.
    """

    kind: Kind
    columns: Mapping[str, Column]
    lower_is_better: bool = False
    n_labels: int = 0

    @property
    def figure(self) -> Callable[[FloatArray], FloatArray]:
        """From sums (..., k) over any rows to the metric's values (...)."""
        return FIGURES[self.kind].of_sums

    @property
    def sums(self) -> FloatArray:
        """(rows, k), made anew at each call; see `grouped` for the same in little memory."""
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
            right, of_gold, of_predicted = counts
            return np.concatenate([right, of_gold + of_predicted]).astype(np.float64)
        return self.sums.sum(axis=0)

    def value(self) -> float:
        """The metric of all rows."""
        return float(self.figure(self.totals()))

    def grouped(self) -> Grouped:
        """The rows by what they add: a metric of right and wrong has two kinds of rows, macro F1 one for each pair of classes found."""
        places = np.zeros(len(next(iter(self.columns.values()))), dtype=np.int64)
        for column in self.columns.values():
            for numbers in np.column_stack([column]).T:
                values, found = np.unique(numbers, return_inverse=True)
                places = np.unique(places * len(values) + found, return_inverse=True)[1]
        _, first = np.unique(places, return_index=True)
        return Grouped(self.take(first).sums, places)

    def take(self, rows: IntArray) -> "MetricRows":
        """These rows, in their order."""
        return replace(self, columns={name: column[rows] for name, column in self.columns.items()})

    def with_ids(self, ids: Column, n_labels: int) -> "MetricRows":
        """The same with label i as `ids[i]`, out of `n_labels`."""
        columns = {name: ids[column] for name, column in self.columns.items()} if self.kind == "macro_f1" else self.columns
        return replace(self, columns=columns, n_labels=n_labels)

    def _class_sums(self, gold: IntArray, predicted: IntArray) -> FloatArray:
        """(rows, 2 n_labels): 1 where a class is predicted rightly; how often it is the gold or the predicted class."""
        sums, rows = np.zeros((2, len(gold), self.n_labels)), np.arange(len(gold))
        sums[0, rows, gold] = gold == predicted
        sums[1, rows, gold] = 1
        sums[1, rows, predicted] += 1
        return np.concatenate(list(sums), axis=1)


@dataclass(frozen=True)
class RowScores:
    """The rows of one run on one split, in the order of the split.

    keys, answers, predicted: (rows,) 64-bit hashes of what the model read, of the gold answer and of the prediction, as text; equal texts
    have equal hashes. Where several answers are right, a prediction that is one of them has the hash of the gold answer. A language model
    reads and predicts the text of a block, and `predicted` means nothing. `labels`: the names of the classes or tags, those that only the
    gold answers have at the end. `metrics` by name, all over the same rows. `lines`: a JSONL file with the rows' texts, where there is one.
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
        """The same with ids from a list that has all of the labels and maybe more."""
        if tuple(labels) == self.labels:
            return self
        numbers = {label: number for number, label in enumerate(labels)}
        ids = compact([numbers[label] for label in self.labels])
        metrics = {name: metric.with_ids(ids, len(labels)) for name, metric in self.metrics.items()}
        return replace(self, labels=tuple(labels), metrics=metrics)


def pooled(parts: Sequence[RowScores]) -> RowScores:
    """The rows of all folds of one deal, one after the other.

    Correlations are left out: the numbers of each fold stand on the scale of its own training split.
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
    """For each row what the model read, the gold answer, and the prediction; each can be gone through once."""

    read: Iterable[str]
    answers: Iterable[str]
    predicted: Iterable[str]


def hashes(texts: Iterable[str]) -> Keys:
    """(texts,): 64 bits of BLAKE2b of each. The chance that any two of 100,000 texts share theirs is 1 in 4 billion."""
    digests = (blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts)
    return np.fromiter((int.from_bytes(digest, "little") for digest in digests), dtype=np.uint64)


def keys_of(texts: Iterable[str]) -> Keys:
    """The same of texts in Unicode's form NFC, so that a text is recognised in either form."""
    return hashes(text if text.isascii() else normalize("NFC", text) for text in texts)


def compact(values: npt.ArrayLike) -> Column:
    """The numbers in the smallest type of unsigned integers that holds them, or as they are in 64 bits where there is none."""
    array = np.asarray(values)
    least, largest = array.min(initial=0), array.max(initial=0)
    if least >= 0 and largest < 2**32 and (array.dtype.kind in "bui" or np.array_equal(array, np.floor(array))):
        return array.astype(next(kind for kind in (np.uint8, np.uint16, np.uint32) if largest <= np.iinfo(kind).max))
    return array.astype(np.float64)


def ones(n_rows: int) -> Column:
    """What each row adds to the number of rows."""
    return np.ones(n_rows, dtype=np.uint8)
