"""Features of a transition-based parser: templates over words on the stack and in the buffer, hashed to rows of a weight table."""

import re
from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np
import numpy.typing as npt

from .transitions import Configurations, IntArray

UNKNOWN, ROOT = 1, 2
"""Attribute values of a word rare in training, and of the root; 0 is for no word."""
SUFFIX = 3
"""Length of the suffix of a word, in letters."""
FARTHEST = 10
"""Distances and numbers of children are capped at this."""
WIDEST = 4
"""Maximum number of atoms in a template."""
STATE_WORDS = ("s0", "s1", "s2", "b0", "b1", "b2", "s0l", "s0r", "s1l", "s1r", "b0l", "s0m", "s1m", "b0m")
"""Words of the stack (`s`, from the top) and of the buffer (`b`); `l`, `r`: their outermost left and right children; `m`: the second
outermost child, left for s0 and b0, right for s1."""
STATE_NUMBERS = ("s0.nl", "s0.nr", "s1.nr", "b0.nl", "s0l.d", "s0r.d", "s1l.d", "s1r.d", "b0l.d", "s0b0", "s1s0")
"""Numbers of children, relations of children, and distances."""
ARC_WORDS = ("h", "d", "h-", "h+", "d-", "d+", "dl", "dr", "hl", "hr")
"""Head and dependent, their neighbours, and their outermost children."""
ARC_NUMBERS = ("hd", "dl.d", "dr.d", "hl.d", "hr.d", "d.nl", "d.nr")
STATE_TEMPLATES = """
s0.w, s0.p, s0.x, s0.w s0.p, s1.w, s1.p, s1.x, s1.w s1.p, s2.w, s2.p, b0.w, b0.p, b0.x, b0.w b0.p, b1.w, b1.p, b1.x, b1.w b1.p, b2.w, b2.p
s0.w s0.p b0.w b0.p, s0.w s0.p b0.w, s0.w b0.w b0.p, s0.w s0.p b0.p, s0.p b0.w b0.p, s0.w b0.w, s0.p b0.p, s0.w b0.p, s0.p b0.w
s1.w s1.p s0.w s0.p, s1.w s1.p s0.p, s1.p s0.w s0.p, s1.w s0.w, s1.p s0.p, s1.w s0.p, s1.p s0.w, s1.p b0.p, s1.w b0.w, s1.p b0.w, s1.w b0.p
s0.x b0.x, s0.x b0.p, s0.p b0.x, s1.x s0.x, s1.x s0.p, s1.p s0.x, b0.x b1.x, b0.p b1.x, b0.p b1.p, b0.w b1.p, b0.p b1.w, b0.w b1.w
b0.p b1.p b2.p, s0.p b0.p b1.p, s0.w b0.p b1.p, s0.p b0.w b1.p, s1.p s0.p b0.p, s1.w s0.p b0.p, s1.p s0.w b0.p, s1.p s0.p b0.w
s2.p s1.p s0.p, s2.p s1.p s0.p b0.p, s1.p s0.p b0.p b1.p, s0.x b0.p b1.p, s1.p s0.p b0.x, s1.p s0.x b0.p
s0l.w, s0l.p, s0l.d, s0r.w, s0r.p, s0r.d, s1l.w, s1l.p, s1l.d, s1r.w, s1r.p, s1r.d, b0l.w, b0l.p, b0l.d, s0m.p, s1m.p, b0m.p
s0.p s0l.p b0.p, s0.p s0r.p b0.p, s0.p b0.p b0l.p, s1.p s1r.p s0.p, s1.p s0.p s0l.p, s1.p s1l.p s0.p, s0.w s0r.d, s0.p s0r.d b0.p
s0.p s0l.d b0.p, s0.p b0.p b0l.d, s1.p s1r.d s0.p, s1.w s1r.d s0.p, s0.p s0l.p s0m.p, b0.p b0l.p b0m.p, s1.p s1r.p s1m.p
s1.p s1r.d s0.p b0.p
s0.w s0.nr, s0.p s0.nr, s0.w s0.nl, s0.p s0.nl, s1.w s1.nr, s1.p s1.nr, b0.w b0.nl, b0.p b0.nl, s0.p b0.p b0.nl, s1.p s0.p s1.nr
s0.w s0b0, s0.p s0b0, b0.w s0b0, b0.p s0b0, s0.p b0.p s0b0, s0.w b0.w s0b0, s1.p s0.p s1s0, s1.w s0.w s1s0, s1.p s0.p b0.p s1s0
"""
"""After Zhang and Nivre (2011): `w` the word, `p` its second column, `x` its suffix, `d` its relation."""
STATE_EXTRAS = "s0.*, s1.*, b0.*, b1.*, s0.* b0.*, s1.* s0.*, s0.* b0.p, s0.p b0.*, s1.* s0.p, s1.p s0.*, s1.* s0.* b0.p"
"""Templates for each further column, in the place of `*`."""
ARC_TEMPLATES = """
hd, h.w, h.p, h.x, d.w, d.p, d.x, h.p d.p, h.w d.p, h.p d.w, h.w d.w, h.x d.x, h.x d.p, h.p d.x, h.p d.p hd, h.w d.p hd, h.p d.w hd
h.p d.w d.p, h.w h.p d.p, d.w hd, d.p hd, d.x hd, d-.p d.p, d.p d+.p, d-.p d.p d+.p, h-.p h.p, h.p h+.p, h.p d.p d-.p, h.p d.p d+.p
d-.w d.p
dl.p, dl.w, dr.p, dr.w, dl.d, dr.d, hl.d, hr.d, d.p dl.p, d.p dr.p, d.p dl.d, d.p dr.d, h.p d.p hl.d, h.p d.p hr.d, h.p d.p dl.w, d.nl, d.nr
h.p d.p dl.d, h.p d.p dr.d, h.w d.p hr.d, h.w d.p hl.d, h.p d.p dl.p hd, h.p d.p dr.p hd, d.p dl.w, h.p dl.w hd, h.w dl.w
"""
ARC_EXTRAS = "h.*, d.*, h.* d.*, h.p d.*, h.* d.p, d.* hd, h.* d.* hd"


class Templates:
    """Maps features to rows of a weight table; equal features have equal rows, different ones rarely.

    A feature is a few integers; its row is the top bits of their sum, each times a random odd number (multiply-shift hashing,
    Dietzfelbinger et al. 1997), which depends on no library and is computed for many features at once.
    """

    def __init__(self, text: str, extras: str, words: Sequence[str], kinds: Sequence[str], numbers: Sequence[str], bits: int) -> None:
        atoms = [*(f"{word}.{kind}" for word in words for kind in kinds), *numbers]
        further = [extras.replace("*", kind) for kind in kinds[3:]]
        templates = [template.split() for template in re.split(r"[,\n]+", ",".join([text.strip(), *further]))]
        padding = len(atoms)
        self._atoms = np.array([[*map(atoms.index, template), *[padding] * (WIDEST - len(template))] for template in templates])
        generator = np.random.default_rng(0)
        self._factors = generator.integers(2**63, size=self._atoms.shape, dtype=np.uint64) * 2 + 1
        self._added = generator.integers(2**63, size=len(templates), dtype=np.uint64)
        self._shift = np.uint64(64 - bits)

    def rows(self, atoms: IntArray) -> IntArray:
        """(n, n_atoms) -> (n, n_templates)"""
        padded = np.concatenate([atoms, np.zeros((len(atoms), 1), dtype=np.int64)], axis=1).astype(np.uint64)
        return (((padded[:, self._atoms] * self._factors).sum(axis=2) + self._added) >> self._shift).astype(np.int64)


def attributes(sentences: Sequence[Sequence[tuple[str, ...]]], known: frozenset[str], longest: int, n_kinds: int) -> npt.NDArray[np.int64]:
    """(n_sentences, longest + 2, n_kinds): word, second column, suffix and further columns of each word, with the root before the sentence
    and zeros after it. Without a second column the suffix takes its place."""
    table = np.zeros((len(sentences), longest + 2, n_kinds), dtype=np.int64)
    table[:, 0] = ROOT
    for row, sentence in zip(table, sentences, strict=True):
        for place, (word, *columns) in enumerate(sentence, start=1):
            lower = word.lower()
            values = [lower[-SUFFIX:], *columns]
            row[place] = [_number(lower) if lower in known else UNKNOWN, _number(values[1] if columns else values[0]), _number(values[0]),
                          *map(_number, values[2:])]
    return table


def n_kinds(n_columns: int) -> int:
    """Number of attributes of a word with `n_columns` columns."""
    return 3 + max(n_columns - 2, 0)


@lru_cache(maxsize=2**18)
def _number(text: str) -> int:
    return crc32(text.encode("utf-8", "surrogatepass")) + 3


def state_atoms(state: Configurations, table: IntArray) -> IntArray:
    """(rows, n_atoms): the atoms of the templates for transitions."""
    rows = state.rows
    s0, s1, s2 = (state.of_stack(place) for place in range(3))
    b0, b1, b2 = (state.of_buffer(place) for place in range(3))
    outermost, second, counts = state.outermost[rows], state.second[rows], np.minimum(state.n_children[rows], FARTHEST)
    children = [outermost[rows, s0, 0], outermost[rows, s0, 1], outermost[rows, s1, 0], outermost[rows, s1, 1], outermost[rows, b0, 0]]
    words = np.stack([s0, s1, s2, b0, b1, b2, *children, second[rows, s0, 0], second[rows, s1, 1], second[rows, b0, 0]], axis=1)
    numbers = [counts[rows, s0, 0], counts[rows, s0, 1], counts[rows, s1, 1], counts[rows, b0, 0],
               *(state.relations[rows, child] + 1 for child in children), np.minimum(b0 - s0, FARTHEST), np.minimum(s0 - s1, FARTHEST)]
    return _concatenated(table[rows[:, None], words], numbers)


def arc_atoms(state: Configurations, rows: IntArray, heads: IntArray, dependents: IntArray, table: IntArray) -> IntArray:
    """(n, n_atoms): the atoms of the templates for relations, for arcs about to be added in these rows."""
    beside = [np.clip(word + step, 0, state.nothing) for word in (heads, dependents) for step in (-1, 1)]
    children = [state.outermost[rows, word, side] for word in (dependents, heads) for side in (0, 1)]
    words = np.stack([heads, dependents, *beside, *children], axis=1)
    counts = np.minimum(state.n_children[rows, dependents], FARTHEST)
    numbers = [np.clip(heads - dependents, -FARTHEST, FARTHEST), *(state.relations[rows, child] + 1 for child in children), *counts.T]
    return _concatenated(table[rows[:, None], words], numbers)


def _concatenated(words: IntArray, numbers: Sequence[IntArray]) -> IntArray:
    """(n, n_words, n_kinds) and numbers (n,) each -> (n, n_words * n_kinds + n_numbers)"""
    return np.concatenate([words.reshape(len(words), words.shape[1] * words.shape[2]), np.stack(numbers, axis=1)], axis=1)
