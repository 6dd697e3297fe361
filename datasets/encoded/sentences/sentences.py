"""Encoded sentences of words: what tagging and parsing have in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....configs.schema.models.model_base import Inputs, ModelBase
from ....configs.schema.tokenizer import PAD, UNK, CharacterTokenizer
from ....configs.schema.training import TrainingConfig
from ...arrays import IntArray, Ragged, filled
from ...tables import Table
from ...tokenizers.tokenizer import Tokenizer
from ..batching import Order, batches_by_length, row_order
from ..split import Encoding, truncation_notices

CHARACTERS = CharacterTokenizer(type="characters", min_frequency=2)
"""Characters seen once become unknown, so that networks learn an embedding for unknown characters."""
Encode = Callable[[Tokenizer, Sequence[str]], Ragged]


@dataclass(frozen=True)
class Words:
    """The words of sentences; each distinct word is encoded once.

    numbers: for each token the index of its word; pieces and characters: those of each distinct word.
    """

    numbers: Ragged
    pieces: Ragged | None
    characters: Ragged | None

    @classmethod
    def of(cls, sentences: Sequence[Sequence[str]], encoding: Encoding, encode: Encode) -> "Words":
        """The words encoded by the tokenizers of a run, if it has any."""
        ends = np.cumsum([0, *map(len, sentences)]).astype(np.int64)
        distinct, numbers = distinct_of(sentences)
        text, characters = (encoding.tokenizers.get(role) for role in ("text", "characters"))
        return cls(Ragged(numbers, ends), None if text is None else encode(text, distinct),
                   None if characters is None else encode(characters, distinct))


def distinct_of(sentences: Sequence[Sequence[str]]) -> tuple[list[str], IntArray]:
    """The distinct words, and for each token the index of its word."""
    distinct = {word: number for number, word in enumerate(dict.fromkeys(word for sentence in sentences for word in sentence))}
    n_tokens = sum(map(len, sentences))
    return list(distinct), np.fromiter((distinct[word] for sentence in sentences for word in sentence), np.int32, n_tokens)


@dataclass(frozen=True)
class SentenceSplit:
    """Encoded sentences."""

    name: str
    table: Table
    sentences: Sequence[Sequence[str]]
    words: Words

    def __len__(self) -> int:
        return len(self.sentences)

    @property
    def lengths(self) -> IntArray:
        """Tokens of each sentence: subwords if there is a tokenizer that splits words, otherwise words."""
        words, pieces = self.words.numbers, self.words.pieces
        if pieces is None:
            return words.lengths
        ends = np.cumsum(np.append(0, pieces.lengths[words.ids]))
        return np.diff(ends[words.offsets])

    def tokens_of(self, rows: IntArray) -> IntArray:
        """Number of tokens of these sentences."""
        return self.lengths[rows]

    def read_by_networks(self, rows: IntArray, inputs: Inputs) -> dict[str, Any]:
        """The rows as padded sequences, with or without the characters of each word."""
        words, starts, _ = self.words.numbers.flat(rows)
        n_words = self.words.numbers.lengths[rows]
        arrays = self._pieces(words, starts, n_words) if "tokens" in inputs else {}
        return arrays | (self._spelling(words, arrays["lengths"]) if "characters" in inputs else {})

    def _pieces(self, words: IntArray, starts: IntArray, n_words: IntArray) -> dict[str, Any]:
        """Tokens and lengths; if a word may have several pieces, also the position of each word's first."""
        assert self.words.pieces is not None, "networks need a tokenizer"
        pieces, piece_starts, _ = self.words.pieces.flat(words)
        if len(pieces) == len(words):
            return {"tokens": filled(pieces, n_words, PAD), "lengths": n_words}
        firsts = np.append(piece_starts, len(pieces))  # where each word starts among all pieces of the batch
        row_starts = firsts[np.append(starts, len(words))]
        inside = firsts[:-1] - np.repeat(row_starts[:-1], n_words)
        lengths = np.diff(row_starts).astype(np.int64)
        return {"tokens": filled(pieces, lengths, PAD), "lengths": lengths, "first_pieces": filled(inside, n_words, -1)}

    def _spelling(self, words: IntArray, lengths: IntArray) -> dict[str, Any]:
        """The characters of the distinct words of the batch, and for each token the index of its word; without words, one unused [UNK]."""
        assert self.words.characters is not None
        distinct, places = np.unique(words, return_inverse=True)
        characters = self.words.characters.padded(distinct, PAD)[0] if len(distinct) else np.full((1, 1), UNK, np.int32)
        return {"characters": characters, "spelling": self.for_each_piece(places.astype(np.int32), words, lengths)}

    def for_each_piece(self, values: IntArray, words: IntArray, lengths: IntArray) -> IntArray:
        """Values (n,) of the words of a batch -> (batch, seq): each piece has the value of its word."""
        assert self.words.pieces is not None
        return filled(np.repeat(values, self.words.pieces.lengths[words]), lengths, PAD)

    def order(self, training: TrainingConfig | None, model: ModelBase, seed: int) -> Order:
        """Random rows; with `bucket_by_length`, those of similar length together."""
        return row_order(training, model.inputs, self.lengths, len(self), seed)

    def evaluation_batches(self, most: int | None = None) -> list[IntArray]:
        """Sentences of similar length together."""
        return batches_by_length(self.lengths, len(self), most)

    def length_notices(self, longest: int | None) -> list[str]:
        """A notice of longer sentences, which are read in windows."""
        return truncation_notices(self.name, self.lengths, longest, "each in independent windows of that size")
