"""Text generation from noise. Numpy only; the losses are in `losses.py`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...configs.schema.data import SizesData
from ...configs.schema.tasks.adversarial import AdversarialConfig, GanConfig, GumbelGanConfig, WassersteinLossConfig
from ...datasets.arrays import BoolArray, FloatArray, IntArray
from ...datasets.encoded.split import Batch, Encoding, Split
from ...datasets.encoded.texts.real_texts import Beside, RealTexts
from ...datasets.tokenizers.token_sequences import TokenSequences
from ...models.head import Heads
from ..predictions import Predictions
from ..scoring.figures import exp_ratio
from ..scoring.row_scores import MetricColumns, RowTexts, compact, ones
from ..task import Answer, Explain, PredictOptions, Task
from .character_ngrams import CharacterNgrams
from .trouble import Evaluations, trouble_in

if TYPE_CHECKING:
    from torch import nn

    from ...models.networks.gan import Gan
    from ..losses import Objective

SAMPLES = 10
"""Default number of samples."""
CHUNK = 64
"""Samples generated together."""


@dataclass(frozen=True)
class SamplePredictions(Predictions):
    """Each row pairs a real text with a sample. Arrays (rows,): the discriminator's scores, nats under the 5-grams of the training split,
    and whether the sample is a training text.
    """

    real: list[str]
    samples: list[str]
    real_scores: FloatArray
    sample_scores: FloatArray
    real_nats: FloatArray
    sample_nats: FloatArray
    copied: BoolArray


@dataclass(frozen=True)
class ComparedSamples(SamplePredictions):
    """Also, computed over all rows: nats of the real texts under the 5-grams of the samples (rows,), and whether the sample is in no
    earlier row (rows,).
    """

    reverse_nats: FloatArray
    different: BoolArray


class Adversarial(Task):
    """The task: the objectives of both players, and the metrics of the samples."""

    predict_options = frozenset({"samples", "length"})
    reads_texts: ClassVar[bool] = False

    def __init__(self, config: AdversarialConfig, encoding: Encoding) -> None:
        super().__init__(config, encoding)
        assert isinstance(encoding.tokenizer, TokenSequences)
        self.config, self.tokenizer, self.head = config, encoding.tokenizer, self.head_for(config, encoding.spec)
        self._train: tuple[Sequence[str], frozenset[str], CharacterNgrams] | None = None

    @classmethod
    def prepare(cls, config: AdversarialConfig) -> RealTexts:
        """Texts without labels."""
        return RealTexts(config)

    @classmethod
    def head_for(cls, config: AdversarialConfig, sizes: SizesData, labels: tuple[str, ...] = ()) -> Heads:
        """No head: the outputs of both players belong to the model."""
        return None

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """One objective for each player."""
        from ...models.networks.gan import Gan
        from ..losses import Objective
        from .losses import DiscriminatorLoss, GeneratorLoss

        assert isinstance(model, Gan) and isinstance(model.config, GanConfig | GumbelGanConfig)
        loss, optimizers = self.config.loss, [model.config.discriminator.optimizer, model.config.generator.optimizer]
        return [Objective("discriminator", model.discriminator, DiscriminatorLoss(model, loss), optimizers[0]),
                Objective("generator", model.generator, GeneratorLoss(model, loss), optimizers[1], self.config.generator_every)]

    def predict(self, model: "Gan", batch: Batch) -> SamplePredictions:
        """One sample per row; its noise depends only on the row's number and the name of the split."""
        assert isinstance(batch.gold, Beside)
        noise = noise_of(batch.gold.seed, batch.rows, model.n_noise(self.config.max_length))
        samples, scores = self._generated(model, noise, self.config.max_length)
        train_texts, ngrams = self._training_statistics(batch.gold.train)
        return SamplePredictions(
            rows=batch.rows,
            real=list(batch.gold.texts),
            samples=samples,
            real_scores=model.judged(**batch.inputs),
            sample_scores=scores,
            real_nats=ngrams.nats(batch.gold.texts),
            sample_nats=ngrams.nats(samples),
            copied=np.array([sample in train_texts for sample in samples], dtype=bool),
        )

    def completed(self, predictions: SamplePredictions) -> ComparedSamples:
        """Adds the statistics over all samples. Counting their 5-grams is slow, so it is done once and not for each confidence interval."""
        real, samples = predictions.real, predictions.samples
        reverse = CharacterNgrams(samples, "".join([*real, *samples])).nats(real)
        return ComparedSamples(**vars(predictions), reverse_nats=reverse, different=_first_occurrences(samples))

    def _generated(self, model: "Gan", noise: FloatArray, max_length: int) -> tuple[list[str], FloatArray]:
        """(rows, n_noise) -> the generated texts, and their scores (rows,)"""
        token_ids, scores = model.generate(noise, max_length)
        return [self.tokenizer.decode(tokens) for tokens in token_ids], scores

    def _training_statistics(self, texts: Sequence[str]) -> tuple[frozenset[str], CharacterNgrams]:
        """The texts of the training split as a set, and their 5-grams, counted once."""
        if self._train is None or self._train[0] is not texts:
            self._train = texts, frozenset(texts), CharacterNgrams(texts, "".join(texts))
        return self._train[1:]

    def metrics(self, predictions: ComparedSamples) -> dict[str, float]:
        """`discriminator_loss` (for `wasserstein` without the penalty) and `generator_loss`; `discriminator_accuracy`, the share of rows
        whose real text scores higher, and for `standard` the accuracies on real texts and on samples; `perplexity` per character of the
        samples under 5-grams of the training split, `real_perplexity` that of the real texts, and `reverse_perplexity` that of the real
        texts under 5-grams of the samples (Zhao et al. 2018); `different`: number of distinct samples over number of samples; `copied`:
        share of samples that are training texts.
        """
        columns = self.metric_columns(predictions)
        totals = {name: np.array([np.sum(column, dtype=np.float64) for column in parts.values()]) for name, (_, parts) in columns.items()}
        return {name: float(exp_ratio(sums) if "perplexity" in name else sums[0] / max(sums[1], 1)) for name, sums in totals.items()}

    def metric_columns(self, predictions: ComparedSamples) -> MetricColumns:
        """For each row its losses, right decisions, nats, characters with the end, whether its sample is new and whether it is copied."""
        rows = {"rows": ones(len(predictions.rows))}
        real_lengths, sample_lengths = ({f"{name}_characters": compact([len(text) + 1 for text in texts])}
                                        for name, texts in (("real", predictions.real), ("sample", predictions.samples)))
        return {
            **{name: ("ratio", {name: loss, **rows}) for name, loss in self._losses(predictions).items()},
            **{name: ("share", {name: compact(right), **rows}) for name, right in self._right(predictions).items()},
            "perplexity": ("exp_ratio", {"sample_nats": predictions.sample_nats, **sample_lengths}),
            "real_perplexity": ("exp_ratio", {"real_nats": predictions.real_nats, **real_lengths}),
            "reverse_perplexity": ("exp_ratio", {"reverse_nats": predictions.reverse_nats, **real_lengths}),
            "different": ("share", {"different": compact(predictions.different), **rows}),
            "copied": ("share", {"copied": compact(predictions.copied), **rows}),
        }

    def _losses(self, predictions: SamplePredictions) -> dict[str, FloatArray]:
        real, sample = predictions.real_scores, predictions.sample_scores
        if isinstance(self.config.loss, WassersteinLossConfig):
            return {"discriminator_loss": sample - real, "generator_loss": -sample}
        return {"discriminator_loss": np.logaddexp(0, -real) + np.logaddexp(0, sample), "generator_loss": np.logaddexp(0, -sample)}

    def _right(self, predictions: SamplePredictions) -> dict[str, BoolArray]:
        real, sample = predictions.real_scores, predictions.sample_scores
        pairs = {"discriminator_accuracy": real > sample}
        if isinstance(self.config.loss, WassersteinLossConfig):
            return pairs
        return {**pairs, "discriminator_real_accuracy": real > 0, "discriminator_generated_accuracy": sample < 0}

    @property
    def key_metrics(self) -> tuple[str, ...]:
        """Both losses, which player is ahead, and how good and how varied the samples are."""
        return ("discriminator_loss", "generator_loss", "discriminator_accuracy", "perplexity", "reverse_perplexity", "different")

    def counted_rows(self, predictions: ComparedSamples) -> Mapping[str, BoolArray]:
        """Right decisions of the discriminator, copied samples, and samples that no earlier row has."""
        return {**self._right(predictions), "copied": predictions.copied, "different": predictions.different}

    @property
    def baseline_metric(self) -> str:
        """The perplexity of the samples."""
        return "perplexity"

    def baselines(self, predictions: SamplePredictions) -> Mapping[str, float]:
        """The perplexity of the real texts."""
        n_characters = sum(len(text) + 1 for text in predictions.real)
        return {"real texts": float(exp_ratio(np.array([predictions.real_nats.sum(), n_characters])))}

    def trouble(self, evaluations: Evaluations) -> str | None:
        """A message if one player has won or the generator has collapsed."""
        return trouble_in(evaluations, self.config.loss.type)

    def sample_texts(self, predictions: SamplePredictions) -> Sequence[str]:
        """The first samples."""
        return predictions.samples[:SAMPLES]

    def describe(self, predictions: SamplePredictions, place: int, full: bool = False) -> dict[str, Any]:
        """The sample and its score."""
        return _fields(predictions.samples[place], predictions.sample_scores[place])

    def row_texts(self, predictions: SamplePredictions, split: Split) -> RowTexts:
        """The real text as input and answer, the sample as prediction."""
        return RowTexts(predictions.real, predictions.real, predictions.samples)

    def answers(self, model: "Gan", encoding: Encoding, chunks: Iterable[Sequence[str]], options: PredictOptions,
                explain: Explain = lambda *_: None) -> Iterator[Answer]:
        """Samples; each depends only on the seed and its number. No text is read."""
        n, length = options.samples or SAMPLES, options.length or self.config.max_length
        for start in range(0, n, CHUNK):
            numbers = np.arange(start, min(start + CHUNK, n))
            noise = noise_of(options.seed, numbers, model.n_noise(length))
            for text, score in zip(*self._generated(model, noise, length), strict=True):
                yield Answer(_fields(text, score), [text])


def noise_of(seed: int, numbers: IntArray, size: int) -> FloatArray:
    """(n, size): standard normal noise; each row depends only on the seed and its number."""
    rows = [np.random.default_rng((seed, number)).standard_normal(size) for number in numbers.tolist()]
    return np.array(rows, dtype=np.float32).reshape(len(rows), size)


def _fields(text: str, score: float) -> dict[str, Any]:
    return {"prediction": text, "score": round(float(score), 4)}


def _first_occurrences(texts: Sequence[str]) -> BoolArray:
    """(texts,): whether no earlier text is the same."""
    first = {text: place for place, text in reversed([*enumerate(texts)])}
    return np.array([first[text] == place for place, text in enumerate(texts)], dtype=bool)
