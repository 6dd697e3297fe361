"""Runs of methods whose true difference is known: made-up rows, and what made-up runs get right on them.

How well a run does on a row is a number on the scale of log odds: base + difficulty of the row + what the row is to the method + seed. The
first is the same for all runs, the second for all runs of a method, the third for all rows of a run; each is drawn from a normal
distribution. That number, rounded to a level, chooses a list of outcomes, of which one is drawn for each run and row. All figures that are
expected of a method follow from these lists, without a simulation.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from nlp.analysis.statistics.sums import Metric
from nlp.datasets.arrays import FloatArray

LEVELS = np.arange(-8.0, 8.01, 0.25)
OUTCOMES = 256
DIFFICULTY = 1.0
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(21)
"""Points and weights that average a smooth function of a normal variable."""


@dataclass(frozen=True, eq=False)
class Population:
    """Rows of a test set and how runs do on them.

    outcomes: (kinds, LEVELS, OUTCOMES, k), the statistics of a row such as matches and lengths. frequencies: (kinds,), how often a row is
    of a kind, such as a sentence of ten words. figure: the metric of their sums, from 0 to 100.
    """

    name: str
    figure: Metric
    outcomes: npt.NDArray[np.uint8]
    frequencies: FloatArray
    base: float

    def rows(self, generator: np.random.Generator, count: int) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        """(count,) difficulties and kinds of rows that are drawn for a test set."""
        return generator.normal(scale=DIFFICULTY, size=count), generator.choice(len(self.frequencies), size=count, p=self.frequencies)

    def runs(self, generator: np.random.Generator, rows: tuple[FloatArray, npt.NDArray[np.int64]], seeds: int, noise: float = 0,
             own: float = 0, better: float = 0) -> FloatArray:
        """(seeds, rows, k) statistics of the runs of one method.

        All in log odds. noise: the standard deviation of seeds; own: that of what rows are to the method; better: how far it is above base.
        """
        difficulty, kinds = rows
        of_method = self.base + better + difficulty + generator.normal(scale=own, size=len(kinds))
        of_seeds = generator.normal(scale=noise, size=(seeds, 1))
        steps = (of_method + (of_seeds - LEVELS[0])) / (LEVELS[1] - LEVELS[0]) + 0.5
        levels = steps.clip(0, len(LEVELS) - 0.5).astype(np.int64)
        places = (kinds * len(LEVELS) + levels) * OUTCOMES + generator.integers(OUTCOMES, size=levels.shape, dtype=np.uint8)
        return np.take(self._list, places, axis=0).astype(np.float64)

    def expected(self, noise: float, own: float, better: float) -> float:
        """The metric of a run on ever more rows, on average over seeds."""
        return float(WEIGHTS @ [self._of_seed(better + noise * node, own) for node in NODES] / WEIGHTS.sum())

    def slope(self, own: float) -> float:
        """By how much the metric rises from base with a step of 1 in log odds, measured over a small step."""
        return (self._of_seed(0.1, own) - self._of_seed(-0.1, own)) / 0.2

    def _of_seed(self, above: float, own: float) -> float:
        """The metric on ever more rows of a run that is so much above base."""
        from scipy.special import ndtr

        edges = (LEVELS[:-1] + LEVELS[1:]) / 2 - self.base - above
        shares = np.diff(ndtr(edges / np.hypot(DIFFICULTY, own)), prepend=0, append=1)
        return float(self.figure(shares @ self._means))

    @cached_property
    def _list(self) -> npt.NDArray[np.uint8]:
        return self.outcomes.reshape(-1, self.outcomes.shape[-1])

    @cached_property
    def _means(self) -> FloatArray:
        """(LEVELS, k): statistics that are expected of a row."""
        return np.tensordot(self.frequencies, self.outcomes.mean(axis=2), axes=1)


def right(levels: FloatArray = LEVELS) -> FloatArray:
    """The probability that a token, span or row is right."""
    return 1 / (1 + np.exp(-levels))


def accuracy(name: str = "accuracy", base: float = 2.2) -> Population:
    """Rows that are right or not; 85 % are, unless base says otherwise."""
    shares = np.rint(right() * OUTCOMES)[:, None]
    outcomes = np.stack([np.arange(OUTCOMES) < shares, np.ones((len(LEVELS), OUTCOMES))], axis=-1)
    return Population(name, lambda sums: 100 * sums[..., 0] / sums[..., 1], outcomes[None].astype(np.uint8), np.ones(1), base)


def f1() -> Population:
    """Sentences with 0 to 5 gold spans. Each is found or not; where runs do worse they also find more that are none. Micro F1 is 84."""
    generator = np.random.default_rng(0)
    gold = np.arange(6)[:, None, None]
    found = generator.binomial(gold, right()[:, None], size=(6, len(LEVELS), OUTCOMES))
    spurious = generator.poisson((0.3 + gold) * 0.8 * (1 - right())[:, None], size=found.shape)
    outcomes = np.stack([found, found + spurious, gold + 0 * found], axis=-1).astype(np.uint8)
    frequencies = np.array([0.2, 0.3, 0.2, 0.15, 0.1, 0.05])
    return Population("F1", micro_f1, outcomes, frequencies, base=2.1)


def micro_f1(sums: FloatArray) -> FloatArray:
    """Of (correct, predicted, gold) spans."""
    return 200 * sums[..., 0] / np.maximum(sums[..., 1] + sums[..., 2], 1)


def bleu() -> Population:
    """Translations of 6 to 40 words. Words that match come in groups, so that n-grams match as often as in real ones. BLEU is 36."""
    generator = np.random.default_rng(0)
    lengths = np.array([6, 9, 12, 16, 22, 30, 40])
    outcomes = np.stack([_translations(generator, length) for length in lengths]).astype(np.uint8)
    return Population("BLEU", corpus_bleu, outcomes, np.array([0.1, 0.15, 0.2, 0.2, 0.2, 0.1, 0.05]), base=-0.7)


def _translations(generator: np.random.Generator, length: int) -> npt.NDArray[np.int64]:
    """(LEVELS, OUTCOMES, 10): matched 1- to 4-grams, all 1- to 4-grams, words of the translation and of the reference."""
    words = np.maximum(length + np.rint(generator.normal(scale=0.1 * length, size=OUTCOMES)).astype(np.int64), 1)
    inside = np.arange(words.max()) < words[:, None]
    same_as_before = generator.random(inside.shape) < 0.4
    uniform = generator.random(inside.shape)
    for word in range(1, inside.shape[1]):
        uniform[:, word] = np.where(same_as_before[:, word], uniform[:, word - 1], uniform[:, word])
    matches = [uniform < right()[:, None, None]]
    for order in range(1, 4):
        matches.append(matches[-1][..., 1:] & matches[0][..., order:])
    matched = [(found & inside[:, order:]).sum(axis=-1) for order, found in enumerate(matches)]
    possible = [np.broadcast_to(np.maximum(words - order, 0), matched[0].shape) for order in range(4)]
    return np.stack([*matched, *possible, possible[0], np.full(matched[0].shape, length)], axis=-1)


def corpus_bleu(sums: FloatArray) -> FloatArray:
    """Papineni et al. (2002), of the statistics that `bleu` makes."""
    matched, possible = (sums[..., start] * sums[..., start + 1] * sums[..., start + 2] * sums[..., start + 3] for start in (0, 4))
    brevity = np.minimum(1 - sums[..., 9] / np.maximum(sums[..., 8], 1), 0)
    return 100 * np.exp(brevity) * np.sqrt(np.sqrt(np.maximum(matched, 0) / np.maximum(possible, 1)))
