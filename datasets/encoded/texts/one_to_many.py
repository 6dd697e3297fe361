"""Labels or pictures, and texts to generate from them: the data of sequence-to-sequence tasks whose sources are not texts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ....configs.schema.data import SizesData
from ....configs.schema.tasks.sequence_to_sequence import SequenceToSequenceConfig
from ....errors import DataError
from ...arrays import FloatArray, IntArray
from ...formats.file_format import nearest
from ...tables import Table
from ..numbers.picture_column import PictureColumn
from ..preparation import Tokenizers
from ..split import Encoding
from .text_pairs import Encode, Sources, TextPairs

SHOWN = 60
"""Maximum number of characters of an unknown label in a message."""


@dataclass(frozen=True)
class LabelSources:
    """The ids of labels, (rows,), each a source of one token."""

    numbers: IntArray

    @property
    def lengths(self) -> IntArray:
        """(rows,) ones."""
        return np.ones(len(self.numbers), np.int64)

    def inputs(self, rows: IntArray) -> dict[str, Any]:
        """`tokens` (len(rows), 1) and `lengths`."""
        return {"tokens": self.numbers[rows, None], "lengths": self.lengths[rows]}


@dataclass(frozen=True)
class PictureSources:
    """Pictures (rows, height, width) float32, each a source of one position."""

    pictures: FloatArray

    @property
    def lengths(self) -> IntArray:
        """(rows,) ones."""
        return np.ones(len(self.pictures), np.int64)

    def inputs(self, rows: IntArray) -> dict[str, Any]:
        """`pictures` (len(rows), height, width) and `lengths`."""
        return {"pictures": self.pictures[rows], "lengths": self.lengths[rows]}


class OneToMany(TextPairs):
    """Turns tables whose sources are not texts into splits: only the targets have a tokenizer."""

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """Train the tokenizer of the targets."""
        tokenizer = tokenizers.get("target", self.tokenizer_texts(train))
        return Encoding(SizesData(type="sizes", target_vocab_size=tokenizer.vocab_size), tokenizers={"target": tokenizer})

    def tokenizer_texts(self, table: Table) -> Sequence[str]:
        """The targets."""
        return table.columns[self.task.target]


class LabelPairs(OneToMany):
    """Pairs of a label and a text; the labels are those of the training split."""

    given: ClassVar[str] = "the labels"

    @property
    def column_roles(self) -> Sequence[str]:
        """The label and the text."""
        return "labels", "texts"

    def row_texts(self, table: Table) -> Sequence[str]:
        """The labels, stripped."""
        return [label.strip() for label in table.columns[self.task.source]]

    def strata(self, table: Table) -> Sequence[str]:
        """The labels."""
        return self.row_texts(table)

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """Learn the labels and their counts, and the tokenizer of the targets."""
        encoding, labels, counts = super().learn(train, tokenizers), *np.unique(self.row_texts(train), return_counts=True)
        spec = encoding.spec.model_copy(update={"n_classes": len(labels)})
        return replace(encoding, spec=spec, labels=tuple(labels.tolist()), label_counts=tuple(counts.tolist()))

    def _sources(self, texts: Sequence[str], table: Table, encoding: Encoding, encode: Encode) -> Sources:
        """The ids of the labels. Raises DataError for the first label that training did not have."""
        numbers = {label: number for number, label in enumerate(encoding.labels)}
        labels = [text.strip() for text in texts]
        if (row := next((row for row, label in enumerate(labels) if label not in numbers), None)) is not None:
            raise DataError(f"{table.where(row)}: {labels[row][:SHOWN]!r} is not a label of the training split."
                            f"{nearest(labels[row], encoding.labels)} Give one of these: {', '.join(encoding.labels)}.")
        return LabelSources(np.array([numbers[label] for label in labels], dtype=np.int32))


class PicturePairs(OneToMany):
    """Pairs of a picture and a text; pictures are scaled as for classification."""

    given: ClassVar[str] = "the pictures"

    def __init__(self, task: SequenceToSequenceConfig) -> None:
        super().__init__(task)
        self.pictures = self.picture_files = PictureColumn(task.source)

    @property
    def column_roles(self) -> Sequence[str]:
        """Pictures, or the paths of their files, and the text."""
        return "pictures", "texts"

    def row_texts(self, table: Table) -> Sequence[str]:
        """The pixels, or the paths of files."""
        return self.pictures.texts(table)

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """Learn the tokenizer of the targets, the size of the pictures, and mean and standard deviation of their pixels."""
        encoding, (sizes, scaling) = super().learn(train, tokenizers), self.pictures.learn(train)
        return replace(encoding, spec=encoding.spec.model_copy(update=dict(sizes)), scaling=scaling)

    def _sources(self, texts: Sequence[str], table: Table, encoding: Encoding, encode: Encode) -> Sources:
        assert encoding.spec.picture_size is not None
        return PictureSources(self.pictures.vectors(table, encoding).reshape(len(texts), *encoding.spec.picture_size))
