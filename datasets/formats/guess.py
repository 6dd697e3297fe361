"""What a file looks like where nobody has said how it is written."""

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
"""Lines that are looked at."""


def readable_table(content: bytes, source: str, form: Form, wanted: Sequence[str] = ()) -> tuple[Form, Table]:
    """A CSV or TSV file, and the form in which it is a table of at least two columns: `form`, or another delimiter or use of quotes.

    Raises the DataError of `form` where there is none; a file of one column is read as `form` has it.
    """
    text = decode(content, source, form.encoding)
    refuse_empty(text, source)
    for tried in _forms(form):
        try:
            grid = separated_grid(text, source, tried)
        except DataError:
            continue
        if len(grid.columns) > 1:
            return tried, choose_from(grid, source, tried, wanted)
    return form, read_separated(text, source, form, wanted)


def _forms(form: Form) -> Iterator[Form]:
    """The form itself first; a delimiter and a use of quotes are stated where they are not the form's own."""
    others = [each for each in DELIMITERS if each != form.separator]
    for quoting in (form.quoting, not form.quoted):
        for delimiter in (form.delimiter, *others):
            yield replace(form, quoting=quoting, delimiter=delimiter)


def is_fasttext(text: str) -> bool:
    """Whether most lines start with a label as fastText writes it."""
    lines = [line for line in split_lines(text)[:LINES] if line.strip()]
    return sum(line.startswith(PREFIX) for line in lines) > len(lines) / 2


def tagged_columns(text: str, delimiters: str = "\t ") -> int:
    """The number of columns of a file with a token and its tags in each line and a blank line between sentences; 0 for another file.

    Sentences have 2 to 200 tokens on average, nine in ten lines have as many fields as most, and no token has a space in it.
    """
    lines = [line.strip() for line in split_lines(text)[:LINES]]
    tokens = [line for line in lines if line and not line.startswith(("#", "-DOCSTART-"))]
    starts = sum(bool(line) and not before for before, line in pairwise(["", *lines]))
    delimiter = next((each for each in delimiters if tokens and each in tokens[0]), None)
    if delimiter is None or starts < 2 or not 2 <= len(tokens) / starts <= 200:
        return 0
    rows = [line.split(delimiter) for line in tokens]
    (width, times), = Counter(map(len, rows)).most_common(1)
    return width if width > 1 and times >= 0.9 * len(rows) and not any(" " in row[0] for row in rows) else 0
