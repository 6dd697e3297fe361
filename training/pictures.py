"""Pictures for the log, drawn by Pillow: ready in a few hundredths of a second, where a plotting library takes half of one."""

from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.data import IntArray

if TYPE_CHECKING:
    from PIL.Image import Image

DARK = np.array([8, 48, 107])
LONGEST_LABEL = 24
GAP = 6
CAPTION = "rows: labelled   columns: predicted   colour: share of the row"


def confusion_matrix_png(matrix: IntArray, labels: Sequence[str]) -> bytes:
    """`matrix[i, j]` counts texts of class i that were called class j; colours show the share of each row. Returns a PNG file.

    Above 50 classes the counts would be too small to read, and only the colours are drawn.
    """
    from PIL import Image, ImageDraw

    cell, size = (46, 14) if len(labels) <= 20 else (32, 10) if len(labels) <= 50 else (13, 10)
    font, n = _font(size), len(labels)
    names = [_label(label, number, font) for number, label in enumerate(labels)]
    edge = round(max(font.getlength(name) for name in names)) + 3 * GAP
    rows, columns = Image.new("RGB", (edge, n * cell), "white"), Image.new("RGB", (edge, n * cell), "white")
    for number, name in enumerate(names):
        middle = number * cell + cell // 2
        ImageDraw.Draw(rows).text((edge - GAP, middle), name, "black", font, anchor="rm")
        ImageDraw.Draw(columns).text((GAP, middle), name, "black", font, anchor="lm")
    width = max(edge + n * cell, round(font.getlength(CAPTION))) + 2 * GAP
    picture = Image.new("RGB", (width, edge + n * cell + 2 * size + GAP), "white")
    picture.paste(rows, (0, edge))
    picture.paste(columns.rotate(90, expand=True), (edge, 0))
    picture.paste(_cells(np.asarray(matrix), cell, font if n <= 50 else None), (edge, edge))
    ImageDraw.Draw(picture).text((GAP, edge + n * cell + size), CAPTION, "black", font, anchor="lm")
    return _png(picture)


def _cells(counts: IntArray, cell: int, font: Any) -> "Image":
    """The matrix itself: white for no text of a row, dark for all of them."""
    from PIL import Image, ImageDraw

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colours = np.round(255 + shares[..., None] * (DARK - 255)).astype(np.uint8)
    picture = Image.fromarray(colours.repeat(cell, axis=0).repeat(cell, axis=1))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, picture.width - 1, picture.height - 1), outline="black")
    for row, column in np.argwhere(counts) if font is not None else ():
        place = (column * cell + cell // 2, row * cell + cell // 2)
        draw.text(place, _short(int(counts[row, column])), "white" if shares[row, column] > 0.5 else "black", font, anchor="mm")
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
