"""Confusion matrices and attention weights as SVG files: sharp at any size, with searchable text in the viewer's fonts."""

import unicodedata
from collections.abc import Iterator, Sequence
from html import escape

from ..training.log.pictures import DARK, GAP, Matrix, matrix_png, one_line

FONTS = "DejaVu Sans, Verdana, sans-serif"
"""The widest font first: the layout is computed for it, so narrower fonts fit too."""


def matrix_file(matrix: Matrix, format_: str) -> bytes:
    """The picture as `png` or `svg`."""
    return matrix_svg(matrix) if format_ == "svg" else matrix_png(matrix)


def matrix_svg(matrix: Matrix) -> bytes:
    """The picture that `matrix_png` draws, as an SVG file."""
    rows, columns, cell = [one_line(name) for name in matrix.rows], [one_line(name) for name in matrix.columns], matrix.cell
    left, top = (round(max(map(_width, names)) * matrix.size) + 3 * GAP for names in (rows, columns))
    across, down = len(columns) * cell, len(rows) * cell
    caption = _lines(matrix.caption, left + across, matrix.size)
    width = max(left + across + 2 * GAP, *(round(_width(line) * matrix.size) + 2 * GAP for line in caption))
    height = top + down + round(1.3 * matrix.size) * len(caption) + 2 * GAP
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
             f'font-family="{FONTS}" font-size="{matrix.size}">', f'<rect width="{width}" height="{height}" fill="white"/>',
             f'<g transform="translate({left} {top})">', *_cells(matrix),
             f'<rect width="{across}" height="{down}" fill="none" stroke="black"/>', *_names(rows, columns, cell), "</g>",
             *(_text(GAP, top + down + GAP + round(1.3 * matrix.size) * (number + 0.5), line, "start")
               for number, line in enumerate(caption)), "</svg>"]
    return "\n".join([*parts, ""]).encode()


def _cells(matrix: Matrix) -> Iterator[str]:
    """A square for each cell that is not white, with a tooltip of its names and share, and the text in the cell."""
    cell, (rows, columns) = matrix.cell, matrix.shares.shape
    for row, column in ((row, column) for row in range(rows) for column in range(columns)):
        share = float(matrix.shares[row, column])
        colour = "#" + "".join(f"{round(255 + share * (int(dark) - 255)):02x}" for dark in DARK)
        title = f"{one_line(matrix.rows[row])} → {one_line(matrix.columns[column])}: {share:.1%}"
        if colour != "#ffffff":
            yield (f'<rect x="{column * cell}" y="{row * cell}" width="{cell}" height="{cell}" fill="{colour}">'
                   f"<title>{escape(title)}</title></rect>")
        if text := matrix.written.get((row, column)):
            yield _text((column + 0.5) * cell, (row + 0.5) * cell, text, "middle", "white" if share > 0.5 else "black")


def _names(rows: Sequence[str], columns: Sequence[str], cell: int) -> Iterator[str]:
    """Names to the left of the rows, and vertically above the columns."""
    for number, name in enumerate(rows):
        yield _text(-GAP, (number + 0.5) * cell, name, "end")
    for number, name in enumerate(columns):
        yield f'<g transform="translate({(number + 0.5) * cell} {-GAP}) rotate(-90)">{_text(0, 0, name, "start")}</g>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "black") -> str:
    """A text centred vertically at `y`: its baseline is 0.35 em below, which all viewers render alike."""
    place = f'x="{x:g}" y="{y:g}" dy="0.35em" text-anchor="{anchor}" fill="{colour}"'
    return f'<text {place} xml:space="preserve" pointer-events="none">{escape(text)}</text>'


def _lines(caption: Sequence[str], width: int, size: int) -> Sequence[str]:
    """The caption joined into one line, or one line per part if that is wider than the picture."""
    one = "   ".join(caption)
    return [one] if _width(one) * size <= width else caption


def _width(text: str) -> float:
    """Estimated width of a text in em: East Asian letters are as wide as they are high, capitals a little narrower."""
    return sum(1.0 if unicodedata.east_asian_width(letter) in "WF" else 0.75 if letter.isupper() else 0.62 for letter in text)
