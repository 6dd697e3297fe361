"""A dependency tree in plain characters: a word in each line, in the order of the sentence, further right the deeper it is."""

from collections.abc import Sequence


def drawn_tree(words: Sequence[str], heads: Sequence[int], relations: Sequence[str]) -> list[str]:
    """A line for each word: the branch from its head, the word, its relation, its number and that of its head.

    `|` leads from a word to those that hang on it, above and below. Where branches cross, the numbers say what hangs on what.
    """
    depths = [_depth(heads, place) for place in range(len(words))]
    passed = _passed(heads, depths)
    branches = [_branch(passed[place], depths[place]) + word for place, word in enumerate(words)]
    widths = [max(map(len, column), default=0) for column in (branches, relations, [str(len(words))])]
    return [f"{branch:{widths[0]}}  {relation:{widths[1]}}  {place:>{widths[2]}} < {head}".rstrip()
            for place, (branch, relation, head) in enumerate(zip(branches, relations, heads, strict=True), start=1)]


def _depth(heads: Sequence[int], place: int) -> int:
    depth = 0
    while heads[place]:
        place, depth = heads[place] - 1, depth + 1
    return depth


def _passed(heads: Sequence[int], depths: Sequence[int]) -> list[set[int]]:
    """For each line the columns in which the branch of another word goes past it, from its head to it."""
    passed = [set[int]() for _ in heads]
    for place, head in enumerate(heads):
        low, high = sorted((place, head - 1))
        for line in range(low + 1, high if head else 0):
            passed[line].add(depths[place] - 1)
    return passed


def _branch(passed: set[int], depth: int) -> str:
    """What stands before a word: `|` where a branch of another word passes, `+--` from its head."""
    before = "".join("|  " if column in passed else "   " for column in range(depth - 1))
    return before + "+--" if depth else ""
