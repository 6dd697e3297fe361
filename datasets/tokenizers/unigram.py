"""Deterministic training of a unigram language model over subwords (Kudo 2018).

The trainer of the `tokenizers` library visits the words in an order that differs between processes, so rounding errors
decide which of two pieces of equal value is kept. Here all sums are computed in a fixed order, over arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ..arrays import FloatArray, IntArray

LONGEST_PIECE = 16
LONGEST_WORD = 64
"""Longer words are split into parts of this length, in training only."""
SEEDS_PER_PIECE = 10
SHRINK = 0.75
"""Share of the pieces that is kept when the least useful ones are dropped."""
FEWEST = 0.5
"""Pieces with a lower expected count than this are always dropped."""


@dataclass(frozen=True)
class Lattice:
    """All segmentations of texts into pieces. Edge e leads from node `start[e]` to node `end[e]` by `piece[e]`.

    Edges are sorted by `depth`, the number of characters from the beginning of the text to their end, and then by `end`.
    Each text has a row of nodes; `first` and `last` (n_texts,) are the nodes at its beginning and end.
    """

    start: IntArray
    end: IntArray
    piece: IntArray
    depth: IntArray
    first: IntArray
    last: IntArray

    def keep(self, edges: npt.NDArray[np.bool_], names: IntArray) -> "Lattice":
        """Only these edges, with `names[piece]` for each piece."""
        return Lattice(self.start[edges], self.end[edges], names[self.piece[edges]], self.depth[edges], self.first, self.last)

    def totals(self, scores: FloatArray) -> FloatArray:
        """Log-probability of all paths from a text's beginning to each node, (n_nodes,)."""
        totals = np.full(self.last[-1] + 1, -np.inf)
        totals[self.first] = 0.0
        for low, high in self._levels():
            ends, firsts, sizes = np.unique(self.end[low:high], return_index=True, return_counts=True)
            paths = totals[self.start[low:high]] + scores[self.piece[low:high]]
            best = np.maximum.reduceat(paths, firsts)
            totals[ends] = best + np.log(np.add.reduceat(np.exp(paths - np.repeat(best, sizes)), firsts))
        return totals

    def expected(self, scores: FloatArray, counts: FloatArray) -> FloatArray:
        """The expected count of each piece, (n_pieces,), in texts that occur `counts` (n_texts,) times.

        These are the derivatives of the log-likelihood with respect to the scores, so they are propagated back level by level.
        """
        totals, share = self.totals(scores), np.zeros(self.last[-1] + 1)
        share[self.last] = counts
        weights = np.empty(len(self.piece))
        for low, high in reversed(self._levels()):
            start, end = self.start[low:high], self.end[low:high]
            weights[low:high] = np.exp(totals[start] + scores[self.piece[low:high]] - totals[end]) * share[end]
            share[start] += weights[low:high]  # a node starts at most one edge of a level
        return np.bincount(self.piece, weights, minlength=len(scores)).astype(np.float64)

    def _levels(self) -> list[tuple[int, int]]:
        bounds = np.searchsorted(self.depth, np.arange(1, LONGEST_WORD + 2))
        return [(int(low), int(high)) for low, high in pairwise(bounds) if low < high]


def train_unigram(words: Mapping[str, int], size: int) -> list[tuple[str, float]]:
    """At most `size` pieces with their log-probabilities, the most probable first; every character is a piece."""
    counted = _split_long(words)
    texts = sorted(counted)
    counts = np.array([counted[text] for text in texts], dtype=np.float64)
    lattice, pieces, expected = _seeds(texts, counts, SEEDS_PER_PIECE * size)
    while True:
        for _ in range(2):
            expected = lattice.expected(_log_share(expected), counts)
            lattice, pieces, expected = _only(lattice, pieces, expected, _letters(pieces) | (expected >= FEWEST))
        if len(pieces) <= max(size, _letters(pieces).sum()):
            break
        useful = _useful(pieces, expected, max(size, int(SHRINK * len(pieces))))
        lattice, pieces, expected = _only(lattice, pieces, expected, useful)
    scores = _log_share(expected)
    order = sorted(range(len(pieces)), key=lambda piece: (-scores[piece], pieces[piece]))
    return [(pieces[piece], round(float(scores[piece]), 6)) for piece in order]


def _split_long(words: Mapping[str, int]) -> dict[str, int]:
    """The counts of the words; long words are counted as their parts."""
    counts: dict[str, int] = {}
    for word, count in words.items():
        for start in range(0, len(word), LONGEST_WORD):
            part = word[start : start + LONGEST_WORD]
            counts[part] = counts.get(part, 0) + count
    return counts


def _log_share(expected: FloatArray) -> FloatArray:
    floored = np.maximum(expected, FEWEST)
    return np.log(floored / floored.sum())


def _letters(pieces: list[str]) -> npt.NDArray[np.bool_]:
    """Which pieces are single characters; they are always kept, so that every word can be segmented."""
    return np.array([len(piece) == 1 for piece in pieces])


def _only(
    lattice: Lattice, pieces: list[str], expected: FloatArray, keeps: npt.NDArray[np.bool_]
) -> tuple[Lattice, list[str], FloatArray]:
    """Lattice, pieces and expected counts, restricted to the pieces to keep."""
    kept = [piece for piece, keep in zip(pieces, keeps, strict=True) if keep]
    return lattice.keep(keeps[lattice.piece], np.cumsum(keeps) - 1), kept, expected[keeps]


def _useful(pieces: list[str], expected: FloatArray, size: int) -> npt.NDArray[np.bool_]:
    """The characters, and the pieces whose removal would reduce the log-likelihood most; `size` in total if possible."""
    scores = _log_share(expected)
    lattice = _lattice_of_pieces(pieces)
    without = lattice.totals(scores)[lattice.last]
    loss = np.where(_letters(pieces), np.inf, expected * (np.logaddexp(scores, without) - without))
    kept = _letters(pieces)
    kept[np.argsort(-loss, kind="stable")[:size]] = True
    return kept


def _lattice_of_pieces(pieces: list[str]) -> Lattice:
    """All segmentations of each piece into other pieces."""
    names = {piece: name for name, piece in enumerate(pieces)}
    lengths = np.array([len(piece) for piece in pieces])
    last = np.cumsum(lengths + 1) - 1
    first = last - lengths
    edges = [
        (node + start, node + end, names[piece[start:end]], end)
        for node, piece in zip(first.tolist(), pieces, strict=True)
        for start in range(len(piece))
        for end in range(start + 1, len(piece) + 1)
        if end - start < len(piece) and piece[start:end] in names
    ]
    return _sorted_lattice(np.array(edges, dtype=np.int64).reshape(-1, 4), first, last)


def _sorted_lattice(edges: IntArray, first: IntArray, last: IntArray) -> Lattice:
    """A lattice from rows of start, end, piece and depth, (n_edges, 4)."""
    order = np.lexsort((edges[:, 1], edges[:, 3]))
    start, end, piece, depth = edges[order].T.astype(np.int32)
    return Lattice(start, end, piece, depth, first, last)


def _seeds(texts: list[str], counts: FloatArray, size: int) -> tuple[Lattice, list[str], FloatArray]:
    """All characters and the `size` substrings that cover most of the texts: their lattice, the pieces, and the count of each."""
    lengths = np.array([len(text) for text in texts])
    joined, text_of = "".join(texts), np.repeat(np.arange(len(texts)), lengths)
    begins = np.cumsum(lengths) - lengths
    levels = _frequent(joined, counts[text_of], (begins + lengths)[text_of])
    seen = np.concatenate([level.seen for level in levels])
    length = np.repeat(np.arange(1, len(levels) + 1), [len(level.seen) for level in levels])
    is_kept = length == 1
    is_kept[np.argsort(-seen * length, kind="stable")[:size]] = True
    names, edges, pieces, offset = np.cumsum(is_kept) - 1, [], [], 0
    for n_characters, level in enumerate(levels, start=1):
        kept = is_kept[offset : offset + len(level.seen)]
        pieces += [joined[place : place + n_characters] for place in level.examples()[kept].tolist()]
        places, named = level.places[kept[level.names]], level.names[kept[level.names]]
        start = places + text_of[places]  # each text has one node more than characters
        depth = places + n_characters - begins[text_of[places]]
        edges.append(np.stack([start, start + n_characters, names[offset + named], depth], axis=1))
        offset += len(level.seen)
    first = begins + np.arange(len(texts))
    return _sorted_lattice(np.concatenate(edges), first, first + lengths), pieces, seen[is_kept]


@dataclass(frozen=True)
class Substrings:
    """The substrings of one length that occur at least twice: their positions, the id at each position, and the count of each."""

    places: IntArray
    names: IntArray
    seen: FloatArray

    def examples(self) -> IntArray:
        """One position of each substring."""
        return self.places[np.unique(self.names, return_index=True)[1]]


def _frequent(joined: str, weights: FloatArray, ends: IntArray) -> list[Substrings]:
    """The frequent substrings of texts for each length; each extends a frequent substring by one character.

    `weights` and `ends` (n_characters,) are the count and the end of the text that a character is in.
    """
    _, letters = np.unique(np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32), return_inverse=True)
    n_letters = int(letters.max()) + 1
    places, names, levels = np.arange(len(letters), dtype=np.int32), letters.astype(np.int32), []
    for length in range(1, LONGEST_PIECE + 1):
        seen = np.bincount(names, weights[places]).astype(np.float64)
        is_frequent = (seen >= 2) | (length == 1)
        places, names = places[is_frequent[names]], (np.cumsum(is_frequent, dtype=np.int32) - 1)[names[is_frequent[names]]]
        levels.append(Substrings(places, names, seen[is_frequent]))
        longer = places + length < ends[places]
        if not longer.any():
            break
        places = places[longer]
        _, named = np.unique(names[longer] * np.int64(n_letters) + letters[places + length], return_inverse=True)
        names = named.astype(np.int32)
    return levels
