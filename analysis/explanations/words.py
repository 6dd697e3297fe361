"""The whitespace-separated words of a text, the text without some of them, and the words that tokens come from."""

import re
from collections.abc import Collection, Sequence

import numpy as np

from ...datasets.arrays import FloatArray, IntArray
from ...datasets.context import in_place_of
from ...datasets.tokenizers.tokenizer import BETWEEN, Tokenizer

CUTS = (r"\S+", r"\s*\S+", r"\S+\s*")
"""Ways of splitting a text into words: tokenizers drop white space, or attach it to the next or the previous word."""
ENDS = frozenset({"[CLS]", "[SEP]", "<s>", "</s>"})
"""Tokens that a tokenizer puts around each text."""
UNKNOWN_WORD, UNKNOWN_MARK = "ꔀ", "⸿"
"""Replacements, rare in any text, for a word and for a piece without letters, so that its neighbours do not become adjacent."""
TOGETHER = 64
"""Texts per batch when n-grams are counted."""
REACH = 20
"""Number of words on either side of a word in which its n-grams are counted."""


def words_of(text: str) -> list[str]:
    """The words in order."""
    return text.split()


def without(text: str, removed: Collection[int]) -> str:
    """The text without the words at these positions; other words keep the white space after them, and the text keeps its neighbours.

    A tab stays, since it may separate two texts.
    """
    place, parts = 0, list[str]()
    for part in text.split(BETWEEN):
        pieces = re.findall(r"\S+\s*", part)
        parts.append("".join(piece for number, piece in enumerate(pieces, start=place) if number not in removed).strip())
        place += len(pieces)
    return in_place_of(text, BETWEEN.join(parts))


def word_places(tokenizer: Tokenizer, text: str, tokens: Sequence[str]) -> list[int | None] | None:
    """For each token the index of its word; None for tokens around the text, and for the placeholder of a text without words.

    Each word is tokenized separately; if that does not give the same tokens, they cannot be traced to words, and the result is None.
    """
    if not words_of(text):
        return [None for _ in tokens]
    inner = [place for place, token in enumerate(tokens) if token not in ENDS]
    for cut in CUTS:
        pieces = re.findall(cut, text)
        encoded = tokenizer.encode(pieces)
        word_tokens: list[tuple[str, int]] = []
        for word in range(len(pieces)):
            ids = encoded.ids[encoded.offsets[word] : encoded.offsets[word + 1]]
            word_tokens += [(name, word) for name in tokenizer.tokens(ids) if name not in ENDS]
        if [tokens[place] for place in inner] == [name for name, _ in word_tokens[: len(inner)]]:
            places: list[int | None] = [None] * len(tokens)
            for place, (_, word) in zip(inner, word_tokens, strict=False):
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
    """(n_words,): the number of each feature of a bag (k,), such as an n-gram, divided equally among its words.

    A feature belongs to a word if it occurs less often when the word is replaced by an unknown one. None if features cannot be counted.
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
    """For each word the text around it, wider than any n-gram, as it is and with the word made unknown."""
    words = list(re.finditer(r"\S+", text))
    parts = []
    for place, word in enumerate(words):
        start = words[place - REACH].start() if place > REACH else 0
        end = words[place + REACH].end() if place + REACH < len(words) else len(text)
        unknown = UNKNOWN_WORD if re.search(r"\w", word[0]) else UNKNOWN_MARK
        parts.append((text[start:end], f"{text[start : word.start()]}{unknown}{text[word.end() : end]}"))
    return parts
