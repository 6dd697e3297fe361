"""Excel workbooks (.xlsx): the first sheet as a table. Formulas are never computed; the values stored in the file are read."""

import io
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ...errors import DataError
from ..tables import Table
from .cells import cell_text, of_extra
from .file_format import Form
from .separated import Grid, choose_from, places_of

_OLD_OR_LOCKED = b"\xd0\xcf\x11\xe0"
_PACKED = b"PK"
_SHOWN_BYTES = 40
_CONTROLS = {code: " " for code in range(32) if code not in (9, 10, 13)}
"""Control characters, which XML cannot represent."""


class _Sheet(NamedTuple):
    """The non-empty rows, all of the same width, and their numbers in the sheet."""

    rows: Sequence[Sequence[str]]
    numbers: Sequence[int]


def read_xlsx(content: bytes, source: str, form: Form, wanted: Sequence[str]) -> Table:
    """The wanted columns of the first sheet, or all if none are named; rows keep their numbers, and empty rows are skipped."""
    sheet = _read(content, source)
    columns = list(zip(*sheet.rows[form.header:], strict=True)) or [()] * len(sheet.rows[0])
    grid = Grid(sheet.rows[0] if form.header else None, columns, sheet.numbers[form.header:])
    table = choose_from(grid, source, form, wanted)
    if wanted and any("" in texts for texts in table.columns.values()):
        _refuse_uncomputed(content, source, sheet, places_of(grid, form, wanted, source).values())
    return table


def _read(content: bytes, source: str) -> _Sheet:
    rows, others = _cells(content, source, values=True)
    filled = [(number, row) for number, row in enumerate(rows, start=1) if any(cell is not None for cell in row)]
    if not filled:
        also = f" Only the first sheet is read; the others are {', '.join(others)}." if others else ""
        raise DataError(f"The first sheet of {source} is empty. It must contain at least one example.{also}")
    width = max(number for _, row in filled for number, cell in enumerate(row, start=1) if cell is not None)
    cells = [[*row[:width], *[None] * (width - len(row))] for _, row in filled]
    return _Sheet([[cell_text(cell) or "" for cell in row] for row in cells], [number for number, _ in filled])


def _cells(content: bytes, source: str, values: bool) -> tuple[list[tuple[Any, ...]], list[str]]:
    """The cells of the first sheet, with the values of formulas or the formulas themselves; and the names of the other sheets."""
    with _opened(content, source, read_only=True, data_only=values) as workbook:
        if not workbook.worksheets:
            raise DataError(f"{source} has no sheet with cells. It must contain at least one example.")
        sheet, *others = workbook.worksheets
        sheet.reset_dimensions()  # some programs write wrong ones
        return list(sheet.iter_rows(values_only=True)), [other.title for other in others]


def other_sheets(content: bytes, source: str) -> list[str]:
    """The names of the sheets that are not read."""
    with _opened(content, source, read_only=True) as workbook:
        return [sheet.title for sheet in workbook.worksheets[1:]]


def _refuse_uncomputed(content: bytes, source: str, sheet: _Sheet, positions: Collection[int]) -> None:
    """Raise DataError if an empty cell of these columns has a formula, which no spreadsheet program has computed yet."""
    formulas, _ = _cells(content, source, values=False)
    for number, row in zip(sheet.numbers, sheet.rows, strict=True):
        for position, formula in enumerate(formulas[number - 1]):
            if position in positions and not row[position] and formula is not None:
                cell = f"{of_extra('openpyxl.utils', source).get_column_letter(position + 1)}{number}"
                raise DataError(f"{source}: the cell {cell} has a formula, and the file does not hold its value. Open the file in a "
                                "spreadsheet program and save it, which computes the value, or write the value itself.")


def append_to_xlsx(content: bytes, source: str, form: Form, columns: Mapping[str, Sequence[str | float | None]]) -> bytes:
    """The workbook with more columns in its first sheet; formulas stay formulas, and added texts are never read as formulas."""
    sheet = _read(content, source)
    output = io.BytesIO()
    with _opened(content, source) as workbook:
        for column, (name, cells) in enumerate(columns.items(), start=len(sheet.rows[0]) + 1):
            for row, cell in zip(sheet.numbers, [*[name] * form.header, *cells], strict=True):
                _write(workbook.worksheets[0].cell(row, column), cell)
        workbook.save(output)
    return output.getvalue()


def _write(cell: Any, value: str | float | None) -> None:
    cell.value = value.translate(_CONTROLS) if isinstance(value, str) else value
    if isinstance(value, str):
        cell.data_type = "s"  # otherwise a text that starts with = becomes a formula


@contextmanager
def _opened(content: bytes, source: str, **options: bool) -> Iterator[Any]:
    """The workbook. Errors of the parser become DataErrors."""
    library = of_extra("openpyxl", source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions, which are not read
            workbook = library.load_workbook(io.BytesIO(content), keep_links=False, **options)
            yield workbook
            workbook.close()
    except DataError:
        raise
    except Exception as error:  # the parser raises all kinds of errors for damaged files, even KeyError
        raise DataError(_not_a_workbook(content, source, error)) from None


def _not_a_workbook(content: bytes, source: str, error: Exception) -> str:
    if content.startswith(_OLD_OR_LOCKED):
        return f"{source} is an old Excel file, or has a password. Save it as .xlsx without a password."
    if not content.startswith(_PACKED):
        start = content[:_SHOWN_BYTES].decode("utf-8", "replace").split("\n")[0]
        return f"{source} is not an Excel workbook: it starts with {start!r}. If it is text, give it the right extension, such as .csv."
    return (f"{source} is damaged, or not an Excel workbook ({type(error).__name__}: {error}). Open it in a spreadsheet program and save "
            "it again as .xlsx.")
