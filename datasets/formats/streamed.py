"""Streams CSV, TSV and JSONL files larger than memory: one table for each block of rows."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

from ...errors import DataError
from ..files import opened_text
from ..tables import Table
from .file_format import Form
from .jsonl import numbered_records, table_of
from .separated import Grid, choose_from, numbered_rows

STREAMED = ("csv", "tsv", "jsonl")
BLOCK = 8_192
"""Rows per block."""

T = TypeVar("T")


def streamed_tables(path: str, form: Form, wanted: Sequence[str] = ()) -> Iterator[Table]:
    """Tables with the wanted columns, or with all columns of the first block; at least one. Raises DataError as `read_table` does."""
    with opened_text(Path(path).expanduser(), form.encoding, newline="" if form.format != "jsonl" and form.quoted else "\n") as lines:
        empty = True
        if form.format == "jsonl":
            tables = (table_of(records, path, form, wanted) for records in _blocks(numbered_records(lines, path)))
        else:
            tables = _grids(numbered_rows(lines, path, form), path, form, wanted)
        for table in tables:
            empty, wanted = False, wanted or list(table.columns)
            yield table
    if empty:
        raise DataError(f"{path} has no rows. It must contain at least one example.")


def _grids(rows: Iterator[tuple[int, list[str]]], path: str, form: Form, wanted: Sequence[str]) -> Iterator[Table]:
    header = next(rows, (0, None))[1] if form.header else None
    for block in _blocks(rows):
        grid = Grid(header, list(zip(*(fields for _, fields in block), strict=True)), [number for number, _ in block])
        yield choose_from(grid, path, form, wanted)


def _blocks(rows: Iterator[T]) -> Iterator[list[T]]:
    while block := list(islice(rows, BLOCK)):
        yield block
