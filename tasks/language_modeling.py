"""Language modelling: the next token of a running text. Numpy only; the loss that networks are trained by is in `losses.py`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..configs.schema.task import LanguageModelingConfig
from ..datasets.arrays import FloatArray
from ..datasets.encoded.split import Batch, IntArray
from ..models.head import Head
from .predictions import Predictions
from .task import Task

if TYPE_CHECKING:
    from torch import nn

    from .losses import Objective


@dataclass(frozen=True)
class BlockPredictions(Predictions):
    """Sums over the tokens of each block, (rows,): nats, tokens told right (-1: not counted), tokens; and its share of the raw text."""

    losses: FloatArray
    right: IntArray
    tokens: IntArray
    characters: FloatArray
    words: FloatArray


class LanguageModeling(Task):
    """The task: the head it needs, the loss, and figures over every token once."""

    compared_by = "perplexity"

    def __init__(self, config: LanguageModelingConfig, vocab_size: int) -> None:
        self.config, self.vocab_size = config, vocab_size
        self.head = Head("vocabulary", vocab_size, tied=config.tie_embeddings, bias=config.output_bias)

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """What is minimised: cross-entropy of each token."""
        from .losses import Objective, TokenLoss

        return [Objective("", model, TokenLoss())]

    def predict(self, model: Any, batch: Batch) -> BlockPredictions:
        """How probable each token is after those before it."""
        if model.scores_are == "log_likelihoods":
            losses = -model.log_likelihoods(**batch.inputs, targets=batch.targets).sum(axis=1)
            right = np.full(len(batch), -1)
        else:
            losses, right = model.score_targets(batch.targets, **batch.inputs)
        characters, words = np.asarray(batch.gold).T
        return BlockPredictions(batch.rows, losses, right, (batch.targets >= 0).sum(axis=1), characters, words)

    def metrics(self, predictions: BlockPredictions) -> dict[str, float]:
        """`loss` in nats a token, `perplexity` exp(loss), `accuracy` of the most probable token; and, comparable between tokenizers,
        `bits_per_character` and `word_perplexity`: the same nats by the characters and words of the raw text.
        """
        nats, tokens = float(predictions.losses.sum()), max(int(predictions.tokens.sum()), 1)
        accuracy = {} if (predictions.right < 0).any() else {"accuracy": float(predictions.right.sum()) / tokens}
        return {
            "loss": nats / tokens,
            "perplexity": _exp(nats / tokens),
            **accuracy,
            "bits_per_character": nats / math.log(2) / max(float(predictions.characters.sum()), 1e-9),
            "word_perplexity": _exp(nats / max(float(predictions.words.sum()), 1e-9)),
        }

    def baselines(self, predictions: BlockPredictions) -> Mapping[str, float]:
        """Perplexity where every token of the vocabulary is as probable as any other."""
        return {"uniform": float(self.vocab_size)}

    def describe(self, predictions: BlockPredictions, place: int, whole: bool = False) -> dict[str, Any]:
        """The mean loss of a block."""
        return {"prediction": f"{predictions.losses[place] / max(predictions.tokens[place], 1):.4f} nats a token"}


def _exp(nats: float) -> float:
    """exp, without an overflow where a model is very wrong."""
    return math.exp(min(nats, 700.0))
