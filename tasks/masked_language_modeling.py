"""Masked language modelling: predict masked tokens from the context on both sides. Numpy only; the loss is in `losses.py`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from ..configs.schema.data import SizesData
from ..configs.schema.tasks.language_modeling import MaskedLanguageModelingConfig
from ..configs.schema.tokenizer import MASK, SPECIAL_TOKENS
from ..datasets.arrays import BoolArray, FloatArray, IntArray
from ..datasets.encoded.split import Batch, Encoding, Split
from ..datasets.encoded.texts.masked_texts import MaskedSplit, MaskedTexts, with_masks
from ..datasets.encoded.texts.text_parts import TextPartPairs
from ..datasets.tokenizers.token_sequences import TokenSequences
from ..models.head import Head, Heads
from .predictions import Predictions
from .scoring.figures import exp_ratio, ratio
from .scoring.metrics import softmax
from .scoring.row_scores import MetricColumns, RowTexts, compact, ones
from .task import Answer, Explain, PredictOptions, Task, stated, unanswered

if TYPE_CHECKING:
    from torch import nn

    from .losses import Objective

BEST = 5
"""Number of tokens to list for each [MASK]."""


@dataclass(frozen=True)
class MaskedPredictions(Predictions):
    """Sums over the masked tokens of each row, (rows,): nats, correct tokens, masked tokens; and for pairs of texts the nats of the
    next-sentence prediction, and whether it is right.
    """

    losses: FloatArray
    right: IntArray
    hidden: IntArray
    next_losses: FloatArray | None = None
    next_right: BoolArray | None = None


class MaskedLanguageModeling(Task):
    """The task: its head, its loss, metrics over masked tokens, and filling in [MASK]."""

    def __init__(self, config: MaskedLanguageModelingConfig, encoding: Encoding) -> None:
        super().__init__(config, encoding)
        self.config, self.head, self.tokenizer = config, self.head_for(config, encoding.spec), encoding.tokenizer

    @classmethod
    def prepare(cls, config: MaskedLanguageModelingConfig) -> MaskedTexts:
        """Texts, or pairs of their parts, with masked tokens."""
        return TextPartPairs(config) if config.next_sentence else MaskedTexts(config)

    @classmethod
    def head_for(cls, config: MaskedLanguageModelingConfig, sizes: SizesData, labels: tuple[str, ...] = ()) -> Heads:
        """One score for each word of the vocabulary at each masked token, two for each pair of texts, or both by name."""
        pairs = Head("classes", 2)
        if not config.mask_probability:
            return pairs
        n_words = stated(sizes.vocab_size, "vocab_size", "the output has one score for each word")
        tokens = Head("vocabulary", n_words, tied=config.tie_embeddings, bias=config.output_bias, multiple=config.pad_vocab_to_multiple_of)
        return {"tokens": tokens, "next": pairs} if config.next_sentence else tokens

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """Cross-entropy of each masked token, of whether the second text follows the first, or both."""
        from .losses import ClassificationLoss, Objective, PretrainingLoss, TokenLoss

        if not self.config.mask_probability:
            return [Objective("", model, ClassificationLoss("next", 0.0, None))]
        return [Objective("", model, PretrainingLoss("tokens") if self.config.next_sentence else TokenLoss("tokens"))]

    def predict(self, model: Any, batch: Batch) -> MaskedPredictions:
        """The loss of each masked token, and of whether the second text follows the first."""
        if isinstance(self.head, Mapping):
            scores = model.score_outputs(batch.targets, **batch.inputs)
        else:
            ((name, target),) = batch.targets.items()
            scores = {name: model.score_targets(*target, **batch.inputs)}
        sums = np.zeros((3, len(batch)))
        if "tokens" in scores:
            rows = batch.inputs["asked"] // batch.inputs["tokens"].shape[1]
            sums = np.stack([np.bincount(rows, values, len(batch)) for values in (*scores["tokens"], batch.targets["tokens"].mask)])
        right, hidden = sums[1:].astype(np.int64)
        return MaskedPredictions(batch.rows, sums[0], right, hidden, *scores.get("next", ()))

    def metrics(self, predictions: MaskedPredictions) -> dict[str, float]:
        """`loss` in nats per masked token, `perplexity` exp(loss), `accuracy` of the most probable token; `next_loss` in nats per pair of
        texts and `next_accuracy`, which are named `loss` and `accuracy` if no token is masked.
        """
        sums = {name: np.array([float(column.sum()) for column in columns.values()])
                for name, (_, columns) in self.metric_columns(predictions).items()}
        return {name: float((exp_ratio if name == "perplexity" else ratio)(totals)) for name, totals in sums.items()}

    @property
    def key_metrics(self) -> tuple[str, ...]:
        """Loss, perplexity and accuracy of masked tokens, and next-sentence accuracy."""
        return ("loss", "perplexity", "accuracy", "next_accuracy")

    def metric_columns(self, predictions: MaskedPredictions) -> MetricColumns:
        """For each row: nats, masked tokens and correct ones; and likewise for pairs of texts."""
        columns: MetricColumns = {}
        if self.config.mask_probability:
            losses, hidden = {"losses": predictions.losses.astype(np.float64)}, {"tokens": compact(predictions.hidden)}
            columns |= {"loss": ("ratio", losses | hidden), "perplexity": ("exp_ratio", losses | hidden),
                        "accuracy": ("ratio", {"right": compact(predictions.right), **hidden})}
        if predictions.next_losses is not None and predictions.next_right is not None:
            prefix, rows = "next_" if columns else "", ones(len(predictions.rows))
            columns |= {f"{prefix}loss": ("ratio", {f"{prefix}losses": predictions.next_losses, "rows": rows}),
                        f"{prefix}accuracy": ("share", {f"{prefix}right": compact(predictions.next_right), "rows": rows})}
        return columns

    def row_texts(self, predictions: MaskedPredictions, split: Split) -> RowTexts:
        """The masked tokens of each row and their answers, so that runs with other masks or another tokenizer have different rows."""
        assert isinstance(split, MaskedSplit) and isinstance(self.tokenizer, TokenSequences)
        texts, answers = [], []
        for row in predictions.rows.tolist():
            batch = split.batch(np.array([row]), frozenset({"tokens"}))
            texts.append(" ".join(self.tokenizer.tokens(batch.inputs["tokens"][0])))
            answers.append(" ".join(self.tokenizer.tokens(batch.targets["tokens"].values)) if "tokens" in batch.targets else "")
        return RowTexts(texts, answers, [""] * len(texts))

    def baselines(self, predictions: MaskedPredictions) -> Mapping[str, float]:
        """Perplexity of a uniform distribution over the vocabulary."""
        assert self.tokenizer is not None
        return {"uniform": float(self.tokenizer.vocab_size)}

    def describe(self, predictions: MaskedPredictions, place: int, full: bool = False) -> dict[str, Any]:
        """The mean loss of a row's masked tokens."""
        return {"prediction": f"{predictions.losses[place] / max(predictions.hidden[place], 1):.4f} nats per hidden token"}

    def answers(self, model: Any, encoding: Encoding, chunks: Iterable[Sequence[str]], options: PredictOptions,
                explain: Explain = lambda *_: None) -> Iterator[Answer]:
        """Each text with its [MASK]s filled in, and the most probable tokens for each mask."""
        for text in chain.from_iterable(chunks):
            yield self._filled(model, text)

    def _filled(self, model: Any, text: str) -> Answer:
        assert isinstance(self.tokenizer, TokenSequences)
        if not self.config.mask_probability:
            return unanswered(text, "this model cannot fill in masks: it has only learned whether one text follows another")
        ids, name = np.array(with_masks(self.tokenizer, text), dtype=np.int32), SPECIAL_TOKENS[MASK]
        positions, longest = np.flatnonzero(ids == MASK), model.config.longest_input
        if not len(positions):
            return unanswered(text, f"it contains no {name} to fill in")
        if longest is not None and len(ids) > longest:
            return unanswered(text, f"it has {len(ids):,} tokens, but the model reads at most {longest:,}")
        scores = model.outputs(tokens=ids[None], lengths=np.array([len(ids)]), asked=positions)
        shares = softmax(scores["tokens" if isinstance(self.head, Mapping) else "scores"])
        shares[:, : len(SPECIAL_TOKENS)] = 0.0  # never fill in a special token
        best = np.argsort(-shares, axis=1, kind="stable")[:, :BEST]
        ids[positions] = best[:, 0]
        prediction = self.tokenizer.decode(ids)
        masks = [[(token.strip(), float(row[number])) for token, number in zip(self.tokenizer.tokens(numbers), numbers, strict=True)]
                 for row, numbers in zip(shares, best, strict=True)]
        fields = {"text": text, "prediction": prediction,
                  "masks": [[{"token": token, "probability": round(share, 6)} for token, share in candidates] for candidates in masks]}
        lines = [f"    {name} {', '.join(f'{token} {share:.3f}' for token, share in candidates)}" for candidates in masks]
        return Answer(fields, [prediction, *lines])
