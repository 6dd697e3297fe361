"""Pictures as arrays of grey pixels: from PNG and JPEG files, or from pixels that are written as text."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ..arrays import IntArray

MOST_PIXELS = 4_000_000
"""A file may claim any size in a few bytes; a larger picture is not unpacked."""
_PIXELS = re.compile(r"[\d\s,;]+")
_SHADES = " ░▒▓█"


def is_pixels(text: str) -> bool:
    """Whether a text holds pixels itself, such as `0 255; 128 0`, and is no path."""
    return _PIXELS.fullmatch(text) is not None


def read_picture(text: str, where: str) -> IntArray:
    """(height, width) uint8, from 0 (black) to 255 (white). Raises DataError for what is no picture."""
    return _written(text, where) if is_pixels(text) else _from_file(Path(text).expanduser(), where)


def _written(text: str, where: str) -> IntArray:
    lines = [[int(number) for number in line.replace(",", " ").split()] for line in text.split(";")]
    if not lines[0] or any(len(line) != len(lines[0]) for line in lines) or max(map(max, lines)) > 255:
        raise DataError(f"{where}: {text[:60]!r} is no picture. Write pixels from 0 to 255 line by line, as many in each, with `;` between "
                        "the lines: 0 255; 128 0.")
    return np.array(lines, dtype=np.uint8)


def _from_file(path: Path, where: str) -> IntArray:
    from PIL import Image

    if not path.is_file():
        raise DataError(f"{where}: there is no file {path}. A picture is given by the path of a PNG or JPEG file, in a table relative "
                        "to it.")
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:  # looks at the beginning alone
            if image.width * image.height > MOST_PIXELS:
                raise DataError(f"{where}: {path} has {image.width:,} x {image.height:,} pixels; at most {MOST_PIXELS:,} are read. Make it "
                                "smaller.")
            if image.has_transparency_data and np.array(image.convert("RGBA"))[..., 3].min() < 255:
                raise DataError(f"{where}: {path} has transparent pixels, whose colour depends on what is behind them. Lay it on a plain "
                                "background first, the same for all pictures.")
            return _grey(image)
    except DataError:
        raise
    except Exception as error:  # Pillow raises errors of many kinds for a damaged file
        raise DataError(f"{where}: {path} cannot be read as a picture ({type(error).__name__}: {error}). It has to be a whole PNG or JPEG "
                        "file.") from None


def _grey(image: Any) -> IntArray:
    if image.mode.startswith("I"):  # 16 bits for each pixel
        return (np.asarray(image, dtype=np.int64).clip(0, 65_535) // 257).astype(np.uint8)
    return np.array(image.convert("L"))


def picture_text(pixels: IntArray) -> str:
    """(height, width) pixels as text that `read_picture` takes."""
    return ";".join(" ".join(map(str, line)) for line in pixels.tolist())


def picture_blocks(pixels: IntArray, widest: int = 64) -> list[str]:
    """Lines of characters that look like the picture in a terminal, two for each pixel; of a larger one every other pixel, or fewer."""
    step = -(-max(pixels.shape) // widest)
    shades = pixels[::step, ::step].astype(np.int64) * len(_SHADES) // 256
    return ["".join(2 * _SHADES[shade] for shade in line) for line in shades.tolist()]
