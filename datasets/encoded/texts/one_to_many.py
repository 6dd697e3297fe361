"""Labels and pictures, and the texts that are to be made of them: what sequence-to-sequence tasks train on where a source is no text."""

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
"""Characters of what is no label."""


@dataclass(frozen=True)
class LabelSources:
    """The numbers of labels, (rows,), each a source of one token."""

    numbers: IntArray

    @property
    def lengths(self) -> IntArray:
        """1 of each."""
        return np.ones(len(self.numbers), np.int64)

    def inputs(self, rows: IntArray) -> dict[str, Any]:
        """`tokens` (len(rows), 1) and `lengths`."""
        return {"tokens": self.numbers[rows, None], "lengths": self.lengths[rows]}


@dataclass(frozen=True)
class PictureSources:
    """Pictures (rows, height, width) float32, each a source of one place."""

    pictures: FloatArray

    @property
    def lengths(self) -> IntArray:
        """1 of each."""
        return np.ones(len(self.pictures), np.int64)

    def inputs(self, rows: IntArray) -> dict[str, Any]:
        """`pictures` (len(rows), height, width) and `lengths`."""
        return {"pictures": self.pictures[rows], "lengths": self.lengths[rows]}


class OneToMany(TextPairs):
    """How tables whose sources are no texts become splits: the targets alone have a tokenizer."""

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """The tokenizer of the targets."""
        tokenizer = tokenizers.get("target", self.tokenizer_texts(train))
        return Encoding(SizesData(type="sizes", target_vocab_size=tokenizer.vocab_size), tokenizers={"target": tokenizer})

    def tokenizer_texts(self, table: Table) -> Sequence[str]:
        """The targets."""
        return table.columns[self.task.target]


class LabelPairs(OneToMany):
    """Of labels, which are those of the training split."""

    given: ClassVar[str] = "the labels"

    @property
    def column_roles(self) -> Sequence[str]:
        """The label and the text."""
        return "labels", "texts"

    def row_texts(self, table: Table) -> Sequence[str]:
        """The labels, without blanks around them."""
        return [label.strip() for label in table.columns[self.task.source]]

    def strata(self, table: Table) -> Sequence[str]:
        """The labels."""
        return self.row_texts(table)

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """The labels and the number of each, and the tokenizer of the targets."""
        encoding, labels, counts = super().learn(train, tokenizers), *np.unique(self.row_texts(train), return_counts=True)
        spec = encoding.spec.model_copy(update={"n_classes": len(labels)})
        return replace(encoding, spec=spec, labels=tuple(labels.tolist()), label_counts=tuple(counts.tolist()))

    def _sources(self, texts: Sequence[str], table: Table, encoding: Encoding, encode: Encode) -> Sources:
        """Raises DataError for the first that training did not have."""
        numbers = {label: number for number, label in enumerate(encoding.labels)}
        found = [text.strip() for text in texts]
        if (row := next((row for row, label in enumerate(found) if label not in numbers), None)) is not None:
            raise DataError(f"{table.where(row)}: {found[row][:SHOWN]!r} is no label that the training split has."
                            f"{nearest(found[row], encoding.labels)} Give one of these: {', '.join(encoding.labels)}.")
        return LabelSources(np.array([numbers[label] for label in found], dtype=np.int32))


class PicturePairs(OneToMany):
    """Of pictures, scaled as for classification."""

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
        """The tokenizer of the targets, the size of the pictures, and mean and standard deviation of their pixels."""
        encoding, (sizes, scaling) = super().learn(train, tokenizers), self.pictures.learn(train)
        return replace(encoding, spec=encoding.spec.model_copy(update=dict(sizes)), scaling=scaling)

    def _sources(self, texts: Sequence[str], table: Table, encoding: Encoding, encode: Encode) -> Sources:
        assert encoding.spec.picture_size is not None
        return PictureSources(self.pictures.vectors(table, encoding).reshape(len(texts), *encoding.spec.picture_size))
