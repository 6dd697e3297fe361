"""Language modelling: predict the next token of running text. Numpy only; the loss of networks is in `losses.py`."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from ..configs.schema.data import SizesData
from ..configs.schema.tasks.language_modeling import LanguageModelingConfig
from ..configs.schema.tokenizer import BOS
from ..datasets.arrays import FloatArray, IntArray
from ..datasets.encoded.split import Batch, Encoding, Split
from ..datasets.encoded.texts.token_stream import RunningText, TokenStream
from ..datasets.tokenizers.token_sequences import TokenSequences
from ..models.generation import generate
from ..models.head import Head, Sampling
from .predictions import Predictions
from .scoring.figures import LARGEST_EXPONENT
from .scoring.row_scores import MetricColumns, RowTexts, compact
from .task import Explain, PredictOptions, StreamedAnswer, Task, stated

if TYPE_CHECKING:
    from torch import nn

    from .losses import Objective

LENGTH = 200
"""Default number of tokens to generate."""
INCOMPLETE = "\ufffd"
"""The decoding of an incomplete character's bytes."""


@dataclass(frozen=True)
class BlockPredictions(Predictions):
    """Per block, (rows,): nats, correctly predicted tokens (-1: not counted), tokens; and the raw characters and words that it covers."""

    losses: FloatArray
    right: IntArray
    tokens: IntArray
    characters: FloatArray
    words: FloatArray


class LanguageModeling(Task):
    """The task: its head, its loss, metrics that count every token once, and text generation."""

    predict_options = frozenset({"length", "temperature", "top_k", "top_p"})

    def __init__(self, config: LanguageModelingConfig, encoding: Encoding) -> None:
        super().__init__(config, encoding)
        self.config, self.head, self.tokenizer = config, self.head_for(config, encoding.spec), encoding.tokenizer

    @classmethod
    def prepare(cls, config: LanguageModelingConfig) -> RunningText:
        """Documents as one stream of tokens."""
        return RunningText(config)

    @classmethod
    def head_for(cls, config: LanguageModelingConfig, sizes: SizesData, labels: tuple[str, ...] = ()) -> Head:
        """One score for each word of the vocabulary at each position."""
        n_words = stated(sizes.vocab_size, "vocab_size", "the output has one score for each word")
        return Head("vocabulary", n_words, tied=config.tie_embeddings, bias=config.output_bias, multiple=config.pad_vocab_to_multiple_of)

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """Cross-entropy of each token."""
        from .losses import Objective, TokenLoss

        return [Objective("", model, TokenLoss("tokens"))]

    def predict(self, model: Any, batch: Batch) -> BlockPredictions:
        """The loss of each block: how probable each token is given those before it."""
        values, mask = batch.targets["tokens"]
        if model.scores_are == "log_likelihoods":
            losses = -model.log_likelihoods(**batch.inputs, targets=values, mask=mask).sum(axis=1)
            right = np.full(len(batch), -1)
        else:
            losses, right = (scores.sum(axis=1) for scores in model.score_targets(values, mask, **batch.inputs))
        characters, words = np.asarray(batch.gold).T
        return BlockPredictions(batch.rows, losses, right, mask.sum(axis=1), characters, words)

    def metrics(self, predictions: BlockPredictions) -> dict[str, float]:
        """`loss` in nats per token, `perplexity` exp(loss), `accuracy` of the most probable token; and, comparable across tokenizers,
        `bits_per_character` and `word_perplexity`: the same nats per character and per word of the raw text.
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

    @property
    def key_metrics(self) -> tuple[str, ...]:
        """The loss, and the metric that is usually quoted for this kind of token."""
        return ("loss", self.config.quoted_metric(self.tokenizer.kind if isinstance(self.tokenizer, TokenSequences) else None))

    def metric_columns(self, predictions: BlockPredictions) -> MetricColumns:
        """For each block: nats, tokens, correct tokens, and the raw characters and words that it covers."""
        losses, tokens = {"losses": predictions.losses.astype(np.float64)}, {"tokens": compact(predictions.tokens)}
        accuracy: MetricColumns = {}
        if not (predictions.right < 0).any():
            accuracy = {"accuracy": ("ratio", {"right": compact(predictions.right), **tokens})}
        return {
            "loss": ("ratio", losses | tokens),
            "perplexity": ("exp_ratio", losses | tokens),
            **accuracy,
            "bits_per_character": ("bits", losses | {"characters": predictions.characters.astype(np.float64)}),
            "word_perplexity": ("exp_ratio", losses | {"words": predictions.words.astype(np.float64)}),
        }

    def row_texts(self, predictions: BlockPredictions, split: Split) -> RowTexts:
        """The text of each block, so that runs with other blocks or another tokenizer have different rows."""
        assert isinstance(split, TokenStream) and isinstance(self.tokenizer, TokenSequences)
        texts = [self.tokenizer.decode(split.block(row).tolist()) for row in predictions.rows.tolist()]
        return RowTexts(texts, texts, [""] * len(texts))

    def baselines(self, predictions: BlockPredictions) -> Mapping[str, float]:
        """Perplexity of a uniform distribution over the vocabulary."""
        assert isinstance(self.head, Head)
        return {"uniform": float(self.head.n_outputs)}

    def describe(self, predictions: BlockPredictions, place: int, full: bool = False) -> dict[str, Any]:
        """The mean loss of a block."""
        return {"prediction": f"{predictions.losses[place] / max(predictions.tokens[place], 1):.4f} nats per token"}

    def answers(self, model: Any, encoding: Encoding, chunks: Iterable[Sequence[str]], options: PredictOptions,
                explain: Explain = lambda *_: None) -> Iterator[StreamedAnswer]:
        """Generate a continuation of each prompt."""
        tokenizer = encoding.tokenizer
        assert isinstance(tokenizer, TokenSequences)
        sampling, most = options.sampling() or Sampling(seed=options.seed), options.length or LENGTH
        for text in chain.from_iterable(chunks):
            before = tokenizer.encode([text]).ids.tolist() if text else []
            yield StreamedAnswer(text, pieces(tokenizer.decode, before, generate(model, [BOS, *before], most, sampling)))


def pieces(decode: Callable[[Sequence[int]], str], before: Sequence[int], ids: Iterable[int]) -> Iterator[str]:
    """Stream the text of `ids`; joined, the pieces are the text that `decode` appends for them to that of `before`.

    A token's text depends on the token before it (is there a space between the two?), and a character may span several tokens. It depends
    on nothing further back, so only the last piece is decoded again.
    """
    context, new = list(before[-1:]), []
    for number in ids:
        new.append(number)
        text = decode([*context, *new])
        if not text.endswith(INCOMPLETE):
            yield text[len(decode(context)) :]
            context, new = new, []
    if new:
        yield decode([*context, *new])[len(decode(context)) :]


def _exp(nats: float) -> float:
    """exp, clipped to avoid overflow."""
    return math.exp(min(nats, LARGEST_EXPONENT))
