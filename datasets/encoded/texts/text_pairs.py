"""Source and target texts: the data of sequence-to-sequence tasks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from ....configs.schema.data import SizesData
from ....configs.schema.models.model_base import Inputs, ModelBase
from ....configs.schema.tasks.sequence_to_sequence import SequenceToSequenceConfig
from ....configs.schema.tokenizer import BOS, EOS, PAD
from ....configs.schema.training import TrainingConfig
from ....errors import DataError
from ...arrays import IntArray, Ragged
from ...tables import Table
from ...tokenizers.tokenizer import Tokenizer
from ..batching import Order, cut_by_tokens, evenly_spaced, row_order
from ..cache import Cache
from ..preparation import Preparation, Tokenizers
from ..split import Batch, Encoding, StepRandom, Target

EVALUATION_TOKENS, EVALUATION_ROWS = 4_096, 128
"""Maximum number of tokens of either side, and of rows, in an evaluation batch: the scores of the whole vocabulary at each target
position take most of the memory."""
Encode = Callable[[Tokenizer, Sequence[str]], Ragged]
"""Encodes texts as ids."""


class Raw(NamedTuple):
    """A row as text: the source, and the targets that count as right."""

    source: str
    references: tuple[str, ...]


class Sources(Protocol):
    """The sources of all rows."""

    @property
    def lengths(self) -> IntArray:
        """(rows,): tokens of a text including [EOS]; 1 for a source that is not a text."""
        ...

    def inputs(self, rows: IntArray) -> dict[str, Any]:
        """The arrays of these rows that a model reads."""
        ...


@dataclass(frozen=True)
class TextSources:
    """Texts as ids, without the [EOS] that a batch appends to each."""

    ids: Ragged

    @property
    def lengths(self) -> IntArray:
        """Tokens of each text, including [EOS]."""
        return self.ids.lengths + 1

    def inputs(self, rows: IntArray) -> dict[str, Any]:
        """`tokens` and `lengths`."""
        tokens, lengths = with_ends(self.ids, rows)
        return {"tokens": tokens, "lengths": lengths}


@dataclass(frozen=True)
class PairSplit:
    """Sources, and targets as ids, without the [EOS] that a batch appends to each. Targets are None in prediction."""

    name: str
    table: Table
    raw: Sequence[Raw]
    sources: Sources
    targets: Ragged | None

    def __len__(self) -> int:
        return len(self.raw)

    @property
    def lengths(self) -> IntArray:
        """Tokens of source and target, including [EOS]."""
        return self.sources.lengths + self.target_lengths + 1

    @property
    def target_lengths(self) -> IntArray:
        """Tokens of each target."""
        return np.zeros(len(self), np.int64) if self.targets is None else self.targets.lengths

    @property
    def longer_lengths(self) -> IntArray:
        """Tokens of source or target, whichever is longer, including [EOS]."""
        return np.maximum(self.sources.lengths, self.target_lengths + 1)

    def tokens_of(self, rows: IntArray) -> IntArray:
        """Number of tokens of these sources and targets, including [EOS]."""
        return self.lengths[rows]

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """Sources, the target token before each position, and as targets the tokens at each position, ending in [EOS]."""
        source_inputs = self.sources.inputs(rows)
        raw = [self.raw[row] for row in rows]
        if self.targets is None:
            first, unknown = np.full((len(rows), 1), BOS, dtype=np.int32), np.zeros((len(rows), 1), np.int64)
            return Batch(rows, source_inputs | {"previous": first}, {"tokens": Target(unknown, unknown > 0)}, raw)
        ended, ends = with_ends(self.targets, rows)
        real = np.arange(ended.shape[1]) < ends[:, None]
        before = np.concatenate([np.full((len(rows), 1), BOS, ended.dtype), ended[:, :-1]], axis=1)
        previous = np.where(real, before, PAD).astype(np.int32)
        return Batch(rows, source_inputs | {"previous": previous}, {"tokens": Target(ended.astype(np.int64), real)}, raw)

    def order(self, training: TrainingConfig | None, model: ModelBase, seed: int) -> Order:
        """Random rows; with `bucket_by_length` sorted by the longer side, then by the shorter one."""
        most = 2 * self.longer_lengths  # tokens, if both sides were as long as the longer one
        return row_order(training, model.inputs, most, len(self), seed, ties=self.sources.lengths - self.target_lengths)

    def evaluation_batches(self, most: int | None = None) -> list[IntArray]:
        """Sources of similar length together; with `most`, about as many rows as have `most` target tokens (decoding steps)."""
        rows = evenly_spaced(len(self), None if most is None else max(1, round(most / max(1.0, float(self.target_lengths.mean()) + 1))))
        rows = rows[np.argsort(self.sources.lengths[rows], kind="stable")]
        return cut_by_tokens(rows, self.longer_lengths[rows], EVALUATION_TOKENS, EVALUATION_ROWS)

    def length_notices(self, longest: int | None) -> list[str]:
        """None. Raises DataError for a source or target that is longer than the model's longest input."""
        if longest is None:
            return []
        for side, lengths in (("source", self.sources.lengths), ("target", self.target_lengths + 1)):
            if len(rows := np.flatnonzero(lengths > longest)):
                row, more = int(rows[0]), f", as {len(rows) - 1:,} more rows have" if len(rows) > 1 else ""
                raise DataError(f"{self.table.where(row)} has a {side} of {int(lengths[row]):,} tokens including [EOS]{more}, but "
                                f"model.max_positions is {longest:,}. Raise it, or truncate texts with `max_length` in the tokenizer.")
        return []

    def example(self, row: int) -> dict[str, Any]:
        """The location of a row in the data, its source, and its references."""
        source, references = self.raw[row]
        return {"where": self.table.where(row), "text": source, "label": " | ".join(references)}


def with_ends(texts: Ragged, rows: IntArray) -> tuple[IntArray, IntArray]:
    """(len(rows), longest + 1) ids with [EOS] after each text, and lengths that include it."""
    ids, lengths = texts.padded(rows, PAD)
    ended = np.concatenate([ids, np.full((len(rows), 1), PAD, ids.dtype)], axis=1)
    ended[np.arange(len(rows)), lengths] = EOS
    longest = int(lengths.max(initial=0)) + 1
    return ended[:, :longest], lengths + 1


class TextPairs(Preparation):
    """Turns tables of sources and targets into splits."""

    given: ClassVar[str] = "the texts"
    """How messages refer to sources that are given individually."""

    def __init__(self, task: SequenceToSequenceConfig) -> None:
        self.task = task
        self.columns = (task.source, task.target)

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """Train the tokenizers: one for both sides, or one for each."""
        sources, targets = (train.columns[column] for column in self.columns)
        if self.task.share_vocabulary:
            by_role: Mapping[str, Tokenizer] = {"text": tokenizers.get("text", [*sources, *targets])}
        else:
            by_role = {"text": tokenizers.get("text", sources), "target": tokenizers.get("target", targets, self.task.target_tokenizer)}
        sizes = SizesData(type="sizes", vocab_size=by_role["text"].vocab_size,
                          target_vocab_size=by_role.get("target", by_role["text"]).vocab_size)
        return Encoding(sizes, tokenizers=by_role)

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[PairSplit, Sequence[str]]:
        """The encoded split, and notices. Raises DataError for a row with an empty side."""
        refuse_empty(table, self.columns)
        raw, table = self._rows(name, table)
        return self._numbered(name, table, raw, encoding, cache.encode), []

    def tokenizer_texts(self, table: Table) -> Sequence[str]:
        """The sources."""
        return table.columns[self.task.source]

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> PairSplit:
        """Sources whose targets are to be predicted."""
        table, raw = Table({self.task.source: texts}, self.given), [Raw(text, ()) for text in texts]
        return self._numbered("texts", table, raw, encoding, encode_each)

    def _rows(self, name: str, table: Table) -> tuple[list[Raw], Table]:
        """The rows; if pronunciations are scored, each word once with all its pronunciations."""
        sources, targets = self.row_texts(table), table.columns[self.task.target]
        if name == "train" or self.task.scored_as != "pronunciation":
            return [Raw(source, (target,)) for source, target in zip(sources, targets, strict=True)], table
        rows_of: dict[str, list[int]] = {}
        for row, source in enumerate(sources):
            rows_of.setdefault(source, []).append(row)
        first = [rows[0] for rows in rows_of.values()]
        columns = {column: [table.columns[column][row] for row in first] for column in self.columns}
        merged = Table(columns, table.source, None if table.lines is None else [table.lines[row] for row in first])
        return [Raw(source, tuple(dict.fromkeys(targets[row] for row in rows))) for source, rows in rows_of.items()], merged

    def _numbered(self, name: str, table: Table, raw: Sequence[Raw], encoding: Encoding, encode: Encode) -> PairSplit:
        assert encoding.target_tokenizer is not None
        is_prediction = not all(each.references for each in raw)
        targets = None if is_prediction else encode(encoding.target_tokenizer, [each.references[0] for each in raw])
        return PairSplit(name, table, raw, self._sources([each.source for each in raw], table, encoding, encode), targets)

    def _sources(self, texts: Sequence[str], table: Table, encoding: Encoding, encode: Encode) -> Sources:
        """The sources of all rows, which `texts` (rows,) contain as text."""
        assert encoding.tokenizer is not None
        return TextSources(encode(encoding.tokenizer, texts))


def encode_each(tokenizer: Tokenizer, texts: Sequence[str]) -> Ragged:
    """Encode texts without the cache."""
    return tokenizer.encode(texts)


def refuse_empty(table: Table, columns: Sequence[str], missing: str = "learn from or to score") -> None:
    """Raises DataError for a row that is empty in one of the columns; the message says that there is nothing to `missing`."""
    for column in columns:
        empty = [not text.strip() for text in table.columns[column]]
        refuse_rows(table, column, empty, "nothing", f"there is nothing to {missing}. Remove such rows (in parallel files, the same line "
                    "from both)")


def refuse_rows(table: Table, column: str, wrong: Sequence[bool], found: str | None, remedy: str) -> None:
    """Raises DataError if a row is wrong; `found` describes its cell in the column, by default the cell's text."""
    rows = [row for row, is_wrong in enumerate(wrong) if is_wrong]
    if rows:
        more = f", as {len(rows) - 1:,} more rows have" if len(rows) > 1 else ""
        value = found or repr(table.columns[column][rows[0]])
        raise DataError(f"{table.where(rows[0])} has {value} in column `{column}`{more}: {remedy}.")
