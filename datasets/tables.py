"""Tables of text: what readers produce and tasks consume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .arrays import IntArray


@dataclass(frozen=True)
class Table:
    """Rows of named text columns, and the location of each row, so that an error can point at it."""

    columns: Mapping[str, Sequence[str]]
    source: str
    lines: Sequence[int] | IntArray | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def without(self, rows: Sequence[int]) -> "Table":
        """The table without these rows; the others still know their lines."""
        return self.taken(np.delete(np.arange(len(self)), list(rows)))

    def taken(self, rows: Sequence[int] | IntArray) -> "Table":
        """The rows at these places, in this order."""
        places = rows.tolist() if isinstance(rows, np.ndarray) else rows
        columns = {name: [values[row] for row in places] for name, values in self.columns.items()}
        return Table(columns, self.source, None if self.lines is None else [self.lines[row] for row in places])

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
