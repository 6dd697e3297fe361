"""Texts, each with a class: the data of classification."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from sys import intern

import numpy as np

from ....configs.schema.data import SizesData
from ....configs.schema.models.model_base import Inputs
from ....configs.schema.tasks.classification import ClassificationConfig
from ....errors import ConfigError, DataError
from ...arrays import IntArray, Ragged
from ...context import in_documents, neighbours
from ...formats.file_format import nearest
from ...tables import Table
from ...tokenizers.tokenizer import Tokenizer
from ..cache import Cache
from ..labels import UNSEEN, declared_or, some_names
from ..preparation import Tokenizers
from ..split import Batch, Encoding, StepRandom, Target
from .text_rows import TextColumns, TextRows, TextTables

MISSING = frozenset(["", "#N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"])
"""What spreadsheets and pandas write for a missing value."""
SHOWN_PLACES = 5


@dataclass(frozen=True)
class LabelledSplit(TextRows):
    """`labels` (rows,) contains class ids, -1 (UNSEEN) for a label that is not in the list."""

    name: str
    table: Table
    texts: Sequence[str]
    gold: Sequence[str]
    labels: IntArray
    encoded: Ragged | None = None
    others: Ragged | None = None
    tokenizer: Tokenizer | None = None

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """The rows as inputs of the model, and their labels."""
        labels = self.labels[rows]
        gold = [self.gold[row] for row in rows]
        return Batch(rows, self.inputs_of(rows, inputs), {"labels": Target(labels, labels != UNSEEN)}, gold)


class LabelledTexts(TextTables):
    """Turns tables of texts and labels into splits."""

    def __init__(self, task: ClassificationConfig) -> None:
        self.task, self.read, self.document = task, TextColumns(task.text, task.other), task.document
        self.columns = (*self.read.names, task.label, *([] if task.document is None else [task.document]))

    @property
    def column_roles(self) -> Sequence[str]:
        """The texts and the label."""
        return (*("texts" for _ in self.read.names), "labels")

    def checked(self, table: Table) -> tuple[Table, Sequence[str]]:
        """The table with stripped labels. Rows without a label are left out if the recipe says so, otherwise they raise DataError;
        they still count as neighbours."""
        column, task = self.task.label, self.task
        table = replace(table, columns={**table.columns, column: [intern(label.strip()) for label in table.columns[column]]})
        table = in_documents(table, task.text, task.document)
        missing = MISSING - set(task.labels or ())
        rows = [row for row, label in enumerate(table.columns[column]) if label in missing] if task.missing_labels != "keep" else []
        if not rows:
            return table, []
        where = some_places(table, rows)
        names = some_names(table.columns[column][row] for row in rows)
        problem = f"{len(rows):,} of {len(table):,} rows have no class in column `{column}` ({names}"
        if task.missing_labels == "refuse":
            raise DataError(f"{problem}): {where}. Fill them in or remove them; `task.missing_labels: drop` leaves such rows out, "
                            "`keep` treats these names as classes.")
        return table.without(rows), [f"{problem}) and are left out: {where}."]

    def strata(self, table: Table) -> Sequence[str]:
        """The class of each row."""
        return table.columns[self.task.label]

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """Learn the classes, and the tokenizer if there is one. Raises DataError for data on which no classifier can be trained."""
        labels = self._labels(train)
        if self.document is not None and not any(neighbours(self.tokenizer_texts(train), 1)):
            raise DataError(f"No two training rows of {train.source} have the same value in column `{self.document}`, so no text has "
                            "neighbours. Set task.document to a column in which all rows of a document have the same value.")
        self._refuse_unknown_weights(labels)
        counts = np.bincount(self._numbers(train, labels), minlength=len(labels))
        trained = self.read.tokenizer(self.row_texts(train), tokenizers)
        vocab_size = trained["text"].vocab_size if trained else None
        return Encoding(SizesData(type="sizes", vocab_size=vocab_size, n_classes=len(labels)), labels, tuple(counts.tolist()), trained)

    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[LabelledSplit, Sequence[str]]:
        """The encoded split, and notices."""
        texts, labels = self.row_texts(table), self._numbers(table, encoding.labels)
        encoded = self.read.encode(texts, encoding, cache.encode)
        split = LabelledSplit(name, table, texts, table.columns[self.task.label], labels, *encoded, tokenizer=encoding.tokenizer)
        return split, unseen_notices(split)

    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> LabelledSplit:
        """Texts without labels, prepared for prediction."""
        unseen, encoded = np.full(len(texts), UNSEEN), self.read.encode(texts, encoding)
        return LabelledSplit("texts", Table({"text": texts}, "the texts"), texts, [""] * len(texts), unseen, *encoded,
                             tokenizer=encoding.tokenizer)

    def _labels(self, train: Table) -> tuple[str, ...]:
        """The declared classes, or those of the training split, sorted."""
        task = self.task
        present = sorted(set(train.columns[task.label]))
        if len(present) < 2:
            many = f"All {len(train):,} training examples of {train.source} have the same class"
            problem = many if len(train) > 1 else f"{train.source} has a single training example, which has one class"
            raise DataError(f"{problem}, {present[0]!r} in column `{task.label}`, so there is nothing to classify. "
                            "Is task.label the right column, and is data.train_share or data.train_rows, if set, large enough?")
        return declared_or(task.labels, present)

    def _refuse_unknown_weights(self, labels: Sequence[str]) -> None:
        weights = self.task.class_weights
        unknown = next((name for name in weights if name not in labels), None) if isinstance(weights, Mapping) else None
        if unknown is not None:
            raise ConfigError(f"task.class_weights names {unknown!r}, which is not a class of this data.{nearest(unknown, labels)} "
                              f"The classes are: {', '.join(labels)}.")

    def _numbers(self, table: Table, labels: Sequence[str]) -> IntArray:
        """(n_rows,) int64 class ids; -1 for a label that training did not have, DataError for one outside a declared list."""
        gold = table.columns[self.task.label]
        numbers = {label: number for number, label in enumerate(labels)}
        ids = np.fromiter((numbers.get(label, UNSEEN) for label in gold), dtype=np.int64, count=len(gold))
        if self.task.labels is not None and (ids == UNSEEN).any():
            row = int(np.argmax(ids == UNSEEN))
            message = f"{table.where(row)} has the label {gold[row]!r}, which task.labels does not name.{nearest(gold[row], labels)}"
            raise DataError(f"{message} Correct the row, or add the label to task.labels, which has: {', '.join(labels)}.")
        return ids


def some_places(table: Table, rows: Sequence[int]) -> str:
    """The locations of the first of these rows."""
    return ", ".join(table.where(row) for row in rows[:SHOWN_PLACES]) + (", ..." if len(rows) > SHOWN_PLACES else "")


def unseen_notices(split: LabelledSplit) -> list[str]:
    """A notice of labels that training did not have."""
    rows = np.flatnonzero(split.labels == UNSEEN).tolist()
    if not rows:
        return []
    names = some_names(split.gold[row] for row in rows)
    return [f"{len(rows):,} of {len(split):,} {split.name} examples have a label that no training example has ({names}); "
            "they count as wrong."]
