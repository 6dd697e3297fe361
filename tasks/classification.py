"""Classification: one class for each text. Numpy only; the loss that networks are trained by is in `losses.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..configs.task import ClassificationConfig
from ..datasets.batching import Batch
from ..datasets.data import FloatArray, IntArray
from ..models.spec import Head
from . import metrics

if TYPE_CHECKING:
    from torch import nn

    from .losses import Objective


class Scorer(Protocol):
    """What a classifier of any generation can do: `scores(**inputs) -> (batch, n_classes)`, and say what they are."""

    scores_are: str

    def scores(self, **inputs: Any) -> FloatArray: ...


@dataclass(frozen=True)
class Predictions:
    """What a model said of some rows of a split; each array is (rows,), `probabilities` (rows, n_classes) or None."""

    rows: IntArray
    gold: IntArray
    predicted: IntArray
    losses: FloatArray
    probabilities: FloatArray | None

    def take(self, places: IntArray) -> "Predictions":
        """The predictions at these places, which may repeat."""
        probabilities = None if self.probabilities is None else self.probabilities[places]
        return Predictions(self.rows[places], self.gold[places], self.predicted[places], self.losses[places], probabilities)

    @staticmethod
    def joined(parts: "Sequence[Predictions]") -> "Predictions":
        """All parts as one, in the order of the split."""
        probabilities = [part.probabilities for part in parts if part.probabilities is not None]
        whole = Predictions(
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.gold for part in parts]),
            np.concatenate([part.predicted for part in parts]),
            np.concatenate([part.losses for part in parts]),
            np.concatenate(probabilities) if probabilities else None,
        )
        return whole.take(np.argsort(whole.rows, kind="stable"))


class Classification:
    """The task: the head it needs, the loss, the predictions and the metrics."""

    def __init__(self, config: ClassificationConfig, labels: Sequence[str], label_counts: IntArray | None = None) -> None:
        self.config, self.labels, self.label_counts = config, tuple(labels), label_counts
        self.head = Head("classes", len(self.labels), labels=self.labels)

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """What is minimised: cross-entropy of the one player."""
        from .losses import ClassificationLoss, Objective

        return [Objective("", model, ClassificationLoss(self.config.label_smoothing, self._class_weights()))]

    def _class_weights(self) -> list[float] | None:
        weights = self.config.class_weights
        if weights == "balanced":
            assert self.label_counts is not None
            return (self.label_counts.sum() / (len(self.labels) * np.maximum(self.label_counts, 1))).tolist()
        return None if weights is None else [weights.get(label, 1.0) for label in self.labels]

    def predict(self, model: Scorer, batch: Batch) -> Predictions:
        """The most probable class of each row, and the loss that its scores amount to."""
        scores = model.scores(**batch.inputs)
        if model.scores_are == "margins":
            return Predictions(batch.rows, batch.labels, scores.argmax(axis=1), metrics.hinge_losses(scores, batch.labels), None)
        probabilities = metrics.softmax(scores) if model.scores_are == "logits" else scores
        losses = metrics.log_losses(probabilities, batch.labels)
        return Predictions(batch.rows, batch.labels, probabilities.argmax(axis=1), losses, probabilities)

    def metrics(self, predictions: Predictions) -> dict[str, float]:
        """`accuracy`, `f1` (macro), and `loss` (log loss in nats) or, where there are no probabilities, `hinge_loss`."""
        loss_name = "loss" if predictions.probabilities is not None else "hinge_loss"
        return {
            loss_name: float(predictions.losses.mean()) if len(predictions.losses) else 0.0,
            "accuracy": metrics.accuracy(predictions.gold, predictions.predicted),
            "f1": metrics.f1_macro(self.confusion(predictions)),
        }

    def confusion(self, predictions: Predictions) -> IntArray:
        """Counts (n_classes, n_classes), gold in rows."""
        return metrics.confusion_matrix(predictions.gold, predictions.predicted, len(self.labels))

    def describe(self, predictions: Predictions, place: int) -> Mapping[str, Any]:
        """One prediction as it stands in `predictions/<split>.jsonl`, by names."""
        told: dict[str, Any] = {"prediction": self.labels[predictions.predicted[place]]}
        if predictions.probabilities is not None:
            told["probability"] = round(float(predictions.probabilities[place].max()), 6)
        return told
