"""Dependency trees as the heads of words, counted from 1, with 0 for the root: validation and text format."""

from collections.abc import Sequence

from ....errors import DataError


def tree_text(heads: Sequence[int], relations: Sequence[str]) -> str:
    """`HEAD:RELATION` of each word, separated by spaces."""
    return " ".join(f"{head}:{relation}" for head, relation in zip(heads, relations, strict=True))


def heads_of(written: Sequence[str], words: Sequence[str], where: str) -> list[int]:
    """The heads of a sentence as numbers. Raises DataError if they are not a tree with one root."""
    heads = [_number(head, place, words, where) for place, head in enumerate(written)]
    roots = [place for place, head in enumerate(heads) if head == 0]
    if words and len(roots) != 1:
        named = " and ".join(_named(place, words) for place in roots[:2])
        problem = f"{len(roots)} words with the head 0, {named}" if roots else "no word with the head 0"
        raise DataError(f"{where}: the sentence has {problem}. A dependency tree has exactly one root; correct the column of heads.")
    if cycle := _cycle(heads):
        named = ", ".join(_named(place, words) for place in cycle)
        raise DataError(f"{where}: the heads of the sentence form a cycle, each word the head of the one before: {named}. In a "
                        "dependency tree every word leads to the root; correct the column of heads.")
    return heads


def _number(head: str, place: int, words: Sequence[str], where: str) -> int:
    if not (head.isascii() and head.isdecimal()):
        raise DataError(f"{where}: {_named(place, words)} has the head {head!r}, which is not a number. Each word needs the number of its "
                        "head, counted from 1, or 0 for the root.")
    if int(head) > len(words) or int(head) == place + 1:
        problem = "the word itself" if int(head) == place + 1 else f"outside the sentence of {len(words)} words"
        raise DataError(f"{where}: {_named(place, words)} has the head {head}, which is {problem}. Each word needs the number of another "
                        "word as its head, counted from 1, or 0 for the root.")
    return int(head)


def _named(place: int, words: Sequence[str]) -> str:
    return f"word {place + 1} (`{words[place]}`)"


def _cycle(heads: Sequence[int]) -> list[int]:
    """The positions of words that form a cycle, each the head of the one before; empty for a tree."""
    reaches_root = [False] * len(heads)
    for start in range(len(heads)):
        path, place = list[int](), start
        while place >= 0 and not reaches_root[place]:
            if place in path:
                return path[path.index(place) :]
            path.append(place)
            place = heads[place] - 1
        for each in path:
            reaches_root[each] = True
    return []
