"""Arc-hybrid transitions (Kuhlmann et al. 2011) for several sentences at once, and the cost of each (Goldberg and Nivre 2013)."""

from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer[Any]]
BoolArray = npt.NDArray[np.bool_]

SHIFT, LEFT, RIGHT = range(3)
"""SHIFT moves the first word of the buffer onto the stack; LEFT makes it the head of the stack's top; RIGHT makes the second word of the
stack the head of the top. LEFT and RIGHT pop the stack."""
N_TRANSITIONS = 3


class Configurations:
    """Stacks, buffers and arcs of several sentences, one per row, the longest first.

    Words count from 1. 0 is the root, at the bottom of the stack, which gets a dependent only when the buffer is empty, and therefore
    exactly one. `nothing` is the index of a missing word. A sentence of n words takes 2 n transitions.
    """

    def __init__(self, lengths: IntArray) -> None:
        self.lengths = lengths
        n_rows, longest = len(lengths), int(lengths.max(initial=0))
        self.nothing = longest + 1
        self.rows = np.arange(n_rows)
        self.stack = np.zeros((n_rows, longest + 1), dtype=np.int64)
        self.depth = np.ones(n_rows, dtype=np.int64)
        self.next = np.ones(n_rows, dtype=np.int64)
        self.heads, self.relations = (np.full((n_rows, longest + 2), -1, dtype=np.int64) for _ in range(2))
        self.on_stack = np.zeros((n_rows, longest + 2), dtype=bool)
        self.on_stack[:, 0] = True
        # For each word the outermost child on either side, the second outermost one, and the number of children.
        self.outermost, self.second = (np.full((n_rows, longest + 2, 2), self.nothing) for _ in range(2))
        self.n_children = np.zeros((n_rows, longest + 2, 2), dtype=np.int64)

    def drop_finished(self, n_done: int) -> None:
        """Drop the sentences that are finished after `n_done` transitions."""
        self.rows = np.arange(int((2 * self.lengths > n_done).sum()))

    def of_stack(self, place: int) -> IntArray:
        """(rows,): the word at this position of the stack; 0 is the top."""
        depth = self.depth[self.rows]
        return np.where(depth > place, self.stack[self.rows, depth - 1 - place], self.nothing)

    def of_buffer(self, place: int) -> IntArray:
        """(rows,): the word at this position of the buffer."""
        words = self.next[self.rows] + place
        return np.where(words <= self.lengths[self.rows], words, self.nothing)

    def legal(self) -> BoolArray:
        """(rows, 3): which transitions are legal."""
        depth, waiting = self.depth[self.rows], self.next[self.rows] <= self.lengths[self.rows]
        return np.stack([waiting, waiting & (depth > 1), np.where(waiting, depth > 2, depth > 1)], axis=1)

    def costs(self, gold: IntArray) -> IntArray:
        """(rows, 3): how many gold arcs can no longer be reached after each legal transition; exact if the tree has no crossing arcs.
        `gold`: heads (n_rows, longest + 2), -1 where there is no word."""
        rows, places = self.rows, np.arange(self.nothing + 1)
        top, second, first = self.of_stack(0), self.of_stack(1), self.next[rows]
        gold = gold[rows]
        head_of_top, head_of_first = gold[rows, top], gold[rows, np.minimum(first, self.nothing)]
        waiting = (gold == top[:, None]) & (places >= first[:, None])
        lost_children = waiting.sum(axis=1)
        left = lost_children + (head_of_top == second) + (head_of_top > first)
        right = lost_children + (head_of_top >= first)
        below = self.on_stack[rows, head_of_first] & (head_of_first != top) & (head_of_first >= 0)
        shift = below + ((gold == first[:, None]) & self.on_stack[rows]).sum(axis=1)
        return np.stack([shift, left, right], axis=1)

    def arcs(self, transitions: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """The rows in which a transition adds an arc, its head and its dependent."""
        rows = np.flatnonzero(transitions != SHIFT)
        heads = np.where(transitions == LEFT, self.of_buffer(0), self.of_stack(1))
        return rows, heads[rows], self.of_stack(0)[rows]

    def take(self, transitions: IntArray, relations: IntArray) -> None:
        """Apply one transition per row (rows,); `relations` are those of the new arcs, in the order of `arcs`."""
        shifted = np.flatnonzero(transitions == SHIFT)
        rows, heads, dependents = self.arcs(transitions)
        self.stack[shifted, self.depth[shifted]] = self.next[shifted]
        self.on_stack[shifted, self.next[shifted]] = True
        self.depth[shifted] += 1
        self.next[shifted] += 1
        self.heads[rows, dependents], self.relations[rows, dependents] = heads, relations
        self.on_stack[rows, dependents] = False
        self.depth[rows] -= 1
        side = (transitions[rows] == RIGHT).astype(np.int64)
        self.second[rows, heads, side] = self.outermost[rows, heads, side]
        self.outermost[rows, heads, side] = dependents
        self.n_children[rows, heads, side] += 1
