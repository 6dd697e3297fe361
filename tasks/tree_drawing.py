"""A dependency tree in plain characters: a word in each line, in the order of the sentence, further right the deeper it is."""

from collections.abc import Sequence


def drawn_tree(words: Sequence[str], heads: Sequence[int], relations: Sequence[str]) -> list[str]:
    """A line for each word: the branch from its head, the word, its relation, its number and that of its head.

    `|` leads from a word to those that hang on it, above and below. Where branches cross, the numbers say what hangs on what.
    """
    depths = [_depth(heads, place) for place in range(len(words))]
    branches = [_branch(place, heads, depths) + word for place, word in enumerate(words)]
    widths = [max(map(len, column), default=0) for column in (branches, relations, [str(len(words))])]
    return [f"{branch:{widths[0]}}  {relation:{widths[1]}}  {place:>{widths[2]}} < {head}".rstrip()
            for place, (branch, relation, head) in enumerate(zip(branches, relations, heads, strict=True), start=1)]


def _depth(heads: Sequence[int], place: int) -> int:
    depth = 0
    while heads[place]:
        place, depth = heads[place] - 1, depth + 1
    return depth


def _branch(place: int, heads: Sequence[int], depths: Sequence[int]) -> str:
    """What stands before a word: `|` where a branch of another word passes, `+--` from its head."""
    passed = ["|" if any(depths[other] == depth + 1 and _spans(other, heads, place) for other in range(len(heads))) else " "
              for depth in range(depths[place])]
    own = len(passed) - 1
    return "".join(f"{'+--' if depth == own else mark + '  '}" for depth, mark in enumerate(passed))


def _spans(other: int, heads: Sequence[int], place: int) -> bool:
    """Whether the branch from the head of another word to it goes past a line."""
    low, high = sorted((other, heads[other] - 1))
    return low < place < high
