"""Array types, and rows of different lengths in one array."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..storage import release

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]


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

    @classmethod
    def end_to_end(cls, blocks: "Sequence[Ragged]") -> "Ragged":
        """Concatenates the rows of one or more blocks."""
        starts = np.cumsum([0, *(len(block.ids) for block in blocks)])
        offsets = [block.offsets[1:] + start for block, start in zip(blocks, starts, strict=False)]
        weights = [block.weights for block in blocks if block.weights is not None]
        return cls(np.concatenate([block.ids for block in blocks]), np.concatenate([np.zeros(1, np.int64), *offsets]),
                   np.concatenate(weights) if weights else None)

    def joined(self, between: int) -> IntArray:
        """All rows end to end, with the id `between` as separator."""
        return self.ids if len(self) == 1 else np.insert(self.ids, self.offsets[1:-1], between)

    def flat(self, rows: IntArray) -> tuple[IntArray, IntArray, FloatArray | None]:
        """The chosen rows end to end: ids (n,), the start of each row (len(rows),), weights (n,) or None. All rows in order give the arrays
        themselves, which may be memory maps."""
        if len(rows) == len(self) and np.array_equal(rows, np.arange(len(self))):
            starts = self.offsets[:-1]
            return self.ids, starts.astype(np.int32) if len(self.ids) < 2**31 else starts, self.weights
        starts, lengths = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        ends = np.cumsum(lengths)
        indices = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
        weights = None if self.weights is None else self.weights[indices]
        return self.ids[indices], (ends - lengths).astype(np.int32), weights

    def release(self) -> None:
        """Release the pages of memory maps that were read."""
        for array in (self.ids, self.weights):
            release(array)

    def padded(self, rows: IntArray, pad_id: int) -> tuple[IntArray, IntArray]:
        """The chosen rows as ids (len(rows), longest), padded with `pad_id`, and their lengths (len(rows),)."""
        ids, _, _ = self.flat(rows)
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        return filled(ids, lengths, pad_id), lengths


def filled(values: IntArray, lengths: IntArray, filler: int) -> IntArray:
    """Values (n,) of rows stored end to end -> (rows, longest), each row padded with `filler`; at least one column."""
    padded = np.full((len(lengths), int(lengths.max(initial=1))), filler, dtype=values.dtype)
    padded[np.arange(padded.shape[1]) < lengths[:, None]] = values
    return padded
