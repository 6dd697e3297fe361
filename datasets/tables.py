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
