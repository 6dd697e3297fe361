"""Values with their location: file, line and column."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

Scalar = str | int | float | bool | None

PACKAGED = Path(__file__).parent.parent
"""The folder of the packaged recipes."""


@dataclass(frozen=True)
class Place:
    """A location: in a file or, without one, in `source`, such as a command line option."""

    source: str
    line: int = 1
    column: int = 1
    file: Path | None = None

    @property
    def short(self) -> str:
        """`file:line`, or only the source if it is not a file."""
        return f"{self.source}:{self.line}" if self.file else self.source

    def __str__(self) -> str:
        return f"{self.short}:{self.column}" if self.file else self.source


@dataclass(frozen=True)
class Located:
    """A value, its location, and the location of its key if it has one."""

    value: "Scalar | dict[str, Located] | list[Located]"
    place: Place
    key: Place | None = None

    @property
    def mapping(self) -> "dict[str, Located]":
        """The entries of a mapping; empty if the value is not a mapping."""
        return self.value if isinstance(self.value, dict) else {}

    def plain(self) -> Any:
        """The value without locations, as plain dictionaries and lists."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        return [item.plain() for item in self.value] if isinstance(self.value, list) else self.value


def shown(path: Path) -> str:
    """A path for messages: relative to the current folder, or starting with `configs/` for packaged files."""
    path = path.absolute()
    for root in (Path.cwd(), PACKAGED.parent):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return str(path)
