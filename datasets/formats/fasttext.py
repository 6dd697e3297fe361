"""fastText's format: a label and a text per line, `__label__positive What a film`."""

import re
from collections.abc import Sequence

from ...errors import DataError
from ..tables import Table
from .file_format import Form, choose_columns
from .lines import split_lines

PREFIX = "__label__"
_LABEL_AND_TEXT = re.compile(rf"{PREFIX}([^ \t]+)[ \t]*(.*)", re.DOTALL)
_SHOWN_CHARACTERS = 60


def read_fasttext(text: str, source: str, form: Form, wanted: Sequence[str]) -> Table:
    """The columns `text` and `label`. Raises DataError with the line if it has no label, or more than one."""
    texts, labels, numbers = [], [], []
    for number, line in enumerate(split_lines(text), start=1):
        if line.strip():
            label, rest = _label_and_text(line, f"{source}:{number}")
            texts.append(rest)
            labels.append(label)
            numbers.append(number)
    return Table(choose_columns({"text": texts, "label": labels}, form, wanted, f"{source}, read as fastText lines,"), source, numbers)


def _label_and_text(line: str, where: str) -> tuple[str, str]:
    match = _LABEL_AND_TEXT.fullmatch(line.lstrip(" \t"))
    if match is None:
        raise DataError(f"{where} does not start with a label ({line[:_SHOWN_CHARACTERS]!r}). Each line must be a label and a text, such "
                        f"as `{PREFIX}positive What a film`.")
    if match[2].startswith(PREFIX):
        raise DataError(f"{where} has several labels ({line[:_SHOWN_CHARACTERS]!r}). Each text must have one class: keep one label per "
                        "line, or train one model for each label.")
    return match[1], match[2]
