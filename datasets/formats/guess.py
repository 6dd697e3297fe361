"""Guesses the format of a file: delimiter, quotes, fastText labels or tagged tokens."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from ...errors import DataError
from ..tables import Table
from .encodings import decode
from .fasttext import PREFIX
from .file_format import Form
from .lines import split_lines
from .separated import choose_from, read_separated, separated_grid
from .table_reader import refuse_empty

DELIMITERS = (",", ";", "\t", "|")
LINES = 20_000
"""Number of lines that are examined."""


def readable_table(content: bytes, source: str, form: Form, wanted: Sequence[str] = ()) -> tuple[Form, Table]:
    """A CSV or TSV file as a table, and the settings that give at least two columns: `form`, or another delimiter or use of quotes.

    If none gives two columns, the file is read with `form`, whose DataError is raised.
    """
    text = decode(content, source, form.encoding)
    refuse_empty(text, source)
    for candidate in _forms(form):
        try:
            grid = separated_grid(text, source, candidate)
        except DataError:
            continue
        if len(grid.columns) > 1:
            return candidate, choose_from(grid, source, candidate, wanted)
    return form, read_separated(text, source, form, wanted)


def _forms(form: Form) -> Iterator[Form]:
    """The settings to try: `form` itself first, then other delimiters and the other use of quotes."""
    others = [delimiter for delimiter in DELIMITERS if delimiter != form.separator]
    for quoting in (form.quoting, not form.quoted):
        for delimiter in (form.delimiter, *others):
            yield replace(form, quoting=quoting, delimiter=delimiter)


def is_fasttext(text: str) -> bool:
    """Whether most lines start with a fastText label."""
    lines = [line for line in split_lines(text)[:LINES] if line.strip()]
    return sum(line.startswith(PREFIX) for line in lines) > len(lines) / 2


def tagged_columns(text: str, delimiters: str = "\t ") -> int:
    """The number of columns of a file with a token and its tags per line and a blank line between sentences; 0 for other files.

    Such a file has 2 to 200 tokens per sentence on average, the same number of fields in 90% of its lines, and no spaces in tokens.
    """
    lines = [line.strip() for line in split_lines(text)[:LINES]]
    tokens = [line for line in lines if line and not line.startswith(("#", "-DOCSTART-"))]
    n_sentences = sum(bool(line) and not before for before, line in pairwise(["", *lines]))
    delimiter = next((character for character in delimiters if tokens and character in tokens[0]), None)
    if delimiter is None or n_sentences < 2 or not 2 <= len(tokens) / n_sentences <= 200:
        return 0
    rows = [line.split(delimiter) for line in tokens]
    (width, n_rows), = Counter(map(len, rows)).most_common(1)
    return width if width > 1 and n_rows >= 0.9 * len(rows) and not any(" " in row[0] for row in rows) else 0
