"""JSONL, one JSON object per line; and JSON, a list of such objects."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from ...errors import DataError
from ..tables import Table
from .file_format import Form, refuse_column


def read_jsonl(text: str, source: str, form: Form, wanted: Sequence[str]) -> Table:
    """The wanted keys of a JSONL file's text; by default those of its first line that hold text or numbers."""
    return table_of(numbered_records(text.split("\n"), source), source, form, wanted)


def numbered_records(lines: Iterable[str], source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects in these lines, each with its line number; blank lines are skipped."""
    return ((number, _record(line, f"{source}:{number}")) for number, line in enumerate(lines, start=1) if line.strip())


def table_of(records: Iterable[tuple[int, dict[str, Any]]], source: str, form: Form, wanted: Sequence[str]) -> Table:
    """The wanted keys of numbered records as a table."""
    numbers: list[int] = []

    def located() -> Iterator[tuple[str, dict[str, Any]]]:
        for number, record in records:
            numbers.append(number)
            yield f"{source}:{number}", record

    return Table(_columns(located(), source, form, wanted), source, numbers)


def read_json(text: str, source: str, form: Form, wanted: Sequence[str]) -> Table:
    """The same for a JSON list of objects."""
    try:
        items = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{source} is not valid JSON: {error}. It must be a list of objects, such as [{_EXAMPLE}]; a file with one "
                        "object per line needs the extension .jsonl.") from None
    if not isinstance(items, list) or not items:
        raise DataError(f"{source} is JSON, but not a list of objects. It must be one, such as [{_EXAMPLE}].")
    records = ((f"{source}, row {number}", _object(item, f"{source}, row {number}")) for number, item in enumerate(items, start=1))
    return Table(_columns(records, source, form, wanted), source)


def _columns(records: Iterable[tuple[str, dict[str, Any]]], source: str, form: Form, wanted: Sequence[str]) -> dict[str, list[str]]:
    """The values of each column, from records with their locations. By default the columns are the keys of the first record."""
    columns: dict[str, list[str]] = {}
    keys: dict[str, str] | None = None
    for where, record in records:
        if keys is None:
            keys = _keys(record, form, wanted, source)
            columns = {name: [] for name in keys}
        for name, key in keys.items():
            columns[name].append(_value(record, name, key, where, form))
    return columns


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON value")


# Numbers are kept as written, so that a label 1.0 does not change its name.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_not_json)


_EXAMPLE = '{"text": "...", "label": "..."}'


def _record(line: str, where: str) -> dict[str, Any]:
    try:
        record = _DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not valid JSON: {error}. Each line must be one complete object, such as {_EXAMPLE}.") from None
    return _object(record, where)


def _object(record: Any, where: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise DataError(f"{where} is JSON, but not an object. It must be an object, such as {_EXAMPLE}.")
    return record


def _keys(record: Mapping[str, Any], form: Form, wanted: Sequence[str], source: str) -> dict[str, str]:
    """Column name -> JSON key."""
    by_position = next((name for name, key in form.columns.items() if isinstance(key, int)), None)
    if by_position is not None:
        raise DataError(f"{source}: JSON objects have keys, not positions; set `data.columns.{by_position}` to a key.")
    renamed = {name: str(key) for name, key in form.columns.items()}
    if wanted:
        return {name: renamed.get(name, name) for name in wanted}
    plain = {key: key for key, value in record.items() if isinstance(value, str | bool) and key not in renamed.values()}
    return plain | renamed


def _value(record: Mapping[str, Any], name: str, key: str, where: str, form: Form) -> str:
    if key not in record:
        refuse_column(name, key, list(record), where, form)
    value = record[key]
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        kind = {dict: "an object", list: "a list"}.get(type(value), "null")
        remedy = ("Write one text: tokens or tags separated by spaces, or one class." if kind == "a list"
                  else 'Remove the object, or write "" for an empty text.' if kind == "null" else "Write its text alone.")
        raise DataError(f"{where}: the value of the JSON key `{key}` is {kind}, not text or a number. {remedy}")
    if not value.isascii():
        _check_characters(value, key, where)
    return value


def _check_characters(value: str, key: str, where: str) -> None:
    """Refuse half of a surrogate pair (\\ud83d alone), which JSON can express, but which cannot be tokenized or saved."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        half = f"\\u{ord(value[error.start]):04x}"
        raise DataError(f"{where}: `{key}` holds {half}, half a character without its other half. Write the text again.") from None
