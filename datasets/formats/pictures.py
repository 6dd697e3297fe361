"""Pictures as arrays of grey pixels: from PNG and JPEG files, or from pixels written as text."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ..arrays import IntArray

MOST_PIXELS = 4_000_000
"""Larger pictures are not decompressed: a small file may claim any size."""
_PIXELS = re.compile(r"[\d\s,;]+")
_SHADES = " ░▒▓█"


def is_pixels(text: str) -> bool:
    """Whether a text holds pixels, such as `0 255; 128 0`, rather than a path."""
    return _PIXELS.fullmatch(text) is not None


def read_picture(text: str, where: str) -> IntArray:
    """A picture as (height, width) uint8, from 0 (black) to 255 (white). Raises DataError if the text is not a picture."""
    return _from_text(text, where) if is_pixels(text) else _from_file(Path(text).expanduser(), where)


def _from_text(text: str, where: str) -> IntArray:
    lines = [[int(number) for number in line.replace(",", " ").split()] for line in text.split(";")]
    if not lines[0] or any(len(line) != len(lines[0]) for line in lines) or max(map(max, lines)) > 255:
        raise DataError(f"{where}: {text[:60]!r} is not a picture. Write pixels from 0 to 255 line by line, lines of equal length "
                        "separated by `;`: 0 255; 128 0.")
    return np.array(lines, dtype=np.uint8)


def _from_file(path: Path, where: str) -> IntArray:
    from PIL import Image

    if not path.is_file():
        raise DataError(f"{where}: there is no file {path}. A picture is given by the path of a PNG or JPEG file; paths in a table are "
                        "relative to it.")
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:  # reads the header alone
            if image.width * image.height > MOST_PIXELS:
                raise DataError(f"{where}: {path} has {image.width:,} x {image.height:,} pixels; at most {MOST_PIXELS:,} are read. Make it "
                                "smaller.")
            if image.has_transparency_data and np.array(image.convert("RGBA"))[..., 3].min() < 255:
                raise DataError(f"{where}: {path} has transparent pixels, whose colour depends on the background. Put it on a plain "
                                "background first, the same for all pictures.")
            return _grey(image)
    except DataError:
        raise
    except Exception as error:  # Pillow raises errors of many kinds for a damaged file
        raise DataError(f"{where}: {path} cannot be read as a picture ({type(error).__name__}: {error}). It has to be a complete PNG or "
                        "JPEG file.") from None


def _grey(image: Any) -> IntArray:
    if image.mode.startswith("I"):  # 16 bits for each pixel
        return (np.asarray(image, dtype=np.int64).clip(0, 65_535) // 257).astype(np.uint8)
    return np.array(image.convert("L"))


def picture_text(pixels: IntArray) -> str:
    """Pixels (height, width) as text for `read_picture`."""
    return ";".join(" ".join(map(str, line)) for line in pixels.tolist())


def picture_blocks(pixels: IntArray, widest: int = 64) -> list[str]:
    """The picture as lines of block characters for a terminal, two for each pixel; larger pictures are subsampled."""
    step = -(-max(pixels.shape) // widest)
    shades = pixels[::step, ::step].astype(np.int64) * len(_SHADES) // 256
    return ["".join(2 * _SHADES[shade] for shade in line) for line in shades.tolist()]
