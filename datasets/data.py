"""What the rest of the program knows of data: tables of text, and the numbers made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ..configs.data import SizesData
from ..configs.model import ModelConfig, Takes
from ..configs.training import TrainingConfig
from .batching import IntArray, Order

if TYPE_CHECKING:
    from .tokenizer import Tokenizer

FloatArray = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Table:
    """Rows of named text columns, and where each row stands, so that an error can point at it."""

    columns: Mapping[str, Sequence[str]]
    source: str
    lines: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def where(self, row: int) -> str:
        """`file:line` of a row, or `file, row N` where rows do not come from lines."""
        return f"{self.source}:{self.lines[row]}" if self.lines is not None else f"{self.source}, row {row + 1}"


@dataclass(frozen=True)
class Dataset:
    """The splits of one dataset as text: `train`, `validation`, and `test` where there is one."""

    name: str
    splits: Mapping[str, Table]
    hashes: Mapping[str, str]
    notices: Sequence[str] = ()


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths in one array: row i is `ids[offsets[i]:offsets[i + 1]]`.

    ids (n_tokens,) int32; offsets (rows + 1,) int64; weights (n_tokens,) float32 for weighted n-grams.
    The arrays may be read-only memory maps.
    """

    ids: IntArray
    offsets: IntArray
    weights: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> IntArray:
        return np.diff(self.offsets)

    def flat(self, rows: IntArray) -> tuple[IntArray, IntArray, FloatArray | None]:
        """The chosen rows end to end: ids (n,), the start of each row (len(rows),), weights (n,) or None."""
        starts, lengths = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
        weights = None if self.weights is None else self.weights[places]
        return self.ids[places], (ends - lengths).astype(np.int32), weights

    def padded(self, rows: IntArray, pad_id: int) -> tuple[IntArray, IntArray]:
        """The chosen rows as (len(rows), longest) ids filled up with `pad_id`, and their lengths (len(rows),)."""
        ids, _, _ = self.flat(rows)
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        return filled(ids, lengths, pad_id), lengths


def filled(values: IntArray, lengths: IntArray, filler: int) -> IntArray:
    """Values (n,) of rows that lie end to end -> (rows, longest), filled up behind each row's end; at least one column."""
    padded = np.full((len(lengths), int(lengths.max(initial=1))), filler, dtype=values.dtype)
    padded[np.arange(padded.shape[1]) < lengths[:, None]] = values
    return padded


@dataclass(frozen=True)
class Batch:
    """Some rows of a split. `inputs` are the model's arguments as numpy arrays; `targets` what it shall say of each row, -1: nothing.

    Targets are (batch,) class ids, or (batch, seq) ids of tags or tokens. `gold` is the same by name, or what else scoring needs.
    """

    rows: IntArray
    inputs: dict[str, Any]
    targets: IntArray
    gold: Sequence[Any] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def n_tokens(self) -> int:
        """Real tokens in the batch, padding not counted, of source and target; texts count as one each where nothing is encoded."""
        if "lengths" in self.inputs:
            written = int((self.targets >= 0).sum()) if "previous" in self.inputs else 0
            return int(self.inputs["lengths"].sum()) + written
        return len(self.inputs.get("tokens", self.rows))


class Split(Protocol):
    """What batching, training and evaluation know of a split, whatever the task."""

    @property
    def name(self) -> str: ...

    @property
    def lengths(self) -> IntArray | None:
        """Tokens of each row; None where nothing is encoded."""
        ...

    def __len__(self) -> int: ...

    def batch(self, rows: IntArray, takes: Takes) -> Batch:
        """The rows in the form that a model takes."""
        ...

    def order(self, training: TrainingConfig | None, model: ModelConfig, seed: int) -> Order:
        """How the rows are cut into batches to train on; without `training`, one batch with everything."""
        ...

    def evaluation_batches(self, most: int | None = None) -> list[IntArray]:
        """Every row once, or at most so many, from all over the split."""
        ...

    def told(self, row: int) -> dict[str, Any]:
        """A row for people: `where` it stands, its text and what is right, by name."""
        ...


@dataclass(frozen=True)
class Encoding:
    """How examples become numbers: what the training split taught, and all of it that a finished run needs.

    `labels` by name with the number of each in training; tokenizers by what they read; the sizes that a model is built from.
    """

    spec: SizesData
    labels: tuple[str, ...] = ()
    label_counts: tuple[int, ...] = ()
    tokenizers: "Mapping[str, Tokenizer]" = field(default_factory=dict)

    @property
    def tokenizer(self) -> "Tokenizer | None":
        """That of the text which the model reads."""
        return self.tokenizers.get("text")

    @property
    def target_tokenizer(self) -> "Tokenizer | None":
        """That of the text which the model writes; by default the same."""
        return self.tokenizers.get("target", self.tokenizer)


@dataclass(frozen=True)
class Data:
    """All splits, what turned them into numbers, and where they came from."""

    splits: Mapping[str, Split]
    encoding: Encoding
    hashes: Mapping[str, str] = field(default_factory=dict)
    notices: Sequence[str] = ()
    cache: Path | None = None
