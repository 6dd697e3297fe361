"""Rows of numbers, each with a class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....configs.schema.models.model_base import Inputs
from ....configs.schema.tasks.classification import ClassificationConfig
from ....errors import DataError
from ...arrays import FloatArray, IntArray
from ...formats.file_format import nearest
from ...tables import Table
from ..batching import batches_by_length
from ..cache import Cache
from ..labels import UNSEEN
from ..preparation import Preparation, Tokenizers
from ..split import Encoding
from ..texts.labelled_texts import MISSING, LabelledSplit, LabelledTexts, some_places, unseen_notices
from .scaling import Scaling

LARGEST = 1e30
"""Above it, sums of squares overflow in single precision."""
SHOWN_COLUMNS, SHOWN_CHARACTERS = 8, 80


@dataclass(frozen=True, kw_only=True)
class LabelledVectors(LabelledSplit):
    """`vectors` (rows, n_features) float32 are the features of each row; for pictures, the pixels line by line."""

    vectors: FloatArray
    picture_size: Sequence[int] = ()

    def inputs_of(self, rows: IntArray, inputs: Inputs) -> dict[str, Any]:
        """The rows as vectors, as pictures, or as both."""
        vectors = self.vectors[rows]
        arrays: dict[str, Any] = {"vectors": vectors} if "vector" in inputs else {}
        return arrays | ({"pictures": vectors.reshape(len(rows), *self.picture_size)} if "picture" in inputs else {})

    def evaluation_batches(self, most: int | None = None) -> list[IntArray]:
        """In the order of the split."""
        return batches_by_length(np.ones(len(self), dtype=np.int64), len(self), most)


class LabelledNumbers(LabelledTexts):
    """Turns tables with columns of numbers and a column of labels into splits. A row as text is its numbers separated by commas."""

    def __init__(self, task: ClassificationConfig) -> None:
        super().__init__(task)
        self.columns = (*task.numbers, task.label) if isinstance(task.numbers, list) else ()

    @property
    def input_columns(self) -> Sequence[str]:
        """All columns but that of the class."""
        return self.columns[:-1]

    @property
    def column_roles(self) -> Sequence[str]:
        """Numbers, and the label."""
        return (*("numbers" for _ in self.input_columns), "labels")

    def learned(self, encoding: Encoding) -> "Preparation":
        """`all` becomes the list of columns of the training split."""
        assert encoding.scaling is not None, "numbers have been scaled"
        return type(self)(self.task.model_copy(update={"numbers": encoding.scaling.columns}))

    def checked(self, table: Table) -> tuple[Table, Sequence[str]]:
        """As for texts; with `numbers: all`, the column of the class is looked for here first."""
        if self.task.label not in table.columns:
            present = ", ".join(f"`{each}`" for each in table.columns)
            raise DataError(f"{table.source} has no column `{self.task.label}`; it has {present}."
                            f"{nearest(self.task.label, table.columns)} Set task.label to the column with the class.")
        return super().checked(table)

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """The classes, and the mean and the standard deviation of each column."""
        encoding = super().learn(train, tokenizers)
        columns = self._columns_of(train)
        numbers = self._matrix(train, columns)
        empty = next((name for name, column in zip(columns, numbers.T, strict=True) if np.isnan(column).all()), None)
        if empty is not None:
            raise DataError(f"{train.source}: column `{empty}` has no number in the training split, so it has no mean. Leave it out of "
                            "task.numbers.")
        spec = encoding.spec.model_copy(update={"n_features": len(columns)})
        return replace(encoding, spec=spec, scaling=Scaling.of(columns, numbers))

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[LabelledVectors, Sequence[str]]:
        """The encoded split, and notices."""
        scaling = _scaling_of(encoding)
        vectors = scaling.apply(self._matrix(table, scaling.columns))
        gold = table.columns[self.task.label]
        split = LabelledVectors(name, table, self.row_texts(table), gold, self._numbers(table, encoding.labels), vectors=vectors)
        return split, unseen_notices(split)

    def row_texts(self, table: Table) -> Sequence[str]:
        """The numbers of each row as written in the table."""
        columns = [[text.strip() for text in table.columns[name]] for name in self._columns_of(table)]
        return list(map(",".join, zip(*columns, strict=True)))

    def tokenizer_texts(self, table: Table) -> Sequence[str]:
        """The rows, which no tokenizer reads."""
        return self.row_texts(table)

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> LabelledVectors:
        """Rows such as `5.1,3.5,1.4`, in the order of the columns."""
        scaling = _scaling_of(encoding)
        rows = np.array([self._row(text, scaling.columns) for text in texts]).reshape(len(texts), len(scaling.columns))
        unseen = np.full(len(texts), UNSEEN)
        return LabelledVectors("texts", Table({"text": texts}, "the rows"), texts, [""] * len(texts), unseen, vectors=scaling.apply(rows))

    def _columns_of(self, table: Table) -> Sequence[str]:
        return self.input_columns or [name for name in table.columns if name != self.task.label]

    def _matrix(self, table: Table, columns: Sequence[str]) -> FloatArray:
        """(rows, columns) float64, NaN where a number is missing. Raises DataError with file, row and column for anything but a number."""
        if not columns:
            raise DataError(f"{table.source} has only the column of the class, `{self.task.label}`, so there is no number to read.")
        if missing := [name for name in columns if name not in table.columns]:
            raise DataError(f"{table.source} has no column `{missing[0]}`, which the training split has. Add it, or name the columns in "
                            "task.numbers.")
        values = [self._column(table, name) for name in columns]
        return np.array(values).T.reshape(len(table), len(columns))

    def _column(self, table: Table, name: str) -> list[float]:
        numbers = []
        for row, text in enumerate(table.columns[name]):
            try:
                numbers.append(read_number(text))
            except ValueError as error:
                every = " With `numbers: all`, every column but that of the class has to contain numbers." * (self.task.numbers == "all")
                raise DataError(f"{table.where(row)}: column `{name}` has {error} Correct it, or name only columns of numbers in "
                                f"task.numbers.{every}") from None
        rows = [row for row, number in enumerate(numbers) if math.isnan(number)]
        if rows and self.task.missing_numbers == "refuse":
            raise DataError(f"{len(rows):,} of {len(table):,} rows have no number in column `{name}`: {some_places(table, rows)}. Fill "
                            "them in or remove the rows; `task.missing_numbers: mean` uses the mean of the training split instead.")
        return numbers

    def _row(self, text: str, columns: Sequence[str]) -> list[float]:
        fields, shown = text.split(","), repr(text[:SHOWN_CHARACTERS])
        if len(fields) != len(columns):
            names = ", ".join(columns[:SHOWN_COLUMNS]) + (", ..." if len(columns) > SHOWN_COLUMNS else "")
            raise DataError(f"{shown} has {len(fields)} number{'s' * (len(fields) != 1)}, but the run reads {len(columns)}: {names}. Give "
                            "them in this order, separated by commas, or a table with these columns by --input.")
        try:
            numbers = list(map(read_number, fields))
        except ValueError as error:
            raise DataError(f"{shown} has {error} Correct it.") from None
        if self.task.missing_numbers == "refuse" and any(map(math.isnan, numbers)):
            name = columns[next(place for place, number in enumerate(numbers) if math.isnan(number))]
            raise DataError(f"{shown} has no number for `{name}`. Fill it in; only a run of a recipe with `task.missing_numbers: mean` "
                            "uses the column's mean instead.")
        return numbers


def read_number(text: str) -> float:
    """The number, NaN if it is missing. Raises ValueError, with a clause, for text that is not a number and for too large a number."""
    text = text.strip()
    if text in MISSING:
        return math.nan
    shown = repr(text[:SHOWN_CHARACTERS])
    try:
        number = math.nan if "_" in text else float(text)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise ValueError(f"{shown}, which is not a number{'; decimals are written with a point' if ',' in text else ''}.")
    if abs(number) > LARGEST:
        raise ValueError(f"{shown}, which is infinite or too large: numbers lie between -{LARGEST:g} and {LARGEST:g}.")
    return number


def _scaling_of(encoding: Encoding) -> Scaling:
    assert encoding.scaling is not None, "numbers are scaled by the training split"
    return encoding.scaling
