"""Reads a table of text from the bytes of a file."""

from collections.abc import Sequence

from ...errors import DataError
from ..tables import Table
from .arrow import read_parquet
from .conll import read_conll, read_conllu
from .encodings import decode
from .excel import read_xlsx
from .fasttext import read_fasttext
from .file_format import Form
from .jsonl import read_json, read_jsonl
from .lines import read_text
from .separated import read_separated

_READERS = {
    "csv": read_separated,
    "tsv": read_separated,
    "jsonl": read_jsonl,
    "json": read_json,
    "fasttext": read_fasttext,
    "conll": read_conll,
    "conllu": read_conllu,
    "text": read_text,
}


def read_table(content: bytes, source: str, form: Form, wanted: Sequence[str] = ()) -> Table:
    """The wanted columns of a file's decompressed bytes, or all columns if none are named.

    Raises DataError with file and line for an invalid byte, a ragged row, a bad quote, bad JSON, a missing column, or no rows.
    """
    if form.format == "parquet":
        return read_parquet(content, source, form, wanted)
    if form.format == "xlsx":
        return read_xlsx(content, source, form, wanted)
    text = decode(content, source, form.encoding)
    refuse_empty(text, source)
    return _READERS[form.format](text, source, form, wanted)


def refuse_empty(text: str, source: str) -> None:
    """Raise DataError for a text of white space alone."""
    if not text.strip():
        raise DataError(f"{source} is empty. It must contain at least one example.")
