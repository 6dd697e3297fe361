"""What every task can do, whatever it asks of a model."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..datasets.arrays import FloatArray
from ..datasets.encoded.split import Batch, IntArray, Split
from ..models.head import Head
from .metrics import confusion_matrix
from .spans import Counts

if TYPE_CHECKING:
    from torch import nn

    from .losses import Objective


UNSEEN = "(not in training)"
"""Stands for all labels that training never saw."""


class Confusion(NamedTuple):
    """Counts (n_labels, n_labels), what is right in rows and what was said in columns."""

    labels: Sequence[str]
    matrix: IntArray

    @staticmethod
    def of(labels: Sequence[str], gold: IntArray, predicted: IntArray) -> "Confusion":
        """Counts of ids (n,); one label more where there are some, -1, that training never saw."""
        unseen = gold < 0
        names = (*labels, UNSEEN) if unseen.any() else tuple(labels)
        return Confusion(names, confusion_matrix(np.where(unseen, len(labels), gold), predicted, len(names)))


class Alignment(NamedTuple):
    """How much each token of a target looked at each of its source: `weights` (target, source), 1 in sum over the source."""

    source: Sequence[str]
    target: Sequence[str]
    weights: FloatArray


class Task(ABC):
    """What is asked of a model: the head it needs, what is minimised, what it says, and how good that is.

    The predictions that `predict` gives are those that the other methods take. What only some tasks have to tell is nothing by default.
    """

    head: Head
    compared_by: str
    """The figure that `baselines` gives."""

    @abstractmethod
    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """What is minimised, one for each player."""

    @abstractmethod
    def predict(self, model: Any, batch: Batch) -> Any:
        """What the model says of each row, as a subclass of `Predictions`."""

    @abstractmethod
    def metrics(self, predictions: Any) -> dict[str, float]:
        """Figures over all rows, by name."""

    @abstractmethod
    def baselines(self, predictions: Any) -> Mapping[str, float]:
        """The main figure of what can be had without looking at the text, by name."""

    @abstractmethod
    def describe(self, predictions: Any, place: int, whole: bool = False) -> dict[str, Any]:
        """One prediction by names, as it stands in `predictions/<split>.jsonl`, or with all there is to tell, as `nlp predict` does.

        `prediction` is what a person reads first.
        """

    def confusion(self, predictions: Any) -> Confusion | None:
        """What was taken for what; None where nothing is told apart."""
        return None

    def spans(self, predictions: Any) -> Counts | None:
        """Spans that are correct, predicted and gold, of each type; None where nothing is said of spans."""
        return None

    def remarks(self) -> Mapping[str, str]:
        """What the name of a figure leaves open, by name, such as the signature of BLEU."""
        return {}

    def alignments(self, model: Any, split: Split, rows: IntArray) -> Sequence[Alignment]:
        """What each token of the output looked at; empty where a task or a model has no such thing."""
        return ()
