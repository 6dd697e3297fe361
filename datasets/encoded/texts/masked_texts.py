"""Texts with hidden tokens: what masked language models train on (Devlin et al. 2019)."""

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
"""Random numbers for each token: whether it is hidden, how, and behind which other token."""
SPACE = "\u2581"
"""How unigram pieces spell the space before a word."""


def can_be_hidden(ids: IntArray) -> BoolArray:
    """All tokens but the special ones; [UNK] counts as a word."""
    return (ids >= len(SPECIAL_TOKENS)) | (ids == UNK)


@dataclass(frozen=True)
class Masking:
    """Which tokens are hidden, and what the model sees in their place.

    `word_starts` (vocab_size,) is given where the pieces of a word are hidden together: whether a token begins one.
    """

    config: MaskedLanguageModelingConfig
    vocab_size: int
    word_starts: BoolArray | None = None

    def hidden(self, ids: IntArray, random: FloatArray) -> tuple[IntArray, BoolArray]:
        """What the model sees of padded ids (rows, width), and which tokens it has to predict, by numbers (rows, width, 3) from 0 to 1."""
        chosen = self._chosen(ids, random[..., 0])
        others = len(SPECIAL_TOKENS) + (random[..., 2] * (self.vocab_size - len(SPECIAL_TOKENS))).astype(ids.dtype)
        as_mask, as_other = self.config.mask_token_share, self.config.mask_token_share + self.config.random_token_share
        seen = np.where(random[..., 1] < as_mask, MASK, np.where(random[..., 1] < as_other, others, ids))
        return np.where(chosen, seen, ids).astype(ids.dtype), chosen

    def _chosen(self, ids: IntArray, random: FloatArray) -> BoolArray:
        """(rows, width): in each row the tokens, or the words, with the lowest numbers, until the share is reached; at least one."""
        candidates = can_be_hidden(ids)
        wanted = np.rint(self.config.mask_probability * candidates.sum(axis=1)).astype(np.int64).clip(min=1)
        words = self._words(ids, candidates)
        numbers = np.where(candidates, np.take_along_axis(random, words, axis=1), np.inf)
        ranks = np.argsort(np.argsort(numbers, axis=1, kind="stable"), axis=1)
        chosen = candidates & (ranks < wanted[:, None])
        return chosen if self.word_starts is None else _whole(chosen, candidates, words, ranks)

    def _words(self, ids: IntArray, candidates: BoolArray) -> IntArray:
        """(rows, width): where the word of each token begins; each token is its own unless words are hidden as a whole."""
        places = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
        if self.word_starts is None:
            return places
        begins = self.word_starts[ids]
        begins[:, 1:] |= ~candidates[:, :-1]
        return np.maximum.accumulate(np.where(begins, places, 0), axis=1)


def _whole(chosen: BoolArray, candidates: BoolArray, words: IntArray, ranks: IntArray) -> BoolArray:
    """Without a word of which only some pieces are chosen, unless it is the first."""
    numbered = words + np.arange(len(words))[:, None] * words.shape[1]
    pieces, found = (np.bincount(numbered.ravel(), each.ravel(), numbered.size) for each in (candidates, chosen))
    first = np.take_along_axis(words, ranks.argmin(axis=1)[:, None], axis=1)
    return candidates & ((found == pieces)[numbered] | (words == first))


@dataclass(frozen=True)
class MaskedSplit:
    """Texts, or blocks of them. Row i of `blocks` is part of the text in row `source[i]` of the table.

    In evaluation the same tokens are hidden each time, whatever the batch.
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
        """Tokens of these blocks."""
        return self.lengths[rows]

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """Blocks as the model sees them; `asked` (n,) are the places of the hidden tokens in the flattened batch, `tokens` the targets."""
        ids, lengths = self.blocks.padded(rows, PAD)
        return replace(self._masked(ids, lengths, self._numbers(rows, ids.shape[1], random)), rows=rows)

    def _masked(self, ids: IntArray, lengths: IntArray, numbers: FloatArray) -> Batch:
        """Padded ids (rows, width) with some of them hidden, by numbers (rows, width, DRAWS)."""
        if not self.masking.config.mask_probability:
            return Batch(np.arange(len(ids)), {"tokens": ids, "lengths": lengths}, {})
        seen, chosen = self.masking.hidden(ids, numbers)
        asked = np.flatnonzero(chosen)
        targets = {"tokens": Target(ids.ravel()[asked].astype(np.int64), np.ones(len(asked), dtype=bool))}
        return Batch(np.arange(len(ids)), {"tokens": seen, "lengths": lengths, "asked": asked}, targets)

    def _numbers(self, rows: IntArray, width: int, random: StepRandom | None) -> FloatArray:
        """(rows, width, DRAWS): those of a step, or those that always belong to a token of the split."""
        if random is not None:
            return random.uniform(DRAWS * width).reshape(len(rows), width, DRAWS)
        places = self.blocks.offsets[rows][:, None] + np.arange(width)
        return self._fixed[np.minimum(places, len(self._fixed) - 1)]

    @cached_property
    def _fixed(self) -> FloatArray:
        """(tokens, DRAWS)"""
        return np.random.default_rng(0).random((len(self.blocks.ids), DRAWS), dtype=np.float32)

    def order(self, training: TrainingConfig | None, model: ModelBase, seed: int) -> Order:
        """Random rows, those of similar length together with `bucket_by_length`."""
        return row_order(training, model.inputs, self.lengths, len(self), seed)

    def evaluation_batches(self, most: int | None = None) -> list[IntArray]:
        """Blocks of similar length together."""
        return batches_by_length(self.lengths, len(self), most)

    def length_notices(self, longest: int | None) -> list[str]:
        """None: blocks are no longer than a model's input, which the recipe's checks require."""
        return []

    def example(self, row: int) -> dict[str, Any]:
        """Where the text of a block is in the data, and the text."""
        place = int(self.source[row])
        return {"where": self.table.where(place), "text": self.table.columns[self.masking.config.text][place], "label": ""}


class MaskedTexts(TextsAlone):
    """How tables of texts become blocks of tokens to hide some of."""

    task: MaskedLanguageModelingConfig

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[MaskedSplit, Sequence[str]]:
        """One split in numbers; and notices."""
        tokenizer = encoding.tokenizer
        assert isinstance(tokenizer, TokenSequences)
        encoded = cache.encode(tokenizer, self.tokenizer_texts(table))
        blocks, source = cut(joined(encoded) if self.task.join_texts else encoded, self._size)
        if not can_be_hidden(blocks.ids).any():
            raise DataError(f"{table.source} has no token in column `{self.task.text}`, so there is nothing to hide.")
        starts = tokenizer.word_starts() if self.task.whole_words else None
        return self._split(MaskedSplit(name, table, blocks, source, Masking(self.task, tokenizer.vocab_size, starts))), []

    @property
    def _size(self) -> int:
        """Most tokens of a block."""
        return self.task.block_size

    def _split(self, blocks: MaskedSplit) -> MaskedSplit:
        """What examples are made of the blocks: each is one."""
        return blocks

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> MaskedSplit:
        """Not defined: a masked language model fills in what a text leaves open."""
        raise ConfigError("A masked language model fills in [MASK]; there is no label of a text to predict.")


def joined(texts: Ragged) -> Ragged:
    """The texts end to end as one row, [SEP] between them."""
    ids = texts.joined(SEP)
    return Ragged(ids, np.array([0, len(ids)]))


def cut(texts: Ragged, size: int) -> tuple[Ragged, IntArray]:
    """Each text in blocks of at most `size` tokens, and the row (blocks,) of the text that each block is from."""
    n_blocks = -(-texts.lengths // size)
    source = np.repeat(np.arange(len(texts)), n_blocks)
    place = np.arange(len(source)) - np.repeat(np.cumsum(n_blocks) - n_blocks, n_blocks)
    starts = texts.offsets[:-1][source] + size * place
    return Ragged(texts.ids, np.append(starts, texts.offsets[-1]).astype(np.int64)), source


def with_masks(tokenizer: TokenSequences, text: str) -> list[int]:
    """The ids of a text in which `[MASK]` stands for each token to fill in."""
    parts = text.split(SPECIAL_TOKENS[MASK])
    if tokenizer.config.type not in ("characters", "bytes"):
        parts = [*(part.rstrip() for part in parts[:-1]), parts[-1]]  # the token to fill in brings its own space
    ids = [CLS] if tokenizer.config.add_cls else []
    for number, part in enumerate(parts):
        ids += ([MASK] if number else []) + _part(tokenizer, part)
    return ids


def _part(tokenizer: TokenSequences, part: str) -> list[int]:
    """The ids of a part of a text, without [CLS] and without a space before it that it has not."""
    ids = [number for number in tokenizer.encode([part]).ids.tolist() if number != CLS] if part.strip() else []
    return ids[1:] if ids and not part[0].isspace() and tokenizer.tokens(ids[:1]) == [SPACE] else ids
