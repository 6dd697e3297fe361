"""How faithful numbers for words are: what happens to the predicted class when the words that they rank first are removed, or alone remain.

Comprehensiveness and sufficiency of DeYoung et al. 2020, as the mean over shares of the words, next to words drawn at random.
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
    """By how much the score of the predicted class falls: without the words, and with nothing but them."""

    comprehensiveness: float
    sufficiency: float


@dataclass(frozen=True)
class Measure:
    """The mean over texts, the same of random words, and the difference with its 95 % interval."""

    value: float
    random: float
    difference: float
    interval: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """As programs read it."""
        return asdict(self) | {"interval": list(self.interval)}

    @classmethod
    def of(cls, values: FloatArray, random: FloatArray) -> "Measure":
        """From the values of each text (texts,)."""
        differences = values - random
        interval = percentile_interval(lambda sums: sums[:, 0] / sums[:, 1], np.column_stack([differences, np.ones(len(differences))]))
        return cls(float(values.mean()), float(random.mean()), float(differences.mean()), interval)


def drops_of_orders(scores: ClassScores, text: str, orders: Sequence[IntArray]) -> list[Drops]:
    """For each order of the words of a text (n_words,), the first to be removed first: the mean drops over the percentages."""
    n_words = len(words_of(text))
    sizes = [first_words(n_words, percentage) for percentage in PERCENTAGES]
    variants = [list(_variants(text, order, sizes)) for order in orders]
    different = list(dict.fromkeys([text, *(each for pairs in variants for pair in pairs for each in pair)]))
    found = scores(different)
    row = {each: number for number, each in enumerate(different)}
    drop = found[0].max() - found[:, int(found[0].argmax())].astype(np.float64)
    means = [np.mean([[drop[row[each]] for each in pair] for pair in pairs], axis=0) for pairs in variants]
    return [Drops(float(removed), float(alone)) for removed, alone in means]


def first_words(n_words: int, percentage: int) -> int:
    """How many words a percentage is, rounded up."""
    return -(-n_words * percentage // 100)


def _variants(text: str, order: IntArray, sizes: Sequence[int]) -> Iterator[tuple[str, str]]:
    """For each size the text without the first words of the order, and with nothing but them."""
    for size in sizes:
        yield without(text, set(order[:size].tolist())), without(text, set(order[size:].tolist()))


def random_orders(n_words: int, row: int) -> list[IntArray]:
    """The words of a text in orders drawn at random, the same for every method."""
    return [np.random.default_rng((row, draw)).permutation(n_words) for draw in range(RANDOM_DRAWS)]


def ranked(numbers: FloatArray) -> IntArray:
    """The places of words, the one that speaks most for the predicted class first."""
    return np.argsort(-numbers, kind="stable")
