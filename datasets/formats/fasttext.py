"""fastText: a label and a text a line, `__label__positive What a film`."""

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
    """The columns `text` and `label`. Raises DataError with the line where there is no label, or more than one."""
    texts, labels, numbers = [], [], []
    for number, line in enumerate(split_lines(text), start=1):
        if line.strip():
            label, rest = _parted(line, f"{source}:{number}")
            texts.append(rest)
            labels.append(label)
            numbers.append(number)
    return Table(choose_columns({"text": texts, "label": labels}, form, wanted, f"{source}, read as fastText lines,"), source, numbers)


def _parted(line: str, where: str) -> tuple[str, str]:
    found = _LABEL_AND_TEXT.fullmatch(line.lstrip(" \t"))
    if found is None:
        raise DataError(f"{where} does not start with a label ({line[:_SHOWN_CHARACTERS]!r}). Each line must be a label and a text, such "
                        f"as `{PREFIX}positive What a film`.")
    if found[2].startswith(PREFIX):
        raise DataError(f"{where} has several labels ({line[:_SHOWN_CHARACTERS]!r}). A text has one class here: keep one label a line, or "
                        "train one model for each label.")
    return found[1], found[2]
