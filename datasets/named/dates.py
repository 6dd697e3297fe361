"""The dataset `dates`: dates as people write them in 30 languages, generated from date formats that come with the installation.

Each row is one day of the years 1970 to 2069 in one language and one of its four formats. The days are chosen by a hash, so they are the
same on every computer. A text can mean several days (8/7/03 is in July or in August), so even the best model makes mistakes:
`best_accuracy` computes the share of rows that it gets right. `scripts/make_dates.py` generated the formats from Unicode CLDR data.
"""

import datetime
import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby, repeat
from typing import Any, NamedTuple

from ...errors import DataError
from ..formats.conll import join_tokens
from ..splits import split_by_content
from ..tables import Dataset, Table
from .shipped import check_digest, read_shipped

DIGEST = "60b86811b7c819b7ccc81ba782dd0afea71878ef1dafb7a6512f685d7c56d100"
"""SHA-256 of the rows."""
EACH = 200
"""Days for each language and format."""
FORMS = ("full", "long", "medium", "short")
COLUMNS = ("text", "iso", "language", "form", "tokens", "tags")
_YEARS = range(1970, 2070)
_FIRST, _LAST = datetime.date(_YEARS[0], 1, 1).toordinal(), datetime.date(_YEARS[-1], 12, 31).toordinal()
NUMBERS: Mapping[str, Callable[[datetime.date], int]] = {
    "year": lambda day: day.year, "month": lambda day: day.month, "day": lambda day: day.day, "weekday": lambda day: day.weekday(),
}
EXAMPLES: Mapping[str, Sequence[datetime.date]] = {
    "year": [datetime.date(year, 1, 1) for year in _YEARS],
    "month": [datetime.date(2000, month, 1) for month in range(1, 13)],
    "day": [datetime.date(2000, 1, day) for day in range(1, 32)],
    "weekday": [datetime.date(2000, 1, day) for day in range(1, 8)],
}


class Piece(NamedTuple):
    """A piece of a written date: `part` is year, month, day, weekday, or None for a separator."""

    text: str
    part: str | None


class Language:
    """How one language writes dates."""

    def __init__(self, name: str) -> None:
        forms = _forms()[name]
        # By format: literal text and None, or a field such as MMMM and its part.
        self.patterns: Mapping[str, Sequence[tuple[str, str | None]]] = {
            form: [(text, part) for text, part in pattern] for form, pattern in forms["patterns"].items()
        }
        parts = {field: part for pattern in self.patterns.values() for field, part in pattern if part is not None}
        # Field -> number of the part -> its text.
        self.fields: Mapping[str, Mapping[int, str]] = {
            field: dict(zip(sorted(map(NUMBERS[part], EXAMPLES[part])), forms["fields"][field], strict=True))
            for field, part in parts.items()
        }

    def pieces(self, day: datetime.date, form: str) -> list[Piece]:
        """The pieces of the written date; joined they are its text."""
        return [Piece(text if part is None else self.fields[text][NUMBERS[part](day)], part) for text, part in self.patterns[form]]

    def write_all(self, form: str, numbers: Mapping[str, Sequence[int]]) -> Iterator[str]:
        """The texts of many days, given by part; much faster than one at a time."""
        columns = (repeat(text) if part is None else map(self.fields[text].__getitem__, numbers[part])
                   for text, part in self.patterns[form])
        return map("".join, zip(*columns, strict=False))


@cache
def _forms() -> Mapping[str, Any]:
    """For each language its `patterns` by format, and its `fields`: the text of every value of each field of these patterns."""
    content = read_shipped("date_forms.json")
    try:
        return json.loads(content)
    except ValueError:
        return {}


def read_dates() -> Dataset:
    """Columns text, iso, language, form, tokens and tags, split by the text. Raises DataError if the file of formats is damaged."""
    try:
        rows = list(collect())
    except (ValueError, LookupError, TypeError, AttributeError):
        rows = []
    digest = check_digest("dates", "".join("\t".join(row) + "\n" for row in rows), DIGEST)
    table = Table(dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True)), "dates")
    return Dataset("dates", split_by_content(table, "text"), {"dates": digest})


def collect() -> Iterator[tuple[str, ...]]:
    """All rows, with values in the order of `COLUMNS`, sorted by language and format."""
    for name in _forms():
        language = Language(name)
        for form in FORMS:
            for day in _chosen_days(name, form):
                pieces = language.pieces(day, form)
                tokens, tags = tag(pieces)
                yield "".join(piece.text for piece in pieces), day.isoformat(), name, form, join_tokens(tokens), join_tokens(tags)


def _chosen_days(language: str, form: str) -> list[datetime.date]:
    """`EACH` distinct days."""
    days: dict[int, None] = {}
    number = 0
    while len(days) < EACH:
        digest = hashlib.sha256(f"{language} {form} {number}".encode()).digest()
        days[int.from_bytes(digest[:8], "big") % (_LAST - _FIRST + 1)] = None
        number += 1
    return [datetime.date.fromordinal(_FIRST + day) for day in days]


def tag(pieces: Sequence[Piece]) -> tuple[list[str], list[str]]:
    """The tokens of a written date, and their IOB2 tags, the parts of the date (B-month, I-month, O).

    A token that belongs only partly to a part, as in scripts without spaces, gets the tag of that part.
    """
    owners = [number for number, piece in enumerate(pieces) for _ in piece.text]
    tokens, tags, before = [], [], None
    for start, token in cut_tokens("".join(piece.text for piece in pieces)):
        owner = next((number for number in owners[start:start + len(token)] if pieces[number].part is not None), None)
        tags.append("O" if owner is None else f"{'I' if owner == before else 'B'}-{pieces[owner].part}")
        tokens.append(token)
        before = owner
    return tokens, tags


def cut_tokens(text: str) -> Iterator[tuple[int, str]]:
    """Offset and text of each token: a run of letters with their marks, a run of digits, or any other single non-space character."""
    offset = 0
    for kind, characters in groupby(text, _kind):
        run = "".join(characters)
        if kind in ("letter", "digit"):
            yield offset, run
        elif kind != "space":
            yield from ((offset + ahead, character) for ahead, character in enumerate(run))
        offset += len(run)


@cache
def _kind(character: str) -> str:
    if character.isspace():
        return "space"
    return {"L": "letter", "M": "letter", "N": "digit"}.get(unicodedata.category(character)[0], "other")


def best_accuracy(texts: Iterable[str]) -> float:
    """The share of these texts that the best possible model converts to the right ISO date.

    That model predicts the most frequent day of each text over all days, languages and formats. Takes some seconds.
    Raises DataError for a text that no day has.
    """
    counts = Counter(texts)
    days: dict[str, Counter[int]] = {text: Counter() for text in counts}
    all_days = [datetime.date.fromordinal(day) for day in range(_FIRST, _LAST + 1)]
    numbers = {part: list(map(number, all_days)) for part, number in NUMBERS.items()}
    for language in map(Language, _forms()):
        for form in FORMS:
            for day, text in enumerate(language.write_all(form, numbers)):
                if text in days:
                    days[text][day] += 1
    unknown = next((text for text, text_days in days.items() if not text_days), None)
    if unknown is not None:
        raise DataError(f"{unknown!r} is not a text of the dataset dates, so its days are unknown. Give texts of its column `text`.")
    n_correct = sum(count * max(days[text].values()) / days[text].total() for text, count in counts.items())
    return n_correct / max(counts.total(), 1)
