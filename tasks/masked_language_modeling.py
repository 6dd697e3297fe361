"""Masked language modelling: hidden tokens from what stands on both sides of them. Numpy only; the loss is in `losses.py`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from ..configs.schema.data import SizesData
from ..configs.schema.language_modeling import MaskedLanguageModelingConfig
from ..configs.schema.tokenizer import MASK, SPECIAL_TOKENS
from ..datasets.arrays import FloatArray, IntArray
from ..datasets.encoded.masked_texts import MaskedSplit, MaskedTexts, with_masks
from ..datasets.encoded.split import Batch, Encoding, Split
from ..datasets.tokenizers.token_sequences import TokenSequences
from ..models.head import Head
from .figures import exp_ratio
from .metrics import softmax
from .predictions import Predictions
from .row_scores import MetricColumns, RowTexts, compact
from .task import Answer, Explain, PredictOptions, Task, stated, unanswered

if TYPE_CHECKING:
    from torch import nn

    from .losses import Objective

BEST = 5
"""Tokens that are named for each [MASK]."""


@dataclass(frozen=True)
class MaskedPredictions(Predictions):
    """Sums over the hidden tokens of each row, (rows,): nats, tokens predicted right, hidden tokens."""

    losses: FloatArray
    right: IntArray
    hidden: IntArray


class MaskedLanguageModeling(Task):
    """The task: the head it needs, the loss, metrics over the hidden tokens, and texts with [MASK] filled in."""

    def __init__(self, config: MaskedLanguageModelingConfig, encoding: Encoding) -> None:
        super().__init__(config, encoding)
        self.config, self.head, self.tokenizer = config, self.head_for(config, encoding.spec), encoding.tokenizer

    @classmethod
    def prepare(cls, config: MaskedLanguageModelingConfig) -> MaskedTexts:
        """Texts with hidden tokens."""
        return MaskedTexts(config)

    @classmethod
    def head_for(cls, config: MaskedLanguageModelingConfig, sizes: SizesData, labels: tuple[str, ...] = ()) -> Head:
        """One score for each word of the vocabulary at each hidden token."""
        n_words = stated(sizes.vocab_size, "vocab_size", "the output has one score for each word")
        return Head("vocabulary", n_words, tied=config.tie_embeddings, bias=config.output_bias, multiple=config.pad_vocab_to_multiple_of)

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """What is minimised: cross-entropy of each hidden token."""
        from .losses import Objective, TokenLoss

        return [Objective("", model, TokenLoss("tokens"))]

    def predict(self, model: Any, batch: Batch) -> MaskedPredictions:
        """How probable each hidden token is."""
        values, mask = batch.targets["tokens"]
        losses, right = model.score_targets(values, mask, **batch.inputs)
        rows = batch.inputs["asked"] // batch.inputs["tokens"].shape[1]
        nats, n_right, hidden = (np.bincount(rows, each, len(batch)) for each in (losses, right, mask))
        return MaskedPredictions(batch.rows, nats, n_right.astype(np.int64), hidden.astype(np.int64))

    def metrics(self, predictions: MaskedPredictions) -> dict[str, float]:
        """`loss` in nats per hidden token, `perplexity` exp(loss), `accuracy` of the most probable token."""
        nats, hidden = float(predictions.losses.sum()), max(int(predictions.hidden.sum()), 1)
        return {
            "loss": nats / hidden,
            "perplexity": float(exp_ratio(np.array([nats, hidden]))),
            "accuracy": float(predictions.right.sum()) / hidden,
        }

    def metric_columns(self, predictions: MaskedPredictions) -> MetricColumns:
        """Of each row: nats, hidden tokens, and those that are right."""
        losses, hidden = {"losses": predictions.losses.astype(np.float64)}, {"tokens": compact(predictions.hidden)}
        return {
            "loss": ("ratio", losses | hidden),
            "perplexity": ("exp_ratio", losses | hidden),
            "accuracy": ("ratio", {"right": compact(predictions.right), **hidden}),
        }

    def row_texts(self, predictions: MaskedPredictions, split: Split) -> RowTexts:
        """The tokens of each row and which of them are hidden, so that runs with other masks or another tokenizer have other rows."""
        assert isinstance(split, MaskedSplit) and isinstance(self.tokenizer, TokenSequences)
        seen, answers = [], []
        for row in predictions.rows.tolist():
            batch = split.batch(np.array([row]), frozenset({"tokens"}))
            seen.append(" ".join(self.tokenizer.tokens(batch.inputs["tokens"][0])))
            answers.append(" ".join(self.tokenizer.tokens(batch.targets["tokens"].values)))
        return RowTexts(seen, answers, [""] * len(seen))

    def baselines(self, predictions: MaskedPredictions) -> Mapping[str, float]:
        """Perplexity of a uniform distribution over the vocabulary."""
        return {"uniform": float(self.head.n_outputs)}

    def describe(self, predictions: MaskedPredictions, place: int, full: bool = False) -> dict[str, Any]:
        """The mean loss of a row's hidden tokens."""
        return {"prediction": f"{predictions.losses[place] / max(predictions.hidden[place], 1):.4f} nats per hidden token"}

    def answers(self, model: Any, encoding: Encoding, chunks: Iterable[Sequence[str]], options: PredictOptions,
                explain: Explain = lambda *_: None) -> Iterator[Answer]:
        """Each text with its [MASK]s filled in, and the most probable tokens of each."""
        for text in chain.from_iterable(chunks):
            yield self._filled(model, text)

    def _filled(self, model: Any, text: str) -> Answer:
        assert isinstance(self.tokenizer, TokenSequences)
        ids, name = np.array(with_masks(self.tokenizer, text), dtype=np.int32), SPECIAL_TOKENS[MASK]
        asked, longest = np.flatnonzero(ids == MASK), model.config.longest_input
        if not len(asked):
            return unanswered(text, f"there is no {name} in it to fill in")
        if longest is not None and len(ids) > longest:
            return unanswered(text, f"it has {len(ids):,} tokens, and the model reads {longest:,}")
        shares = softmax(model.scores(tokens=ids[None], lengths=np.array([len(ids)]), asked=asked))
        shares[:, : len(SPECIAL_TOKENS)] = 0.0  # a mask never stands for a special token
        best = np.argsort(-shares, axis=1, kind="stable")[:, :BEST]
        ids[asked] = best[:, 0]
        prediction = self.tokenizer.decode(ids)
        masks = [[(token.strip(), float(row[number])) for token, number in zip(self.tokenizer.tokens(numbers), numbers, strict=True)]
                 for row, numbers in zip(shares, best, strict=True)]
        fields = {"text": text, "prediction": prediction,
                  "masks": [[{"token": token, "probability": round(share, 6)} for token, share in each] for each in masks]}
        lines = [f"    {name} {', '.join(f'{token} {share:.3f}' for token, share in each)}" for each in masks]
        return Answer(fields, [prediction, *lines])
