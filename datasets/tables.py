"""Tables of text: what readers produce and tasks consume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Rows of named text columns, and the location of each row, so that an error can point at it."""

    columns: Mapping[str, Sequence[str]]
    source: str
    lines: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def without(self, rows: Sequence[int]) -> "Table":
        """The table without these rows; the others still know their lines."""
        left_out = set(rows)
        kept = [row for row in range(len(self)) if row not in left_out]
        columns = {name: [values[row] for row in kept] for name, values in self.columns.items()}
        return Table(columns, self.source, None if self.lines is None else [self.lines[row] for row in kept])

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
