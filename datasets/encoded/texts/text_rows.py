"""Rows of one text or two: how they are encoded, and which inputs they provide to a model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ....configs.schema.models.model_base import Inputs, ModelBase
from ....configs.schema.tokenizer import SimilarityTokenizer, TokenizerConfig
from ....configs.schema.training import TrainingConfig
from ....errors import DataError
from ...arrays import IntArray, Ragged
from ...tables import Table
from ...tokenizers.published import PublishedTokens
from ...tokenizers.token_sequences import join_pairs
from ...tokenizers.tokenizer import BETWEEN, Tokenizer
from ..batching import Order, batches_by_length, row_order
from ..preparation import Preparation, Tokenizers
from ..split import Encoding, longer_notices, truncation_notices

Encode = Callable[[Tokenizer, Sequence[str]], Ragged]
"""Encodes texts, directly or with a cache."""


class TextRows:
    """The base of splits of texts. With two texts per row, `others` are the second ones, and `texts` has both, separated by a tab.
    `tokenizer` has encoded them."""

    name: str
    table: Table
    texts: Sequence[str]
    gold: Sequence[str]
    encoded: Ragged | None
    others: Ragged | None
    tokenizer: Tokenizer | None

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def lengths(self) -> IntArray | None:
        """Tokens of each row; None if texts are not encoded."""
        if self.encoded is None:
            return None
        return self.encoded.lengths if self.others is None else self.encoded.lengths + self.others.lengths

    def tokens_of(self, rows: IntArray) -> IntArray:
        """Number of tokens of each text, without those that join two; 1 if texts are not encoded."""
        return np.ones(len(rows), np.int64) if self.lengths is None else self.lengths[rows]

    def inputs_of(self, rows: IntArray, inputs: Inputs) -> dict[str, Any]:
        """The rows as text, as bags, as padded sequences, or in several of these forms. Two texts are one sequence, unless the
        model reads the second one separately.
        """
        arrays: dict[str, Any] = {"texts": [self.texts[row] for row in rows]} if "text" in inputs else {}
        if "bag" in inputs:
            arrays |= as_bag(_encoded(self.encoded), rows, "")
        if "other_bag" in inputs:
            arrays |= as_bag(_encoded(self.others), rows, "other_")
        if "tokens" in inputs:
            tokens, segments = (_encoded(self.encoded), None) if "other_tokens" in inputs or self.others is None else self.joined
            arrays |= as_padded(tokens, rows, "")
            if segments is not None and "segments" in inputs:
                arrays["segments"] = segments.padded(rows, pad_id=0)[0]
        if "other_tokens" in inputs:
            arrays |= as_padded(_encoded(self.others), rows, "other_")
        return arrays

    @cached_property
    def joined(self) -> tuple[Ragged, Ragged]:
        """Both texts of each row as one sequence, and the segment of each token."""
        return join_pairs(_encoded(self.encoded), _encoded(self.others))

    def example(self, row: int) -> dict[str, Any]:
        """The location of a text in the data, the text, and its gold answer as text."""
        return {"where": self.table.where(row), "text": self.texts[row], "label": self.gold[row]}

    def order(self, training: TrainingConfig | None, model: ModelBase, seed: int) -> Order:
        """Random rows; with `bucket_by_length`, those of similar length together."""
        return row_order(training, model.inputs, self.lengths, len(self), seed)

    def evaluation_batches(self, most: int | None = None) -> list[IntArray]:
        """Texts of similar length together."""
        return batches_by_length(self.lengths, len(self), most)

    def length_notices(self, longest: int | None) -> list[str]:
        """A notice of longer texts, which are truncated by the model or by the tokenizer of a published network."""
        if isinstance(self.tokenizer, PublishedTokens) and self.encoded is not None and self.others is None:
            longer, limit = self.tokenizer.n_truncated(self.texts, self.encoded.lengths), f"{self.tokenizer.longest} tokens"
            return longer_notices(self.name, longer, len(self), f"{limit}, the maximum of the tokenizer", "the beginning of each")
        both = "" if self.others is None else "; of two texts that form one sequence, the beginning of the sequence"
        return truncation_notices(self.name, self.lengths, longest, f"the beginning of each{both}")


def _encoded(encoded: Ragged | None) -> Ragged:
    assert encoded is not None, "batches of tokens need encoded texts"
    return encoded


def as_bag(texts: Ragged, rows: IntArray, prefix: str) -> dict[str, Any]:
    """The rows without order or padding, by input name."""
    bag = {f"{prefix}{name}": values for name, values in zip(("tokens", "starts", "weights"), texts.flat(rows), strict=True)}
    texts.release()
    return bag


def as_padded(texts: Ragged, rows: IntArray, prefix: str) -> dict[str, Any]:
    """The rows padded to equal length, by input name."""
    return {f"{prefix}{name}": values for name, values in zip(("tokens", "lengths"), texts.padded(rows, pad_id=0), strict=True)}


@dataclass(frozen=True)
class TextColumns:
    """The column with the text, and the column with the second text if there are two."""

    text: str
    other: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.text,) if self.other is None else (self.text, self.other)

    def texts(self, columns: Mapping[str, Sequence[str]]) -> Sequence[str]:
        """(rows,): each text, or both separated by a tab."""
        return columns[self.text] if self.other is None else joined_texts(columns[self.text], columns[self.other])

    def encoded_texts(self, texts: Sequence[str], config: TokenizerConfig) -> Sequence[str]:
        """The texts on which a tokenizer is trained: every text separately, or for similarities both together."""
        return texts if isinstance(config, SimilarityTokenizer) else self.apart(texts)

    def apart(self, texts: Sequence[str]) -> Sequence[str]:
        """Every text separately, the second ones after the first ones."""
        if self.other is None:
            return texts
        first, second = self._both(texts)
        return [*first, *second]

    def tokenizer(self, texts: Sequence[str], tokenizers: Tokenizers) -> Mapping[str, Tokenizer]:
        """The tokenizer of the texts by its role, trained on them if none is given; empty if texts are not tokenized."""
        if not tokenizers.wanted:
            return {}
        config = tokenizers.given["text"].config if "text" in tokenizers.given else tokenizers.config
        assert config is not None, "a tokenizer is wanted"
        return {"text": tokenizers.get("text", self.encoded_texts(texts, config))}

    def encode(self, texts: Sequence[str], encoding: Encoding, encode: Encode = lambda tokenizer, texts: tokenizer.encode(texts)
               ) -> tuple[Ragged | None, Ragged | None]:
        """The encoded texts, and the second ones if they are separate. Raises DataError for a row of one text if two are needed."""
        tokenizer = encoding.tokenizer
        if tokenizer is None:
            return None, None
        if self.other is None:
            return encode(tokenizer, texts), None
        first, second = self._both(texts)
        if isinstance(tokenizer.config, SimilarityTokenizer):
            return encode(tokenizer, texts), None
        return encode(tokenizer, first), encode(tokenizer, second)

    def _both(self, texts: Sequence[str]) -> tuple[list[str], list[str]]:
        alone = next((text for text in texts if BETWEEN not in text), None)
        if alone is not None:
            raise DataError(f"{alone[:60]!r} is one text, but each row has two, `{self.text}` and `{self.other}`: separate them by a tab, "
                            "or give a table with both columns.")
        parts = [text.partition(BETWEEN) for text in texts]
        return [first for first, _, _ in parts], [second for _, _, second in parts]


class TextTables(Preparation):
    """The base of tasks that read one or two texts per row, from the columns in `read`."""

    read: TextColumns

    @property
    def input_columns(self) -> Sequence[str]:
        """One text, or two."""
        return self.read.names

    def tokenizer_texts(self, table: Table) -> Sequence[str]:
        """The texts; those of a pair separately."""
        return self.read.apart(self.row_texts(table))

    def row_texts(self, table: Table) -> Sequence[str]:
        """Each text, or both separated by a tab."""
        return self.read.texts(table.columns)


def joined_texts(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Both texts of each row as one; a tab inside the first becomes a space."""
    return [f"{one.replace(BETWEEN, ' ')}{BETWEEN}{other}" for one, other in zip(first, second, strict=True)]
