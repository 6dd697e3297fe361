"""Print a confusion matrix on a terminal: with class names if they fit, otherwise with numbers and a legend."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..terminal import visible
from .console import console, say
from .tables import fits, table

if TYPE_CHECKING:
    from ..tasks.task import Confusion

CORNER = "true \\ predicted"
MOST_BY_NAME = 20


def print_matrix(confusion: "Confusion") -> bool:
    """Print the matrix in the first layout that fits: names, numbered columns, or numbers and a legend. Returns False if none does."""
    labels, matrix = confusion
    names = [visible(label) for label in labels]
    heads, rows = [CORNER, *names], [[name, *map(str, row)] for name, row in zip(names, matrix.tolist(), strict=True)]
    if len(labels) <= MOST_BY_NAME and fits(heads, rows):
        table(heads, rows, title="confusion matrix")
        return True
    numbers = [str(place + 1) for place in range(len(names))]
    cells = [[str(count) if count else "." for count in row] for row in matrix.tolist()]
    width = console().width
    numbered = [f"{number:>{len(numbers[-1])}} {name}" for number, name in zip(numbers, names, strict=True)]
    for corner, row_heads, legend in ((CORNER, numbered, []), ("", numbers, numbered)):
        lines = _lines(corner, row_heads, numbers, cells)
        if _width(lines[0]) <= width and _width(lines[1]) <= width:
            say("confusion matrix" if corner else f"confusion matrix, {CORNER}")
            print("\n".join([*lines, *_legend(legend, width)]))
            return True
    return False


def _lines(corner: str, row_heads: Sequence[str], heads: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table with one space between columns and right-aligned figures."""
    first = max(map(_width, (corner, *row_heads)))
    widths = [max(map(len, (head, *column))) for head, column in zip(heads, zip(*cells, strict=True), strict=True)]
    return [" ".join([name + " " * (first - _width(name)), *(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))])
            for name, row in ((corner, heads), *zip(row_heads, cells, strict=True))]


def _legend(numbered: Sequence[str], width: int) -> list[str]:
    """The number of each class; a name is wrapped only if it is wider than the terminal."""
    parts = [part.strip().replace(" ", "\xa0") for part in numbered]
    return [line.replace("\xa0", " ") for line in textwrap.wrap(", ".join(parts), width, break_on_hyphens=False)]


def _width(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
