"""Names of classes and tags, and those that are missing in training."""

from collections.abc import Iterable, Sequence

from ...errors import ConfigError

UNSEEN = -1
"""The id of a class or tag that is not in the list."""
NAMED = 5
"""Number of names that a notice lists."""


def declared_or(declared: Sequence[str] | None, present: Sequence[str]) -> tuple[str, ...]:
    """The declared names in their order, or by default those that are present. Raises ConfigError for a name that is declared twice."""
    if declared is None:
        return tuple(present)
    if len(set(declared)) < len(declared):
        twice = next(label for index, label in enumerate(declared) if label in declared[:index])
        raise ConfigError(f"task.labels names {twice!r} twice; name each class once.")
    return tuple(declared)


def some_names(names: Iterable[str]) -> str:
    """The first of the names in alphabetical order, each once: `a`, `b`, ..."""
    distinct = sorted(set(names))
    return ", ".join(f"`{name}`" for name in distinct[:NAMED]) + (", ..." if len(distinct) > NAMED else "")
