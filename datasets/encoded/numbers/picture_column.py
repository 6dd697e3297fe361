"""A column of pictures: their pixels, scaled by one mean and one standard deviation from the training split."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ....errors import DataError
from ...arrays import FloatArray, IntArray
from ...files import digest_of
from ...formats.pictures import is_pixels, read_picture
from ...tables import Table
from ..split import Encoding
from .scaling import Scaling


class PictureColumn:
    """Reads the pictures of a column; those of the last table are cached, since the training split is read twice."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._last: tuple[Table, IntArray] | None = None

    def texts(self, table: Table) -> Sequence[str]:
        """The pixels, or the paths of files, which in a table are relative to the table's file."""
        folder = Path(table.source).parent
        return [text if is_pixels(text) else str(folder / Path(text).expanduser()) for text in table.columns[self.name]]

    def hashes(self, tables: Iterable[Table]) -> Mapping[str, str]:
        """One SHA-256 of the content of all files that the rows name; empty if the tables contain the pixels. Missing files are
        ignored here and reported when they are read.
        """
        files = sorted({text for table in tables for text in self.texts(table) if not is_pixels(text)})
        digest = hashlib.sha256()
        for file in files:
            digest.update(digest_of(Path(file)).encode() if Path(file).is_file() else b"missing")
        return {f"the files of column `{self.name}`": digest.hexdigest()} if files else {}

    def learn(self, train: Table) -> tuple[Mapping[str, int], Scaling]:
        """The sizes of the pictures, and mean and standard deviation of their pixels."""
        pictures = self._pictures(train)
        _, height, width = pictures.shape
        sizes = {"n_features": height * width, "picture_height": height, "picture_width": width}
        return sizes, Scaling.of([self.name], pictures.reshape(-1, 1).astype(np.float64))

    def vectors(self, table: Table, encoding: Encoding) -> FloatArray:
        """(rows, n_features) float32: the scaled pixels of each picture, line by line."""
        assert encoding.scaling is not None, "pixels are scaled by the training split"
        pictures = self._pictures(table, encoding.spec.picture_size)
        return encoding.scaling.apply(pictures.reshape(-1, 1).astype(np.float64)).reshape(len(pictures), encoding.spec.n_features or 0)

    def _pictures(self, table: Table, size: Sequence[int] | None = None) -> IntArray:
        """(rows, height, width) uint8"""
        if self._last is None or self._last[0] is not table:
            self._last = table, _read(self.texts(table), table, size)
        return self._last[1]


def _read(texts: Sequence[str], table: Table, size: Sequence[int] | None) -> IntArray:
    """(rows, height, width), all of this size, or of the first one's. Raises DataError for the first of another size."""
    expected = "those of the training split are" if size else f"that of {table.where(0)} is"
    pictures = []
    for row, text in enumerate(texts):
        picture = read_picture(text, table.where(row))
        size = size or picture.shape
        if picture.shape != tuple(size):
            raise DataError(f"The picture of {table.where(row)} ({text[:80]}) is {picture.shape[0]} pixels high and {picture.shape[1]} "
                            f"wide; {expected} {size[0]} high and {size[1]} wide. All have to be of one size: scale or crop them first.")
        pictures.append(picture)
    return np.array(pictures, dtype=np.uint8).reshape(len(pictures), *(size or (0, 0)))
