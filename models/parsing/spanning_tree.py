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
    """(m, m) scores [dependent, head], node 0 the root -> (m,) heads of the best arborescence; that of the root means nothing.

    Circles become single nodes, one after the other, in place of one of their nodes, so that time and memory grow with m²; `scores` is
    overwritten.
    """
    m = len(scores)
    heads = scores.argmax(axis=1)
    heads[0] = 0
    words = np.indices((m, m), dtype=np.int32)  # the two words whose arc is best of those between two nodes: dependent and head
    nodes, alive = list(range(m)), np.ones(m, dtype=bool)  # which node is at a place by now, numbered in the order in which they arose
    arcs, circles = dict[int, IntArray](), dict[int, list[int]]()
    while (circle := _circle(heads)) is not None:
        circles[m + len(circles)] = inside = [nodes[place] for place in circle]
        arcs.update(zip(inside, words[:, circle, heads[circle]].T, strict=True))
        _contract(circle, scores, words, heads)
        nodes[circle[0]], alive[circle[1:]] = m + len(circles) - 1, False
    left = np.flatnonzero(alive)[1:]
    pending = [nodes[place] for place in left]
    arcs.update(zip(pending, words[:, left, heads[left]].T, strict=True))
    return _expanded(pending, arcs, circles, m)


def _contract(circle: IntArray, scores: FloatArray, words: IntArray, heads: IntArray) -> None:
    """Put one node in place of the first of a circle. An arc into it replaces the arc of the circle into the same word."""
    place, everywhere = circle[0], np.arange(len(scores))
    gains = scores[circle] - scores[circle, heads[circle]][:, None]
    entered, left = circle[gains.argmax(axis=0)], circle[scores[:, circle].argmax(axis=1)]
    words_in, words_out, out = words[:, entered, everywhere], words[:, everywhere, left], scores[everywhere, left]
    scores[place], scores[:, place] = gains.max(axis=0), out
    words[:, place], words[:, :, place] = words_in, words_out
    scores[place, place] = scores[circle[1:]] = scores[:, circle[1:]] = -np.inf
    heads[(heads[:, None] == circle).any(axis=1)] = place
    heads[circle] = 0
    heads[place] = scores[place].argmax()


def _expanded(pending: list[int], arcs: dict[int, IntArray], circles: dict[int, list[int]], m: int) -> IntArray:
    """The head of each word, from the best arc into each node: the arc into a circle replaces one inside, the others stay."""
    heads = np.zeros(m, dtype=np.int64)
    around = {node: circle for circle, inside in circles.items() for node in inside}
    while pending:
        entered = pending.pop()
        node, heads[arcs[entered][0]] = int(arcs[entered][0]), arcs[entered][1]
        while node != entered:
            pending += [each for each in circles[around[node]] if each != node]
            node = around[node]
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
