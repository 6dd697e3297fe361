"""Pictures, each with a class."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ....configs.schema.tasks.classification import ClassificationConfig
from ...tables import Table
from ..cache import Cache
from ..labels import UNSEEN
from ..preparation import Tokenizers
from ..split import Encoding
from ..texts.labelled_texts import LabelledTexts, unseen_notices
from .labelled_numbers import LabelledVectors
from .picture_column import PictureColumn


class LabelledPictures(LabelledTexts):
    """Turns tables with a column of pictures and a column of labels into splits of pixels, scaled by one mean and standard deviation."""

    def __init__(self, task: ClassificationConfig) -> None:
        super().__init__(task)
        assert task.picture is not None
        self.pictures = self.picture_files = PictureColumn(task.picture)
        self.columns = (task.picture, task.label)

    @property
    def input_columns(self) -> Sequence[str]:
        """The picture."""
        return (self.pictures.name,)

    @property
    def column_roles(self) -> Sequence[str]:
        """Pictures, or the paths of their files, and the label."""
        return "pictures", "labels"

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """The classes, the size of the pictures, and mean and standard deviation of their pixels."""
        encoding = super().learn(train, tokenizers)
        sizes, scaling = self.pictures.learn(train)
        return replace(encoding, spec=encoding.spec.model_copy(update=dict(sizes)), scaling=scaling)

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[LabelledVectors, Sequence[str]]:
        """The encoded split, and notices."""
        gold, labels = table.columns[self.task.label], self._numbers(table, encoding.labels)
        vectors, size = self.pictures.vectors(table, encoding), encoding.spec.picture_size or ()
        split = LabelledVectors(name, table, self.row_texts(table), gold, labels, vectors=vectors, picture_size=size)
        return split, unseen_notices(split)

    def row_texts(self, table: Table) -> Sequence[str]:
        """The pixels, or the paths of files."""
        return self.pictures.texts(table)

    def tokenizer_texts(self, table: Table) -> Sequence[str]:
        """The pictures, which no tokenizer reads."""
        return self.row_texts(table)

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> LabelledVectors:
        """Files of pictures, or pixels."""
        size, unseen = encoding.spec.picture_size or (), np.full(len(texts), UNSEEN)
        table = Table({self.pictures.name: texts}, "the pictures")
        vectors = self.pictures.vectors(table, encoding)
        return LabelledVectors("texts", table, texts, [""] * len(texts), unseen, vectors=vectors, picture_size=size)
