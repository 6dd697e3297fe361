"""The dependency tree with the best arc scores: maximum spanning arborescence with a single root (Chu and Liu 1965; Edmonds 1967)."""

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]


def best_tree(scores: FloatArray) -> IntArray:
    """(n, n + 1) finite scores of heads for each word, the root first -> (n,): the head of each word in the best tree with one root.

    Heads are words counted from 1, and 0 for the root; a word is never its own head.
    """
    n = len(scores)
    square = np.full((n + 1, n + 1), -np.inf)  # [dependent, head]
    square[1:] = scores
    np.fill_diagonal(square, -np.inf)
    heads = square[1:].argmax(axis=1)
    if n and ((heads == 0).sum() != 1 or _cycle(np.append(0, heads)) is not None):
        spread = square[1:][np.isfinite(square[1:])]
        # Arcs from the root become so much worse than all others that the best tree has as few of them as possible: one.
        square[1:, 0] -= (float(spread.max()) - float(spread.min()) + 1) * (n + 1)
        heads = _arborescence(square)[1:]
    return heads.astype(np.int64)


def _arborescence(scores: FloatArray) -> IntArray:
    """(m, m) scores [dependent, head], node 0 the root -> (m,) heads of the best arborescence; the head of the root has no meaning.

    Cycles are contracted one after the other, each into one of its own nodes, so that time and memory grow with m²; `scores` is
    overwritten.
    """
    m = len(scores)
    heads = scores.argmax(axis=1)
    heads[0] = 0
    words = np.indices((m, m), dtype=np.int32)  # dependent and head of the best arc between two nodes
    nodes, alive = list(range(m)), np.ones(m, dtype=bool)  # the node at each position, numbered in order of creation
    arcs, cycles = dict[int, IntArray](), dict[int, list[int]]()
    while (cycle := _cycle(heads)) is not None:
        cycles[m + len(cycles)] = inside = [nodes[place] for place in cycle]
        arcs.update(zip(inside, words[:, cycle, heads[cycle]].T, strict=True))
        _contract(cycle, scores, words, heads)
        nodes[cycle[0]], alive[cycle[1:]] = m + len(cycles) - 1, False
    left = np.flatnonzero(alive)[1:]
    pending = [nodes[place] for place in left]
    arcs.update(zip(pending, words[:, left, heads[left]].T, strict=True))
    return _expanded(pending, arcs, cycles, m)


def _contract(cycle: IntArray, scores: FloatArray, words: IntArray, heads: IntArray) -> None:
    """Contract a cycle into its first node. An arc into it replaces the arc of the cycle into the same word."""
    place, everywhere = cycle[0], np.arange(len(scores))
    gains = scores[cycle] - scores[cycle, heads[cycle]][:, None]
    entered, left = cycle[gains.argmax(axis=0)], cycle[scores[:, cycle].argmax(axis=1)]
    words_in, words_out, out = words[:, entered, everywhere], words[:, everywhere, left], scores[everywhere, left]
    scores[place], scores[:, place] = gains.max(axis=0), out
    words[:, place], words[:, :, place] = words_in, words_out
    scores[place, place] = scores[cycle[1:]] = scores[:, cycle[1:]] = -np.inf
    heads[(heads[:, None] == cycle).any(axis=1)] = place
    heads[cycle] = 0
    heads[place] = scores[place].argmax()


def _expanded(pending: list[int], arcs: dict[int, IntArray], cycles: dict[int, list[int]], m: int) -> IntArray:
    """The head of each word, from the best arc into each node: the arc into a cycle replaces one inside it, the others stay."""
    heads = np.zeros(m, dtype=np.int64)
    cycle_of = {node: cycle for cycle, inside in cycles.items() for node in inside}
    while pending:
        entered = pending.pop()
        node, heads[arcs[entered][0]] = int(arcs[entered][0]), arcs[entered][1]
        while node != entered:
            pending += [other for other in cycles[cycle_of[node]] if other != node]
            node = cycle_of[node]
    return heads


def _cycle(heads: IntArray) -> IntArray | None:
    """The nodes of a cycle, or None; node 0 is the root."""
    seen = np.zeros(len(heads), dtype=np.int64)
    for start in range(1, len(heads)):
        node = start
        while node and not seen[node]:
            seen[node] = start
            node = int(heads[node])
        if node and seen[node] == start:
            cycle = [node]
            while (node := int(heads[node])) != cycle[0]:
                cycle.append(node)
            return np.array(cycle)
    return None
