"""The best dependency tree by the scores of its arcs: maximum spanning arborescence with a single root (Chu and Liu 1965; Edmonds 1967)."""

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


def best_tree(scores: FloatArray) -> IntArray:
    """(n, n + 1) finite scores of each word's head, the root first -> (n,): the head of each word in the best tree with one root.

    Heads are words counted from 1, and 0 for the root; a word is never its own head.
    """
    n = len(scores)
    square = np.full((n + 1, n + 1), -np.inf)  # [dependent, head]
    square[1:] = scores
    np.fill_diagonal(square, -np.inf)
    heads = square[1:].argmax(axis=1)
    if n and ((heads == 0).sum() != 1 or _circle(np.append(0, heads)) is not None):
        spread = square[1:][np.isfinite(square[1:])]
        # With each arc from the root so much worse than any other, the best tree has as few of them as can be: one.
        square[1:, 0] -= (float(spread.max()) - float(spread.min()) + 1) * (n + 1)
        heads = _arborescence(square)[1:]
    return heads.astype(np.int64)


def _arborescence(scores: FloatArray) -> IntArray:
    """(m, m) scores [dependent, head], node 0 the root -> (m,) heads of the best arborescence; that of the root means nothing."""
    heads = scores.argmax(axis=1)
    heads[0] = 0
    circle = _circle(heads)
    if circle is None:
        return heads
    inside = np.zeros(len(scores), dtype=bool)
    inside[circle] = True
    outside = np.flatnonzero(~inside)
    # The circle becomes one node, the last. An arc into it replaces the arc of the circle into the same word.
    gains = scores[np.ix_(circle, outside)] - scores[circle, heads[circle]][:, None]
    entered, left = gains.argmax(axis=0), scores[np.ix_(outside, circle)].argmax(axis=1)
    smaller = np.full((len(outside) + 1, len(outside) + 1), -np.inf)
    smaller[:-1, :-1] = scores[np.ix_(outside, outside)]
    smaller[-1, :-1] = gains.max(axis=0)
    smaller[:-1, -1] = scores[outside, circle[left]]
    found = _arborescence(smaller)
    for place, head in enumerate(found[:-1].tolist()):
        heads[outside[place]] = circle[left[place]] if head == len(outside) else outside[head]
    heads[circle[entered[found[-1]]]] = outside[found[-1]]
    return heads


def _circle(heads: IntArray) -> IntArray | None:
    """The nodes of a circle, if there is one; node 0 is the root."""
    seen = np.zeros(len(heads), dtype=np.int64)
    for start in range(1, len(heads)):
        node = start
        while node and not seen[node]:
            seen[node] = start
            node = int(heads[node])
        if node and seen[node] == start:
            circle = [node]
            while (node := int(heads[node])) != circle[0]:
                circle.append(node)
            return np.array(circle)
    return None
