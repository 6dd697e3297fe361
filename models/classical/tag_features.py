"""Features for tagging: ids of features of the words around a token, and their weights."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .array_file import checked, find

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.floating[Any]]
Sentences = Sequence[Sequence[str]]
Arrays = Mapping[str, npt.NDArray[Any]]
Templates = Sequence[Sequence[tuple[int, int]]]
"""For each template, pairs of an attribute's kind and the offset of its word from the token."""

UNKNOWN_TAG = -1
"""The tag of tokens without a label, from which nothing is learned."""


def _templates(text: str) -> list[list[tuple[int, int]]]:
    """Parse templates into kinds of attributes and offsets: `lower-1 lower` is the previous word, joined with the word itself."""
    parts = re.compile(r"([a-z]+\d?)([+-]\d)?")
    return [[(_KINDS.index(kind), int(offset or 0)) for kind, offset in parts.findall(template)]
            for line in text.strip().splitlines() for template in line.split(",")]


_KINDS = ("word", "lower", "prefix1", "prefix2", "prefix3", "prefix4", "suffix1", "suffix2", "suffix3", "suffix4", "shape", "outline",
          "flags")
TOKEN_TEMPLATES = _templates("""
word, lower, prefix1, prefix2, prefix3, prefix4, suffix1, suffix2, suffix3, suffix4, shape, outline, flags
lower-2, lower-1, lower+1, lower+2, prefix3-1, prefix3+1, flags-1, flags+1
suffix2-1, suffix2+1, suffix3-2, suffix3-1, suffix3+1, suffix3+2, outline-2, outline-1, outline+1, outline+2
lower-2 lower-1, lower-1 lower, lower-1 lower+1, lower lower+1, lower+1 lower+2
lower-2 lower-1 lower, lower-1 lower lower+1, lower lower+1 lower+2
suffix2-1 suffix2, suffix2-1 suffix2+1, suffix2 suffix2+1, suffix2-1 suffix2 suffix2+1
suffix3-1 suffix3, suffix3 suffix3+1, suffix3-2 suffix3-1 suffix3, suffix3 suffix3+1 suffix3+2
outline-1 outline, outline outline+1, outline-1 outline outline+1
""")
"""Features of a tag (after Ratnaparkhi 1996, and Sha and Pereira 2003 without their parts of speech)."""
PAIR_TEMPLATES = [[], *_templates("suffix2, outline")]
"""Features of two consecutive tags: the pair alone, or with an attribute of the second word."""
_REACH = 2
"""Largest offset in a template."""


def attributes_of(word: str) -> tuple[str, ...]:
    """The attributes of a word, in the order of _KINDS."""
    lower = word.lower()
    shape = "".join("X" if letter.isupper() else "x" if letter.isalpha() else "0" if letter.isdigit() else letter for letter in word)
    outline = re.sub(r"(.)\1+", r"\1", shape)
    flags = " ".join(flag for flag, holds in (("capital", word[:1].isupper()), ("upper", word.isupper()), ("hyphen", "-" in word),
                                             ("digit", any(map(str.isdigit, word)))) if holds)
    prefixes, suffixes = [lower[:length] for length in range(1, 5)], [lower[-length:] for length in range(1, 5)]
    return word, lower, *prefixes, *suffixes, shape, outline, flags


class Lexicon:
    """Ids of the attributes of words, by kind; 0 is outside the sentence, 1 an attribute unseen in training."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self._ids: list[dict[str, int]] = [{} for _ in _KINDS]
        for word in words:
            for ids, text in zip(self._ids, attributes_of(word), strict=True):
                ids.setdefault(text, len(ids) + 2)
        self.sizes = [len(ids) + 2 for ids in self._ids]

    def read(self, sentences: Sentences) -> tuple[IntArray, IntArray]:
        """Attributes (n_positions, n_kinds) of concatenated sentences with gaps between them, and the position of each token."""
        numbers: dict[str, int] = {}
        gap = [0] * _REACH
        words = list(gap)
        for sentence in sentences:
            words += [numbers.setdefault(word, len(numbers) + 1) for word in sentence]
            words += gap
        table = np.zeros((len(numbers) + 1, len(_KINDS)), dtype=np.int64)
        for word, number in numbers.items():
            table[number] = [ids.get(text, 1) for ids, text in zip(self._ids, attributes_of(word), strict=True)]
        return table[words], np.flatnonzero(words)


class Features:
    """Ids of the features of tokens: a feature is a template with its attributes, packed into one integer.

    `keys` are the ascending integers of each template. Ids are numbered through all templates; the last id is any unknown feature.
    """

    def __init__(self, templates: Templates, sizes: Sequence[int], keys: Sequence[IntArray]) -> None:
        self._templates, self._sizes, self.keys = templates, sizes, keys
        self._firsts = np.cumsum([0, *map(len, keys)])
        self.unknown = int(self._firsts[-1])

    @classmethod
    def of(cls, templates: Templates, sizes: Sequence[int], read: tuple[IntArray, IntArray], at_least: int) -> "Features":
        """The features that occur `at_least` times in the output of `Lexicon.read`."""
        counts = [np.unique(integers, return_counts=True) for integers in cls(templates, sizes, [])._packed(*read)]
        return cls(templates, sizes, [integers[times >= at_least] for integers, times in counts])

    @classmethod
    def restored(cls, templates: Templates, sizes: Sequence[int], keys: IntArray, lengths: IntArray) -> "Features":
        """The inverse of `arrays`. Raises ValueError for invalid arrays."""
        checked(lengths, np.int64, (len(templates),))
        if lengths.min() < 0 or lengths.sum() != len(checked(keys, np.int64, (None,))):
            raise ValueError("its features do not match its templates")
        by_template = np.split(keys, np.cumsum(lengths)[:-1])
        if any(np.any(np.diff(template_keys) <= 0) for template_keys in by_template):
            raise ValueError("its features are not sorted")
        return cls(templates, sizes, by_template)

    def arrays(self) -> Arrays:
        return {"keys": np.concatenate(self.keys), "sizes": np.array(list(map(len, self.keys)))}

    def ids(self, attributes: IntArray, positions: IntArray) -> IntArray:
        """(n_tokens, n_templates) ids of the tokens' features."""
        ids = np.empty((len(positions), len(self._templates)), dtype=np.int32)
        for column, integers in enumerate(self._packed(attributes, positions)):
            indices = find(self.keys[column], integers)
            ids[:, column] = np.where(indices >= 0, indices + self._firsts[column], self.unknown)
        return ids

    def only(self, kept: npt.NDArray[np.bool_]) -> "Features":
        """The features that `kept` (n_features,) marks."""
        marks = np.split(kept, self._firsts[1:-1])
        return Features(self._templates, self._sizes, [keys[mark] for keys, mark in zip(self.keys, marks, strict=True)])

    def _packed(self, attributes: IntArray, positions: IntArray) -> Iterator[IntArray]:
        """Packed features (n_tokens,) for each template. Three attributes of two million values each still fit into 64 bits."""
        for template in self._templates:
            key = np.zeros(len(positions), dtype=np.int64)
            for kind, offset in template:
                key = key * self._sizes[kind] + attributes[positions + offset, kind]
            yield key


class Weights:
    """Weights (n_features + 1, n_outputs), and their average over all steps from the sum of corrections times their step (Daumé 2006)."""

    def __init__(self, n_features: int, n_outputs: int) -> None:
        self.now = np.zeros((n_features + 1, n_outputs), dtype=np.float32)
        self._early = np.zeros((n_features + 1, n_outputs))
        self._step = 1

    def correct(self, features: IntArray, gold: IntArray, predicted: IntArray) -> None:
        """One step: features (n, n_templates) and outputs (n,) of n decisions; a gold UNKNOWN_TAG is never corrected."""
        wrong = np.flatnonzero((gold != predicted) & (gold != UNKNOWN_TAG))
        rows = features[wrong].astype(np.int64) * self.now.shape[1]
        self._add((rows + gold[wrong, None]).ravel(), 1)
        self._add((rows + predicted[wrong, None]).ravel(), -1)
        self.now[-1] = self._early[-1] = 0
        self._step += 1

    def average(self) -> FloatArray:
        """The average of the initial weights and those after each step."""
        return (self.now - self._early / self._step).astype(np.float32)

    def _add(self, cells: IntArray, amount: int) -> None:
        np.add.at(self.now.reshape(-1), cells, amount)
        np.add.at(self._early.reshape(-1), cells, amount * self._step)
