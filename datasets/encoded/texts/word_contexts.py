"""Words, their contexts, and negative samples: the data of word vectors (Mikolov et al. 2013)."""

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
"""Maximum number of characters of a word whose n-grams are read, including boundary marks."""


@dataclass(frozen=True)
class WordSampling:
    """Subsampling of words, window widths, and negative samples. Special tokens never count as words.

    `counts` (vocab_size,): the frequency of each token in training.
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
        """(vocab_size,): the probability that subsampling keeps a word."""
        shares, threshold = self.frequencies, self.config.subsample
        known = np.arange(len(shares)) >= len(SPECIAL_TOKENS)
        if not threshold:
            return known.astype(np.float64)
        positive = np.maximum(shares, threshold * 1e-9)  # avoids dividing by 0 for words that training lacks
        return np.where(known, np.minimum(np.sqrt(threshold / positive) + threshold / positive, 1.0), 0.0)

    @cached_property
    def cumulated(self) -> FloatArray:
        """(vocab_size,): the cumulative probability of drawing a word."""
        shares = np.where(self.frequencies > 0, self.frequencies**self.config.noise_power, 0.0)
        sums = np.cumsum(shares)
        return sums / sums[-1]

    @property
    def draws(self) -> int:
        """Random numbers for each block: whether each word is kept, how wide its window is, and the negative samples."""
        return 2 * self.config.block_size + self.config.shared_negatives

    def negatives(self, numbers: FloatArray) -> IntArray:
        """Negative samples for random numbers from 0 to 1, of any shape."""
        return np.searchsorted(self.cumulated, numbers, side="right").astype(np.int32)

    def contexts(self, ids: IntArray, numbers: FloatArray) -> tuple[IntArray, IntArray, BoolArray]:
        """From padded ids (rows, width): the words kept (rows, n), their number (rows,), and which pairs are near each other (rows, n, n).

        The random numbers are (rows, 2 * block_size).
        """
        keep_numbers, width_numbers = np.split(numbers, 2, axis=1)
        kept = keep_numbers[:, : ids.shape[1]] < self.keep[ids]
        lengths, text = kept.sum(axis=1), np.cumsum(ids == EOS, axis=1)
        reach = 1 + (width_numbers[:, : ids.shape[1]] * self.config.window).astype(np.int64)
        words, reach, text = (filled(each[kept], lengths, filler) for each, filler in ((ids, PAD), (reach, 0), (text, -1)))
        places = np.arange(words.shape[1])
        distances = np.abs(places[:, None] - places)
        near = (distances > 0) & (distances <= reach[:, :, None]) & (text[:, :, None] == text[:, None, :])
        return words, lengths, near


@dataclass(frozen=True)
class WordStream(TokenStream):
    """A stream of words whose blocks are read as words and their contexts; in evaluation they are always the same.

    `spelled` (vocab_size, width): the characters of each word, for models that read them.
    """

    sampling: WordSampling
    spelled: IntArray

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """The blocks that start at these positions. Target `words`: each pair of near words, or each word with a near one."""
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
        """(rows, draws): the fixed random numbers of each block."""
        return np.stack([np.random.default_rng((0, row)).random(self.sampling.draws) for row in rows.tolist()])


class WordContexts(TextsAlone):
    """Turns tables of texts into streams of words, separated by [EOS], and counts the words in training."""

    task: WordVectorsConfig

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """Learn the tokenizer and the frequencies of its words. Raises DataError if there are fewer than two words."""
        encoding = super().learn(train, tokenizers)
        assert encoding.tokenizer is not None
        ids = tokenizers.cache.encode(encoding.tokenizer, self.tokenizer_texts(train)).ids
        counts = np.bincount(ids, minlength=encoding.tokenizer.vocab_size)
        if not counts[len(SPECIAL_TOKENS) :].sum() > 1:
            raise DataError(f"{train.source} has fewer than two known words in column `{self.task.text}`, so there is nothing to learn "
                            "from. Is task.text the right column?")
        return replace(encoding, word_counts=tuple(counts.tolist()))

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[WordStream, Sequence[str]]:
        """The encoded split, and notices."""
        tokenizer, texts = encoding.tokenizer, self.tokenizer_texts(table)
        assert tokenizer is not None
        ids = cache.encode(tokenizer, texts).joined(EOS)
        sampling = WordSampling(self.task, np.array(encoding.word_counts))
        spelled = spelling_of(tokenizer.tokens(range(tokenizer.vocab_size)))
        counts = sum(map(len, texts)), sum(len(text.split()) for text in texts)
        return WordStream(name, table.source, ids, self.task.block_size, *counts, sampling, spelled), []

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> WordStream:
        """Not supported: word vectors return neighbours."""
        raise ConfigError("Word vectors return the neighbours of a word; there is no label of a text to predict.")


def spelling_of(words: Sequence[str]) -> IntArray:
    """(words, width): the code points of each word between the marks `<` and `>`, padded with 0."""
    spelled = [np.array([ord(each) for each in f"<{word}>"[:LONGEST_SPELLING]], dtype=np.int32) for word in words]
    return filled(np.concatenate(spelled), np.array([len(each) for each in spelled]), 0)
