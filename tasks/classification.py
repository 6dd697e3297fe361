"""Classification: one class for each text. Numpy only; the loss that networks are trained by is in `losses.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..configs.schema.task import ClassificationConfig
from ..datasets.arrays import FloatArray
from ..datasets.encoded.split import Batch, IntArray
from ..models.head import Head
from . import metrics
from .baselines import trivial_accuracies
from .predictions import Predictions
from .task import Confusion, Task

if TYPE_CHECKING:
    from torch import nn

    from .losses import Objective


class Scorer(Protocol):
    """What a classifier of any generation can do: `scores(**inputs) -> (batch, n_classes)`, and say what they are."""

    scores_are: str

    def scores(self, **inputs: Any) -> FloatArray: ...


@dataclass(frozen=True)
class ClassPredictions(Predictions):
    """Each array is (rows,), `probabilities` (rows, n_classes) or None."""

    gold: IntArray
    predicted: IntArray
    losses: FloatArray
    probabilities: FloatArray | None


class Classification(Task):
    """The task: the head it needs, the loss, the predictions and the metrics."""

    compared_by = "accuracy"

    def __init__(self, config: ClassificationConfig, labels: Sequence[str], label_counts: Sequence[int]) -> None:
        self.config, self.labels, self.label_counts = config, tuple(labels), np.asarray(label_counts)
        self.head = Head("classes", len(self.labels), labels=self.labels)

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """What is minimised: cross-entropy of the one player."""
        from .losses import ClassificationLoss, Objective

        return [Objective("", model, ClassificationLoss(self.config.label_smoothing, self._class_weights()))]

    def _class_weights(self) -> list[float] | None:
        weights = self.config.class_weights
        if weights == "balanced":
            return (self.label_counts.sum() / (len(self.labels) * np.maximum(self.label_counts, 1))).tolist()
        return None if weights is None else [weights.get(label, 1.0) for label in self.labels]

    def predict(self, model: Scorer, batch: Batch) -> ClassPredictions:
        """The most probable class of each row, and the loss that its scores amount to."""
        scores = model.scores(**batch.inputs)
        if model.scores_are == "margins":
            return ClassPredictions(batch.rows, batch.targets, scores.argmax(axis=1), metrics.hinge_losses(scores, batch.targets), None)
        probabilities = metrics.softmax(scores) if model.scores_are == "logits" else scores
        losses = metrics.log_losses(probabilities, batch.targets)
        return ClassPredictions(batch.rows, batch.targets, probabilities.argmax(axis=1), losses, probabilities)

    def metrics(self, predictions: ClassPredictions) -> dict[str, float]:
        """`accuracy`, `f1` (macro), and `loss` (log loss in nats) or, where there are no probabilities, `hinge_loss`."""
        loss_name = "loss" if predictions.probabilities is not None else "hinge_loss"
        return {
            loss_name: float(predictions.losses.mean()) if len(predictions.losses) else 0.0,
            "accuracy": metrics.accuracy(predictions.gold, predictions.predicted),
            "f1": metrics.f1_macro(self.confusion(predictions).matrix),
        }

    def baselines(self, predictions: ClassPredictions) -> Mapping[str, float]:
        """Accuracy of the most frequent class, and of drawing by frequency."""
        return trivial_accuracies(self.label_counts.tolist(), predictions.gold)

    def confusion(self, predictions: ClassPredictions) -> Confusion:
        """Counts (n_classes, n_classes), gold in rows; one class more where there are labels that training never saw."""
        return Confusion.of(self.labels, predictions.gold, predictions.predicted)

    def describe(self, predictions: ClassPredictions, place: int, whole: bool = False) -> dict[str, Any]:
        """The class and its probability; as a whole those of all classes too, the most probable first."""
        told: dict[str, Any] = {"prediction": self.labels[predictions.predicted[place]]}
        if predictions.probabilities is None:
            return told
        shares = predictions.probabilities[place]
        told["probability"] = round(float(shares.max()), 6)
        if whole:
            told["probabilities"] = {self.labels[number]: round(float(shares[number]), 6) for number in np.argsort(-shares, kind="stable")}
        return told
