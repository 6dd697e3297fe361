"""Running text cut into blocks: what language models train on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...configs.schema.data import SizesData
from ...configs.schema.model import ModelConfig
from ...configs.schema.model_base import Takes
from ...configs.schema.networks import RecurrentConfig
from ...configs.schema.task import LanguageModelingConfig
from ...configs.schema.tokenizer import BOS, EOS, PAD, TokenizerConfig
from ...configs.schema.training import TrainingConfig
from ...errors import ConfigError, DataError
from ..arrays import IntArray, Ragged
from ..tables import Table
from .batching import Order
from .cache import Cache
from .split import Batch, Encoding

HISTORY = 16
"""Tokens before a block that an n-gram model is given beside it; more than any order needs."""
EVALUATION_TOKENS = 4_096
"""Tokens in one batch of an evaluation: the scores of a whole vocabulary for each of them bound its size, and a recurrent network
begins as few lanes anew."""


@dataclass(frozen=True)
class BlockOrder:
    """How a stream of tokens is cut into blocks, epoch by epoch; a row is the place where a block begins.

    Each epoch begins at another place inside the first block, so that blocks are cut elsewhere. With `contiguous` the stream is
    laid out in `batch_size` lanes of equal length, and block i of a lane follows block i - 1: a recurrent network goes on from
    the state that it left off in. Without, the blocks come in random order.
    """

    n_tokens: int
    block_size: int
    batch_size: int
    seed: int
    contiguous: bool

    @property
    def even(self) -> bool:
        """Every epoch has as many batches."""
        return True

    def epoch(self, epoch: int) -> list[IntArray]:
        """The places where each batch's blocks begin."""
        generator = np.random.default_rng((self.seed, epoch))
        first = int(generator.integers(self.block_size)) if self._blocks > 1 else 0
        blocks = first + self.block_size * np.arange(self._blocks)
        if not self.contiguous:
            blocks = generator.permutation(blocks)
            return [blocks[start : start + self.batch_size] for start in range(0, len(blocks), self.batch_size)]
        return list(blocks[: self._lanes * self.n_batches(epoch)].reshape(self._lanes, -1).T)

    def n_batches(self, epoch: int) -> int:
        """The number of batches in an epoch."""
        return self._blocks // self._lanes if self.contiguous else -(-self._blocks // self.batch_size)

    @property
    def _blocks(self) -> int:
        """Whole blocks that fit behind any first place; at least one."""
        return max((self.n_tokens - self.block_size) // self.block_size, 1)

    @property
    def _lanes(self) -> int:
        return min(self.batch_size, self._blocks)


@dataclass(frozen=True)
class WholeStream:
    """All blocks in one batch, for a model that counts."""

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
    """All tokens of a split end to end. A row is a place in `ids`; its block is what stands there and `block_size` - 1 tokens on.

    Each token is to be told from those before it, the first from [BOS]. `characters` and `words` are those of the raw text, so
    that figures compare between tokenizers.
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
        """Where blocks begin when every token is in one of them."""
        return np.arange(0, len(self.ids), self.block_size)

    @property
    def lengths(self) -> IntArray:
        """Tokens of each block."""
        return np.minimum(self.block_size, len(self.ids) - self.starts)

    def batch(self, rows: IntArray, takes: Takes) -> Batch:
        """Blocks of the stream: the tokens before each place, and as targets the tokens at it."""
        lengths = np.minimum(self.block_size, len(self.ids) - rows)
        places = rows[:, None] + np.arange(int(lengths.max(initial=1)))
        real = places < (rows + lengths)[:, None]
        targets = np.where(real, self.ids[np.minimum(places, len(self.ids) - 1)], -1).astype(np.int64)
        share = lengths / len(self.ids)
        gold = np.stack([share * self.characters, share * self.words], axis=1).tolist()
        if takes == "history":
            return Batch(rows, {"histories": [self.ids[max(0, row - HISTORY) : row] for row in rows.tolist()]}, targets, gold)
        before = self.ids[np.clip(places - 1, 0, len(self.ids) - 1)]
        tokens = np.where(real, np.where(places == 0, BOS, before), PAD).astype(np.int32)
        return Batch(rows, {"tokens": tokens, "lengths": lengths, "places": rows}, targets, gold)

    def order(self, training: TrainingConfig | None, model: ModelConfig, seed: int) -> Order:
        """Blocks in random order; for a recurrent network lane by lane, and for a model of counts all of them at once."""
        if training is None:
            return WholeStream(self.starts)
        size = len(self) if training.batch_size == "full" else training.batch_size
        return BlockOrder(len(self.ids), self.block_size, size, seed, contiguous=isinstance(model, RecurrentConfig))

    def evaluation_batches(self, most: int | None = None) -> list[IntArray]:
        """Every block once, laid out in lanes so that a recurrent network may go on from block to block; or about `most` tokens."""
        lanes = max(1, EVALUATION_TOKENS // self.block_size)
        per_lane = -(-len(self.starts) // lanes)
        batches = [self.starts[place::per_lane] for place in range(per_lane)]
        return batches if most is None else batches[: max(1, -(-most * len(batches) // len(self.ids)))]

    def told(self, row: int) -> dict[str, Any]:
        """Where a block stands, counted in tokens."""
        return {"where": f"{self.source}, token {row + 1}", "text": f"tokens {row + 1} to {row + self.block_size}", "label": ""}


class RunningText:
    """How tables of texts become streams of tokens: documents end to end, [EOS] between them."""

    def __init__(self, task: LanguageModelingConfig) -> None:
        self.task = task
        self.columns = (task.text,)

    def learn(self, train: Table, tokenizer: TokenizerConfig | None, cache: Cache) -> Encoding:
        """The tokenizer, which every language model has."""
        assert tokenizer is not None, "the schema asks for one"
        trained = cache.train(tokenizer, self.read_by_tokenizer(train))
        return Encoding(SizesData(type="sizes", vocab_size=trained.vocab_size), tokenizers={"text": trained})

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[TokenStream, Sequence[str]]:
        """One split in numbers; and notices."""
        assert encoding.tokenizer is not None
        texts = self.read_by_tokenizer(table)
        encoded, block = cache.encode(encoding.tokenizer, texts), self.task.block_size
        if len(encoded.ids) < 2:
            raise DataError(f"{table.source} has {len(encoded.ids)} tokens in column `{self.task.text}`; a language model needs text.")
        characters, words = sum(map(len, texts)), sum(len(text.split()) for text in texts)
        return TokenStream(name, table.source, _joined(encoded), block, characters, words), []

    def read_by_tokenizer(self, table: Table) -> Sequence[str]:
        """The texts."""
        return table.columns[self.task.text]

    def questions(self, texts: Sequence[str], encoding: Encoding) -> TokenStream:
        """A language model goes on with a text; it does not answer."""
        raise ConfigError("A language model has nothing to say of a text that it is not asked to go on with.")


def _joined(encoded: Ragged) -> IntArray:
    """The documents end to end, [EOS] between one and the next."""
    if len(encoded) == 1:
        return encoded.ids
    return np.insert(encoded.ids, encoded.offsets[1:-1], EOS)
