"""What readers of every format share: the form of a file, its text, and the error for a missing column."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from ...errors import DataError

TextFormat = Literal["csv", "tsv", "jsonl", "json", "conll", "conllu", "fasttext", "text"]


@dataclass(frozen=True)
class Form:
    """How the text of a file is cut into named columns; the fields mean what they mean in `configs.data.FileData`."""

    format: TextFormat
    header: bool = True
    quoting: bool | None = None
    columns: Mapping[str, str | int] = field(default_factory=dict)
    delimiter: str | None = None
    remedy: str = "Set `data.columns: {{{name}: THE NAME IN THE FILE}}`, or the task's column."
    """What to do where a column is missing; `name` is its name in the recipe."""

    @property
    def separator(self) -> str:
        """What stands between two fields of a CSV or TSV file."""
        return self.delimiter or ("\t" if self.format == "tsv" else ",")

    @property
    def quoted(self) -> bool:
        return self.format == "csv" if self.quoting is None else self.quoting


def decode(content: bytes, source: str) -> str:
    """UTF-8 with or without a byte order mark; DataError with line and byte at the first bad byte."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{source} is UTF-16, as some spreadsheets write it. Save it as UTF-8.")
    skip = 3 if content.startswith(b"\xef\xbb\xbf") else 0
    try:
        return content[skip:].decode("utf-8")
    except UnicodeDecodeError as error:
        place = skip + error.start
        line = content.count(b"\n", 0, place) + 1
        raise DataError(
            f"{source}:{line} is not UTF-8: the byte 0x{content[place]:02x} at offset {place:,} belongs to no character. Look at "
            "that line, then convert the file, for example with `iconv -f LATIN1 -t UTF-8` (CP949 for Korean, CP1252 for Windows)."
        ) from None


def refuse_column(name: str, key: str, names: Sequence[str], where: str, form: Form) -> NoReturn:
    """Raise DataError for the column `name`, which `key` should name; the message lists those that are there."""
    remedy = form.remedy.format(name=name)
    if len(names) == 1 and form.format in ("csv", "tsv") and any(mark in names[0] for mark in ",;|\t"):
        remedy = "Its fields look divided by another character: set `data.delimiter` to it."
    present = ", ".join(f"`{each}`" for each in names)
    raise DataError(f"{where} has no column `{key}`; it has {present}.{nearest(key, names)} {remedy}")


def choose_columns(columns: Mapping[str, Sequence[str]], form: Form, wanted: Sequence[str], where: str) -> dict[str, Sequence[str]]:
    """The wanted ones of columns that a format has by itself, or all where none is named."""
    keys = {name: str(form.columns.get(name, name)) for name in wanted or form.columns or columns}
    for name, key in keys.items():
        if key not in columns:
            refuse_column(name, key, list(columns), where, form)
    return {name: columns[key] for name, key in keys.items()}


def nearest(name: str, names: Iterable[str]) -> str:
    """` Did you mean ...?` with the closest name, or nothing where none is close."""
    by_lower = {each.lower(): each for each in names}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f" Did you mean `{by_lower[close[0]]}`?" if close else ""
