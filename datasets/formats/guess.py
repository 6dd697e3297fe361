"""What a file looks like where nobody has said how it is written."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

from ...errors import DataError
from .fasttext import PREFIX
from .file_format import Form, decode
from .lines import split_lines
from .table_reader import read_table

DELIMITERS = (",", ";", "\t", "|")
LINES = 20_000
"""Lines that are looked at."""


def readable_form(content: bytes, source: str, form: Form) -> Form:
    """The form in which the file, CSV or TSV, is a table of at least two columns: `form` itself, or another delimiter or use of quotes.

    Raises the DataError of `form` where there is none; a file of one column is read as `form` has it, whatever `form.columns` names.
    """
    decode(content, source)
    others = [form.separator, *(each for each in DELIMITERS if each != form.separator)]
    for quoting in (form.quoted, not form.quoted):
        for delimiter in others:
            tried = Form(form.format, header=False, quoting=quoting, delimiter=delimiter)
            try:
                if len(read_table(content, source, tried).columns) > 1:
                    return _stated(form, tried)
            except DataError:
                continue
    read_table(content, source, replace(form, columns={}))
    return form


def _stated(form: Form, found: Form) -> Form:
    """The form with what it takes to read the file, where that differs from what the form says itself."""
    quoting = form.quoting if found.quoted == form.quoted else found.quoted
    delimiter = form.delimiter if found.separator == form.separator else found.delimiter
    return Form(form.format, form.header, quoting, form.columns, delimiter, form.remedy)


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
