"""Words, those around them, and words drawn at random: what word vectors are learned from (Mikolov et al. 2013)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ....configs.schema.models.model_base import Inputs
from ....configs.schema.tasks.word_vectors import WordVectorsConfig
from ....configs.schema.tokenizer import EOS, PAD, SPECIAL_TOKENS
from ....errors import ConfigError, DataError
from ...arrays import BoolArray, FloatArray, IntArray, filled
from ...tables import Table
from ..cache import Cache
from ..preparation import TextsAlone, Tokenizers
from ..split import Batch, Encoding, StepRandom, Target
from .token_stream import TokenStream

LONGEST_SPELLING = 40
"""Characters of a word whose n-grams are read, marks of its ends included."""


@dataclass(frozen=True)
class WordSampling:
    """Which words stay, how wide their windows are, and which words are drawn against them. Special tokens never are words.

    `counts` (vocab_size,): how often each token is in training.
    """

    config: WordVectorsConfig
    counts: IntArray

    @cached_property
    def frequencies(self) -> FloatArray:
        """(vocab_size,): the share of each word in the text."""
        words = np.where(np.arange(len(self.counts)) < len(SPECIAL_TOKENS), 0, self.counts).astype(np.float64)
        return words / max(words.sum(), 1.0)

    @cached_property
    def keep(self) -> FloatArray:
        """(vocab_size,): the probability that a word stays."""
        shares, threshold = self.frequencies, self.config.subsample
        known = np.arange(len(shares)) >= len(SPECIAL_TOKENS)
        if not threshold:
            return known.astype(np.float64)
        often = np.maximum(shares, threshold * 1e-9)  # a word that training lacks is as rare as can be
        return np.where(known, np.minimum(np.sqrt(threshold / often) + threshold / often, 1.0), 0.0)

    @cached_property
    def cumulated(self) -> FloatArray:
        """(vocab_size,): the probability that a word up to this one is drawn."""
        shares = np.where(self.frequencies > 0, self.frequencies**self.config.noise_power, 0.0)
        sums = np.cumsum(shares)
        return sums / sums[-1]

    @property
    def draws(self) -> int:
        """Random numbers for each block: whether each word stays, how wide its window is, and which words are drawn."""
        return 2 * self.config.block_size + self.config.shared_negatives

    def negatives(self, numbers: FloatArray) -> IntArray:
        """Words drawn by numbers from 0 to 1, of any shape."""
        return np.searchsorted(self.cumulated, numbers, side="right").astype(np.int32)

    def contexts(self, ids: IntArray, numbers: FloatArray) -> tuple[IntArray, IntArray, BoolArray]:
        """Of padded ids (rows, width): the words that stay (rows, n), their number (rows,), and which are near which (rows, n, n).

        By numbers (rows, 2 * block_size).
        """
        stay, wide = np.split(numbers, 2, axis=1)
        kept = stay[:, : ids.shape[1]] < self.keep[ids]
        lengths, text = kept.sum(axis=1), np.cumsum(ids == EOS, axis=1)
        reach = 1 + (wide[:, : ids.shape[1]] * self.config.window).astype(np.int64)
        words, reach, text = (filled(each[kept], lengths, filler) for each, filler in ((ids, PAD), (reach, 0), (text, -1)))
        places = np.arange(words.shape[1])
        away = np.abs(places[:, None] - places)
        near = (away > 0) & (away <= reach[:, :, None]) & (text[:, :, None] == text[:, None, :])
        return words, lengths, near


@dataclass(frozen=True)
class WordStream(TokenStream):
    """A stream of words whose blocks are read as words and their contexts; in evaluation always the same ones.

    `spelled` (vocab_size, width): the characters of each word, for models that read them.
    """

    sampling: WordSampling
    spelled: IntArray

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """The blocks that start at these positions. Target `words`: each word near another, or each word that has one near."""
        lengths = self.tokens_of(rows)
        places = rows[:, None] + np.arange(int(lengths.max(initial=1)))
        real = places < (rows + lengths)[:, None]
        ids = np.where(real, self.ids[np.minimum(places, len(self.ids) - 1)], PAD)
        numbers = self._fixed(rows) if random is None else random.uniform(self.sampling.draws)
        width = 2 * self.block_size
        words, _, near = self.sampling.contexts(ids, numbers[:, :width])
        asked = near if "pairs" in inputs else near.any(axis=2, keepdims=True)
        arrays: dict[str, Any] = {"tokens": words, "lengths": lengths, "near": near,
                                  "negatives": self.sampling.negatives(numbers[:, width:])}
        if "characters" in inputs:
            distinct, spelling = np.unique(words, return_inverse=True)
            arrays |= {"characters": self.spelled[distinct], "spelling": spelling.reshape(words.shape).astype(np.int32)}
        return Batch(rows, arrays, {"words": Target(asked, asked)})

    def _fixed(self, rows: IntArray) -> FloatArray:
        """(rows, draws): the numbers that always belong to a block."""
        return np.stack([np.random.default_rng((0, row)).random(self.sampling.draws) for row in rows.tolist()])


class WordContexts(TextsAlone):
    """How tables of texts become streams of words, [EOS] between two texts, and how often each word is counted in training."""

    task: WordVectorsConfig

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """The tokenizer, and the number of each of its words. Raises DataError where there are no two words to learn from."""
        encoding = super().learn(train, tokenizers)
        assert encoding.tokenizer is not None
        ids = tokenizers.cache.encode(encoding.tokenizer, self.tokenizer_texts(train)).ids
        counts = np.bincount(ids, minlength=encoding.tokenizer.vocab_size)
        if not counts[len(SPECIAL_TOKENS) :].sum() > 1:
            raise DataError(f"{train.source} has no two known words in column `{self.task.text}`, so there is nothing to learn from. Is "
                            "task.text the right column?")
        return replace(encoding, word_counts=tuple(counts.tolist()))

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[WordStream, Sequence[str]]:
        """One split in numbers; and notices."""
        tokenizer, texts = encoding.tokenizer, self.tokenizer_texts(table)
        assert tokenizer is not None
        ids = cache.encode(tokenizer, texts).joined(EOS)
        sampling = WordSampling(self.task, np.array(encoding.word_counts))
        spelled = spelling_of(tokenizer.tokens(range(tokenizer.vocab_size)))
        counts = sum(map(len, texts)), sum(len(text.split()) for text in texts)
        return WordStream(name, table.source, ids, self.task.block_size, *counts, sampling, spelled), []

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> WordStream:
        """Not defined: word vectors answer with neighbours."""
        raise ConfigError("Word vectors answer with the neighbours of a word; there is no label of a text to predict.")


def spelling_of(words: Sequence[str]) -> IntArray:
    """(words, width): the code points of each word between the marks `<` and `>`, filled up with 0."""
    spelled = [np.array([ord(each) for each in f"<{word}>"[:LONGEST_SPELLING]], dtype=np.int32) for word in words]
    return filled(np.concatenate(spelled), np.array([len(each) for each in spelled]), 0)
