"""N-grams of a text and, as separate features, of its neighbours."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from ...configs.schema.tokenizer import NgramTokenizer, TokenizerConfig
from ..arrays import IntArray, Ragged
from ..context import neighbours
from .ngrams import Ngrams
from .tokenizer import Tokenizer


class InContext(Tokenizer):
    """One vocabulary, learned from the texts themselves, for the text and each neighbour: the features of the text are followed by as many
    for each neighbour, weighted like those of a separate text."""

    def __init__(self, ngrams: Ngrams) -> None:
        self.ngrams, self._offsets = ngrams, ngrams.config.offsets

    @property
    def config(self) -> NgramTokenizer:
        return self.ngrams.config

    @property
    def vocab_size(self) -> int:
        return self.ngrams.vocab_size * (1 + len(self._offsets))

    def encode(self, texts: Sequence[str]) -> Ragged:
        """The features of each text, then those of each neighbour. A text that is also a neighbour of others is analysed once."""
        read = texts_read(self.config, texts)
        numbers = {text: number for number, text in enumerate(dict.fromkeys(chain(*read)))}
        encoded = self.ngrams.encode(list(numbers))
        rows = np.array([[numbers[text] for text in column] for column in read], dtype=np.int64).T.ravel()
        ids, _, weights = encoded.flat(rows)
        lengths = encoded.lengths[rows]
        shifts = np.tile(np.arange(len(read)) * self.ngrams.vocab_size, len(texts))
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])[:: len(read)]
        return Ragged((ids + np.repeat(shifts, lengths)).astype(np.int32), offsets, weights)

    def counts(self, texts: Sequence[str]) -> Any:
        """The counts of the texts themselves, since features of neighbours belong to no word of the text."""
        from scipy.sparse import csr_array

        own = self.ngrams.counts(texts)
        return None if own is None else csr_array((own.data, own.indices, own.indptr), shape=(len(texts), self.vocab_size))

    def tokens(self, ids: Sequence[int] | IntArray) -> list[str]:
        """The names of the features; those of neighbours start with the neighbour's offset, as in `-1:word`."""
        which, own = np.divmod(np.asarray(ids, dtype=np.int64), self.ngrams.vocab_size)
        marks = ["", *(f"{offset:+d}:" for offset in self._offsets)]
        return [marks[number] + name for number, name in zip(which.tolist(), self.ngrams.tokens(own), strict=True)]

    def unknown_share(self, encoded: Ragged) -> float:
        """The share of texts without any known n-gram, in the text or its neighbours."""
        return self.ngrams.unknown_share(encoded)

    def steps(self, text: str) -> list[tuple[str, str]]:
        """The text, its neighbours, and the steps of the text; those of the neighbours are the same."""
        first, *others = self.ngrams.steps(text)
        around = zip(self._offsets, texts_read(self.config, [text])[1:], strict=True)
        return [first, *((f"text at {offset:+d}", neighbour) for offset, (neighbour,) in around if neighbour), *others]

    def files(self) -> Mapping[str, bytes]:
        """The files of the n-grams."""
        return self.ngrams.files()


def texts_read(config: TokenizerConfig, texts: Sequence[str]) -> list[Sequence[str]]:
    """The texts, and for each offset with features the list of neighbours at that offset."""
    return [texts, *(neighbours(texts, offset) for offset in (config.offsets if isinstance(config, NgramTokenizer) else ()))]
