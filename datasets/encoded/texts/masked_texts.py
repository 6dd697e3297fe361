"""Texts with masked tokens: the data of masked language models (Devlin et al. 2019)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ....configs.schema.models.model_base import Inputs, ModelBase
from ....configs.schema.tasks.language_modeling import MaskedLanguageModelingConfig
from ....configs.schema.tokenizer import CLS, MASK, PAD, SEP, SPECIAL_TOKENS, UNK
from ....configs.schema.training import TrainingConfig
from ....errors import ConfigError, DataError
from ...arrays import BoolArray, FloatArray, IntArray, Ragged
from ...tables import Table
from ...tokenizers.token_sequences import TokenSequences
from ..batching import Order, batches_by_length, row_order
from ..cache import Cache
from ..preparation import TextsAlone
from ..split import Batch, Encoding, StepRandom, Target

DRAWS = 3
"""Random numbers for each token: whether it is masked, how, and which token may replace it."""
SPACE = "\u2581"
"""The character for the space before a word in unigram pieces."""


def can_be_hidden(ids: IntArray) -> BoolArray:
    """True for all tokens but the special ones; [UNK] counts as a word."""
    return (ids >= len(SPECIAL_TOKENS)) | (ids == UNK)


@dataclass(frozen=True)
class Masking:
    """Which tokens are masked, and what the model sees in their place.

    `word_starts` (vocab_size,) is given if all pieces of a word are masked together: whether a token starts a word.
    """

    config: MaskedLanguageModelingConfig
    vocab_size: int
    word_starts: BoolArray | None = None

    def hidden(self, ids: IntArray, random: FloatArray) -> tuple[IntArray, BoolArray]:
        """The masked version of padded ids (rows, width), and which tokens to predict, by random numbers (rows, width, 3) from 0 to 1."""
        chosen = self._chosen(ids, random[..., 0])
        others = len(SPECIAL_TOKENS) + (random[..., 2] * (self.vocab_size - len(SPECIAL_TOKENS))).astype(ids.dtype)
        as_mask, as_other = self.config.mask_token_share, self.config.mask_token_share + self.config.random_token_share
        seen = np.where(random[..., 1] < as_mask, MASK, np.where(random[..., 1] < as_other, others, ids))
        return np.where(chosen, seen, ids).astype(ids.dtype), chosen

    def _chosen(self, ids: IntArray, random: FloatArray) -> BoolArray:
        """(rows, width): in each row the tokens, or the words, with the lowest random numbers, up to the share; at least one."""
        candidates = can_be_hidden(ids)
        n_chosen = np.rint(self.config.mask_probability * candidates.sum(axis=1)).astype(np.int64).clip(min=1)
        words = self._words(ids, candidates)
        numbers = np.where(candidates, np.take_along_axis(random, words, axis=1), np.inf)
        ranks = np.argsort(np.argsort(numbers, axis=1, kind="stable"), axis=1)
        chosen = candidates & (ranks < n_chosen[:, None])
        return chosen if self.word_starts is None else _whole_words(chosen, candidates, words, ranks)

    def _words(self, ids: IntArray, candidates: BoolArray) -> IntArray:
        """(rows, width): the position where the word of each token starts; the token's own unless whole words are masked."""
        places = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
        if self.word_starts is None:
            return places
        starts = self.word_starts[ids]
        starts[:, 1:] |= ~candidates[:, :-1]
        return np.maximum.accumulate(np.where(starts, places, 0), axis=1)


def _whole_words(chosen: BoolArray, candidates: BoolArray, words: IntArray, ranks: IntArray) -> BoolArray:
    """Drop words of which only some pieces are chosen, except the first word chosen."""
    numbered = words + np.arange(len(words))[:, None] * words.shape[1]
    n_pieces, n_chosen = (np.bincount(numbered.ravel(), each.ravel(), numbered.size) for each in (candidates, chosen))
    first = np.take_along_axis(words, ranks.argmin(axis=1)[:, None], axis=1)
    return candidates & ((n_chosen == n_pieces)[numbered] | (words == first))


@dataclass(frozen=True)
class MaskedSplit:
    """Texts, or blocks of them. Row i of `blocks` is part of the text in row `source[i]` of the table.

    In evaluation the same tokens are masked each time, whatever the batch.
    """

    name: str
    table: Table
    blocks: Ragged
    source: IntArray
    masking: Masking

    def __len__(self) -> int:
        return len(self.blocks)

    @property
    def lengths(self) -> IntArray:
        """Tokens of each block."""
        return self.blocks.lengths

    def tokens_of(self, rows: IntArray) -> IntArray:
        """Number of tokens of these blocks."""
        return self.lengths[rows]

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """Masked blocks; `asked` (n,) are the positions of the masked tokens in the flattened batch, `tokens` the targets."""
        ids, lengths = self.blocks.padded(rows, PAD)
        return replace(self._masked(ids, lengths, self._numbers(rows, ids.shape[1], random)), rows=rows)

    def _masked(self, ids: IntArray, lengths: IntArray, numbers: FloatArray) -> Batch:
        """Padded ids (rows, width) with some of them masked, using random numbers (rows, width, DRAWS)."""
        if not self.masking.config.mask_probability:
            return Batch(np.arange(len(ids)), {"tokens": ids, "lengths": lengths}, {})
        seen, chosen = self.masking.hidden(ids, numbers)
        asked = np.flatnonzero(chosen)
        targets = {"tokens": Target(ids.ravel()[asked].astype(np.int64), np.ones(len(asked), dtype=bool))}
        return Batch(np.arange(len(ids)), {"tokens": seen, "lengths": lengths, "asked": asked}, targets)

    def _numbers(self, rows: IntArray, width: int, random: StepRandom | None) -> FloatArray:
        """(rows, width, DRAWS) random numbers: of a step, or by default fixed ones for each token of the split."""
        if random is not None:
            return random.uniform(DRAWS * width).reshape(len(rows), width, DRAWS)
        places = self.blocks.offsets[rows][:, None] + np.arange(width)
        return self._fixed[np.minimum(places, len(self._fixed) - 1)]

    @cached_property
    def _fixed(self) -> FloatArray:
        """(tokens, DRAWS)"""
        return np.random.default_rng(0).random((len(self.blocks.ids), DRAWS), dtype=np.float32)

    def order(self, training: TrainingConfig | None, model: ModelBase, seed: int) -> Order:
        """Random rows; with `bucket_by_length`, those of similar length together."""
        return row_order(training, model.inputs, self.lengths, len(self), seed)

    def evaluation_batches(self, most: int | None = None) -> list[IntArray]:
        """Blocks of similar length together."""
        return batches_by_length(self.lengths, len(self), most)

    def length_notices(self, longest: int | None) -> list[str]:
        """None: the recipe's checks ensure that blocks fit into the model's input."""
        return []

    def example(self, row: int) -> dict[str, Any]:
        """The location of a block's text in the data, and the text."""
        table_row = int(self.source[row])
        return {"where": self.table.where(table_row), "text": self.table.columns[self.masking.config.text][table_row], "label": ""}


class MaskedTexts(TextsAlone):
    """Turns tables of texts into blocks of tokens for masking."""

    task: MaskedLanguageModelingConfig

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[MaskedSplit, Sequence[str]]:
        """The encoded split, and notices."""
        tokenizer = encoding.tokenizer
        assert isinstance(tokenizer, TokenSequences)
        encoded = cache.encode(tokenizer, self.tokenizer_texts(table))
        blocks, source = cut(joined(encoded) if self.task.join_texts else encoded, self._size)
        if not can_be_hidden(blocks.ids).any():
            raise DataError(f"{table.source} has no token in column `{self.task.text}`, so there is nothing to mask.")
        starts = tokenizer.word_starts() if self.task.whole_words else None
        return self._split(MaskedSplit(name, table, blocks, source, Masking(self.task, tokenizer.vocab_size, starts))), []

    @property
    def _size(self) -> int:
        """Maximum number of tokens of a block."""
        return self.task.block_size

    def _split(self, blocks: MaskedSplit) -> MaskedSplit:
        """The split whose examples are these blocks."""
        return blocks

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> MaskedSplit:
        """Not supported: a masked language model fills in masked tokens."""
        raise ConfigError("A masked language model fills in [MASK]; there is no label of a text to predict.")


def joined(texts: Ragged) -> Ragged:
    """The texts concatenated into one row, separated by [SEP]."""
    ids = texts.joined(SEP)
    return Ragged(ids, np.array([0, len(ids)]))


def cut(texts: Ragged, size: int) -> tuple[Ragged, IntArray]:
    """The texts split into blocks of at most `size` tokens, and the text's row for each block (blocks,)."""
    n_blocks = -(-texts.lengths // size)
    source = np.repeat(np.arange(len(texts)), n_blocks)
    number = np.arange(len(source)) - np.repeat(np.cumsum(n_blocks) - n_blocks, n_blocks)
    starts = texts.offsets[:-1][source] + size * number
    return Ragged(texts.ids, np.append(starts, texts.offsets[-1]).astype(np.int64)), source


def with_masks(tokenizer: TokenSequences, text: str) -> list[int]:
    """The ids of a text in which `[MASK]` stands for each token to fill in."""
    parts = text.split(SPECIAL_TOKENS[MASK])
    if tokenizer.config.type not in ("characters", "bytes"):
        parts = [*(part.rstrip() for part in parts[:-1]), parts[-1]]  # the masked token includes its own space
    ids = [CLS] if tokenizer.config.add_cls else []
    for number, part in enumerate(parts):
        ids += ([MASK] if number else []) + _part(tokenizer, part)
    return ids


def _part(tokenizer: TokenSequences, part: str) -> list[int]:
    """The ids of a part of a text, without [CLS] and without the space that the tokenizer adds before it."""
    ids = [number for number in tokenizer.encode([part]).ids.tolist() if number != CLS] if part.strip() else []
    return ids[1:] if ids and not part[0].isspace() and tokenizer.tokens(ids[:1]) == [SPACE] else ids
