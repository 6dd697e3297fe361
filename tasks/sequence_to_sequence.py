"""Sequence to sequence: one text for another. Numpy only; the loss that networks are trained by is in `losses.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..configs.schema.task import SequenceToSequenceConfig
from ..configs.schema.tokenizer import BOS, EOS
from ..datasets.arrays import FloatArray
from ..datasets.encoded.split import Batch, Encoding, IntArray, Split
from ..datasets.encoded.text_pairs import Raw
from ..datasets.tokenizers.token_sequences import TokenSequences
from ..models.head import Head
from .predictions import Predictions
from .task import Alignment, Task
from .text_scores import EditScores, TextScores, TranslationScores

if TYPE_CHECKING:
    from torch import nn

    from ..models.decoding import Search
    from ..models.networks.encoder_decoder import EncoderDecoder
    from .losses import Objective

MAIN_FIGURE = {"translation": "bleu", "transduction": "exact_match", "pronunciation": "word_error_rate"}


@dataclass(frozen=True)
class TextPredictions(Predictions):
    """What was read, what was written, best first, with scores, and what counts as right; the rest is (rows,), `sums` (rows, n_sums).

    losses: nats, summed over the target's tokens; right: of `tokens` target tokens, how many were the most probable one after the
    right ones before them; exact: 1 for a text that is right as a whole.
    """

    raw: list[Raw]
    said: list[list[tuple[str, float]]]
    losses: FloatArray
    right: IntArray
    tokens: IntArray
    exact: FloatArray
    sums: FloatArray


class SequenceToSequence(Task):
    """The task: the head it needs, the loss, the search and the figures."""

    def __init__(self, config: SequenceToSequenceConfig, encoding: Encoding) -> None:
        source, target = encoding.tokenizer, encoding.target_tokenizer
        assert isinstance(source, TokenSequences) and isinstance(target, TokenSequences)
        self.config, self.source, self.target = config, source, target
        self.compared_by = MAIN_FIGURE[config.scored_as]
        self.head = sequence_head(config, target.vocab_size)
        self.scores: TextScores = _scores(config)

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """What is minimised: cross-entropy of each target token after those before it."""
        from .losses import Objective, SequenceLoss

        return [Objective("", model, SequenceLoss(self.config.label_smoothing, self.config.teacher_forcing))]

    def search(self) -> "Search":
        """The search that the recipe asks for: greedy or a beam."""
        from ..models.decoding import search_by

        return search_by(self.config.decoding)

    def predict(self, model: "EncoderDecoder", batch: Batch) -> TextPredictions:
        """The text that the search finds for each source; and how probable the right one is."""
        said = self.written(model, batch, self.search())
        losses, right = model.score_targets(batch.targets, **batch.inputs)
        exact, sums = self._judged([texts[0][0] for texts in said], batch.gold)
        return TextPredictions(
            rows=batch.rows,
            raw=list(batch.gold),
            said=said,
            losses=losses,
            right=right,
            tokens=(batch.targets >= 0).sum(axis=1),
            exact=exact,
            sums=sums,
        )

    def _judged(self, texts: Sequence[str], gold: Sequence[Raw]) -> tuple[FloatArray, FloatArray]:
        """(rows,) whether each text is right as a whole, and (rows, n_sums); nothing where what is right is not known."""
        if not all(raw.references for raw in gold):
            return np.zeros(len(gold)), np.zeros((len(gold), 0))
        exact = np.array([text in raw.references for text, raw in zip(texts, gold, strict=True)], dtype=np.float64)
        return exact, self.scores.sums(texts, [raw.references for raw in gold])

    def written(self, model: "EncoderDecoder", batch: Batch, search: "Search") -> list[list[tuple[str, float]]]:
        """For each source the texts that a search finds, the best first, with their scores."""
        found = model.search(search, batch.inputs["tokens"], batch.inputs["lengths"])
        return [[(self.target.decode(each.tokens), each.score) for each in texts] for texts in found]

    def metrics(self, predictions: TextPredictions) -> dict[str, float]:
        """`loss` in nats a target token and `accuracy`, each after the right tokens before it; `exact_match`; and the figures of
        `scored_as`, of the texts that the search found.
        """
        tokens = max(int(predictions.tokens.sum()), 1)
        return {
            "loss": float(predictions.losses.sum()) / tokens,
            "accuracy": float(predictions.right.sum()) / tokens,
            "exact_match": _mean(predictions.exact),
            **self.scores.figures(predictions.sums.sum(axis=0)),
        }

    def baselines(self, predictions: TextPredictions) -> Mapping[str, float]:
        """The source itself, taken for the target."""
        exact, sums = self._judged([raw.source for raw in predictions.raw], predictions.raw)
        figures = {"exact_match": _mean(exact), **self.scores.figures(sums.sum(axis=0))}
        return {"copy of the source": figures[self.compared_by]}

    def remarks(self) -> Mapping[str, str]:
        """The signatures of the figures that have one."""
        return self.scores.signatures()

    def describe(self, predictions: TextPredictions, place: int, whole: bool = False) -> dict[str, Any]:
        """The text, and its score; as a whole those that came behind it too."""
        told = self.told(predictions.said[place])
        return told if whole else {name: told[name] for name in ("prediction", "score")}

    def told(self, texts: Sequence[tuple[str, float]]) -> dict[str, Any]:
        """The best of the texts that a search found, its score, and the others."""
        best, *others = ({"prediction": text, "score": round(score, 4)} for text, score in texts)
        return {**best, "others": others} if others else best

    def alignments(self, model: "EncoderDecoder", split: Split, rows: IntArray, search: "Search | None" = None) -> list[Alignment]:
        """How the texts that are found for these rows and their sources are aligned by the model's attention; none without attention."""
        batch = split.batch(rows, "pair")
        tokens, lengths = batch.inputs["tokens"], batch.inputs["lengths"]
        found = [texts[0] for texts in model.search(search or self.search(), tokens, lengths)]
        aligned = []
        for place, best in enumerate(found):
            source, written = tokens[place : place + 1, : lengths[place]], [*best.tokens, EOS] if best.ended else best.tokens
            weights = model.aligned(source, lengths[place : place + 1], _previous(written))
            if weights is not None:
                aligned.append(Alignment(self.source.tokens(source[0]), self.target.tokens(written), weights[0]))
        return aligned


def sequence_head(config: SequenceToSequenceConfig, vocab_size: int) -> Head:
    """The output over the target's vocabulary."""
    tied = config.tie_embeddings
    return Head("sequence", vocab_size, tied=tied != "none", tied_source=tied == "all", bias=config.output_bias)


def _scores(config: SequenceToSequenceConfig) -> TextScores:
    match config.scored_as:
        case "translation":
            return TranslationScores()
        case "transduction":
            return EditScores("character")
        case "pronunciation":
            return EditScores("phoneme")


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else 0.0


def _previous(written: Sequence[int]) -> IntArray:
    """(1, tgt): what stands before each token of a target, [BOS] first."""
    return np.array([[BOS, *written[:-1]]], dtype=np.int32)
