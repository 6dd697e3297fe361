"""The dataset `dates`: dates as people write them in 30 languages, made by the package `babel`; nothing is downloaded.

Each row is one day of the years 1970 to 2069 in one language and one of its four forms. The days are drawn by a hash, so that every
computer draws the same. A text can stand for several days (8/7/03 is in July or in August), so even the best model makes mistakes:
`best_accuracy` says how many it gets right.
"""

import datetime
import hashlib
import importlib.metadata
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby, repeat
from typing import NamedTuple

from ...errors import DataError
from ..files import sha256
from ..formats.conll import join_tokens
from ..splits import split_by_content
from ..tables import Dataset, Table

EXPECTED = "60b86811b7c819b7ccc81ba782dd0afea71878ef1dafb7a6512f685d7c56d100"
"""SHA-256 of the rows that the figures in the docs were measured on."""
EACH = 200
"""Days drawn for each language and form."""
FORMS = ("full", "long", "medium", "short")
# Languages whose calendar is Gregorian and whose digits are 0 to 9, so that the ISO form can be spelt from the text.
LOCALES: Mapping[str, str] = {
    "Basque": "eu", "Bulgarian": "bg", "Catalan": "ca", "Chinese": "zh", "Croatian": "hr", "Czech": "cs", "Danish": "da", "Dutch": "nl",
    "English": "en", "Finnish": "fi", "French": "fr", "German": "de", "Greek": "el", "Hungarian": "hu", "Indonesian": "id",
    "Italian": "it", "Japanese": "ja", "Korean": "ko", "Latvian": "lv", "Lithuanian": "lt", "Norwegian": "nb", "Polish": "pl",
    "Portuguese": "pt", "Romanian": "ro", "Russian": "ru", "Spanish": "es", "Swedish": "sv", "Turkish": "tr", "Ukrainian": "uk",
    "Vietnamese": "vi",
}
COLUMNS = ("text", "iso", "language", "form", "tokens", "tags")
_YEARS = range(1970, 2070)
_FIRST, _LAST = datetime.date(_YEARS[0], 1, 1).toordinal(), datetime.date(_YEARS[-1], 12, 31).toordinal()
_PARTS = {"y": "year", "M": "month", "L": "month", "d": "day", "E": "weekday", "c": "weekday"}
"""What a letter in a pattern of babel stands for; how often it is repeated says how it is written."""
_NUMBERS: Mapping[str, Callable[[datetime.date], int]] = {
    "year": lambda day: day.year, "month": lambda day: day.month, "day": lambda day: day.day, "weekday": lambda day: day.weekday(),
}
_EXAMPLES: Mapping[str, Sequence[datetime.date]] = {
    "year": [datetime.date(year, 1, 1) for year in _YEARS],
    "month": [datetime.date(2000, month, 1) for month in range(1, 13)],
    "day": [datetime.date(2000, 1, day) for day in range(1, 32)],
    "weekday": [datetime.date(2000, 1, day) for day in range(1, 8)],
}


class Piece(NamedTuple):
    """A stretch of a written date: `part` is year, month, day, weekday, or None for what stands between them."""

    text: str
    part: str | None


class Language:
    """How one language writes dates. What each field of its patterns looks like is asked of babel once for each value."""

    def __init__(self, name: str) -> None:
        from babel import Locale
        from babel.dates import DateTimeFormat, tokenize_pattern

        locale = Locale.parse(LOCALES[name])
        # By form: literal text and None, or a field such as MMMM and its part.
        self.patterns: Mapping[str, Sequence[tuple[str, str | None]]] = {
            form: [(str(value), None) if kind == "chars" else (value[0] * int(value[1]), _PARTS[value[0]])
                   for kind, value in tokenize_pattern(locale.date_formats[form].pattern)]
            for form in FORMS
        }
        # Field -> number of the part -> its text.
        self.fields: Mapping[str, Mapping[int, str]] = {
            field: {_NUMBERS[part](day): DateTimeFormat(day, locale)[field] for day in _EXAMPLES[part]}
            for field, part in {each for pattern in self.patterns.values() for each in pattern} if part is not None
        }

    def pieces(self, day: datetime.date, form: str) -> list[Piece]:
        """The written date in pieces; end to end they are its text."""
        return [Piece(each if part is None else self.fields[each][_NUMBERS[part](day)], part) for each, part in self.patterns[form]]

    def write_all(self, form: str, numbers: Mapping[str, Sequence[int]]) -> Iterator[str]:
        """The texts of many days, given by part; much faster than one by one."""
        columns = (repeat(each) if part is None else map(self.fields[each].__getitem__, numbers[part])
                   for each, part in self.patterns[form])
        return map("".join, zip(*columns, strict=False))


def read_dates() -> Dataset:
    """Columns text, iso, language, form, tokens and tags, split by the text; a notice where another version of babel writes otherwise."""
    table = Table(dict(zip(COLUMNS, map(list, zip(*collect(), strict=True)), strict=True)), "dates")
    digest = sha256("".join("\t".join(row) + "\n" for row in zip(*table.columns.values(), strict=True)).encode("utf-8"))
    notices = () if digest == EXPECTED else (_changed(),)
    return Dataset("dates", split_by_content(table, "text"), {"dates": digest}, notices)


def collect() -> Iterator[tuple[str, ...]]:
    """All rows, values in the order of `COLUMNS`, by language and form."""
    for name in LOCALES:
        language = Language(name)
        for form in FORMS:
            for day in _drawn(name, form):
                pieces = language.pieces(day, form)
                tokens, tags = tag(pieces)
                yield "".join(piece.text for piece in pieces), day.isoformat(), name, form, join_tokens(tokens), join_tokens(tags)


def _drawn(language: str, form: str) -> list[datetime.date]:
    """`EACH` different days."""
    days: dict[int, None] = {}
    number = 0
    while len(days) < EACH:
        digest = hashlib.sha256(f"{language} {form} {number}".encode()).digest()
        days[int.from_bytes(digest[:8], "big") % (_LAST - _FIRST + 1)] = None
        number += 1
    return [datetime.date.fromordinal(_FIRST + day) for day in days]


def tag(pieces: Sequence[Piece]) -> tuple[list[str], list[str]]:
    """The tokens of a written date, and of each the part of the date that it belongs to, in IOB2 (B-month, I-month, O).

    A token that is partly a part's, as where a script has no spaces, is that part's.
    """
    owners = [number for number, piece in enumerate(pieces) for _ in piece.text]
    tokens, tags, before = [], [], None
    for start, token in cut_tokens("".join(piece.text for piece in pieces)):
        owner = next((each for each in owners[start:start + len(token)] if pieces[each].part is not None), None)
        tags.append("O" if owner is None else f"{'I' if owner == before else 'B'}-{pieces[owner].part}")
        tokens.append(token)
        before = owner
    return tokens, tags


def cut_tokens(text: str) -> Iterator[tuple[int, str]]:
    """Place and text of each token: letters with their marks, digits, and any other character by itself; white space is none."""
    place = 0
    for kind, characters in groupby(text, _kind):
        run = "".join(characters)
        if kind in ("letter", "digit"):
            yield place, run
        elif kind != "space":
            yield from ((place + ahead, character) for ahead, character in enumerate(run))
        place += len(run)


@cache
def _kind(character: str) -> str:
    if character.isspace():
        return "space"
    return {"L": "letter", "M": "letter", "N": "digit"}.get(unicodedata.category(character)[0], "other")


def best_accuracy(texts: Iterable[str]) -> float:
    """The share of these texts that the best possible model turns into the right ISO date.

    It knows of each text which day it stands for most often, over every day, language and form. Takes some seconds.
    Raises DataError for a text that no day has.
    """
    asked = Counter(texts)
    days: dict[str, Counter[int]] = {text: Counter() for text in asked}
    all_days = [datetime.date.fromordinal(day) for day in range(_FIRST, _LAST + 1)]
    numbers = {part: list(map(number, all_days)) for part, number in _NUMBERS.items()}
    for language in map(Language, LOCALES):
        for form in FORMS:
            for day, text in enumerate(language.write_all(form, numbers)):
                if text in days:
                    days[text][day] += 1
    unknown = next((text for text, found in days.items() if not found), None)
    if unknown is not None:
        raise DataError(f"{unknown!r} is no text of the dataset dates, so nothing is known of it. Give texts of its column `text`.")
    right = sum(times * max(days[text].values()) / days[text].total() for text, times in asked.items())
    return right / max(asked.total(), 1)


def _changed() -> str:
    version = importlib.metadata.version("babel")
    return (f"babel {version} writes other `dates` than those that the published figures were measured on. "
            "Compare only runs whose hashes of the data are equal.")
