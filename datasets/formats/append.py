"""A data file with more columns behind its own; all that it held stays as it was written."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ...errors import DataError
from .arrow import append_to_parquet
from .conll import split_tokens, token_lines
from .encodings import decode, encode
from .excel import append_to_xlsx
from .file_format import Form
from .separated import read_separated, row_ends
from .table_reader import read_table

Cell = str | float | None


def append_columns(content: bytes, source: str, form: Form, columns: Mapping[str, Sequence[Cell]]) -> bytes:
    """The bytes of a file that can be read, with a value of each column for each of its rows.

    In CoNLL the first column holds a tag for each token, and no other is written. Raises DataError where the file has such a column
    already, and for a format that has no place for another.
    """
    if form.format in ("parquet", "xlsx"):
        _refuse_present(source, read_table(content, source, replace(form, columns={})).columns if form.header else (), columns)
        return append_to_xlsx(content, source, form, columns) if form.format == "xlsx" else append_to_parquet(content, source, columns)
    text = decode(content, source, form.encoding)
    match form.format:
        case "csv" | "tsv":
            text = _with_cells(text, source, form, columns)
        case "jsonl":
            text = _with_keys(text, source, columns)
        case "conll":
            text = _with_tags(text, next(iter(columns.values())))
        case _:
            raise DataError(f"{source}: predictions can be written beside the rows of CSV, TSV, JSONL, CoNLL, Parquet and Excel files "
                            f"(.csv, .tsv, .jsonl, .conll, .parquet, .xlsx), not into {form.format}. Leave out --output, or convert the "
                            "file.")
    return encode(text, content, source, form.encoding)


def _with_cells(text: str, source: str, form: Form, columns: Mapping[str, Sequence[Cell]]) -> str:
    lines, ends = row_ends(text, form)
    if form.header:
        _refuse_present(source, read_separated(text, source, replace(form, columns={}), ()).columns, columns)
    heads = [tuple(columns)] if form.header else []
    for end, cells in zip(ends, [*heads, *zip(*columns.values(), strict=True)], strict=True):
        row, line_end = _parted(lines[end], ("\r\n", "\n", "\r") if form.quoted else ("\r\n", "\n"))
        lines[end] = row + "".join(form.separator + _cell(cell, form) for cell in cells) + line_end
    return "".join(lines)


def _parted(line: str, line_ends: Sequence[str]) -> tuple[str, str]:
    """A line and its line end; the last one may have none."""
    line_end = next((each for each in line_ends if line.endswith(each)), "")
    return line.removesuffix(line_end), line_end


def _cell(value: Cell, form: Form) -> str:
    """A value as a field. Without quotes it cannot hold a delimiter or a line break; a blank is written instead, or `_` where
    the delimiter is a blank.
    """
    text = "" if value is None else str(value)
    marks = [mark for mark in (form.separator, "\n", "\r") if mark in text]
    if form.quoted:
        return '"' + text.replace('"', '""') + '"' if marks or '"' in text else text
    for mark in marks:
        text = text.replace(mark, "_" if form.separator == " " else " ")
    return text


def _with_keys(text: str, source: str, columns: Mapping[str, Sequence[Cell]]) -> str:
    lines = text.split("\n")
    places = [place for place, line in enumerate(lines) if line.strip()]
    for place, cells in zip(places, zip(*columns.values(), strict=True), strict=True):
        _refuse_present(f"{source}:{place + 1}", json.loads(lines[place]), columns)
        row = lines[place].rstrip()
        added = json.dumps(dict(zip(columns, cells, strict=True)), ensure_ascii=False)[1:-1]
        lines[place] = f"{row[:-1].rstrip()}, {added}}}{lines[place][len(row):]}"
    return "\n".join(lines)


def _with_tags(text: str, tags: Sequence[Cell]) -> str:
    """Each tag behind its token, with what stands between the fields of the line."""
    lines = text.split("\n")
    flat = (tag for row in tags for tag in split_tokens(str(row)))
    rows = [line.removesuffix("\r") for line in lines]
    for place, tag in zip(token_lines(rows), flat, strict=True):
        row, line_end = _parted(lines[place], ("\r",))
        lines[place] = row.rstrip() + ("\t" if "\t" in row else " ") + tag + line_end
    return "\n".join(lines)


def _refuse_present(where: str, present: Collection[str], columns: Mapping[str, Sequence[Cell]]) -> None:
    if taken := next((name for name in columns if name in present), None):
        raise DataError(f"{where} has a column `{taken}` already, so a prediction cannot be written beside it under that name. Rename the "
                        "column, or leave it out of the file.")
