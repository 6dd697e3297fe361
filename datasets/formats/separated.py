"""CSV and TSV, with errors for everything that would shift or lose a row."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, NoReturn

from ...errors import DataError
from ..tables import Table
from .file_format import Form, refuse_column, refuse_position

_FIELD_LIMIT = 2**31 - 1


class Grid(NamedTuple):
    """The header and the columns of a file, and the line number of each row."""

    header: Sequence[str] | None
    columns: Sequence[Sequence[str]]
    lines: Sequence[int]


def read_separated(text: str, source: str, form: Form, wanted: Sequence[str]) -> Table:
    """The wanted columns of a CSV or TSV file's text, or all columns if none are named."""
    return choose_from(separated_grid(text, source, form), source, form, wanted)


def separated_grid(text: str, source: str, form: Form) -> Grid:
    """All fields of a CSV or TSV file's text."""
    return _quoted_grid(text, source, form) if form.quoted else _plain_grid(text, source, form)


def choose_from(grid: Grid, source: str, form: Form, wanted: Sequence[str]) -> Table:
    """The wanted columns, by their names or positions, or all columns if none are named."""
    if not grid.lines:
        raise DataError(f"{source} has a header line but no rows. It must contain at least one example.")
    return Table({name: grid.columns[position] for name, position in places_of(grid, form, wanted, source).items()}, source, grid.lines)


def _plain_grid(text: str, source: str, form: Form) -> Grid:
    """A file in which quotes mean nothing. Splits at line feeds alone: `splitlines` would also split at characters in a text."""
    delimiter = form.separator
    lines = (text.replace("\r\n", "\n") if "\r" in text else text).split("\n")
    if not lines[-1]:
        lines.pop()
    numbers: Sequence[int] = range(1, len(lines) + 1)
    if "" in lines and delimiter in text:
        numbers = [number for number, line in zip(numbers, lines, strict=True) if line]
        lines = [line for line in lines if line]
    n_delimiters = lines[0].count(delimiter)
    bad = next((row for row, line in enumerate(lines) if line.count(delimiter) != n_delimiters), None)
    if bad is not None:
        _refuse_width(lines[bad].count(delimiter) + 1, lines[0].split(delimiter), f"{source}:{numbers[bad]}", form)
    return _plain_columns(lines, numbers, form)


def _plain_columns(lines: Sequence[str], numbers: Sequence[int], form: Form) -> Grid:
    """The columns from one long split with a stride each. A list for each row would keep the garbage collector busy."""
    first, rest = lines[0].split(form.separator), lines[1:] if form.header else lines
    fields = form.separator.join(rest).split(form.separator)
    columns = [fields[position::len(first)] for position in range(len(first))]
    return Grid(first if form.header else None, columns, numbers[1:] if form.header else numbers)


def _quoted_grid(text: str, source: str, form: Form) -> Grid:
    """A file by the rules of RFC 4180."""
    numbers, rows = zip(*numbered_rows(io.StringIO(text, newline=""), source, form), strict=True)
    columns = list(zip(*rows[form.header:], strict=True)) or [()] * len(rows[0])
    return Grid(rows[0] if form.header else None, columns, list(numbers[form.header:]))


def numbered_rows(lines: Iterable[str], source: str, form: Form) -> Iterator[tuple[int, list[str]]]:
    """For each row, including the header: the number of its first line, and its fields."""
    first: list[str] = []
    for number, fields in (_quoted_rows if form.quoted else _plain_rows)(lines, source, form):
        first = first or fields
        if len(fields) != len(first):
            _refuse_width(len(fields), first, f"{source}:{number}", form)
        yield number, fields


def _plain_rows(lines: Iterable[str], source: str, form: Form) -> Iterator[tuple[int, list[str]]]:
    """All rows except blank lines."""
    for number, line in enumerate(lines, start=1):
        if row := line.removesuffix("\n").removesuffix("\r"):
            yield number, row.split(form.separator)


def _quoted_rows(lines: Iterable[str], source: str, form: Form) -> Iterator[tuple[int, list[str]]]:
    """The same for fields that may be quoted. `strict`, since a quote that is never closed would swallow the rest of the file."""
    number, reader = 1, csv.reader(lines, delimiter=form.separator, strict=True)
    try:
        with _long_fields():
            for row in reader:
                if row:
                    yield number, row
                number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{source}:{number} starts a row whose quotes do not match ({error}; read as far as line {reader.line_num}). Inside a "
            'quoted field each quote is doubled, as in "say ""yes""". If quotes are plain characters, set `data.quoting: false`.'
        ) from None


@contextmanager
def _long_fields() -> Iterator[None]:
    """Raise the csv module's limit on the length of fields, which is global to the process, for a while."""
    usual_limit = csv.field_size_limit(_FIELD_LIMIT)
    try:
        yield
    finally:
        csv.field_size_limit(usual_limit)


def row_ends(text: str, form: Form) -> tuple[list[str], list[int]]:
    """The lines of a file for `read_separated`, with their line ends; and the index of the last line of each row, including the
    header."""
    if not form.quoted:
        lines = list(io.StringIO(text, newline="\n"))
        one_column = form.separator not in text  # blank lines are empty texts then
        return lines, [index for index, line in enumerate(lines) if one_column or line not in ("\n", "\r\n")]
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, delimiter=form.separator, strict=True)
    with _long_fields():
        return lines, [reader.line_num - 1 for row in reader if row]


def _refuse_width(got: int, first: Sequence[str], where: str, form: Form) -> NoReturn:
    expected = f"the header names {len(first)} ({', '.join(first)})" if form.header else f"the first line has {len(first)}"
    remedy = (
        "Put a text that holds the delimiter or a line break in quotes. If quotes mean nothing, set `data.quoting: false`."
        if form.quoted
        else "Is there a delimiter or a line break inside a text, or are texts in quotes (then set `data.quoting: true`)?"
    )
    raise DataError(f"{where} has {got} field{'s' if got != 1 else ''} where {expected}. {remedy}")


def places_of(grid: Grid, form: Form, wanted: Sequence[str], source: str) -> dict[str, int]:
    """Name -> position of the wanted columns, or of all with a unique name."""
    if wanted:
        return {name: _position(name, grid, form, source) for name in wanted}
    renamed = {name: _position(name, grid, form, source) for name in form.columns}
    names = grid.header or [str(position) for position in range(len(grid.columns))]
    others = {name: position for position, name in enumerate(names) if position not in renamed.values() and names.count(name) == 1}
    return others | renamed


def _position(name: str, grid: Grid, form: Form, source: str) -> int:
    """Position of one column: by `columns`, or by its own name in the header."""
    key, header, width = form.columns.get(name, name), grid.header, len(grid.columns)
    if isinstance(key, int):
        if not 0 <= key < width:
            refuse_position(name, key, f"{width} columns", source, form)
        return key
    if header is None:
        remedy = form.advice(f"Set a position, such as `data.columns: {{{name}: 0}}`.")
        raise DataError(f"{source} is read without a header, so no column is called `{key}`; the file has {width} columns, 0 to "
                        f"{width - 1}. {remedy}")
    if header.count(key) > 1:
        remedy = form.advice(f"Give its position: `data.columns: {{{name}: {header.index(key)}}}`.")
        raise DataError(f"{source} has {header.count(key)} columns called `{key}`. {remedy}")
    if key not in header:
        refuse_column(name, key, header, source, form)
    return header.index(key)
