"""The dataset `digits`: handwritten digits of 8 x 8 pixels, which come with scikit-learn."""

import numpy as np

from ..formats.pictures import picture_text
from ..tables import Dataset, Table
from .shipped import check_digest

DIGEST = "56459788074641a3e86f270d8e4952b751bf8ed222fccaaaf386e214420dac8a"
"""SHA-256 of the pictures, each followed by its digit."""
ENGLISH = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
KOREAN = "영일이삼사오육칠팔구"
"""The digits as words, from 0 to 9."""
SIDE, BRIGHTEST = 8, 16
"""Pixels per side, and the largest value of a pixel, the number of ink pixels in a block of 4 x 4."""


def read_digits() -> Dataset:
    """Columns picture, digit, and the digit as a word: english and korean; not split.

    Raises DataError if scikit-learn's file has changed.
    """
    from sklearn.datasets import load_digits

    pixels, numbers = load_digits(return_X_y=True)
    shades = np.rint(np.asarray(pixels) * (255 / BRIGHTEST)).astype(np.uint8)
    pictures, digits = list(map(picture_text, shades.reshape(-1, SIDE, SIDE))), list(map(str, np.asarray(numbers).tolist()))
    rows = "".join(f"{picture} {digit}\n" for picture, digit in zip(pictures, digits, strict=True))
    words = {language: [names[int(digit)] for digit in digits] for language, names in (("english", ENGLISH), ("korean", KOREAN))}
    table, digest = Table({"picture": pictures, "digit": digits, **words}, "digits"), check_digest("digits", rows, DIGEST)
    return Dataset("digits", {"train": table}, {"digits": digest})
