"""Words of a text, which are what stands between white space; the text without some of them; and the words that tokens come from."""

import re
from collections.abc import Collection, Sequence

import numpy as np

from ...datasets.arrays import FloatArray, IntArray
from ...datasets.context import in_place_of
from ...datasets.tokenizers.tokenizer import BETWEEN, Tokenizer

CUTS = (r"\S+", r"\s*\S+", r"\S+\s*")
"""Ways of cutting a text at its words: tokenizers keep white space nowhere, before words or behind them."""
ENDS = frozenset({"[CLS]", "[SEP]", "<s>", "</s>"})
"""Tokens that a tokenizer puts around each text."""
UNKNOWN_WORD, UNKNOWN_MARK = "ꔀ", "⸿"
"""In place of a word and of what has no letters, which hardly any text has; so words do not become neighbours that were none before."""
TOGETHER = 64
"""Texts whose n-grams are counted together."""
REACH = 20
"""Words on either side of one within which its n-grams are looked for."""


def words_of(text: str) -> list[str]:
    """The words in order."""
    return text.split()


def without(text: str, removed: Collection[int]) -> str:
    """The text without the words at these places; other words keep the white space behind them, and the text its neighbours.

    A tab stays, since it may be what stands between two texts.
    """
    place, parts = 0, list[str]()
    for part in text.split(BETWEEN):
        pieces = re.findall(r"\S+\s*", part)
        parts.append("".join(piece for number, piece in enumerate(pieces, start=place) if number not in removed).strip())
        place += len(pieces)
    return in_place_of(text, BETWEEN.join(parts))


def word_places(tokenizer: Tokenizer, text: str, tokens: Sequence[str]) -> list[int | None] | None:
    """For each token the place of its word; None for tokens around the text, and for the placeholder of a text without words.

    Each word is tokenized by itself; where that does not give the same tokens, it is not known which word a token comes from: None.
    """
    if not words_of(text):
        return [None for _ in tokens]
    inner = [place for place, token in enumerate(tokens) if token not in ENDS]
    for cut in CUTS:
        pieces = re.findall(cut, text)
        encoded = tokenizer.encode(pieces)
        found: list[tuple[str, int]] = []
        for word in range(len(pieces)):
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


def shared_by_word(tokenizer: Tokenizer, text: str, features: IntArray, numbers: FloatArray) -> FloatArray | None:
    """(n_words,): the number of each feature of a bag (k,), such as an n-gram, shared equally by the words that it is made of.

    A feature is made of a word if it is found less often with an unknown word in its place; what is found as often with any is in no
    word. None where features cannot be counted.
    """
    from scipy.sparse import vstack

    if not (parts := _around_each_word(text)):
        return np.zeros(0)
    if tokenizer.counts([text]) is None:
        return None
    fewer = []
    for start in range(0, len(parts), TOGETHER):
        whole, hidden = zip(*parts[start : start + TOGETHER], strict=True)
        fewer.append((tokenizer.counts(whole) - tokenizer.counts(hidden))[:, features].maximum(0))
    lost = vstack(fewer, format="csr")  # (n_words, k)
    return np.asarray(lost @ (numbers / np.maximum(lost.sum(axis=0), 1)))


def _around_each_word(text: str) -> list[tuple[str, str]]:
    """For each word the text around it, further than n-grams reach, as it is and with the word made unknown."""
    words = list(re.finditer(r"\S+", text))
    parts = []
    for place, word in enumerate(words):
        start = words[place - REACH].start() if place > REACH else 0
        end = words[place + REACH].end() if place + REACH < len(words) else len(text)
        unknown = UNKNOWN_WORD if re.search(r"\w", word[0]) else UNKNOWN_MARK
        parts.append((text[start:end], f"{text[start : word.start()]}{unknown}{text[word.end() : end]}"))
    return parts
