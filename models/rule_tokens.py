"""Tokenization for negation and token patterns, and the scope of negation words."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from ..configs.schema.models.rules import NegationConfig

# Thai to Burmese, Hangul jamo, Khmer, kana, CJK, Hangul, and their compatibility forms: scripts without word boundaries.
UNSPACED = (r"\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff"
            r"\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff")
# Accents and vowel signs belong to the word, but Python's \w leaves them out.
MARKS = r"[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u0900-\u0963\u0970-\u0dff]"
LETTER = rf"[^\W{UNSPACED}]"
LEFT = rf"(?<!{LETTER})(?<!{MARKS})"
RIGHT = rf"(?!{LETTER}|{MARKS})"

_TOKEN = re.compile(rf"{LETTER}+?(?=n['’]t{RIGHT})|n['’]t{RIGHT}|['’](?:s|re|ve|ll|d|m){RIGHT}|(?:\w|{MARKS})+|[^\w\s]", re.IGNORECASE)
STOPS = frozenset(".,;:!?")
"""Tokens that end the scope of a negation word."""


class Token(NamedTuple):
    """A token and its offset in the text."""

    text: str
    start: int


def tokens_of(text: str) -> list[Token]:
    """Words, numbers and single punctuation marks; `doesn't` is `does` and `n't`, `it's` is `it` and `'s`, as in the Penn Treebank."""
    return [Token(match.group().replace("’", "'"), match.start()) for match in _TOKEN.finditer(text)]


def shape_of(text: str) -> str:
    """`Xxxxx` for `Paris`, `dd` for `42`: the kinds of the characters, with runs of one kind cut to four, as in spaCy."""
    shape = "".join("d" if char.isdigit() else "X" if char.isupper() else "x" if char.isalpha() else char for char in text)
    return re.sub(r"(.)\1{3,}", r"\1\1\1\1", shape)


class Negation:
    """Finds the tokens that are in the scope of a negation word before them."""

    def __init__(self, config: NegationConfig, case_sensitive: bool) -> None:
        self.config = config
        folded = (unicodedata.normalize("NFC", word if case_sensitive else word.lower()) for word in config.words)
        self.words = frozenset(tuple(token.text for token in tokens_of(word)) for word in folded)
        self.lengths = sorted({len(word) for word in self.words})

    def reached(self, tokens: Sequence[Token]) -> list[bool]:
        """For each token, whether it is among the `window` words that follow a negation word, before any of `.,;:!?`."""
        texts, reached = [token.text for token in tokens], [False] * len(tokens)
        for end in self._ends(texts):
            n_left = self.config.window
            for index in range(end, len(texts)):
                if not n_left or texts[index] in STOPS:
                    break
                reached[index] = True
                n_left -= is_word(texts[index])
        return reached

    def _ends(self, texts: Sequence[str]) -> list[int]:
        return [start + length for length in self.lengths for start in range(len(texts) - length + 1)
                if tuple(texts[start : start + length]) in self.words]


def is_word(token: str) -> bool:
    """Whether a token has letters or digits; punctuation does not count towards a window."""
    return any(char.isalnum() for char in token)


def token_at(tokens: Sequence[Token], place: int) -> int:
    """The index of the token that contains the character at `place`; for white space, the token before it."""
    return max(0, bisect_right(tokens, place, key=lambda token: token.start) - 1)
