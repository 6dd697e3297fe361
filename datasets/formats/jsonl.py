"""JSONL: one JSON object a line."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ...errors import DataError
from ..tables import Table
from .file_format import Form, refuse_column


def read_jsonl(text: str, source: str, form: Form, wanted: Sequence[str]) -> Table:
    """The wanted keys of a JSONL file's text, or those of its first line that hold text or numbers where none is named."""
    columns: dict[str, list[str]] = {}
    keys: dict[str, str] = {}
    lines: list[int] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{source}:{number}"
        record = _record(line, where)
        if not lines:
            keys = _keys(record, form, wanted, source)
            columns = {name: [] for name in keys}
        for name, key in keys.items():
            columns[name].append(_value(record, name, key, where, form))
        lines.append(number)
    return Table(columns, source, lines)


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON value")


# Numbers stay as they are written, so that a label 1.0 does not change its name.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_not_json)


def _record(line: str, where: str) -> dict[str, Any]:
    example = '{"text": "...", "label": "..."}'
    try:
        record = _DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not valid JSON: {error}. Each line must be one complete object, such as {example}.") from None
    if not isinstance(record, dict):
        raise DataError(f"{where} is JSON, but not an object. Each line must be one, such as {example}.")
    return record


def _keys(record: Mapping[str, Any], form: Form, wanted: Sequence[str], source: str) -> dict[str, str]:
    """Column name -> JSON key."""
    by_position = next((name for name, key in form.columns.items() if isinstance(key, int)), None)
    if by_position is not None:
        raise DataError(f"{source}: JSON objects have keys and no positions; set `data.columns.{by_position}` to a key.")
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
        raise DataError(f'{where}: `{key}` is {kind}, not text or a number. Leave the line out, or write "" for an empty text.')
    if not value.isascii():
        _check_characters(value, key, where)
    return value


def _check_characters(value: str, key: str, where: str) -> None:
    """JSON can spell half a character (\\ud83d alone), which no tokenizer and no file can take."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        half = f"\\u{ord(value[error.start]):04x}"
        raise DataError(f"{where}: `{key}` holds {half}, half a character without its other half. Write the text again.") from None
