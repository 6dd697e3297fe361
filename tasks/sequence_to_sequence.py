"""Sequence to sequence: a text from another text, a label or a picture. Numpy only; the loss of networks is in `losses.py`."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from ..configs.schema.data import SizesData
from ..configs.schema.tasks.sequence_to_sequence import WrittenTextConfig
from ..configs.schema.tokenizer import BOS, EOS
from ..datasets.arrays import BoolArray, FloatArray, IntArray
from ..datasets.encoded.preparation import Preparation
from ..datasets.encoded.split import Batch, Encoding, Split
from ..datasets.encoded.texts.one_to_many import LabelPairs, PicturePairs
from ..datasets.encoded.texts.text_pairs import PairSplit, Raw, TextPairs
from ..datasets.tokenizers.token_sequences import TokenSequences
from ..errors import ConfigError
from ..models.head import Head, Sampling
from .predictions import Predictions
from .scoring.figures import exp_ratio
from .scoring.row_scores import MetricColumns, RowTexts, compact, ones
from .scoring.text_scores import EditScores, NoScores, TextScores, TranslationScores
from .task import Alignment, Answer, Explain, PredictOptions, Task, stated, unanswered

if TYPE_CHECKING:
    from torch import nn

    from ..models.decoding import Search
    from ..models.networks.encoder_decoder import EncoderDecoder
    from .losses import Objective

SAMPLING_OPTIONS = "--temperature, --top-k, --top-p and --samples"
SAMPLED_ROWS = 512
"""Maximum number of texts to sample together."""
Found = Sequence[tuple[str, float]]
"""The texts that a search found for one source, best first, with their scores."""


@dataclass(frozen=True)
class TextPredictions(Predictions):
    """The rows as text, the generated texts, and (rows,) counts; `sums` (rows, n_sums) are for the metrics of `scored_as`.

    losses: nats, summed over the target's tokens; right: how many of the `tokens` target tokens were the most probable given the gold
    tokens before them; exact: 1 for a text that equals a reference.
    """

    raw: list[Raw]
    found: list[Found]
    losses: FloatArray
    right: IntArray
    tokens: IntArray
    exact: FloatArray
    sums: FloatArray


class SequenceToSequence(Task):
    """The task: its head, loss, search and metrics."""

    predict_options = frozenset({"length", "temperature", "top_k", "top_p", "samples", "beam_size", "n_best", "attention"})

    def __init__(self, config: Any, encoding: Encoding) -> None:
        super().__init__(config, encoding)
        source, target = encoding.tokenizer, encoding.target_tokenizer
        assert isinstance(target, TokenSequences)
        self.config, self.source, self.target = config, source if isinstance(source, TokenSequences) else None, target
        if self.source is None:
            self.predict_options -= {"attention"}
        self.head = self.head_for(config, encoding.spec)
        self.scores = self.text_scores(config)

    @staticmethod
    def text_scores(config: Any) -> TextScores:
        """The metrics of generated texts besides exact match."""
        match config.scored_as:
            case "translation":
                return TranslationScores()
            case "transduction":
                return EditScores("character")
            case "pronunciation":
                return EditScores("phoneme")
            case _:
                return NoScores()

    @classmethod
    def prepare(cls, config: Any) -> Preparation:
        """Pairs of a source and a target."""
        return {"text": TextPairs, "label": LabelPairs, "picture": PicturePairs}[config.source_type](config)

    @classmethod
    def head_for(cls, config: WrittenTextConfig, sizes: SizesData, labels: tuple[str, ...] = ()) -> Head:
        """One score for each word of the target vocabulary at each target position."""
        n_words = stated(sizes.target_vocab_size or sizes.vocab_size, "target_vocab_size", "the output has one score for each word")
        tied = config.tie_embeddings
        return Head("sequence", n_words, tied=tied != "none", tied_source=tied == "all", bias=config.output_bias)

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """Cross-entropy of each target token given those before it."""
        from .losses import Objective, SequenceLoss

        return [Objective("", model, SequenceLoss("tokens", self.config.label_smoothing, self.config.teacher_forcing))]

    def search(self, options: PredictOptions = PredictOptions(), device: Any = None) -> "Search":  # noqa: B008
        """The recipe's search, or the one that the options request: another beam size, another length, sampling."""
        from ..models.decoding import sampling_search, search_by

        overrides = {"beam_size": options.beam_size, "max_length": options.length}
        decoding = self.config.decoding.model_copy(update={key: value for key, value in overrides.items() if value is not None})
        if (sampling := self.sampling(options)) is not None:
            return sampling_search(decoding.max_length, sampling, device)
        return search_by(decoding, options.n_best or 1)

    def sampling(self, options: PredictOptions) -> Sampling | None:
        """The sampling settings, with the recipe's temperature unless the options give one; None without sampling options."""
        if options.draws and options.temperature is None:
            options = replace(options, temperature=self.config.decoding.temperature)
        return options.sampling()

    def predict(self, model: "EncoderDecoder", batch: Batch) -> TextPredictions:
        """The best text for each source, and the loss of the reference."""
        found = self.generate(model, batch, self.search())
        values, mask = batch.targets["tokens"]
        losses, right = (scores.sum(axis=1) for scores in model.score_targets(values, mask, **batch.inputs))
        exact, sums = self._scored([texts[0][0] for texts in found], batch.gold)
        return TextPredictions(
            rows=batch.rows,
            raw=list(batch.gold),
            found=found,
            losses=losses,
            right=right,
            tokens=mask.sum(axis=1),
            exact=exact,
            sums=sums,
        )

    def generate(self, model: "EncoderDecoder", batch: Batch, search: "Search") -> list[Found]:
        """The texts that a search finds for each source of a batch, best first, with their scores."""
        source = model.prepared(batch.inputs)
        found = model.search(search, source["tokens"], source["lengths"])
        return [[(self.target.decode(hypothesis.tokens), hypothesis.score) for hypothesis in hypotheses] for hypotheses in found]

    def _scored(self, texts: Sequence[str], gold: Sequence[Raw]) -> tuple[FloatArray, FloatArray]:
        """(rows,) whether each text equals a reference, and (rows, n_sums); zeros and no sums if references are unknown."""
        if not all(raw.references for raw in gold):
            return np.zeros(len(gold)), np.zeros((len(gold), 0))
        exact = np.array([text in raw.references for text, raw in zip(texts, gold, strict=True)], dtype=np.float64)
        return exact, self.scores.sums(texts, [raw.references for raw in gold])

    def metrics(self, predictions: TextPredictions) -> dict[str, float]:
        """`loss` in nats per target token and `accuracy`, both given the gold tokens before it; `exact_match` and the metrics of
        `scored_as` for the generated texts.
        """
        tokens = max(int(predictions.tokens.sum()), 1)
        return {
            "loss": float(predictions.losses.sum()) / tokens,
            "accuracy": float(predictions.right.sum()) / tokens,
            "exact_match": _mean(predictions.exact),
            **self.scores.figures(predictions.sums.sum(axis=0)),
            **({"perplexity": float(exp_ratio(np.array([predictions.losses.sum(), tokens])))} if self.reports_perplexity else {}),
        }

    @property
    def reports_perplexity(self) -> bool:
        """Whether `perplexity` is a metric: for sources with many valid targets, only their probability counts."""
        return self.config.scored_as == "generation"

    def metric_columns(self, predictions: TextPredictions) -> MetricColumns:
        """For each row: loss, target tokens, correct tokens, exact match, and the sums of `scored_as`."""
        tokens = {"tokens": compact(predictions.tokens)}
        losses = {"losses": predictions.losses.astype(np.float64), **tokens}
        return {
            "loss": ("ratio", losses),
            "accuracy": ("ratio", {"right": compact(predictions.right), **tokens}),
            "exact_match": ("share", {"exact": compact(predictions.exact), "rows": ones(len(predictions.rows))}),
            **self.scores.columns(predictions.sums),
            **({"perplexity": ("exp_ratio", losses)} if self.reports_perplexity else {}),
        }

    def row_texts(self, predictions: TextPredictions, split: Split) -> RowTexts:
        """Sources, references and generated texts; a text that equals one of several references is shown as all of them, being right."""
        answers = [" | ".join(raw.references) for raw in predictions.raw]
        best = [found[0][0] for found in predictions.found]
        predicted = [answer if text in raw.references else text
                     for text, raw, answer in zip(best, predictions.raw, answers, strict=True)]
        return RowTexts([raw.source for raw in predictions.raw], answers, predicted)

    def counted_rows(self, predictions: TextPredictions) -> Mapping[str, BoolArray]:
        """`exact_match`, and those metrics of `scored_as` that count rows; the others count tokens or n-grams."""
        return {"exact_match": predictions.exact > 0, **self.scores.counted_rows(predictions.sums)}

    def baselines(self, predictions: TextPredictions) -> Mapping[str, float]:
        """Copying the source; if the source is not a text, the most frequent target here; for perplexity, uniform over the vocabulary."""
        if self.reports_perplexity:
            return {"uniform": float(self.target.vocab_size)}
        if self.source is None:
            (_, count), = Counter(reference for raw in predictions.raw for reference in raw.references).most_common(1)
            return {"the most frequent target": count / len(predictions.raw)}
        exact, sums = self._scored([raw.source for raw in predictions.raw], predictions.raw)
        figures = {"exact_match": _mean(exact), **self.scores.figures(sums.sum(axis=0))}
        return {"copy of the source": figures[self.main_metric]}

    def signatures(self) -> Mapping[str, str]:
        """The signatures of metrics that have one."""
        return self.scores.signatures()

    def describe(self, predictions: TextPredictions, place: int, full: bool = False) -> dict[str, Any]:
        """The best text and its score; with `full` also the other texts that the search kept."""
        fields = _fields(predictions.found[place])
        return fields if full else {name: fields[name] for name in ("prediction", "score")}

    def alignments(self, model: "EncoderDecoder", split: Split, rows: IntArray,
                   options: PredictOptions = PredictOptions()) -> list[Alignment]:  # noqa: B008
        """The model's attention from the texts generated for these rows to their sources; none without attention."""
        if self.source is None:
            return []
        batch = split.batch(rows, model.config.inputs)
        tokens, lengths = batch.inputs["tokens"], batch.inputs["lengths"]
        hypotheses = [kept[0] for kept in model.search(self.search(options, model.device), tokens, lengths)]
        aligned = []
        for place, best in enumerate(hypotheses):
            source, written = tokens[place : place + 1, : lengths[place]], [*best.tokens, EOS] if best.ended else best.tokens
            weights = model.aligned(source, lengths[place : place + 1], _previous(written))
            if weights is not None:
                aligned.append(Alignment(self.source.tokens(source[0]), self.target.tokens(written), weights[0]))
        return aligned

    def check_options(self, model: "EncoderDecoder", options: PredictOptions) -> None:
        """Raises ConfigError for more texts than a search keeps, for search options combined with sampling, and for too long a target."""
        longest, samples = model.config.longest_input, options.draws
        if options.length is not None and longest is not None and options.length > longest:
            raise ConfigError(f"--length {options.length:,} exceeds the model's number of positions: model.max_positions is {longest:,}. "
                              "Give at most that many.")
        if samples and options.beam_size is not None:
            raise ConfigError(f"--beam-size {options.beam_size} is for a search, and {SAMPLING_OPTIONS} sample instead; "
                              "leave one of them out.")
        if samples and options.attention is not None:
            raise ConfigError(f"--attention draws the attention of a search, and {SAMPLING_OPTIONS} sample texts; "
                              "leave one of them out.")
        n_best, kept = options.n_best or 1, 1 if samples else options.beam_size or self.config.decoding.beam_size
        if n_best > kept:
            remedy = f"use --samples {n_best} to draw that many" if samples else f"set --beam-size {n_best} or more"
            raise ConfigError(f"--n-best {n_best} is more than the number of hypotheses that the search keeps; {remedy}.")

    def too_long(self, n_tokens: int, model: "EncoderDecoder", options: PredictOptions) -> str | None:
        """Why a source with this many tokens cannot be answered; None if it can."""
        longest = model.config.longest_input
        if longest is None or n_tokens <= longest:
            return None
        return f"the text has {n_tokens:,} tokens including [EOS], but model.max_positions is {longest:,}; shorten it"

    def answers(self, model: "EncoderDecoder", encoding: Encoding, chunks: Iterable[Sequence[str]], options: PredictOptions,
                explain: Explain = lambda *_: None) -> Iterator[Answer]:
        """The generated text for each source, empty for an empty source; with scores if several texts are requested.

        A source longer than the model's longest input gets no answer.
        """
        search = self.search(options, model.device)
        score = "score" if options.samples is None else "log_probability"
        for texts in chunks:
            split = self.preparation.unlabelled(texts, encoding)
            assert isinstance(split, PairSplit)
            problems = [self.too_long(n_tokens, model, options) for n_tokens in split.sources.lengths.tolist()]
            rows = np.array([row for row, text in enumerate(texts) if text.strip() and problems[row] is None], dtype=np.int64)
            found = self._found(model, split, rows, search, options.samples)
            for text, problem in zip(texts, problems, strict=True):
                if problem is not None:
                    yield unanswered(text, problem)
                else:
                    yield _answer({"text": text, **_fields(next(found) if text.strip() else [("", 0.0)], score)}, score)

    def _found(self, model: "EncoderDecoder", split: PairSplit, rows: IntArray, search: "Search", samples: int | None) -> Iterator[Found]:
        """The texts that a search finds for each row, or `samples` samples in the order in which they are drawn."""
        n_texts, inputs = samples or 1, model.config.inputs
        repeated = np.repeat(rows, n_texts)
        parts = [repeated[start : start + SAMPLED_ROWS] for start in range(0, len(repeated), SAMPLED_ROWS)]
        found = (texts for part in parts for texts in self.generate(model, split.batch(part, inputs), search))
        if samples is None:
            return found
        return ([texts[0] for texts in islice(found, n_texts)] for _ in rows)


def _answer(fields: dict[str, Any], score: str) -> Answer:
    if "others" not in fields:
        return Answer(fields, [fields["prediction"]])
    return Answer(fields, [f"{entry[score]:.3f}  {entry['prediction']}" for entry in (fields, *fields["others"])])


def _fields(found: Found, score_name: str = "score") -> dict[str, Any]:
    """The best text that a search found, its score, and the other texts."""
    best, *others = ({"prediction": text, score_name: round(score, 4)} for text, score in found)
    return {**best, "others": others} if others else best


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else 0.0


def _previous(written: Sequence[int]) -> IntArray:
    """(1, tgt): the token before each position of a target, [BOS] first."""
    return np.array([[BOS, *written[:-1]]], dtype=np.int32)
