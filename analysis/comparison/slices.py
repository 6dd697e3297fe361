"""Subsets of rows on which methods may differ more than on all: by class, text length, and how often words occur in training."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...datasets.arrays import BoolArray, IntArray
from ..statistics.many import holm
from .methods import Method
from .verdicts import Pair, judge

FEWEST = 5
"""The minimum number of rows in a slice."""
MOST_CLASSES = 200


@dataclass(frozen=True)
class Slice:
    """Some rows of the test set, with a display name; `by` is `class`, `length`, `words` or `frequency`."""

    by: str
    name: str
    rows: BoolArray


@dataclass(frozen=True)
class SliceVerdict:
    """How two methods compare on a slice; p is corrected for all slices of the comparison."""

    by: str
    name: str
    n: int
    values: tuple[float, float]
    pair: Pair


def by_class(labels: Sequence[str]) -> list[Slice]:
    """A slice for each class, from the class of each row; none if there are too many to be classes."""
    numbers = {name: number for number, name in enumerate(sorted(set(labels)))}
    if not 2 <= len(numbers) <= MOST_CLASSES:
        return []
    places = np.array([numbers[label] for label in labels])
    return [Slice("class", name, places == number) for name, number in numbers.items()]


def by_length(lengths: IntArray, unit: str = "characters") -> list[Slice]:
    """Thirds of the rows from the shortest to the longest; fewer slices if many lengths are equal."""
    ordered = np.sort(lengths)
    ends = [-1, *(int(ordered[(len(ordered) - 1) * third // 3]) for third in (1, 2, 3))]
    bounds = [(low + 1, high) for low, high in pairwise(ends) if high > low]
    if len(bounds) < 2:
        return []
    return [Slice("length", f"{max(low, int(lengths.min()))} to {high} {unit}", (lengths >= low) & (lengths <= high))
            for low, high in bounds]


def by_words(tests: Iterable[tuple[Sequence[str], Sequence[str]]]) -> list[Slice]:
    """Slices by the number of words unseen in training, and thirds by the frequency of words in training (mean of ln(1 + count)).

    Each test has its texts and its own training texts; folds are several tests. Words are separated by white space, and case is ignored.
    """
    rows = [row for texts, train in tests for row in _counts_of_words(texts, train)]
    unknown = np.array([sum(count == 0 for count in row) for row in rows])
    kinds = (("no unknown word", unknown == 0), ("one unknown word", unknown == 1), ("more unknown words", unknown > 1))
    found = [Slice("words", name, rows) for name, rows in kinds if rows.any()]
    often = np.array([np.log1p(row).mean() if row else 0.0 for row in rows])
    ends = np.quantile(often, [1 / 3, 2 / 3])
    thirds = (("rarest words", often <= ends[0]), ("words in between", (often > ends[0]) & (often <= ends[1])),
              ("most frequent words", often > ends[1]))
    return (found if len(found) > 1 else []) + ([Slice("frequency", name, rows) for name, rows in thirds if rows.any()]
                                                 if ends[0] < ends[1] else [])


def _counts_of_words(texts: Sequence[str], train: Sequence[str]) -> list[list[int]]:
    """For each text, how often each of its words occurs in training."""
    counts = Counter(word for text in train for word in text.lower().split())
    return [[counts[word] for word in text.lower().split()] for text in texts]


def by_accuracy(method: Method) -> bool:
    """Whether slices are judged by accuracy in place of the method's metric: within a slice, macro F1 would be decided by a class that is
    rare or only predicted.
    """
    return method.rows.kind == "macro_f1"


def judged_slices(slices: Sequence[Slice], a: Method, b: Method, clusters: IntArray | None, confidence: float) -> list[SliceVerdict]:
    """Compare two methods on each slice, by the same metric (but see `by_accuracy`) and tests, with Holm's correction over the slices."""
    verdicts = []
    a, b = (method.by_accuracy() if by_accuracy(method) else method for method in (a, b))
    for part in slices:
        if np.count_nonzero(part.rows) >= FEWEST:
            own = None if clusters is None else clusters[part.rows]
            first, second = (method.take(part.rows).clustered(own) for method in (a, b))
            verdicts.append(SliceVerdict(part.by, part.name, int(part.rows.sum()), (first.value, second.value),
                                         judge(first, second, confidence)))
    adjusted = holm([each.pair.p for each in verdicts]).tolist()
    return [SliceVerdict(each.by, each.name, each.n, each.values, each.pair.with_adjusted(p))
            for each, p in zip(verdicts, adjusted, strict=True)]
