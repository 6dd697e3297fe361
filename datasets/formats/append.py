"""Appends columns to a data file; its existing content stays as it was written."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from ...errors import DataError
from .arrow import append_to_parquet
from .conll import CONLLU_COLUMNS, split_tokens, token_lines, word_lines
from .encodings import decode, encode
from .excel import append_to_xlsx
from .file_format import Form
from .separated import read_separated, row_ends
from .table_reader import read_table

Cell = str | float | None


def append_columns(content: bytes, source: str, form: Form, columns: Mapping[str, Sequence[Cell]]) -> bytes:
    """The bytes of a readable file with more columns: one value per column and row.

    In CoNLL a column holds a value for each token. CoNLL-U cannot have other columns than its own, so their values are replaced. Raises
    DataError if another kind of file already has such a column, and for formats without room for more columns.
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
            text = _with_tags(text, columns)
        case "conllu" if set(columns) <= set(CONLLU_COLUMNS):
            text = _with_values(text, source, columns)
        case _:
            raise DataError(f"{source}: predictions can be added to the rows of CSV, TSV, JSONL, CoNLL, Parquet and Excel files "
                            f"(.csv, .tsv, .jsonl, .conll, .parquet, .xlsx), not to {form.format}. Leave out --output, or convert the "
                            "file.")
    return encode(text, content, source, form.encoding)


def _with_cells(text: str, source: str, form: Form, columns: Mapping[str, Sequence[Cell]]) -> str:
    lines, ends = row_ends(text, form)
    if form.header:
        _refuse_present(source, read_separated(text, source, replace(form, columns={}), ()).columns, columns)
    heads = [tuple(columns)] if form.header else []
    for end, cells in zip(ends, [*heads, *zip(*columns.values(), strict=True)], strict=True):
        row, line_end = _split_line_end(lines[end], ("\r\n", "\n", "\r") if form.quoted else ("\r\n", "\n"))
        lines[end] = row + "".join(form.separator + _cell(cell, form) for cell in cells) + line_end
    return "".join(lines)


def _split_line_end(line: str, line_ends: Sequence[str]) -> tuple[str, str]:
    """A line without its line end, and the line end, which the last line may lack."""
    line_end = next((end for end in line_ends if line.endswith(end)), "")
    return line.removesuffix(line_end), line_end


def _cell(value: Cell, form: Form) -> str:
    """A value as a field. Without quotes it cannot hold a delimiter or a line break; a space is written instead, or `_` if
    the delimiter is a space.
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
    filled = [index for index, line in enumerate(lines) if line.strip()]
    for index, cells in zip(filled, zip(*columns.values(), strict=True), strict=True):
        _refuse_present(f"{source}:{index + 1}", json.loads(lines[index]), columns)
        row = lines[index].rstrip()
        added = json.dumps(dict(zip(columns, cells, strict=True)), ensure_ascii=False)[1:-1]
        lines[index] = f"{row[:-1].rstrip()}, {added}}}{lines[index][len(row):]}"
    return "\n".join(lines)


def _with_tags(text: str, columns: Mapping[str, Sequence[Cell]]) -> str:
    """The values of each token appended to its line, with the delimiter of that line."""
    lines = text.split("\n")
    rows = [line.removesuffix("\r") for line in lines]
    for index, tags in zip(token_lines(rows), _flat(columns), strict=True):
        row, line_end = _split_line_end(lines[index], ("\r",))
        delimiter = "\t" if "\t" in row else " "
        lines[index] = row.rstrip() + "".join(delimiter + tag for tag in tags) + line_end
    return "\n".join(lines)


def _with_values(text: str, source: str, columns: Mapping[str, Sequence[Cell]]) -> str:
    """The fields of each word replaced by its values; comments, multiword tokens and empty nodes stay."""
    lines, positions = text.split("\n"), [CONLLU_COLUMNS.index(name) for name in columns]
    rows = [line.removesuffix("\r") for line in lines]
    for index, values in zip(word_lines(rows, source), _flat(columns), strict=True):
        row, line_end = _split_line_end(lines[index], ("\r",))
        fields = row.split("\t")
        for position, value in zip(positions, values, strict=True):
            fields[position] = value
        lines[index] = "\t".join(fields) + line_end
    return "\n".join(lines)


def _flat(columns: Mapping[str, Sequence[Cell]]) -> Iterator[tuple[str, ...]]:
    """The values of all columns for each token, over all rows."""
    return zip(*([value for row in rows for value in split_tokens(str(row))] for rows in columns.values()), strict=True)


def _refuse_present(where: str, present: Collection[str], columns: Mapping[str, Sequence[Cell]]) -> None:
    if taken := next((name for name in columns if name in present), None):
        raise DataError(f"{where} already has a column `{taken}`, so predictions cannot be written under that name. Rename the column, "
                        "or remove it from the file.")
