"""The confusion matrix as lines of a terminal: classes by name where they fit, else by number with a legend."""

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
    """Print the matrix in the first form that fits: with names, with numbers for columns, with numbers and a legend. False if none does."""
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
    for corner, firsts, legend in ((CORNER, numbered, []), ("", numbers, numbered)):
        lines = _lines(corner, firsts, numbers, cells)
        if _width(lines[0]) <= width and _width(lines[1]) <= width:
            say("confusion matrix" if corner else f"confusion matrix, {CORNER}")
            print("\n".join([*lines, *_legend(legend, width)]))
            return True
    return False


def _lines(corner: str, firsts: Sequence[str], heads: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    """A table with one space between columns, all figures to the right."""
    first = max(map(_width, (corner, *firsts)))
    widths = [max(map(len, (head, *column))) for head, column in zip(heads, zip(*cells, strict=True), strict=True)]
    return [" ".join([name + " " * (first - _width(name)), *(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))])
            for name, row in ((corner, heads), *zip(firsts, cells, strict=True))]


def _legend(numbered: Sequence[str], width: int) -> list[str]:
    """Which class has which number; a name is broken only where it is wider than the terminal."""
    parts = [part.strip().replace(" ", "\xa0") for part in numbered]
    return [line.replace("\xa0", " ") for line in textwrap.wrap(", ".join(parts), width, break_on_hyphens=False)]


def _width(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
