"""Lexicons: words with positive or negative weights, from a file or from an installed package."""

import csv
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from ..configs.schema.models.rules import VADER
from ..errors import ConfigError
from .rule_tokens import Token


class Found(NamedTuple):
    """An occurrence of a lexicon word in a text: the word, its offset, and its weight."""

    word: str
    start: int
    weight: float


class Lexicon:
    """Looks up words: a whole piece between spaces, such as `:)` or `thought-provoking`, or else each word in it."""

    def __init__(self, name: str, case_sensitive: bool) -> None:
        entries = read_lexicon(name)
        self.weights = entries if case_sensitive else {word.lower(): weight for word, weight in entries.items()}

    def find(self, text: str, tokens: Sequence[Token]) -> Iterator[Found]:
        """The lexicon words of a text in order, given the text's tokens."""
        pieces, end = {piece.start(): piece.group() for piece in re.finditer(r"\S+", text)}, 0
        for token, start in tokens:
            if start < end:
                continue
            piece = pieces.get(start, token)
            word = piece if piece in self.weights else token
            if word in self.weights:
                end = start + len(word)
                yield Found(word, start, self.weights[word])


def read_lexicon(name: str) -> dict[str, float]:
    """The words and weights of a file (word TAB weight, or CSV), or of VADER's lexicon. Raises ConfigError if it cannot be read."""
    path = _vader() if name == VADER else Path(name)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"model.lexicon.file: {path} cannot be read: {error}. Give a file in UTF-8 with a word and its weight in each "
                          "line, separated by a tab or a comma.") from None
    entries = dict(_entry(path, number, line) for number, line in enumerate(lines, start=1) if line.strip() and not _heading(number, line))
    if not entries:
        raise ConfigError(f"model.lexicon.file: {path} has no words. Give a file with a word and its weight in each line.")
    return entries


def _heading(number: int, line: str) -> bool:
    """Whether the first line names its columns."""
    if number > 1:
        return False
    fields = _fields(line)
    return len(fields) > 1 and fields[1].strip().isalpha() and fields[1].strip().lower() not in ("nan", "inf", "infinity")


def _fields(line: str) -> list[str]:
    return line.split("\t") if "\t" in line else next(csv.reader([line]))


def _entry(path: Path, number: int, line: str) -> tuple[str, float]:
    fields = _fields(line)
    if len(fields) < 2 or not fields[0].strip() or not _is_number(fields[1]):
        raise ConfigError(f"{path}:{number}: {line[:60]!r} is not a word and its weight, separated by a tab or a comma, "
                          "such as `good,1.9`.")
    return unicodedata.normalize("NFC", fields[0].strip()), float(fields[1])


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _vader() -> Path:
    """The lexicon in the package vaderSentiment, which is not imported: it would import a web client."""
    try:
        return Path(str(distribution("vaderSentiment").locate_file("vaderSentiment/vader_lexicon.txt")))
    except PackageNotFoundError:
        raise ConfigError("model.lexicon.file: `vader` is the lexicon of the package vaderSentiment, which is not installed. Run "
                          "`pip install 'nlp-generations[linguistics]'`, or name a file.") from None
