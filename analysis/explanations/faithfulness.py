"""Faithfulness of word scores: the effect on the predicted class when the top-ranked words are removed, or when only they remain.

Comprehensiveness and sufficiency of DeYoung et al. 2020, as the mean over percentages of the words, compared with random words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from ...datasets.arrays import FloatArray, IntArray
from ..statistics.bootstrap import percentile_interval
from .leave_one_out import ClassScores
from .words import without, words_of

PERCENTAGES = (1, 5, 10, 20, 50)
"""Of the words, rounded up: at least one."""
RANDOM_DRAWS = 5


class Drops(NamedTuple):
    """The drop of the predicted class's score: without the words, and with only these words."""

    comprehensiveness: float
    sufficiency: float


@dataclass(frozen=True)
class Measure:
    """The mean over texts, the mean for random words, and the difference with its 95 % interval."""

    value: float
    random: float
    difference: float
    interval: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """The JSON output."""
        return asdict(self) | {"interval": list(self.interval)}

    @classmethod
    def of(cls, values: FloatArray, random: FloatArray) -> "Measure":
        """Build it from the values of each text (texts,)."""
        differences = values - random
        interval = percentile_interval(lambda sums: sums[:, 0] / sums[:, 1], np.column_stack([differences, np.ones(len(differences))]))
        return cls(float(values.mean()), float(random.mean()), float(differences.mean()), interval)


def drops_of_orders(scores: ClassScores, text: str, orders: Sequence[IntArray]) -> list[Drops]:
    """For each order of the words of a text (n_words,), the first to be removed first: the mean drops over the percentages."""
    n_words = len(words_of(text))
    sizes = [first_words(n_words, percentage) for percentage in PERCENTAGES]
    variants = [list(_variants(text, order, sizes)) for order in orders]
    distinct = list(dict.fromkeys([text, *(each for pairs in variants for pair in pairs for each in pair)]))
    all_scores = scores(distinct)
    row = {each: number for number, each in enumerate(distinct)}
    drop = all_scores[0].max() - all_scores[:, int(all_scores[0].argmax())].astype(np.float64)
    means = [np.mean([[drop[row[each]] for each in pair] for pair in pairs], axis=0) for pairs in variants]
    return [Drops(float(removed), float(alone)) for removed, alone in means]


def first_words(n_words: int, percentage: int) -> int:
    """How many words a percentage is, rounded up."""
    return -(-n_words * percentage // 100)


def _variants(text: str, order: IntArray, sizes: Sequence[int]) -> Iterator[tuple[str, str]]:
    """For each size the text without the first words of the order, and with only these words."""
    for size in sizes:
        yield without(text, set(order[:size].tolist())), without(text, set(order[size:].tolist()))


def random_orders(n_words: int, row: int) -> list[IntArray]:
    """Random orders of the words of a text, the same for every method."""
    return [np.random.default_rng((row, draw)).permutation(n_words) for draw in range(RANDOM_DRAWS)]


def ranked(numbers: FloatArray) -> IntArray:
    """The positions of words, starting with the strongest evidence for the predicted class."""
    return np.argsort(-numbers, kind="stable")
