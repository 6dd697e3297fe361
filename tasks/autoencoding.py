"""Autoencoding: rebuilding a text from its code. Numpy only; the losses of networks are in `losses.py`."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..configs.schema.tasks.autoencoding import AutoencoderConfig, AutoencodingConfig
from ..datasets.arrays import BoolArray, FloatArray, IntArray
from ..datasets.encoded.batching import evenly_spaced
from ..datasets.encoded.split import Batch, Split
from ..datasets.encoded.texts.rebuilt_texts import RebuiltSplit, RebuiltTexts
from .scoring.figures import ratio
from .scoring.row_scores import MetricColumns, compact, ones
from .scoring.text_scores import EditScores, TextScores
from .sequence_to_sequence import SequenceToSequence, TextPredictions
from .task import MOST_POINTS, Points, PredictOptions

if TYPE_CHECKING:
    from torch import nn

    from ..models.networks.autoencoder import Autoencoder
    from .losses import Objective

TOGETHER = 256
"""Texts that are encoded, or decoded, together."""


@dataclass(frozen=True)
class RebuiltPredictions(TextPredictions):
    """Also `nats` (rows,): the KL divergence of each code; None if codes are not variational."""

    nats: FloatArray | None = None


class CharacterAccuracy(EditScores):
    """1 - edits / length in characters, both summed over the texts: 1 if all are exact, below 0 with more edits than characters."""

    def __init__(self) -> None:
        super().__init__("character")

    def figures(self, totals: FloatArray) -> dict[str, float]:
        """The accuracy."""
        edits, length, *_ = totals.tolist()
        return {"character_accuracy": float(ratio(np.array([length - edits, length])))}

    def columns(self, sums: FloatArray) -> MetricColumns:
        """Characters minus edits, and characters."""
        edits, length, *_ = sums.T
        return {"character_accuracy": ("ratio", {"kept": compact(length - edits), "length": compact(length)})}

    def counted_rows(self, sums: FloatArray) -> Mapping[str, BoolArray]:
        """No metric is a share of rows."""
        return {}


class Autoencoding(SequenceToSequence):
    """The task: each text is both source and target, and the decoder sees only one vector of it."""

    predict_options = SequenceToSequence.predict_options - {"attention"}
    config: AutoencodingConfig

    @staticmethod
    def text_scores(config: Any) -> TextScores:
        """Character accuracy."""
        return CharacterAccuracy()

    @property
    def reports_perplexity(self) -> bool:
        """Always true."""
        return True

    @classmethod
    def prepare(cls, config: AutoencodingConfig) -> RebuiltTexts:
        """Texts without labels."""
        return RebuiltTexts(config)

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """Cross-entropy of each token given the tokens before it; for a variational model also the divergence of its codes."""
        from .losses import Objective, VariationalLoss

        assert isinstance(model.config, AutoencoderConfig)
        if model.config.variational is None:
            return super().objectives(model)
        loss = VariationalLoss("tokens", self.config.label_smoothing, self.config.teacher_forcing, model.config.variational)
        return [Objective("", model, loss)]

    def predict(self, model: Any, batch: Batch) -> RebuiltPredictions:
        """The text that the search finds for each code, and the loss of the gold text."""
        nats = model.coded(batch.inputs["tokens"], batch.inputs["lengths"])[1]
        return RebuiltPredictions(**vars(super().predict(model, batch)), nats=nats)

    def metrics(self, predictions: Any) -> dict[str, float]:
        """`loss` in nats per token, its exponential `perplexity`, and `accuracy`, all given the preceding gold tokens; `exact_match`: the
        share of texts that are rebuilt exactly; `character_accuracy`; for variational codes also `kl`, nats of divergence per text.
        """
        kl = {} if predictions.nats is None else {"kl": float(predictions.nats.mean()) if len(predictions.nats) else 0.0}
        return {**super().metrics(predictions), **kl}

    def metric_columns(self, predictions: Any) -> MetricColumns:
        """The columns of sequence to sequence, and the nats of each row."""
        kl: MetricColumns = {} if predictions.nats is None else {
            "kl": ("ratio", {"nats": predictions.nats, "rows": ones(len(predictions.rows))})}
        return {**super().metric_columns(predictions), **kl}

    def baselines(self, predictions: TextPredictions) -> Mapping[str, float]:
        """Accuracy of always predicting the most frequent text."""
        texts = Counter(raw.source for raw in predictions.raw)
        return {"most frequent text": max(texts.values(), default=0) / max(len(predictions.raw), 1)}

    def too_long(self, n_tokens: int, model: Any, options: PredictOptions) -> str | None:
        """A message if a text has too many tokens to be rebuilt to its end."""
        longest = options.length or self.config.decoding.max_length
        if n_tokens <= longest:
            return None
        return (f"the text has {n_tokens:,} tokens including [EOS], but at most {longest:,} are generated; add --length {n_tokens}, or "
                "shorten it")

    # Codes

    def codes(self, model: "Autoencoder", split: Split, rows: IntArray | None = None) -> FloatArray:
        """(rows, d_code): the codes of all texts of a split, or of some rows."""
        rows = np.arange(len(split)) if rows is None else rows
        parts = [split.batch(part, model.config.inputs) for part in np.array_split(rows, -(-len(rows) // TOGETHER) or 1)]
        return np.concatenate([model.coded(part.inputs["tokens"], part.inputs["lengths"])[0] for part in parts])

    def texts_of(self, model: "Autoencoder", codes: FloatArray, options: PredictOptions) -> list[str]:
        """(n, d_code) -> the text that the search finds for each code."""
        search = self.search(options, model.device)
        parts = np.array_split(codes.astype(np.float32), -(-len(codes) // TOGETHER) or 1)
        return [self.target.decode(hypotheses[0].tokens) for part in parts for hypotheses in model.decode(part, search)]

    def points(self, model: Any, split: Split) -> Points:
        """The codes of a split's texts, with all columns of its table."""
        assert isinstance(split, RebuiltSplit)
        rows = evenly_spaced(len(split), MOST_POINTS)
        columns = {name: [str(values[row]) for row in rows] for name, values in split.table.columns.items()}
        return Points("codes", self.codes(model, split, rows), columns)
