"""Finds the values that a recipe leaves open for `nlp sweep`, such as `{from: 1, to: 4}` and `{choices: [relu, gelu]}`.

`configs/search_space.py` parses them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .locations import Located

Path = tuple[str | int, ...]

OPENING = frozenset({"from", "to", "choices"})
"""A mapping with one of these keys is an open value; no section of a recipe has them."""
NAMED_BY_USERS = frozenset({"columns", "class_weights"})
"""Mappings whose keys are columns or classes of the user's data, with arbitrary names."""


def is_mark(key: str | int | None, node: Located) -> bool:
    """Whether the value of a key is left open."""
    if key in NAMED_BY_USERS:
        return "choices" in node.mapping and isinstance(node.mapping["choices"].value, list)
    return bool(OPENING & node.mapping.keys()) and "type" not in node.mapping


def find_marks(document: Located, path: Path = ()) -> Iterator[tuple[Path, Located]]:
    """The open values of a document, in order."""
    if path and is_mark(path[-1], document):
        yield path, document
    elif isinstance(document.value, dict) and (not path or path[-1] not in NAMED_BY_USERS):
        for key, item in document.value.items():
            yield from find_marks(item, (*path, key))
    elif isinstance(document.value, list):
        for number, item in enumerate(document.value):
            yield from find_marks(item, (*path, number))


def with_value(document: Located, path: Sequence[str | int], value: Located) -> Located:
    """The document with the value at an existing path replaced."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    if isinstance(document.value, list):
        items = [with_value(item, rest, value) if number == first else item for number, item in enumerate(document.value)]
        return replace(document, value=items)
    return replace(document, value={**document.mapping, str(first): with_value(document.mapping[str(first)], rest, value)})
