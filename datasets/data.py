"""What the rest of the program knows of data: tables of text, and the numbers made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..configs.data import SizesData

if TYPE_CHECKING:
    from .tokenizer import Tokenizer

IntArray = npt.NDArray[np.integer[Any]]
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
        padded = np.full((len(rows), int(lengths.max(initial=1))), pad_id, dtype=np.int32)
        padded[np.arange(padded.shape[1]) < lengths[:, None]] = ids
        return padded, lengths


@dataclass(frozen=True)
class Split:
    """One split, ready to be cut into batches. `labels` holds class ids, -1 for a label that is not in the list."""

    name: str
    table: Table
    texts: Sequence[str]
    gold: Sequence[str]
    labels: IntArray
    encoded: Ragged | None = None

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Data:
    """All splits, the sizes that a model is built from, and what turned text into numbers."""

    splits: Mapping[str, Split]
    spec: SizesData
    labels: tuple[str, ...]
    tokenizer: "Tokenizer | None" = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    notices: Sequence[str] = ()
    cache: Path | None = None
