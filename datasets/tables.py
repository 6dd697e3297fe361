"""Tables of text, which readers produce and tasks consume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .arrays import IntArray


@dataclass(frozen=True)
class Table:
    """Rows of named text columns, with the line number of each row for error messages."""

    columns: Mapping[str, Sequence[str]]
    source: str
    lines: Sequence[int] | IntArray | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def without(self, rows: Sequence[int]) -> "Table":
        """The table without these rows; the others keep their line numbers."""
        return self.taken(np.delete(np.arange(len(self)), list(rows)))

    def taken(self, rows: Sequence[int] | IntArray) -> "Table":
        """The rows at these indices, in this order."""
        indices = rows.tolist() if isinstance(rows, np.ndarray) else rows
        columns = {name: [values[row] for row in indices] for name, values in self.columns.items()}
        return Table(columns, self.source, None if self.lines is None else [self.lines[row] for row in indices])

    def where(self, row: int) -> str:
        """The location of a row: `file:line`, or `file, row N` if rows have no line numbers."""
        return f"{self.source}:{self.lines[row]}" if self.lines is not None else f"{self.source}, row {row + 1}"


@dataclass(frozen=True)
class Dataset:
    """The splits of one dataset as text: `train`, `validation`, and `test` if it has one."""

    name: str
    splits: Mapping[str, Table]
    hashes: Mapping[str, str]
    notices: Sequence[str] = ()
