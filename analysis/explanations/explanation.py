"""The output of every method: a signed number for each part of a text, and for each word."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ...datasets.arrays import FloatArray
from .words import words_of

DIGITS = 6
MOST = 8
"""Maximum number of parts in a line of output."""


class Share(NamedTuple):
    """A part of a text (a token, an n-gram or what a rule found) and its contribution to the score of the predicted class; a negative
    number counts against the class."""

    token: str
    number: float


class Piece(NamedTuple):
    """A piece of a text to colour, its number, and the number's size relative to the largest, from 0 to 1."""

    text: str
    number: float
    part: float


@dataclass(frozen=True)
class Explanation:
    """The shares of one text. `completeness_error`, for gradients only: the error of the numbers' sum relative to the change in the score
    from an empty text to this one."""

    key: ClassVar[str] = "explanation"
    method: str
    text: str
    shares: Sequence[Share]
    by_word: FloatArray | None
    """The number of each word (n_words,); None if shares cannot be traced to words."""
    completeness_error: float | None = None
    between: str | None = None
    """The separator of tokens; None if shares are not in the order of the text."""

    def to_json(self) -> dict[str, Any]:
        """The JSON output."""
        error, words = self.completeness_error, self.words
        return {"method": self.method, "tokens": _rounded(self.shares), "words": None if words is None else _rounded(words),
                "completeness_error": None if error is None else round(error, DIGITS)}

    def lines(self) -> list[str]:
        """The most important parts: words, or the shares if they say more than words, as n-grams do."""
        shown = ", ".join(f"{token!r} {number:+.3f}" for token, number in self.largest(MOST)) or "nothing in the text counts"
        return [f"{self.method}: {shown}{f' ({self.completeness})' if self.completeness else ''}"]

    @property
    def completeness(self) -> str:
        """The completeness error for human readers; empty if there is none."""
        return "" if self.completeness_error is None else f"completeness error {percentage(self.completeness_error)}"

    @property
    def words(self) -> list[Share] | None:
        """The words in order with their numbers."""
        return None if self.by_word is None else [Share(*pair) for pair in zip(words_of(self.text), self.by_word.tolist(), strict=True)]

    def largest(self, most: int) -> list[Share]:
        """The most important parts, for and against, without those of 0."""
        words = self.words if self.between is not None else None
        by_size = sorted(words if words is not None and len(words) > 1 else self.shares, key=lambda share: -abs(share.number))
        return [share for share in by_size[:most] if share.number]

    def pieces(self) -> list[Piece]:
        """The complete text in pieces: its words and the white space between them, which has the number 0.

        A text of a single word is split into its tokens if they spell it, and so is a text whose tokens cannot be traced to words.
        """
        shares = self._in_order()
        most = max((abs(number) for _, number in shares), default=0.0) or 1.0
        return [Piece(token, number, abs(number) / most) for token, number in shares]

    def _in_order(self) -> list[Share]:
        words = self.words
        if self.between is not None and (words is None or (len(words) == 1 and self._spell())):
            return [piece for share in self.shares for piece in (share, Share(self.between, 0.0))]
        numbers = iter([] if words is None else [number for _, number in words])
        return [Share(piece, 0.0 if piece.isspace() else next(numbers, 0.0)) for piece in re.findall(r"\s+|\S+", self.text)]

    def _spell(self) -> bool:
        return "".join(token for token, _ in self.shares).lower() == self.text.strip().lower()


def percentage(error: float) -> str:
    """A share for human readers: small ones with two digits, large ones as integers."""
    return f"{100 * error:.2g} %" if error < 0.1 else f"{100 * error:,.0f} %"


def _rounded(shares: Sequence[Share]) -> list[list[Any]]:
    return [[token, round(number, DIGITS)] for token, number in shares]
