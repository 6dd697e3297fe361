"""Running text split into blocks: the data of language models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....configs.schema.models.model_base import Inputs, ModelBase
from ....configs.schema.tasks.language_modeling import LanguageModelingConfig
from ....configs.schema.tokenizer import BOS, EOS, PAD
from ....configs.schema.training import TrainingConfig
from ....errors import ConfigError, DataError
from ...arrays import IntArray
from ...tables import Table
from ..batching import Order
from ..cache import Cache
from ..preparation import TextsAlone
from ..split import Batch, Encoding, StepRandom, Target

HISTORY = 16
"""Tokens before a block that an n-gram model also receives; more than any order needs."""
EVALUATION_TOKENS = 4_096
"""Tokens in an evaluation batch: the scores of the whole vocabulary for each token limit its size, and a recurrent network resets its
state once per lane."""


@dataclass(frozen=True)
class BlockOrder:
    """How a stream of tokens is split into blocks, epoch by epoch; a row is the position where a block starts.

    Each epoch has a different offset of up to one block, measured alternately from the start and from the end of the text, so that every
    token is used in some epoch. With `contiguous` the stream is laid out in `batch_size` lanes of equal length, and block i of a
    lane follows block i - 1: a recurrent network continues from its last state. The last block of a lane may start
    before the end of the one before it, and then without its state. Otherwise the blocks come in random order.
    """

    n_tokens: int
    block_size: int
    batch_size: int
    seed: int
    contiguous: bool

    @property
    def even(self) -> bool:
        """Every epoch has the same number of batches."""
        return True

    def epoch(self, epoch: int) -> list[IntArray]:
        """The positions where each batch's blocks start."""
        generator = np.random.default_rng((self.seed, epoch))
        covered = self._lanes * self._lane if self.contiguous else self._blocks * self.block_size
        offset = int(generator.integers(self._offsets))
        first = offset if epoch % 2 == 0 else max(self.n_tokens - covered, 0) - offset
        if self.contiguous:
            lanes = first + self._lane * np.arange(self._lanes)
            last = max(self._lane - self.block_size, 0)
            return [lanes + min(number * self.block_size, last) for number in range(self.n_batches(epoch))]
        blocks = first + self.block_size * generator.permutation(self._blocks)
        return [blocks[start : start + self.batch_size] for start in range(0, len(blocks), self.batch_size)]

    def n_batches(self, epoch: int) -> int:
        """The number of batches in an epoch."""
        return -(-self._lane // self.block_size) if self.contiguous else -(-self._blocks // self.batch_size)

    @property
    def _blocks(self) -> int:
        """Number of complete blocks that fit after any offset; at least one."""
        return max((self.n_tokens - self.block_size) // self.block_size, 1)

    @property
    def _offsets(self) -> int:
        """Number of possible offsets."""
        return max(1, min(self.block_size, self.n_tokens - self._blocks * self.block_size + 1))

    @property
    def _lanes(self) -> int:
        return min(self.batch_size, self._blocks)

    @property
    def _lane(self) -> int:
        """Tokens of each lane after any offset."""
        return (self.n_tokens - self._offsets + 1) // self._lanes


@dataclass(frozen=True)
class WholeStream:
    """All blocks in one batch, for a model fitted by counting."""

    starts: IntArray

    @property
    def even(self) -> bool:
        """There is one epoch."""
        return True

    def epoch(self, epoch: int) -> list[IntArray]:
        """One batch."""
        return [self.starts]

    def n_batches(self, epoch: int) -> int:
        """One."""
        return 1


@dataclass(frozen=True)
class TokenStream:
    """All tokens of a split, concatenated. A row is a position in `ids`; its block is the `block_size` tokens from there.

    Each token is predicted from those before it, the first from [BOS]. `characters` and `words` are those of the raw text, so
    that results are comparable between tokenizers.
    """

    name: str
    source: str
    ids: IntArray
    block_size: int
    characters: int
    words: int

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def starts(self) -> IntArray:
        """The positions of consecutive blocks that cover every token."""
        return np.arange(0, len(self.ids), self.block_size)

    @property
    def lengths(self) -> IntArray:
        """Tokens of each block."""
        return np.minimum(self.block_size, len(self.ids) - self.starts)

    def block(self, row: int) -> IntArray:
        """The ids of a block."""
        return self.ids[row : row + self.block_size]

    def tokens_of(self, rows: IntArray) -> IntArray:
        """Tokens of the blocks that start at these positions."""
        return np.minimum(self.block_size, len(self.ids) - rows)

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """Blocks of the stream: the tokens before each position, and as targets the tokens at each position."""
        lengths = self.tokens_of(rows)
        places = rows[:, None] + np.arange(int(lengths.max(initial=1)))
        real = places < (rows + lengths)[:, None]
        targets = {"tokens": Target(self.ids[np.minimum(places, len(self.ids) - 1)].astype(np.int64), real)}
        share = lengths / len(self.ids)
        gold = np.stack([share * self.characters, share * self.words], axis=1).tolist()
        arrays: dict[str, Any] = {}
        if "history" in inputs:
            arrays["histories"] = [self.ids[max(0, row - HISTORY) : row] for row in rows.tolist()]
        if "tokens" in inputs:
            before = self.ids[np.clip(places - 1, 0, len(self.ids) - 1)]
            tokens = np.where(real, np.where(places == 0, BOS, before), PAD).astype(np.int32)
            arrays |= {"tokens": tokens, "lengths": lengths, "places": rows}
        return Batch(rows, arrays, targets, gold)

    def order(self, training: TrainingConfig | None, model: ModelBase, seed: int) -> Order:
        """Blocks in random order; lane by lane for a network that carries its state, and all at once for a model fitted by counting."""
        if training is None:
            return WholeStream(self.starts)
        size = len(self) if training.batch_size == "full" else training.batch_size
        return BlockOrder(len(self.ids), self.block_size, size, seed, contiguous=model.carries_state)

    def evaluation_batches(self, most: int | None = None) -> list[IntArray]:
        """Every block once, laid out in lanes so that a recurrent network may continue from block to block; or about `most` tokens."""
        lanes = max(1, EVALUATION_TOKENS // self.block_size)
        per_lane = -(-len(self.starts) // lanes)
        batches = [self.starts[number::per_lane] for number in range(per_lane)]
        return batches if most is None else batches[: max(1, -(-most * len(batches) // len(self.ids)))]

    def length_notices(self, longest: int | None) -> list[str]:
        """None: the recipe's checks ensure that blocks fit into the model's input."""
        return []

    def example(self, row: int) -> dict[str, Any]:
        """The location of a block in the text, counted in tokens."""
        return {"where": f"{self.source}, token {row + 1}", "text": f"tokens {row + 1} to {row + self.block_size}", "label": ""}


class RunningText(TextsAlone):
    """Turns tables of texts into streams of tokens: concatenated documents, separated by [EOS]."""

    task: LanguageModelingConfig

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[TokenStream, Sequence[str]]:
        """The encoded split, and notices."""
        assert encoding.tokenizer is not None
        texts = self.tokenizer_texts(table)
        encoded, block = cache.encode(encoding.tokenizer, texts), self.task.block_size
        if len(encoded.ids) < 2:
            problem = "a single token" if len(encoded.ids) else "no token"
            raise DataError(f"{table.source} has {problem} in column `{self.task.text}`; a language model needs more text.")
        characters, words = sum(map(len, texts)), sum(len(text.split()) for text in texts)
        return TokenStream(name, table.source, encoded.joined(EOS), block, characters, words), []

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> TokenStream:
        """Not supported: a language model continues a text."""
        raise ConfigError("A language model continues a text; there is no label of a text to predict.")
