"""Tagging: one tag for each token. Numpy only; the losses of networks are in `losses.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..configs.schema.data import SizesData
from ..configs.schema.tasks.tagging import TaggingConfig
from ..datasets.arrays import FloatArray, IntArray
from ..datasets.encoded.labels import UNSEEN
from ..datasets.encoded.sentences.tagged_sentences import TaggedSentences
from ..datasets.encoded.split import Batch, Encoding
from ..models.head import Head
from .predictions import Predictions
from .scoring import metrics
from .scoring.baselines import trivial_accuracies
from .scoring.row_scores import MetricColumns, compact
from .scoring.spans import Counts, invalid_places, precision_recall_f1, span_counts, summed
from .task import Confusion, Task, stated

if TYPE_CHECKING:
    from .losses import Objective

NO_SPANS = np.zeros(3, dtype=np.int64)


@dataclass(frozen=True)
class TagPredictions(Predictions):
    """gold and predicted: (n_words,) tag ids of each sentence, -1 for a tag absent from training. The rest are (rows,).

    losses: summed over a sentence's tokens; spans: numbers of correct, predicted and gold spans by type, empty without a scheme; n_spans
    (rows, 3): these numbers summed over types.
    """

    gold: list[IntArray]
    predicted: list[IntArray]
    losses: FloatArray
    has_probabilities: IntArray
    right: IntArray
    tokens: IntArray
    spans: list[Counts]
    n_spans: IntArray
    invalid: IntArray


class Tagging(Task):
    """The task: its head, loss, predictions and metrics."""

    def __init__(self, config: TaggingConfig, encoding: Encoding) -> None:
        super().__init__(config, encoding)
        self.config, self.head = config, self.head_for(config, encoding.spec, encoding.labels)

    @classmethod
    def prepare(cls, config: TaggingConfig) -> TaggedSentences:
        """Sentences with a tag for each token."""
        return TaggedSentences(config)

    @classmethod
    def head_for(cls, config: TaggingConfig, sizes: SizesData, labels: tuple[str, ...] = ()) -> Head:
        """One score for each tag."""
        n_tags = stated(sizes.n_classes or len(config.labels or ()), "n_classes", "the output has one score for each tag")
        return Head("tags", n_tags, labels=labels, crf=config.crf)

    def objectives(self, model: Any) -> "list[Objective]":
        """Cross-entropy of each token, or with a CRF of the tag sequence, divided by the number of tokens."""
        from .losses import CrfLoss, Objective, TokenLoss

        return [Objective("", model, CrfLoss("tags", model.output.crf) if self.config.crf else TokenLoss("tags"))]

    def predict(self, model: Any, batch: Batch) -> TagPredictions:
        """The best tag of each token, or with a CRF the best sequence; and the loss."""
        n_words, tags = word_counts(batch), batch.targets["tags"].filled(UNSEEN)
        gold = [row[:length] for row, length in zip(tags, n_words, strict=True)]
        predicted: list[IntArray]
        if model.scores_are == "tags":
            predicted = [np.asarray(row, dtype=np.int64) for row in model.tag(**batch.inputs)]
            losses = np.array([float((a != b).sum()) for a, b in zip(gold, predicted, strict=True)])
        else:
            emissions = model.scores(**batch.inputs)
            path, losses = (_by_crf if self.config.crf else _by_token)(model, emissions, tags, n_words)
            predicted = [row[:length] for row, length in zip(path, n_words, strict=True)]
        spans = [self._spans(a, b) for a, b in zip(batch.gold, predicted, strict=True)]
        return TagPredictions(
            rows=batch.rows,
            gold=gold,
            predicted=predicted,
            losses=losses,
            has_probabilities=np.full(len(batch), model.scores_are != "tags"),
            right=np.array([int((a == b).sum()) for a, b in zip(gold, predicted, strict=True)], dtype=np.int64),
            tokens=n_words.astype(np.int64),
            spans=spans,
            n_spans=np.array([sum(counts.values(), NO_SPANS) for counts in spans], dtype=np.int64).reshape(-1, 3),
            invalid=np.array([self._invalid(row) for row in predicted], dtype=np.int64),
        )

    def _spans(self, gold: Sequence[str], predicted: IntArray) -> Counts:
        """Numbers of correct, predicted and gold spans of a sentence; none if the gold tags are unknown."""
        scheme = self.config.scheme
        return span_counts(gold, self._names(predicted), scheme) if scheme is not None and all(gold) else {}

    def _invalid(self, tags: IntArray) -> int:
        return len(invalid_places(self._names(tags), self.config.scheme)) if self.config.scheme else 0

    def _names(self, tags: IntArray) -> list[str]:
        return [self.labels[tag] for tag in tags.tolist()]

    def metrics(self, predictions: TagPredictions) -> dict[str, float]:
        """`loss` per token (log loss in nats; `zero_one_loss` without probabilities), token `accuracy`; and with a scheme `precision`,
        `recall` and `f1` of spans, and `invalid`, the share of tokens whose tag the scheme forbids there.
        """
        n_tokens = max(int(predictions.tokens.sum()), 1)
        loss_name = "loss" if predictions.has_probabilities.all() else "zero_one_loss"
        figures = {loss_name: float(predictions.losses.sum()) / n_tokens, "accuracy": float(predictions.right.sum()) / n_tokens}
        if self.config.scheme is None:
            return figures
        scores, _ = precision_recall_f1({"all": predictions.n_spans.sum(axis=0)})
        return figures | scores._asdict() | {"invalid": float(predictions.invalid.sum()) / n_tokens}

    def metric_columns(self, predictions: TagPredictions) -> MetricColumns:
        """For each sentence: loss, tokens, correct tokens; correct, predicted and gold spans; forbidden tags."""
        tokens = {"tokens": compact(predictions.tokens)}
        loss_name = "loss" if predictions.has_probabilities.all() else "zero_one_loss"
        losses, right = predictions.losses.astype(np.float64), compact(predictions.right)
        columns: MetricColumns = {
            loss_name: ("ratio", {"losses": losses, **tokens}),
            "accuracy": ("ratio", {"right": right, **tokens}),
        }
        if self.config.scheme is None:
            return columns
        correct, predicted, gold = map(compact, predictions.n_spans.T)
        spans = {"correct_spans": correct, "predicted_spans": predicted, "gold_spans": gold}
        return {
            **columns,
            "precision": ("precision", spans),
            "recall": ("recall", spans),
            "f1": ("f1", spans),
            "invalid": ("ratio", {"invalid": compact(predictions.invalid), **tokens}),
        }

    def baselines(self, predictions: TagPredictions) -> Mapping[str, float]:
        """Token accuracy of the most frequent tag, and of sampling by frequency."""
        return trivial_accuracies(self.label_counts.tolist(), np.concatenate([np.zeros(0, np.int64), *predictions.gold]))

    @property
    def baseline_metric(self) -> str:
        """Token accuracy, since the most frequent tag yields no spans."""
        return "accuracy"

    def confusion(self, predictions: TagPredictions) -> Confusion:
        """Token counts (n_tags, n_tags), gold in rows; one more tag if some are absent from training."""
        gold, predicted = (np.concatenate([np.zeros(0, np.int64), *tags]) for tags in (predictions.gold, predictions.predicted))
        return Confusion.of(self.labels, gold, predicted)

    def spans(self, predictions: TagPredictions) -> Counts | None:
        """Numbers of correct, predicted and gold spans of each type; None without a scheme."""
        return summed(predictions.spans) if self.config.scheme is not None else None

    def describe(self, predictions: TagPredictions, place: int, full: bool = False) -> dict[str, Any]:
        """The tags by name, and the positions of forbidden tags."""
        tags = self._names(predictions.predicted[place])
        fields: dict[str, Any] = {"prediction": " ".join(tags)}
        if self.config.scheme is not None and (invalid := invalid_places(tags, self.config.scheme)):
            fields["invalid"] = invalid
        return fields


def word_counts(batch: Batch) -> IntArray:
    """(batch,) the number of words in each row, which may be smaller than that of tokens."""
    if "sentences" in batch.inputs:
        return np.array([len(sentence) for sentence in batch.inputs["sentences"]], dtype=np.int64)
    first = batch.inputs.get("first_pieces")
    return batch.inputs["lengths"] if first is None else (first >= 0).sum(axis=1)


def _by_token(model: Any, emissions: FloatArray, gold: IntArray, n_words: IntArray) -> tuple[IntArray, FloatArray]:
    """Each token independently: (batch, n_words) tags, (batch,) losses summed over tokens."""
    real = np.arange(emissions.shape[1]) < n_words[:, None]
    losses = np.zeros(real.shape)
    losses[real] = metrics.log_losses(metrics.softmax(emissions[real]), gold[real])
    return emissions.argmax(axis=2), losses.sum(axis=1)


def _by_crf(model: Any, emissions: FloatArray, gold: IntArray, n_words: IntArray) -> tuple[IntArray, FloatArray]:
    """The best sequence, and the negative log-likelihood of the gold one; a tag absent from training has probability 0, clipped."""
    import torch

    crf = model.output.crf
    scores, tags, lengths = (torch.from_numpy(array).to(model.device) for array in (emissions, gold, n_words.astype(np.int64)))
    with torch.inference_mode():
        likelihood, path = crf.log_likelihood(scores, tags, lengths), crf.decode(scores, lengths)
    unseen = ((gold < 0) & (np.arange(gold.shape[1]) < n_words[:, None])).sum(axis=1)
    return path.cpu().numpy(), -likelihood.cpu().double().numpy() - np.log(metrics.CLIP) * unseen
