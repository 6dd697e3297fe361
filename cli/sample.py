"""The columns of a data file, and which of them are text and class, inferred from names and content."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..datasets.files import read_content
from ..datasets.formats.file_format import Form, nearest
from ..datasets.formats.table_reader import read_table
from ..datasets.tables import Table
from ..errors import DataError

TEXT_NAMES = ("text", "sentence", "document", "review", "comment", "comments", "message", "content", "body", "question",
              "utterance", "tweet", "description", "headline", "title", "query", "name", "input", "review_text", "sms")
LABEL_NAMES = ("label", "class", "category", "intent", "target", "sentiment", "language", "topic", "labels", "tag", "genre", "hate",
               "rating", "stars", "label_text", "emotion", "output", "lang", "y")

Columns = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Sample:
    """What was found: the columns by name or (without a header) position, their values, and what differs from the defaults."""

    file: Path
    text: str | int
    label: str | int
    texts: Sequence[str]
    labels: Sequence[str]
    header: bool = True
    quoting: bool | None = None


def look_at(file: Path, text: str | None = None, label: str | None = None) -> Sample:
    """Read a file and infer its columns, unless they are named. Raises DataError."""
    kind = _format(file)
    table, quoting = _read(file, kind)
    header = kind == "jsonl" or _has_header(table.columns)
    columns = _below_header(table.columns) if header and kind != "jsonl" else table.columns
    rows = len(next(iter(columns.values()), ()))
    if len(columns) < 2 or not rows:
        raise DataError(f"{file} has {len(columns)} columns and {rows} rows, but at least two columns (text and class) and one row "
                        "are needed. Fields are separated by commas in .csv and by tabs in .tsv.")
    text = _named(file, text, columns) or _text_column({name: values for name, values in columns.items() if name != label})
    label = _named(file, label, columns) or _label_column({name: values for name, values in columns.items() if name != text})
    if text is None or label is None or text == label:
        raise DataError(f"{file}: cannot infer which column contains the text and which the class. Name them with --text and --label; "
                        f"the columns are {', '.join(columns)}.")
    places = (text, label) if header else (int(text), int(label))
    return Sample(file, *places, columns[text], columns[label], header, quoting)


def _format(file: Path) -> Literal["csv", "tsv", "jsonl"]:
    match file.name.removesuffix(".gz").rpartition(".")[2].lower():
        case "csv" | "tsv" | "jsonl" as kind:
            return kind
    raise DataError(f"{file}: the format is inferred from the file name, which must end in .csv, .tsv or .jsonl (also with .gz).")


def _read(file: Path, kind: Literal["csv", "tsv", "jsonl"]) -> tuple[Table, bool | None]:
    """All columns, by position where the format has a header, and `quoting` where the file can only be read with the unusual value."""
    content = read_content(file)
    if kind == "jsonl":
        return read_table(content, str(file), Form(kind)), None
    try:
        return read_table(content, str(file), Form(kind, header=False)), None
    except DataError as usual:
        other = kind == "tsv"
        try:
            return read_table(content, str(file), Form(kind, header=False, quoting=other)), other
        except DataError:
            raise usual from None


def _has_header(columns: Columns) -> bool:
    """Whether the first row is a header: it has a well-known name, or no number and no value that occurs again below."""
    first = [values[0] for values in columns.values()]
    if any(cell.strip().lower() in (*TEXT_NAMES, *LABEL_NAMES) for cell in first):
        return True
    named = (values[0] and not _number(values[0]) and values[0] not in values[1:] for values in columns.values())
    return len(set(first)) == len(first) and all(named)


def _below_header(columns: Columns) -> Columns:
    """The columns by the names in their first row; columns that share a name are left out."""
    names = [values[0] for values in columns.values()]
    return {values[0]: values[1:] for values in columns.values() if names.count(values[0]) == 1}


def _number(text: str) -> bool:
    return re.fullmatch(r"\s*[-+]?[\d.,]+\s*", text) is not None


def _named(file: Path, name: str | None, columns: Columns) -> str | None:
    if name is not None and name not in columns:
        raise DataError(f"{file} has no column {name!r}; the columns are {', '.join(columns)}.{nearest(name, columns)}")
    return name


def _text_column(columns: Columns) -> str | None:
    """A well-known name first, then the longest values; never numbers."""
    fitting = [name for name, values in columns.items() if not all(map(_number, values))]
    return min(fitting, key=lambda name: (_rank(name, TEXT_NAMES), -sum(map(len, columns[name]))), default=None)


def _label_column(columns: Columns) -> str | None:
    """A column whose values repeat; a well-known name first, then the one with the fewest distinct values."""
    kinds = {name: len(set(values)) for name, values in columns.items()}
    fitting = [name for name, values in columns.items() if 2 <= kinds[name] <= max(2, len(values) // 2)]
    return min(fitting, key=lambda name: (_rank(name, LABEL_NAMES), kinds[name]), default=None)


def _rank(name: str, known: Sequence[str]) -> int:
    return known.index(name.strip().lower()) if name.strip().lower() in known else len(known)
