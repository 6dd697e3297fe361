"""Pictures for the log, drawn by Pillow in a few hundredths of a second; a plotting library would take half a second."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...datasets.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from PIL.Image import Image

DARK = np.array([8, 48, 107])
LONGEST_LABEL = 24
GAP = 6
CAPTION = ("rows: labelled", "columns: predicted", "colour: share of the row")
ATTENTION_CAPTION = ("rows: written", "columns: read", "colour: share of the row")
NUMBERED = "#n: the n-th label, no installed font has its letters"


class Name(NamedTuple):
    """The label of a row or column, and a font that has its letters."""

    text: str
    font: Any
    is_number: bool = False


class Matrix(NamedTuple):
    """A matrix to draw: shares from 0 to 1 that colour cells of `cell` pixels, and texts of `size` pixels."""

    shares: FloatArray
    written: Mapping[tuple[int, ...], str]
    rows: Sequence[str]
    columns: Sequence[str]
    cell: int
    size: int
    caption: Sequence[str]


def confusion_matrix(matrix: IntArray, labels: Sequence[str]) -> Matrix:
    """`matrix[i, j]` counts texts of class i that were predicted as class j; colours show shares within each row.

    Letters are as large as cells allow, since TensorBoard shows pictures at half their size or less. With more than 50 classes the counts
    would be too small to read, and only the colours are drawn.
    """
    cell, largest = (46, 22) if len(labels) <= 20 else (32, 16) if len(labels) <= 50 else (14, 12)
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    written = {place: _short(int(counts[place])) for place in map(tuple, np.argwhere(counts))} if len(labels) <= 50 else {}
    return Matrix(shares, written, labels, labels, cell, _fitting(written.values(), cell, largest), CAPTION)


def alignment(weights: FloatArray, source: Sequence[str], target: Sequence[str]) -> Matrix:
    """`weights[i, j]`, from 0 to 1: the attention of target token i to source token j."""
    cell, size = (32, 20) if max(len(source), len(target)) <= 30 else (16, 12)
    return Matrix(np.asarray(weights), {}, target, source, cell, size, ATTENTION_CAPTION)


def matrix_png(matrix: Matrix) -> bytes:
    """The picture as a PNG file."""
    rows, columns = _names(matrix.rows, matrix.size), _names(matrix.columns, matrix.size)
    cells = _cells(matrix.shares, matrix.cell, matrix.written, _font(matrix.size))
    return _png(_framed(cells, rows, columns, matrix.cell, matrix.size, matrix.caption))


def confusion_matrix_png(matrix: IntArray, labels: Sequence[str]) -> bytes:
    """A confusion matrix as a PNG file."""
    return matrix_png(confusion_matrix(matrix, labels))


def alignment_png(weights: FloatArray, source: Sequence[str], target: Sequence[str]) -> bytes:
    """Attention weights as a PNG file."""
    return matrix_png(alignment(weights, source, target))


def font_family(letters: frozenset[str]) -> str | None:
    """The family of an installed font that has these letters; None if the default font has them or no font does."""
    if _has(_font(12), "".join(sorted(letters))) or (path := _installed_font(letters)) is None:
        return None
    from PIL import ImageFont

    return ImageFont.truetype(path).getname()[0]


def one_line(label: str) -> str:
    """A label on one line: unprintable characters become spaces, and a long label is truncated."""
    label = "".join(letter if letter.isprintable() else " " for letter in label)
    return label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"


def _fitting(texts: Iterable[str], cell: int, largest: int) -> int:
    """The font size, up to `largest`, at which every text fits into a cell."""
    widest = max((_font(largest).getlength(text) for text in set(texts)), default=0.0)
    return min(largest, int(largest * (cell - 4) / widest)) if widest else largest


def _framed(cells: "Image", rows: Sequence[Name], columns: Sequence[Name], cell: int, size: int, caption: Sequence[str]) -> "Image":
    """The cells with row names on the left, column names above, and a caption below."""
    from PIL import Image, ImageDraw

    left, top = (round(max(name.font.getlength(name.text) for name in names)) + 3 * GAP for names in (rows, columns))
    beside, over = Image.new("RGB", (left, cells.height), "white"), Image.new("RGB", (top, cells.width), "white")
    for number, name in enumerate(rows):
        ImageDraw.Draw(beside).text((left - GAP, number * cell + cell // 2), name.text, "black", name.font, anchor="rm")
    for number, name in enumerate(columns):
        ImageDraw.Draw(over).text((GAP, number * cell + cell // 2), name.text, "black", name.font, anchor="lm")
    numbered = any(name.is_number for name in (*rows, *columns))
    below = _caption([*caption, NUMBERED] if numbered else caption, left + cells.width, _font(size))
    picture = Image.new("RGB", (max(left + cells.width + 2 * GAP, below.width), top + cells.height + below.height), "white")
    picture.paste(beside, (0, top))
    picture.paste(over.rotate(90, expand=True), (left, 0))
    picture.paste(cells, (left, top))
    picture.paste(below, (0, top + cells.height))
    return picture


def _caption(parts: Sequence[str], width: int, font: Any) -> "Image":
    """The parts on one line, or each on its own line if they are wider than the picture."""
    from PIL import Image, ImageDraw

    joined = "   ".join(parts)
    lines = [joined] if font.getlength(joined) <= width else parts
    height = round(1.3 * font.size)
    picture = Image.new("RGB", (round(max(map(font.getlength, lines))) + 2 * GAP, len(lines) * height + 2 * GAP), "white")
    for number, line in enumerate(lines):
        ImageDraw.Draw(picture).text((GAP, GAP + number * height), line, "black", font)
    return picture


def _cells(shares: FloatArray, cell: int, written: Mapping[tuple[int, ...], str], font: Any) -> "Image":
    """A square for each share, white for 0 and dark for 1, with text in some of them."""
    from PIL import Image, ImageDraw

    colours = np.round(255 + shares[..., None] * (DARK - 255)).astype(np.uint8)
    picture = Image.fromarray(colours.repeat(cell, axis=0).repeat(cell, axis=1))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, picture.width - 1, picture.height - 1), outline="black")
    for (row, column), text in written.items():
        place = (column * cell + cell // 2, row * cell + cell // 2)
        draw.text(place, text, "white" if shares[row, column] > 0.5 else "black", font, anchor="mm")
    return picture


@cache
def _font(size: int) -> Any:
    """DejaVu Sans from matplotlib, which has most alphabets; without matplotlib, Pillow's default font, which has only basic Latin."""
    from PIL import ImageFont

    spec = find_spec("matplotlib")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return _true_type(str(path), size)
    return ImageFont.load_default(size)


@cache
def _true_type(path: str, size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.truetype(path, size)


def _names(labels: Sequence[str], size: int) -> list[Name]:
    return [_name(label, number, size) for number, label in enumerate(labels, 1)]


def _name(label: str, number: int, size: int) -> Name:
    """The shortened label with a font that has its letters; if none is installed, the label in Latin letters or its number."""
    label = one_line(label)
    font = _font(size)
    if _has(font, label):
        return Name(label, font)
    if (path := _installed_font(frozenset(label))) is not None:
        return Name(label, _true_type(path, size))
    transliterated = "".join(letter if _has(font, letter) else _transliterated(letter) for letter in label)
    return Name(transliterated, font) if _has(font, transliterated) else Name(f"#{number}", font, is_number=True)


def _has(font: Any, text: str) -> bool:
    missing_glyph = bytes(font.getmask("\uffff"))
    return all(letter.isspace() or bytes(font.getmask(letter)) != missing_glyph for letter in set(text))


def _installed_font(letters: frozenset[str]) -> str | None:
    """An installed font that has these letters, found by matplotlib; for letters that the default font lacks."""
    if find_spec("matplotlib") is None:
        return None
    from matplotlib.font_manager import fontManager

    wanted = {ord(letter) for letter in letters if not letter.isspace()}
    fonts = {font.fname: font.name for font in fontManager.ttflist if font.style == "normal" and "Last Resort" not in font.name}
    for path in sorted(fonts, key=lambda path: ("Sans" not in fonts[path], path)):
        if wanted <= _letters_of(path):
            return path
    return None


@cache
def _letters_of(path: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # a file that was removed, or is not a font
        return frozenset()


def _transliterated(letter: str) -> str:
    """A letter in Latin script: without accents, or by its sound, which is part of the Unicode names of Korean and Japanese letters."""
    plain = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
    name = unicodedata.name(letter, "")
    if name.startswith(("HANGUL SYLLABLE", "HIRAGANA LETTER", "KATAKANA LETTER")):
        return name.rpartition(" ")[2].lower()
    return plain if plain.isascii() else letter


def _short(count: int) -> str:
    """The count in at most four characters: 9999, 12k, 3M."""
    return str(count) if count < 10_000 else f"{count / 1e3:.0f}k" if count < 999_500 else f"{count / 1e6:.0f}M"


def _png(picture: "Image") -> bytes:
    file = BytesIO()
    picture.save(file, format="png")
    return file.getvalue()
