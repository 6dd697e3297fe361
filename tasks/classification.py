"""Classification: one class for each text, row of numbers or picture. Numpy only; the loss of networks is in `losses.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ..configs.schema.data import SizesData
from ..configs.schema.tasks.classification import ClassificationConfig
from ..datasets.arrays import BoolArray, FloatArray, IntArray
from ..datasets.encoded.labels import UNSEEN
from ..datasets.encoded.numbers.labelled_numbers import LabelledNumbers
from ..datasets.encoded.numbers.labelled_pictures import LabelledPictures
from ..datasets.encoded.split import Batch, Encoding
from ..datasets.encoded.texts.labelled_texts import LabelledTexts
from ..models.head import Head
from ..models.model_report import ModelReport
from .predictions import Predictions
from .scoring import metrics
from .scoring.baselines import trivial_accuracies
from .scoring.row_scores import MetricColumns, compact, ones
from .task import Confusion, Task, stated

if TYPE_CHECKING:
    from torch import nn

    from .losses import Objective


class Scorer(Protocol):
    """The interface of classifiers of every generation: `scores(**inputs) -> (batch, n_classes)`, and the kind of these scores."""

    scores_are: str

    def scores(self, **inputs: Any) -> FloatArray: ...


@runtime_checkable
class Reporter(Protocol):
    """A classifier that can explain its predictions from a trace (batch, ...) that it records while predicting."""

    def traced_scores(self, **inputs: Any) -> tuple[FloatArray, Any]: ...

    def report(self, trace: Any, gold: IntArray) -> ModelReport: ...


@dataclass(frozen=True)
class ClassPredictions(Predictions):
    """Each field is (rows,), `probabilities` (rows, n_classes) or None; `gold` is -1 for labels absent from training.

    `without_rules`: the predictions of a network with fused rules by itself, None for other models; `trace`: recorded by a `Reporter`.
    """

    gold: IntArray
    gold_names: list[str]
    predicted: IntArray
    losses: FloatArray
    probabilities: FloatArray | None
    without_rules: IntArray | None = None
    trace: Any = None


class Classification(Task):
    """The task: its head, loss, predictions and metrics."""

    def __init__(self, config: ClassificationConfig, encoding: Encoding) -> None:
        super().__init__(config, encoding)
        self.config, self.head = config, self.head_for(config, encoding.spec, encoding.labels)

    @classmethod
    def prepare(cls, config: ClassificationConfig) -> LabelledTexts:
        """Texts, rows of numbers or pictures, each with a class."""
        if config.numbers is not None:
            return LabelledNumbers(config)
        return LabelledTexts(config) if config.picture is None else LabelledPictures(config)

    @classmethod
    def head_for(cls, config: ClassificationConfig, sizes: SizesData, labels: tuple[str, ...] = ()) -> Head:
        """One score for each class."""
        n_classes = stated(sizes.n_classes or len(config.labels or ()), "n_classes", "the output has one score for each class")
        return Head("classes", n_classes, labels=labels)

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """Cross-entropy; with a teacher, partly against the teacher's probabilities."""
        from .losses import ClassificationLoss, ImitationLoss, Objective

        settings, imitation = ("labels", self.config.label_smoothing, self._class_weights()), getattr(model, "imitation", None)
        return [Objective("", model, ClassificationLoss(*settings) if imitation is None else ImitationLoss(*settings, imitation))]

    def _class_weights(self) -> list[float] | None:
        weights = self.config.class_weights
        if weights == "balanced":
            return (self.label_counts.sum() / (len(self.labels) * np.maximum(self.label_counts, 1))).tolist()
        return None if weights is None else [weights.get(label, 1.0) for label in self.labels]

    def predict(self, model: Scorer, batch: Batch) -> ClassPredictions:
        """The most probable class of each row, and its loss."""
        return self._predictions(model, batch, _outputs(model, batch.inputs))

    def traced(self, model: Scorer, batch: Batch) -> ClassPredictions:
        """Like `predict`, with the trace of a model that is a `Reporter`."""
        if not isinstance(model, Reporter):
            return self.predict(model, batch)
        scores, trace = model.traced_scores(**batch.inputs)
        return replace(self._predictions(model, batch, {"scores": scores}), trace=trace)

    def model_report(self, model: Any, predictions: ClassPredictions) -> ModelReport | None:
        """The model's report, if there is a trace."""
        return None if predictions.trace is None else model.report(predictions.trace, predictions.gold)

    def _predictions(self, model: Scorer, batch: Batch, outputs: Mapping[str, FloatArray]) -> ClassPredictions:
        gold, names = batch.targets["labels"].filled(UNSEEN), list(batch.gold)
        scores, alone = outputs["scores"], outputs.get("without_rules")
        if model.scores_are == "margins":
            return ClassPredictions(batch.rows, gold, names, scores.argmax(axis=1), metrics.hinge_losses(scores, gold), None)
        probabilities = metrics.softmax(scores) if model.scores_are == "logits" else scores
        losses = metrics.log_losses(probabilities, gold)
        without_rules = None if alone is None else alone.argmax(axis=1)
        return ClassPredictions(batch.rows, gold, names, probabilities.argmax(axis=1), losses, probabilities, without_rules)

    def metrics(self, predictions: ClassPredictions) -> dict[str, float]:
        """`accuracy`, `f1` (macro), and `loss` (log loss in nats) or, without probabilities, `hinge_loss`."""
        loss_name = "loss" if predictions.probabilities is not None else "hinge_loss"
        return {
            loss_name: float(predictions.losses.mean(dtype=np.float64)) if len(predictions.losses) else 0.0,
            "accuracy": metrics.accuracy(predictions.gold, predictions.predicted),
            "f1": metrics.f1_macro(self.confusion(predictions).matrix),
            **{name: float(right.mean()) for name, right in self.counted_rows(predictions).items() if name != "accuracy" and len(right)},
        }

    def metric_columns(self, predictions: ClassPredictions) -> MetricColumns:
        """The loss and whether the class is right, each with ones that count rows; gold and predicted class ids for F1."""
        ids = {name: number for number, name in enumerate(self.row_labels(predictions))}
        rows, gold = ones(len(predictions.rows)), predictions.gold.copy()
        gold[gold < 0] = [ids[name] for name in _unseen(predictions)]
        losses = predictions.losses.astype(np.float64)
        return {
            "loss" if predictions.probabilities is not None else "hinge_loss": ("ratio", {"losses": losses, "rows": rows}),
            **{name: ("share", {name.replace("accuracy", "right"): compact(right), "rows": rows})
               for name, right in self.counted_rows(predictions).items()},
            "f1": ("macro_f1", {"gold": compact(gold), "predicted": compact(predictions.predicted)}),
        }

    def predicted_texts(self, predictions: ClassPredictions) -> list[str]:
        """The name of each predicted class."""
        return [self.labels[number] for number in predictions.predicted.tolist()]

    def row_labels(self, predictions: ClassPredictions) -> tuple[str, ...]:
        """The classes, followed by gold labels absent from training."""
        return (*self.labels, *sorted(set(_unseen(predictions))))

    def counted_rows(self, predictions: ClassPredictions) -> Mapping[str, BoolArray]:
        """Accuracy is the share of rows whose class is right, for a network with fused rules also without the rules."""
        alone = {} if predictions.without_rules is None else {"accuracy_without_rules": predictions.gold == predictions.without_rules}
        return {"accuracy": predictions.gold == predictions.predicted, **alone}

    def baselines(self, predictions: ClassPredictions) -> Mapping[str, float]:
        """Accuracy of always predicting the most frequent class, and of sampling classes by frequency."""
        return trivial_accuracies(self.label_counts.tolist(), predictions.gold)

    def confusion(self, predictions: ClassPredictions) -> Confusion:
        """Counts (n_classes, n_classes), gold in rows; classes absent from training come last, by name."""
        return Confusion.of(self.labels, predictions.gold, predictions.predicted, predictions.gold_names)

    def describe(self, predictions: ClassPredictions, place: int, full: bool = False) -> dict[str, Any]:
        """The class and its probability; with `full` also the probabilities of all classes, highest first."""
        fields: dict[str, Any] = {"prediction": self.labels[predictions.predicted[place]]}
        if predictions.probabilities is None:
            return fields
        shares = predictions.probabilities[place]
        fields["probability"] = round(float(shares.max()), 6)
        if full:
            order = np.argsort(-shares, kind="stable")
            fields["probabilities"] = {self.labels[number]: round(float(shares[number]), 6) for number in order}
        return fields


def _outputs(model: Scorer, inputs: Mapping[str, Any]) -> Mapping[str, FloatArray]:
    """The scores, and for a network with fused rules also those `without_rules`."""
    return model.outputs(**inputs) if hasattr(model, "outputs") else {"scores": model.scores(**inputs)}  # type: ignore[attr-defined]


def _unseen(predictions: ClassPredictions) -> list[str]:
    """The gold labels of rows whose label is absent from training."""
    return [predictions.gold_names[place] for place in np.flatnonzero(predictions.gold < 0).tolist()]
