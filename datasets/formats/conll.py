"""Tagged sentences in columns: one token per line, a blank line between sentences.

Columns of CoNLL files have positions; CoNLL-U files have ten named columns. Each sentence becomes one row, in which a column is one
string: its tokens (or their tags) with single spaces between them. A space inside a token becomes a no-break space, so that
`split_tokens` recovers the tokens.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ...errors import DataError
from ..tables import Table
from .file_format import Form, refuse_column, refuse_position
from .lines import split_lines

CONLLU_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_NO_BREAK_SPACE = "\u00a0"
_BETWEEN_TOKENS = re.compile("[ \t]+")
_BETWEEN_DOCUMENTS = "-DOCSTART-"
_TEXT_COMMENT = re.compile(r"#\s*text\s*=\s?(.*)")
_NO_WORD = re.compile(r"[0-9]+[-.][0-9]+")
_SHOWN_CHARACTERS = 60


def join_tokens(tokens: Iterable[str]) -> str:
    """Tokens as one string with single spaces between them; a space inside a token becomes a no-break space."""
    return " ".join(token.replace(" ", _NO_BREAK_SPACE) for token in tokens)


def split_tokens(joined: str) -> list[str]:
    """The tokens of a string from `join_tokens`. `str.split()` would also split at the no-break spaces."""
    return _BETWEEN_TOKENS.split(joined.strip(" \t")) if joined.strip(" \t") else []


class _Sentence(NamedTuple):
    """The fields of each line of a sentence, the number of its first line, and its text if a comment has it."""

    rows: list[list[str]]
    line: int
    text: str | None = None


def read_conll(text: str, source: str, form: Form, wanted: Sequence[str]) -> Table:
    """The wanted columns, by the positions in `form.columns`; by default `tokens` is the first column and `tags` the last.

    A line that starts with # is a comment if its number of fields differs from the file's number of columns.
    Raises DataError with the line for a row with too few or too many fields, an empty field, or a missing column.
    """
    lines = split_lines(text)
    first = _first_line(lines, source)
    width = len(_fields(first, "\t" in first))
    sentences = list(_conll_sentences(lines, source, first, width))
    positions = {name: _position(name, form, width, source) for name in wanted or {"tokens": 0, **_last(width), **form.columns}}
    columns = {name: _column(position, sentences) for name, position in positions.items()}
    return Table(columns, source, [sentence.line for sentence in sentences])


def _column(position: int, sentences: Sequence[_Sentence]) -> list[str]:
    """One string for each sentence; spaces inside its tokens are already replaced."""
    return [" ".join([row[position] for row in sentence.rows]) for sentence in sentences]


def _first_line(lines: Sequence[str], source: str) -> str:
    """The line that determines the number of columns: the first with a token, comments skipped if there is another line."""
    filled = [line for line in lines if line.strip() and not line.startswith(_BETWEEN_DOCUMENTS)]
    if not filled:
        raise DataError(f"{source} has no sentence. It must contain at least one example.")
    return next((line for line in filled if not line.startswith("#")), filled[0])


def _fields(line: str, tabs: bool) -> list[str]:
    """Split a line at each tab or at runs of spaces, and strip the fields; spaces in a token become no-break spaces.

    `str.split()` would also split at no-break spaces.
    """
    fields = (_bare(field) for field in line.split("\t" if tabs else " "))
    return [field.replace(" ", _NO_BREAK_SPACE) for field in fields] if tabs else [field for field in fields if field]


def _bare(field: str) -> str:
    """The field without surrounding spaces, no-break spaces included; a token that consists of spaces alone is kept."""
    return field.strip(f" {_NO_BREAK_SPACE}") or field


def _conll_sentences(lines: Sequence[str], source: str, first: str, width: int) -> Iterator[_Sentence]:
    rows: list[list[str]] = []
    tabs, start = "\t" in first, 0
    for number, line in enumerate([*lines, ""], start=1):
        if not line.strip() or line.startswith(_BETWEEN_DOCUMENTS):
            if rows:
                yield _Sentence(rows, start)
            rows = []
            continue
        fields = _fields(line, tabs)
        if len(fields) != width and line.startswith("#"):
            continue
        _check_row(fields, width, first, f"{source}:{number}")
        start = start if rows else number
        rows.append(fields)


def token_lines(lines: Sequence[str]) -> list[int]:
    """The indices of the lines of a CoNLL file, as `split_lines` returns them, that hold a token."""
    first = _first_line(lines, "the file")
    tabs = "\t" in first
    width = len(_fields(first, tabs))
    return [index for index, line in enumerate(lines) if line.strip() and not line.startswith(_BETWEEN_DOCUMENTS)
            and not (line.startswith("#") and len(_fields(line, tabs)) != width)]


def _check_row(fields: Sequence[str], width: int, first: str, where: str) -> None:
    if len(fields) != width:
        raise DataError(
            f"{where} has {_columns(len(fields))} where the first line of the file has {width} ({_shown(first)}). Each line must hold a "
            "token and all its tags, separated by tabs or spaces, with a blank line between sentences."
        )
    if not all(fields):
        raise DataError(f"{where} has an empty field in column {fields.index('')} (the first is 0). Each token needs a value in every "
                        "column, such as O or _ for no value.")


def _columns(n_columns: int) -> str:
    return f"{n_columns} column{'s' if n_columns != 1 else ''}"


def _shown(line: str) -> str:
    return repr(line if len(line) <= _SHOWN_CHARACTERS else line[:_SHOWN_CHARACTERS] + "...")


def _last(width: int) -> dict[str, int]:
    """The position of `tags`, if the file has more columns than the tokens."""
    return {"tags": width - 1} if width > 1 else {}


def _position(name: str, form: Form, width: int, source: str) -> int:
    position = form.columns.get(name, {"tokens": 0, **_last(width)}.get(name))
    example = f"`data.columns: {{{name}: {width - 1}}}`"
    if form.remedy is not None and not isinstance(position, int):
        raise DataError(f"{source} has {_columns(width)} without names, so none is called `{position or name}`; they are numbered from 0. "
                        f"{form.remedy}")
    if position is None:
        raise DataError(f"{source} has {_columns(width)} without names, so the recipe must give the position of `{name}`, such as "
                        f"{example}; the first is 0.")
    if isinstance(position, str):
        raise DataError(f"{source}: the columns of a CoNLL file have positions, not names, so `data.columns.{name}: {position}` means "
                        f"nothing. Set a number, such as {example}; the first is 0.")
    if not 0 <= position < width:
        refuse_position(name, position, _columns(width), source, form)
    return position


def read_conllu(text: str, source: str, form: Form, wanted: Sequence[str]) -> Table:
    """The wanted columns: CoNLL-U's ten by their names in lower case, or `text`, the original sentence.

    By default all ten, and `text` if every sentence has one. Multiword tokens (`1-2`) and empty nodes (`8.1`) are skipped, so that
    each row holds the words alone. Raises DataError with the line for a row without ten columns, an empty field, an invalid or
    non-consecutive id, and a sentence without the wanted text.
    """
    sentences = list(_conllu_sentences(split_lines(text), source))
    if not sentences:
        raise DataError(f"{source} has no sentence. It must contain at least one example.")
    keys = {name: _key(name, form, source) for name in wanted or _all_columns(form, sentences)}
    columns = {name: _values(key, sentences, source) for name, key in keys.items()}
    return Table(columns, source, [sentence.line for sentence in sentences])


def _conllu_sentences(lines: Sequence[str], source: str) -> Iterator[_Sentence]:
    rows: list[list[str]] = []
    start, text = 0, None
    for number, line in enumerate([*lines, ""], start=1):
        if not line.strip():
            if rows:
                yield _Sentence(rows, start, text)
            rows, text = [], None
        elif line.startswith("#"):
            comment = _TEXT_COMMENT.match(line)
            text = comment[1] if comment else text
        elif (word := _word(line, len(rows) + 1, f"{source}:{number}")) is not None:
            start = start if rows else number
            rows.append(word)


def word_lines(lines: Sequence[str], source: str) -> list[int]:
    """The indices of the lines of a CoNLL-U file that hold a word."""
    indices, next_id = list[int](), 1
    for index, line in enumerate(lines):
        if not line.strip():
            next_id = 1
        elif not line.startswith("#") and _word(line, next_id, f"{source}:{index + 1}") is not None:
            indices.append(index)
            next_id += 1
    return indices


def _word(line: str, next_id: int, where: str) -> list[str] | None:
    """The ten fields of a word; None for a multiword token or an empty node."""
    fields = _fields(line, tabs=True)
    if len(fields) != len(CONLLU_COLUMNS):
        raise DataError(f"{where} has {_columns(len(fields))} where CoNLL-U has {len(CONLLU_COLUMNS)}, separated by tabs: "
                        f"{' '.join(CONLLU_COLUMNS)}. Is a tab missing? For other columns set `data.format: conll`.")
    if not all(fields):
        raise DataError(f"{where} has an empty field in the column `{CONLLU_COLUMNS[fields.index('')]}`. Write _ for no value.")
    if _NO_WORD.fullmatch(fields[0]):
        return None
    if not fields[0].isdecimal():
        raise DataError(f"{where} starts with {_shown(fields[0])}, which is not an id. The id of a word is a number, that of a multiword "
                        "token a range such as 1-2, that of an empty node a decimal such as 8.1.")
    if fields[0] != str(next_id):
        raise DataError(f"{where} has the id {fields[0]} where {next_id} is expected. Words are numbered from 1 in each sentence; is a "
                        "line, or the blank line between two sentences, missing?")
    return fields


def _all_columns(form: Form, sentences: Sequence[_Sentence]) -> list[str]:
    with_text = all(sentence.text is not None for sentence in sentences)
    renamed = {_standard(key) for key in form.columns.values()}
    return [*(name for name in (*CONLLU_COLUMNS, *(["text"] if with_text else [])) if name not in renamed), *form.columns]


def _standard(key: str | int) -> str:
    return CONLLU_COLUMNS[key] if isinstance(key, int) and 0 <= key < len(CONLLU_COLUMNS) else str(key)


def _key(name: str, form: Form, source: str) -> str:
    key = _standard(form.columns.get(name, name))
    if key not in (*CONLLU_COLUMNS, "text"):
        refuse_column(name, key, [*CONLLU_COLUMNS, "text"], source, form)
    return key


def _values(key: str, sentences: Sequence[_Sentence], source: str) -> list[str]:
    if key == "text":
        return [_text_of(sentence, source) for sentence in sentences]
    return _column(CONLLU_COLUMNS.index(key), sentences)


def _text_of(sentence: _Sentence, source: str) -> str:
    if sentence.text is None:
        raise DataError(f"{source}:{sentence.line} starts a sentence without a comment such as `# text = It rains.` above it. Add one, "
                        "or read the column `form`, the words with spaces between them.")
    return sentence.text
