"""Tables on a terminal: text is folded if it is too narrow, but numbers are never split. Rich is loaded only to draw one."""

import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..terminal import visible
from .console import console, say

if TYPE_CHECKING:
    from rich.console import Console

FOLDED_WIDTH = 8
"""The minimum width of a column of text."""


class Column(NamedTuple):
    """The name of a column and its cells from top to bottom."""

    name: str
    cells: Sequence[str]

    @property
    def holds_figures(self) -> bool:
        return bool(self.cells) and all(re.match(r"<?([-+]?\.?\d|-?$)", cell) for cell in self.cells)

    @property
    def width(self) -> int:
        """The width needed without folding."""
        return _widest((self.name, *self.cells))

    @property
    def least_width(self) -> int:
        """The minimum width after folding, which splits neither numbers nor words with digits."""
        if self.holds_figures:
            return _widest(self.cells)
        words = [word for cell in self.cells for word in cell.split() if re.search(r"\d", word)]
        return min(self.width, max(FOLDED_WIDTH, _widest(words)))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None, dispensable: Sequence[str] = ()) -> None:
    """Print a table; figures are right-aligned.

    If the terminal is too narrow, `dispensable` columns are left out, in the order given, and named below the table; then text is
    folded; and if that is not enough, each row is printed line by line, as `column: cell`.
    """
    screen, shown = console(), _columns(columns, rows)
    for name in dispensable:
        if _row_width([column.width for column in shown]) > screen.width:
            shown = [column for column in shown if column.name != name]
    left_out = [name for name in columns if name not in {column.name for column in shown}]
    if title:
        screen.print(visible(title), style="bold")
    if (widths := _fitted(shown, screen.width)) is not None:
        _draw(screen, shown, widths)
    else:
        _print_records(shown)
    if left_out:
        say(f"A wider terminal also shows: {', '.join(left_out)}.")


def fits(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table fits the terminal without folding a cell."""
    return _row_width([column.width for column in _columns(columns, rows)]) <= console().width


def _columns(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Column]:
    return [Column(visible(name), [visible(row[place]) for row in rows]) for place, name in enumerate(names)]


def _fitted(columns: Sequence[Column], room: int) -> list[int] | None:
    """The width of each column; None if they cannot be folded that far."""
    widths, least = [column.width for column in columns], [column.least_width for column in columns]
    while (excess := _row_width(widths) - room) > 0:
        place = max(range(len(widths)), key=lambda each: widths[each] - least[each])
        if widths[place] == least[place]:
            return None
        widths[place] -= min(excess, -(-(widths[place] - least[place]) // 2))
    return widths


def _draw(screen: "Console", columns: Sequence[Column], widths: Sequence[int]) -> None:
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column, width in zip(columns, widths, strict=True):
        drawn.add_column(column.name, justify="right" if column.holds_figures else "left", overflow="fold", width=width)
    for row in zip(*(column.cells for column in columns), strict=True):
        drawn.add_row(*row)
    screen.print(drawn)


def _print_records(columns: Sequence[Column]) -> None:
    for row in zip(*(column.cells for column in columns), strict=True):
        print()
        for column, cell in zip(columns, row, strict=True):
            say(f"{column.name}: {cell}")


def _widest(texts: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def _row_width(widths: Sequence[int]) -> int:
    """The total width, with two spaces between columns."""
    return sum(widths) + 2 * (len(widths) - 1)


def table_with_details(columns: Sequence[str], rows: Sequence[Sequence[str]], details: Sequence[str], dispensable: Sequence[str]) -> None:
    """Print a table with a line of text below each row, cut between words to fit the terminal."""
    shown, room = _columns(columns, rows), console().width
    for name in dispensable:
        if _row_width([column.width for column in shown]) > room:
            shown = [column for column in shown if column.name != name]
    print("  ".join(_padded(column.name, column) for column in shown).rstrip())
    for place, detail in enumerate(details):
        print("  ".join(_padded(column.cells[place], column) for column in shown).rstrip())
        print(f"    {textwrap.shorten(visible(detail), room - 4, placeholder=' ...')}")
    if left_out := [name for name in columns if name not in {column.name for column in shown}]:
        say(f"A wider terminal also shows: {', '.join(left_out)}.")


def _padded(text: str, column: Column) -> str:
    """The text padded to the width of the column; numbers are right-aligned."""
    space = " " * (column.width - _widest([text]))
    return space + text if column.holds_figures else text + space
