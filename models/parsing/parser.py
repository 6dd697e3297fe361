"""A parser that reads a sentence from left to right and chooses each transition by an averaged perceptron. No torch."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ...configs.schema.models.classical import ParserConfig
from ...errors import RunError, TrainingError
from ..classical.array_file import checked, opened_arrays, packed, words_of, write_arrays
from ..classical.classifier import Targets
from ..classical.rounds import Report, silent
from ..classical.tag_features import UNKNOWN_TAG, Weights
from .features import (
    ARC_EXTRAS,
    ARC_NUMBERS,
    ARC_TEMPLATES,
    ARC_WORDS,
    STATE_EXTRAS,
    STATE_NUMBERS,
    STATE_TEMPLATES,
    STATE_WORDS,
    Templates,
    arc_atoms,
    attributes,
    n_kinds,
    state_atoms,
)
from .transitions import N_TRANSITIONS, Configurations, IntArray

Sentences = Sequence[Sequence[tuple[str, ...]]]
"""Each word as a tuple of the values of its columns."""
FloatArray = npt.NDArray[np.float32]

BATCH = 32
"""Sentences per training batch."""
POOL = 50
"""Batches whose sentences are sorted by length together."""
FEWER_BITS = 3
"""How many hash bits arc features have less, since they are used less often."""


class Example(NamedTuple):
    """A training sentence with the head and the relation of each word."""

    words: Sequence[tuple[str, ...]]
    heads: Sequence[int]
    relations: Sequence[int]


class Parser:
    """Arc-hybrid transitions with a dynamic oracle (Goldberg and Nivre 2013).

    One perceptron chooses among the legal transitions, a second one the relation of each arc as soon as it is added. If the chosen
    transition loses more gold arcs than another would, the weights are corrected; the parser then mostly continues from its own choice. The
    model is the average of the weights after each step.
    """

    scores_are: Literal["trees"] = "trees"

    def __init__(self, config: ParserConfig, n_relations: int) -> None:
        self.config, self.n_relations = config, n_relations
        self._n_columns: int | None = None
        self._words: list[str] = []
        self._bits = config.hash_bits, config.hash_bits - FEWER_BITS

    def describe(self) -> dict[str, int]:
        """Number of relations, and once fitted the numbers of words and of non-zero weights."""
        weights = 0 if self._n_columns is None else sum(int(np.count_nonzero(table)) for table in (self._transitions, self._relations))
        return {"relations": self.n_relations, "words": len(self._words), "weights": weights}

    def fit(self, sentences: Sentences, targets: Targets, seed: int, report: Report = silent) -> None:
        """Learn from the targets `heads` and `relations`, ids (n_sentences, longest); words without a head are skipped.

        Raises TrainingError for relations out of range, and if no word has a head.
        """
        heads, relations = (np.where(mask, values, UNKNOWN_TAG) for values, mask in (targets["heads"], targets["relations"]))
        if not (heads >= 0).any() or relations.max() >= self.n_relations:
            raise TrainingError("A perceptron_parser learns from heads and relations, but the training sentences have none, or relation "
                                f"ids outside 0 to {self.n_relations - 1}. Check the data.")
        examples = [Example(words, *(ids[row, : len(words)].tolist() for ids in (heads, relations)))
                    for row, words in enumerate(sentences) if len(words)]
        counts = Counter(word[0].lower() for words in sentences for word in words)
        self._prepare(len(examples[0].words[0]), sorted(word for word, times in counts.items() if times >= self.config.min_frequency))
        self._learn(examples, np.random.default_rng(seed), report)

    def parse(self, sentences: Sentences) -> tuple[list[IntArray], list[IntArray]]:
        """The head and the relation of each word of each sentence."""
        if self._n_columns is None:
            raise RunError("The perceptron_parser has not been fitted or loaded; train it first.")
        lengths = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
        order = np.argsort(-lengths, kind="stable")
        state, table = self._start([sentences[row] for row in order.tolist()])
        for n_done in range(2 * int(lengths.max(initial=0))):
            state.drop_finished(n_done)
            scores = _sums(self._transitions, self._state_templates.rows(state_atoms(state, table)))
            chosen = np.where(state.legal(), scores, -np.inf).argmax(axis=1)
            features = self._arc_templates.rows(arc_atoms(state, *state.arcs(chosen), table))
            state.take(chosen, _sums(self._relations, features).argmax(axis=1))
        places = np.argsort(order, kind="stable")
        trees = [(state.heads[place, 1 : length + 1], state.relations[place, 1 : length + 1])
                 for place, length in zip(places.tolist(), lengths.tolist(), strict=True)]
        return [heads for heads, _ in trees], [relations for _, relations in trees]

    def save(self, folder: Path) -> None:
        """Write `model.npz` into an existing folder: the non-zero rows of both tables."""
        arrays: dict[str, npt.NDArray[Any]] = {"words": packed(self._words), "n_columns": np.array([self._n_columns])}
        for name, table in (("transitions", self._transitions), ("relations", self._relations)):
            rows = np.flatnonzero(table.any(axis=1))
            arrays |= {f"{name}_rows": rows, f"{name}_weights": table[rows]}
        write_arrays(folder, self._about(), arrays)

    def load(self, folder: Path) -> None:
        """Read `model.npz`. Raises RunError for a damaged file, or one of another model type or size; runs no code."""
        with opened_arrays(folder, self._about()) as arrays:
            n_columns = int(checked(arrays["n_columns"], np.int64, (1,))[0])
            if not 1 <= n_columns <= 1000:
                raise ValueError("its words have no column")
            tables = [_table(arrays, name, bits, n_outputs) for name, bits, n_outputs
                      in zip(("transitions", "relations"), self._bits, (N_TRANSITIONS, self.n_relations), strict=True)]
            self._prepare(n_columns, words_of(arrays))
        self._transitions, self._relations = tables

    def _about(self) -> dict[str, Any]:
        return {"type": self.config.type, "n_relations": self.n_relations, "hash_bits": self.config.hash_bits}

    def _prepare(self, n_columns: int, words: list[str]) -> None:
        kinds = ["w", "p", "x", *(f"c{number}" for number in range(n_kinds(n_columns) - 3))]
        self._n_columns, self._words, self._known = n_columns, words, frozenset(words)
        self._state_templates = Templates(STATE_TEMPLATES, STATE_EXTRAS, STATE_WORDS, kinds, STATE_NUMBERS, self._bits[0])
        self._arc_templates = Templates(ARC_TEMPLATES, ARC_EXTRAS, ARC_WORDS, kinds, ARC_NUMBERS, self._bits[1])

    def _start(self, sentences: Sentences) -> tuple[Configurations, IntArray]:
        state = Configurations(np.array([len(words) for words in sentences], dtype=np.int64))
        return state, attributes(sentences, self._known, state.nothing - 1, n_kinds(self._n_columns or 1))

    def _learn(self, examples: Sequence[Example], random: np.random.Generator, report: Report) -> None:
        transitions, relations = Weights(2 ** self._bits[0], N_TRANSITIONS), Weights(2 ** self._bits[1], self.n_relations)
        lengths = np.array([len(example.words) for example in examples])
        for number in range(self.config.n_iterations):
            report("pass", number, self.config.n_iterations)
            exploration = self.config.exploration if number else 0.0
            for rows in _batches(lengths, random):
                self._learn_from([examples[row] for row in rows.tolist()], transitions, relations, exploration, random)
        self._transitions, self._relations = transitions.average()[:-1], relations.average()[:-1]

    def _learn_from(self, examples: Sequence[Example], transitions: Weights, relations: Weights, exploration: float,
                    random: np.random.Generator) -> None:
        """Parse sentences, longest first, and correct the weights after each transition."""
        state, table = self._start([example.words for example in examples])
        gold_heads, gold_relations = (np.full(state.heads.shape, UNKNOWN_TAG) for _ in range(2))
        for row, (_, heads, names) in enumerate(examples):
            gold_heads[row, 1 : len(heads) + 1], gold_relations[row, 1 : len(heads) + 1] = heads, names
        for n_done in range(2 * len(examples[0].words)):
            state.drop_finished(n_done)
            features = self._state_templates.rows(state_atoms(state, table))
            legal = state.legal()
            scores = np.where(legal, _sums(transitions.now, features), -np.inf)
            costs = np.where(legal, state.costs(gold_heads), state.nothing)  # more than any legal cost
            cheapest = costs == costs.min(axis=1, keepdims=True)
            predicted = scores.argmax(axis=1)
            wrong = ~cheapest[state.rows, predicted]
            gold = np.where(wrong, np.where(cheapest, scores, -np.inf).argmax(axis=1), predicted)
            transitions.correct(features, gold, predicted)
            chosen = np.where(random.random(len(gold)) < exploration, predicted, gold)
            rows, heads, dependents = arcs = state.arcs(chosen)
            features = self._arc_templates.rows(arc_atoms(state, *arcs, table))
            guessed = _sums(relations.now, features).argmax(axis=1)
            right = np.where(gold_heads[rows, dependents] == heads, gold_relations[rows, dependents], UNKNOWN_TAG)
            relations.correct(features, right, guessed)
            state.take(chosen, guessed if exploration else np.where(right == UNKNOWN_TAG, guessed, right))


def _batches(lengths: IntArray, random: np.random.Generator) -> Iterator[IntArray]:
    """All sentences once, in random order, in batches of similar length, longest first."""
    order = random.permutation(len(lengths))
    pools = [order[start : start + POOL * BATCH] for start in range(0, len(order), POOL * BATCH)]
    batches = [pool[start : start + BATCH] for pool in (each[np.argsort(-lengths[each], kind="stable")] for each in pools)
               for start in range(0, len(pool), BATCH)]
    for place in random.permutation(len(batches)).tolist():
        yield batches[place]


def _sums(weights: FloatArray, features: IntArray) -> FloatArray:
    """(n_rows, n_outputs), (n, n_templates) -> (n, n_outputs); takes a third of the time of `weights[features].sum(axis=1)`"""
    return np.einsum("nto->no", np.take(weights, features, axis=0))


def _table(arrays: Mapping[str, npt.NDArray[Any]], name: str, bits: int, n_outputs: int) -> FloatArray:
    """The weights in a file. Raises ValueError for rows that are out of order or outside the table, and for weights that are not finite."""
    rows = checked(arrays[f"{name}_rows"], np.int64, (None,))
    weights = checked(arrays[f"{name}_weights"], np.float32, (len(rows), n_outputs))
    if len(rows) and (rows[0] < 0 or rows[-1] >= 2**bits or np.any(np.diff(rows) <= 0)):
        raise ValueError("its rows are not in order")
    if not np.isfinite(weights).all():
        raise ValueError("a weight is not finite")
    table = np.zeros((2**bits, n_outputs), dtype=np.float32)
    table[rows] = weights
    return table
