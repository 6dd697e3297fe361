"""Texts, each with a number: the data of regression."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ....configs.schema.data import SizesData
from ....configs.schema.models.model_base import Inputs
from ....configs.schema.tasks.regression import RegressionConfig
from ....errors import DataError
from ...arrays import FloatArray, IntArray, Ragged
from ...tables import Table
from ...tokenizers.tokenizer import Tokenizer
from ..cache import Cache
from ..preparation import Tokenizers
from ..split import Batch, Encoding, Standard, StepRandom, Target
from .text_rows import TextColumns, TextRows, TextTables

LARGEST = 1e100
"""Squares of larger numbers, or of their sums, would overflow."""


@dataclass(frozen=True)
class NumberedSplit(TextRows):
    """`numbers` (rows,) are the targets in their original units, NaN if unknown; `gold` is their text in the data."""

    name: str
    table: Table
    texts: Sequence[str]
    gold: Sequence[str]
    numbers: FloatArray
    standard: Standard
    encoded: Ragged | None = None
    others: Ragged | None = None
    tokenizer: Tokenizer | None = None

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """The rows as inputs of the model, and their targets, standardised by mean and scale of training."""
        scaled = ((self.numbers[rows] - self.standard.mean) / self.standard.scale).astype(np.float32)
        return Batch(rows, self.inputs_of(rows, inputs), {"numbers": Target(scaled, ~np.isnan(scaled))}, self.numbers[rows].tolist())


class NumberedTexts(TextTables):
    """Turns tables of texts and numbers into splits."""

    def __init__(self, task: RegressionConfig) -> None:
        self.task, self.read = task, TextColumns(task.text, task.other)
        self.columns = (*self.read.names, task.target)

    @property
    def column_roles(self) -> Sequence[str]:
        """The texts and the number to predict."""
        return (*("texts" for _ in self.read.names), "targets")

    def checked(self, table: Table) -> tuple[Table, Sequence[str]]:
        """The unchanged table. Raises DataError if a target is not a number that can be learned."""
        gold = table.columns[self.task.target]
        wrong = [row for row, written in enumerate(gold) if parsed(written) is None]
        if wrong:
            more = f", and {len(wrong) - 1:,} more rows have no number either" if len(wrong) > 1 else ""
            raise DataError(f"{table.where(wrong[0])} has {gold[wrong[0]]!r} in column `{self.task.target}`, which is not a number to learn"
                            f"{more}. Write numbers such as 3.5 or -2e3 (no comma, no NaN, no infinity), remove such rows, or name "
                            "the column of the numbers by task.target.")
        return table, []

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """Learn mean and scale of the targets, and the tokenizer if there is one. Raises DataError if all targets are equal."""
        numbers = self._numbers(train)
        scale = float(numbers.std())
        if not scale > 0:
            value = f"{train.columns[self.task.target][0]} in column `{self.task.target}`"
            raise DataError(f"All {len(train):,} training examples of {train.source} have the same number, {value}, so there is nothing to "
                            "learn. Is task.target the right column, and is data.train_share or data.train_rows, if set, large enough?")
        trained = self.read.tokenizer(self.row_texts(train), tokenizers)
        spec = SizesData(type="sizes", vocab_size=trained["text"].vocab_size if trained else None)
        return Encoding(spec, tokenizers=trained, standard=Standard(float(numbers.mean()), scale))

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[NumberedSplit, Sequence[str]]:
        """The encoded split, and notices."""
        assert encoding.standard is not None, "learned with the tokenizer"
        texts, gold = self.row_texts(table), table.columns[self.task.target]
        encoded = self.read.encode(texts, encoding, cache.encode)
        return NumberedSplit(name, table, texts, gold, self._numbers(table), encoding.standard, *encoded, tokenizer=encoding.tokenizer), []

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> NumberedSplit:
        """Texts without numbers, prepared for prediction."""
        assert encoding.standard is not None, "learned with the tokenizer"
        unknown, encoded = np.full(len(texts), np.nan), self.read.encode(texts, encoding)
        return NumberedSplit("texts", Table({"text": texts}, "the texts"), texts, [""] * len(texts), unknown, encoding.standard, *encoded,
                             tokenizer=encoding.tokenizer)

    def _numbers(self, table: Table) -> FloatArray:
        return np.array([parsed(written) for written in table.columns[self.task.target]], dtype=np.float64)


def parsed(written: str) -> float | None:
    """The number in a text; None if it is not a number, not finite, or too large to compute with."""
    try:
        number = float(written)
    except ValueError:
        return None
    return number if math.isfinite(number) and abs(number) <= LARGEST and "_" not in written else None
