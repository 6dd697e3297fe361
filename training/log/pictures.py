"""Pictures for the log, drawn by Pillow: ready in a few hundredths of a second, where a plotting library takes half of one."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...datasets.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from PIL.Image import Image

DARK = np.array([8, 48, 107])
LONGEST_LABEL = 24
GAP = 6
CAPTION = "rows: labelled   columns: predicted   colour: share of the row"
LOOKED_AT = "rows: written   columns: read   colour: share of the row"


def confusion_matrix_png(matrix: IntArray, labels: Sequence[str]) -> bytes:
    """`matrix[i, j]` counts texts of class i that were called class j; colours show the share of each row. Returns a PNG file.

    Above 50 classes the counts would be too small to read, and only the colours are drawn.
    """
    cell, size = (46, 14) if len(labels) <= 20 else (32, 10) if len(labels) <= 50 else (13, 10)
    font = _font(size)
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    written = {place: _short(int(counts[place])) for place in map(tuple, np.argwhere(counts))} if len(labels) <= 50 else {}
    names = [_label(label, number, font) for number, label in enumerate(labels)]
    return _png(_framed(_cells(shares, cell, written, font), names, names, cell, size, CAPTION))


def alignment_png(weights: FloatArray, source: Sequence[str], target: Sequence[str]) -> bytes:
    """`weights[i, j]`, from 0 to 1: how much target token i looked at source token j. Returns a PNG file."""
    cell, size = (32, 14) if max(len(source), len(target)) <= 30 else (16, 10)
    font = _font(size)
    columns, rows = ([_label(token, number, font) for number, token in enumerate(tokens)] for tokens in (source, target))
    return _png(_framed(_cells(np.asarray(weights), cell, {}, font), rows, columns, cell, size, LOOKED_AT))


def _framed(cells: "Image", rows: Sequence[str], columns: Sequence[str], cell: int, size: int, caption: str) -> "Image":
    """The cells with a name before each row and over each column, and a caption below."""
    from PIL import Image, ImageDraw

    font = _font(size)
    left, top = (round(max(font.getlength(name) for name in names)) + 3 * GAP for names in (rows, columns))
    beside, over = Image.new("RGB", (left, cells.height), "white"), Image.new("RGB", (top, cells.width), "white")
    for number, name in enumerate(rows):
        ImageDraw.Draw(beside).text((left - GAP, number * cell + cell // 2), name, "black", font, anchor="rm")
    for number, name in enumerate(columns):
        ImageDraw.Draw(over).text((GAP, number * cell + cell // 2), name, "black", font, anchor="lm")
    width = max(left + cells.width, round(font.getlength(caption))) + 2 * GAP
    picture = Image.new("RGB", (width, top + cells.height + 2 * size + GAP), "white")
    picture.paste(beside, (0, top))
    picture.paste(over.rotate(90, expand=True), (left, 0))
    picture.paste(cells, (left, top))
    ImageDraw.Draw(picture).text((GAP, top + cells.height + size), caption, "black", font, anchor="lm")
    return picture


def _cells(shares: FloatArray, cell: int, written: Mapping[tuple[int, ...], str], font: Any) -> "Image":
    """A square for each share, white for 0 and dark for 1, and what is written into some of them."""
    from PIL import Image, ImageDraw

    colours = np.round(255 + shares[..., None] * (DARK - 255)).astype(np.uint8)
    picture = Image.fromarray(colours.repeat(cell, axis=0).repeat(cell, axis=1))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, picture.width - 1, picture.height - 1), outline="black")
    for (row, column), text in written.items():
        place = (column * cell + cell // 2, row * cell + cell // 2)
        draw.text(place, text, "white" if shares[row, column] > 0.5 else "black", font, anchor="mm")
    return picture


def _font(size: int) -> Any:
    """DejaVu Sans from matplotlib's files, which has most alphabets; without it Pillow's own, which has plain Latin only."""
    from PIL import ImageFont

    spec = find_spec("matplotlib")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)


def _label(label: str, number: int, font: Any) -> str:
    """The label, shortened; its number in the list of labels where the font lacks a letter of it."""
    label = "".join(letter if letter.isprintable() else " " for letter in label)  # a line break cannot be drawn
    lacking = bytes(font.getmask("\uffff"))
    if any(bytes(font.getmask(letter)) == lacking for letter in set(label) if not letter.isspace()):
        return f"#{number}"
    return label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"


def _short(count: int) -> str:
    """At most four signs: 9999, 12k, 3M."""
    return str(count) if count < 10_000 else f"{count / 1e3:.0f}k" if count < 999_500 else f"{count / 1e6:.0f}M"


def _png(picture: "Image") -> bytes:
    file = BytesIO()
    picture.save(file, format="png")
    return file.getvalue()
