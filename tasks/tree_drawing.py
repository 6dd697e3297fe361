"""A dependency tree as plain text: one word per line, in the order of the sentence, indented by depth."""

from collections.abc import Sequence


def drawn_tree(words: Sequence[str], heads: Sequence[int], relations: Sequence[str]) -> list[str]:
    """One line per word: the branch from its head, the word, its relation, its number and the number of its head.

    `|` connects a word to its dependents above and below. Where branches cross, only the numbers identify the heads.
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
    """For each line, the columns in which branches between other words and their heads pass it."""
    passed = [set[int]() for _ in heads]
    for place, head in enumerate(heads):
        low, high = sorted((place, head - 1))
        for line in range(low + 1, high if head else 0):
            passed[line].add(depths[place] - 1)
    return passed


def _branch(passed: set[int], depth: int) -> str:
    """The text before a word: `|` for each branch of another word, `+--` for the branch from its head."""
    before = "".join("|  " if column in passed else "   " for column in range(depth - 1))
    return before + "+--" if depth else ""
