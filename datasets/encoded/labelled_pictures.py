"""Pictures with a class each."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...configs.schema.classification import ClassificationConfig
from ...errors import DataError
from ..arrays import FloatArray, IntArray
from ..formats.pictures import is_pixels, read_picture
from ..tables import Table
from .cache import Cache
from .labelled_numbers import LabelledVectors
from .labelled_texts import LabelledTexts, unseen_notices
from .labels import UNSEEN
from .preparation import Tokenizers
from .scaling import Scaling
from .split import Encoding


class LabelledPictures(LabelledTexts):
    """How tables with a column of pictures and one of labels become splits: pixels, scaled by one mean and one standard deviation."""

    def __init__(self, task: ClassificationConfig) -> None:
        super().__init__(task)
        assert task.picture is not None
        self.picture = task.picture
        self.columns = (task.picture, task.label)
        self._last: tuple[Table, IntArray] | None = None

    @property
    def input_columns(self) -> Sequence[str]:
        """The picture."""
        return (self.picture,)

    @property
    def column_roles(self) -> Sequence[str]:
        """Pictures, or the paths of their files, and the label."""
        return "pictures", "labels"

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """The classes, the size of the pictures, and mean and standard deviation of their pixels."""
        encoding, pictures = super().learn(train, tokenizers), self._pictures(train)
        _, height, width = pictures.shape
        spec = encoding.spec.model_copy(update={"n_features": height * width, "picture_height": height, "picture_width": width})
        return replace(encoding, spec=spec, scaling=Scaling.of([self.picture], pictures.reshape(-1, 1).astype(np.float64)))

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[LabelledVectors, Sequence[str]]:
        """One split in numbers; and notices."""
        gold, labels = table.columns[self.task.label], self._numbers(table, encoding.labels)
        vectors = _vectors(self._pictures(table, encoding.spec.picture_size), encoding)
        size = encoding.spec.picture_size or ()
        split = LabelledVectors(name, table, self.row_texts(table), gold, labels, vectors=vectors, picture_size=size)
        return split, unseen_notices(split)

    def row_texts(self, table: Table) -> Sequence[str]:
        """The pixels, or the paths of files, which in a table are relative to it."""
        folder = Path(table.source).parent
        return [text if is_pixels(text) else str(folder / Path(text).expanduser()) for text in table.columns[self.picture]]

    def tokenizer_texts(self, table: Table) -> Sequence[str]:
        """The pictures, which no tokenizer reads."""
        return self.row_texts(table)

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> LabelledVectors:
        """Files of pictures, or pixels."""
        size, nothing = encoding.spec.picture_size or (), np.full(len(texts), UNSEEN)
        table = Table({"text": texts}, "the pictures")
        vectors = _vectors(_read(texts, table, size), encoding)
        return LabelledVectors("texts", table, texts, [""] * len(texts), nothing, vectors=vectors, picture_size=size)

    def _pictures(self, table: Table, size: Sequence[int] | None = None) -> IntArray:
        """(rows, height, width) uint8; the training split's, which are asked for twice, are kept until the next."""
        if self._last is None or self._last[0] is not table:
            self._last = table, _read(self.row_texts(table), table, size)
        return self._last[1]


def _read(texts: Sequence[str], table: Table, size: Sequence[int] | None) -> IntArray:
    """(rows, height, width), all of this size, or that of the first. Raises DataError for the first that is of another one."""
    whose = "those of the training split are" if size else f"that of {table.where(0)} is"
    pictures = []
    for row, text in enumerate(texts):
        picture = read_picture(text, table.where(row))
        size = size or picture.shape
        if picture.shape != tuple(size):
            raise DataError(f"The picture of {table.where(row)} ({text[:80]}) is {picture.shape[0]} pixels high and {picture.shape[1]} "
                            f"wide; {whose} {size[0]} high and {size[1]} wide. All have to be of one size: scale or cut them first.")
        pictures.append(picture)
    return np.array(pictures, dtype=np.uint8).reshape(len(pictures), *(size or (0, 0)))


def _vectors(pictures: IntArray, encoding: Encoding) -> FloatArray:
    assert encoding.scaling is not None, "pixels are scaled by the training split"
    return encoding.scaling.apply(pictures.reshape(-1, 1).astype(np.float64)).reshape(len(pictures), encoding.spec.n_features or 0)
