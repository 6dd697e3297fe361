"""Parquet files and Arrow streams: typed columns, whose values are converted to text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ...errors import DataError
from ..tables import Table
from .cells import cell_text, of_extra
from .class_names import ClassNames, class_name, described_with, names_in_metadata
from .conll import join_tokens
from .file_format import Form, refuse_column

T = TypeVar("T")
_PARQUET, _ARROW = "Parquet file", "stream of Arrow tables"
_POINTER = b"version https://git-lfs"


def read_parquet(content: bytes, source: str, form: Form, wanted: Sequence[str], names: ClassNames | None = None) -> Table:
    """The wanted columns, or all columns of text, numbers, dates or lists of these if none are named.

    A list of tokens or tags becomes one string with single spaces. Class ids become class names, by `names` (column -> names) or by the
    file's own metadata.
    """
    file = _opened(content, source)
    keys = _keys(file.schema_arrow, form, wanted, source)
    table = _parsed(lambda: file.read(columns=list(dict.fromkeys(keys.values())), use_threads=False), content, source, _PARQUET)
    return _texts(table, keys, source, names)


def read_arrow(content: bytes, source: str, form: Form, wanted: Sequence[str], names: ClassNames | None = None) -> Table:
    """The same for an Arrow stream, as `save_to_disk` writes it."""
    arrow = of_extra("pyarrow", source)
    table = _parsed(lambda: arrow.ipc.open_stream(arrow.BufferReader(content)).read_all(), content, source, _ARROW)
    return _texts(table, _keys(table.schema, form, wanted, source), source, names)


def list_columns(content: bytes, source: str) -> list[str]:
    """The columns of a Parquet file or an Arrow stream that hold a list in each row: tokens, their tags, or several classes."""
    if content.startswith(b"PAR1"):
        schema = _opened(content, source).schema_arrow
    else:
        arrow = of_extra("pyarrow", source)
        schema = _parsed(lambda: arrow.ipc.open_stream(arrow.BufferReader(content)).schema, content, source, _ARROW)
    return [field.name for field in schema if _is_list(field.type)]


def append_to_parquet(content: bytes, source: str, columns: Mapping[str, Sequence[str | float | None]]) -> bytes:
    """The file with more columns; metadata that describes its columns to other programs is kept."""
    arrow, parquet = of_extra("pyarrow", source), of_extra("pyarrow.parquet", source)
    table = _parsed(lambda: _opened(content, source).read(use_threads=False), content, source, _PARQUET)
    for name, cells in columns.items():
        kind = arrow.string() if all(isinstance(cell, str | None) for cell in cells) else arrow.float64()
        table = table.append_column(name, arrow.array(cells, kind))
    described = described_with(table.schema.metadata, [table.schema.field(name) for name in columns])
    written = arrow.BufferOutputStream()
    parquet.write_table(table.replace_schema_metadata(described), written)
    return written.getvalue().to_pybytes()


def _opened(content: bytes, source: str) -> Any:
    arrow, parquet = of_extra("pyarrow", source), of_extra("pyarrow.parquet", source)
    return _parsed(lambda: parquet.ParquetFile(arrow.BufferReader(content)), content, source, _PARQUET)


def _parsed(parse: Callable[[], T], content: bytes, source: str, what: str) -> T:
    try:
        return parse()
    except Exception as error:  # the parser raises all kinds of errors for damaged files, even OSError
        if content.startswith(_POINTER):
            raise DataError(f"{source} is a Git LFS pointer in place of a large file. Fetch the file itself: `git lfs pull`.") from None
        reason = str(error).split("\n")[0].rstrip(". ")
        raise DataError(f"{source} is not a complete {what} ({reason}). Download or write it again; a file of another format needs "
                        "the extension of that format, such as .csv.") from None


def _keys(schema: Any, form: Form, wanted: Sequence[str], source: str) -> dict[str, str]:
    """Column name -> name in the file."""
    if (by_position := next((name for name, key in form.columns.items() if isinstance(key, int)), None)) is not None:
        raise DataError(f"{source}: its columns have names; set `data.columns.{by_position}` to one of them.")
    renamed = {name: str(key) for name, key in form.columns.items()}
    plain = [field.name for field in schema if _is_plain(field.type) and schema.names.count(field.name) == 1]
    keys = {name: renamed.get(name, name) for name in wanted} or {**{key: key for key in plain if key not in renamed.values()}, **renamed}
    for name, key in keys.items():
        if key not in schema.names:
            refuse_column(name, key, schema.names, source, form)
        if key not in plain:
            kind = f"the type {schema.field(key).type}" if schema.names.count(key) == 1 else "the same name as another column"
            raise DataError(f"{source}: the column `{key}` has {kind}. Make it a column of text or numbers, or of lists of tokens, with a "
                            "unique name.")
    return keys


def _is_list(kind: Any) -> bool:
    types = of_extra("pyarrow", "").types
    return types.is_list(kind) or types.is_large_list(kind)


def _is_plain(kind: Any) -> bool:
    """Whether a type is text, a number, a boolean, a date or a time, possibly dictionary-encoded or in a list."""
    types = of_extra("pyarrow", "").types
    if types.is_dictionary(kind) or _is_list(kind):
        return _is_plain(kind.value_type) and not _is_list(kind.value_type)
    return (types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind) or types.is_primitive(kind)
            or types.is_decimal(kind) or types.is_null(kind))


def _texts(table: Any, keys: Mapping[str, str], source: str, names: ClassNames | None) -> Table:
    if not table.num_rows:
        raise DataError(f"{source} has columns but no rows. It must contain at least one example.")
    classes = {**names_in_metadata(table.schema.metadata), **(names or {})}
    return Table({name: _column(table.column(key), key, classes.get(key), source) for name, key in keys.items()}, source)


def _column(column: Any, key: str, names: Sequence[str] | None, source: str) -> list[str]:
    arrow = of_extra("pyarrow", source)
    if arrow.types.is_timestamp(column.type):
        column = column.cast(arrow.timestamp("us", column.type.tz), safe=False)  # Python's dates have no nanoseconds
    values = _parsed(column.to_pylist, b"", source, "file")
    return [_text(value, names, key, source, row) for row, value in enumerate(values, start=1)]


def _text(value: Any, names: Sequence[str] | None, key: str, source: str, row: int) -> str:
    if isinstance(value, list):
        return join_tokens(_text(token, names, key, source, row) for token in value)
    if names is not None and isinstance(value, int):
        return class_name(value, names, f"{source}, row {row}: `{key}`")
    if (text := cell_text(value)) is None:
        raise DataError(f"{source}, row {row}: the value of `{key}` is {type(value).__name__}, not text or a number.")
    return text
