"""Shared by the readers of all formats: the format settings of a file, and the error for a missing column."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from ...errors import DataError
from .encodings import UTF8

TextFormat = Literal["csv", "tsv", "jsonl", "json", "conll", "conllu", "fasttext", "text"]
TableFormat = Literal[TextFormat, "parquet", "xlsx"]


@dataclass(frozen=True)
class Form:
    """How a file is read as named columns; the fields have the same meaning as in `configs.schema.data.FileData`."""

    format: TableFormat
    header: bool = True
    quoting: bool | None = None
    columns: Mapping[str, str | int] = field(default_factory=dict)
    delimiter: str | None = None
    remedy: str | None = None
    """Advice in errors about a column that an option names; None if the recipe names it, so that the advice is to change the recipe."""
    encoding: str = UTF8

    @property
    def separator(self) -> str:
        """The delimiter between the fields of a CSV or TSV file."""
        return self.delimiter or ("\t" if self.format == "tsv" else ",")

    @property
    def quoted(self) -> bool:
        return self.format == "csv" if self.quoting is None else self.quoting

    def advice(self, usual: str) -> str:
        """What to do about a wrong column: `usual` if the recipe names it."""
        return usual if self.remedy is None else self.remedy


def refuse_column(name: str, key: str, names: Sequence[str], where: str, form: Form) -> NoReturn:
    """Raise DataError because the file has no column `key` for the recipe's column `name`; the message lists the columns it has."""
    remedy = form.advice(f"Set `data.columns: {{{name}: THE NAME IN THE FILE}}`, or the task's column.")
    if len(names) == 1 and form.format in ("csv", "tsv") and any(mark in names[0] for mark in ",;|\t"):
        remedy = "Its fields seem to be separated by another character: set `data.delimiter` to it."
    present = ", ".join(f"`{column}`" for column in names)
    raise DataError(f"{where} has no column `{key}`; it has {present}.{nearest(key, names)} {remedy}")


def refuse_position(name: str, position: int, columns: str, source: str, form: Form) -> NoReturn:
    """Raise DataError because the file has no column at this position, which is the recipe's column `name`; `columns` counts them."""
    setting = f"`data.columns.{name}: {position}`" if form.remedy is None else f"position {position}"
    raise DataError(f"{source} has {columns}, so {setting} is out of range; the first is 0. {form.advice('')}".rstrip())


def choose_columns(columns: Mapping[str, Sequence[str]], form: Form, wanted: Sequence[str], where: str) -> dict[str, Sequence[str]]:
    """The wanted columns of a format with fixed columns, or all if none are named."""
    keys = {name: str(form.columns.get(name, name)) for name in wanted or form.columns or columns}
    for name, key in keys.items():
        if key not in columns:
            refuse_column(name, key, list(columns), where, form)
    return {name: columns[key] for name, key in keys.items()}


def nearest(name: str, names: Iterable[str]) -> str:
    """` Did you mean ...?` with the closest name, or an empty string if none is close."""
    by_lower = {candidate.lower(): candidate for candidate in names}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f" Did you mean `{by_lower[close[0]]}`?" if close else ""
