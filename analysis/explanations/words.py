"""Words of a text, which are what stands between white space; the text without some of them; and the word that each token comes from."""

import re
from collections.abc import Collection, Sequence

import numpy as np

from ...datasets.arrays import FloatArray
from ...datasets.tokenizers.tokenizer import Tokenizer

CUTS = (r"\S+", r"\s*\S+", r"\S+\s*")
"""Ways of cutting a text at its words: tokenizers keep white space nowhere, before words or behind them."""
ENDS = frozenset({"[CLS]", "[SEP]", "<s>", "</s>"})
"""Tokens that a tokenizer puts around each text."""


def words_of(text: str) -> list[str]:
    """The words in order."""
    return text.split()


def without(text: str, removed: Collection[int]) -> str:
    """The text without the words at these places; other words keep the white space behind them."""
    pieces = re.findall(r"\S+\s*", text)
    return "".join(piece for place, piece in enumerate(pieces) if place not in removed).strip()


def word_places(tokenizer: Tokenizer, text: str, tokens: Sequence[str]) -> list[int | None] | None:
    """For each token the place of its word; None for tokens around the text.

    Each word is tokenized by itself; where that does not give the same tokens, it is not known which word a token comes from: None.
    """
    inner = [place for place, token in enumerate(tokens) if token not in ENDS]
    for cut in CUTS:
        pieces = re.findall(cut, text)
        encoded = tokenizer.encode(pieces) if pieces else None
        found: list[tuple[str, int]] = []
        for word in range(len(pieces)):
            assert encoded is not None
            ids = encoded.ids[encoded.offsets[word] : encoded.offsets[word + 1]]
            found += [(name, word) for name in tokenizer.tokens(ids) if name not in ENDS]
        if [tokens[place] for place in inner] == [name for name, _ in found[: len(inner)]]:
            places: list[int | None] = [None] * len(tokens)
            for place, (_, word) in zip(inner, found, strict=False):
                places[place] = word
            return places
    return None


def summed_by_word(numbers: Sequence[float], places: Sequence[int | None], n_words: int) -> FloatArray:
    """(n_words,): the sum over the tokens of each word."""
    sums = np.zeros(n_words)
    for number, place in zip(numbers, places, strict=True):
        if place is not None:
            sums[place] += number
    return sums
