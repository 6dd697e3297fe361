"""Texts that are made of noise. Numpy only; the losses are in `losses.py`."""

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
"""Samples where no number is given."""
CHUNK = 64
"""Samples that are made together."""


@dataclass(frozen=True)
class SamplePredictions(Predictions):
    """A real text and a sample in each row: the discriminator's scores (rows,), nats under the 5-grams of the training split (rows,), and
    whether the sample is one of its texts (rows,).
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
    """And, of all rows together, nats of the real texts under the 5-grams of the samples (rows,), and whether none before is the same
    sample (rows,).
    """

    reverse_nats: FloatArray
    different: BoolArray


class Adversarial(Task):
    """The task: two players, and what the samples of one of them are like."""

    predict_options = frozenset({"samples", "length"})
    reads_texts: ClassVar[bool] = False

    def __init__(self, config: AdversarialConfig, encoding: Encoding) -> None:
        super().__init__(config, encoding)
        assert isinstance(encoding.tokenizer, TokenSequences)
        self.config, self.tokenizer, self.head = config, encoding.tokenizer, self.head_for(config, encoding.spec)
        self._known: tuple[Sequence[str], frozenset[str], CharacterNgrams] | None = None

    @classmethod
    def prepare(cls, config: AdversarialConfig) -> RealTexts:
        """Texts alone."""
        return RealTexts(config)

    @classmethod
    def head_for(cls, config: AdversarialConfig, sizes: SizesData, labels: tuple[str, ...] = ()) -> Heads:
        """None: the outputs of both players are a part of the model."""
        return None

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """What each player minimises."""
        from ...models.networks.gan import Gan
        from ..losses import Objective
        from .losses import DiscriminatorLoss, GeneratorLoss

        assert isinstance(model, Gan) and isinstance(model.config, GanConfig | GumbelGanConfig)
        loss, optimizers = self.config.loss, [model.config.discriminator.optimizer, model.config.generator.optimizer]
        return [Objective("discriminator", model.discriminator, DiscriminatorLoss(model, loss), optimizers[0]),
                Objective("generator", model.generator, GeneratorLoss(model, loss), optimizers[1], self.config.generator_every)]

    def predict(self, model: "Gan", batch: Batch) -> SamplePredictions:
        """For each row a sample, whose noise depends on the row's place and the name of the split alone."""
        assert isinstance(batch.gold, Beside)
        noise = noise_of(batch.gold.seed, batch.rows, model.n_noise(self.config.max_length))
        samples, scores = self._made(model, noise, self.config.max_length)
        known, ngrams = self._training(batch.gold.train)
        return SamplePredictions(
            rows=batch.rows,
            real=list(batch.gold.texts),
            samples=samples,
            real_scores=model.judged(**batch.inputs),
            sample_scores=scores,
            real_nats=ngrams.nats(batch.gold.texts),
            sample_nats=ngrams.nats(samples),
            copied=np.array([sample in known for sample in samples], dtype=bool),
        )

    def completed(self, predictions: SamplePredictions) -> ComparedSamples:
        """Counting the 5-grams of all samples takes long, so it is done once, and not for each of the metrics' intervals."""
        real, samples = predictions.real, predictions.samples
        reverse = CharacterNgrams(samples, "".join([*real, *samples])).nats(real)
        return ComparedSamples(**vars(predictions), reverse_nats=reverse, different=_first_ones(samples))

    def _made(self, model: "Gan", noise: FloatArray, max_length: int) -> tuple[list[str], FloatArray]:
        """(rows, n_noise) -> the text of each, and its score (rows,)"""
        found, scores = model.generate(noise, max_length)
        return [self.tokenizer.decode(tokens) for tokens in found], scores

    def _training(self, texts: Sequence[str]) -> tuple[frozenset[str], CharacterNgrams]:
        """The texts of the training split as a set, and their 5-grams, counted once."""
        if self._known is None or self._known[0] is not texts:
            self._known = texts, frozenset(texts), CharacterNgrams(texts, "".join(texts))
        return self._known[1:]

    def metrics(self, predictions: ComparedSamples) -> dict[str, float]:
        """`discriminator_loss` (of `wasserstein` without the penalty) and `generator_loss`; `discriminator_accuracy`, the share of rows
        whose real text has the higher score, and of `standard` how many real texts and how many samples are taken for what they are;
        `perplexity` of samples by character under 5-grams of the training split, `real_perplexity` that of the real texts, and
        `reverse_perplexity` that of the real texts under 5-grams of the samples (Zhao et al. 2018); `different`: different samples for each
        sample; `copied`: the share that are training texts.
        """
        columns = self.metric_columns(predictions)
        sums = {name: np.array([np.sum(column, dtype=np.float64) for column in each.values()]) for name, (_, each) in columns.items()}
        return {name: float(exp_ratio(each) if "perplexity" in name else each[0] / max(each[1], 1)) for name, each in sums.items()}

    def metric_columns(self, predictions: ComparedSamples) -> MetricColumns:
        """Of each row its scores, right orders, nats and characters with the end, whether its sample is new and whether it is copied."""
        every = {"rows": ones(len(predictions.rows))}
        of_real, of_samples = ({f"{name}_characters": compact([len(text) + 1 for text in texts])}
                               for name, texts in (("real", predictions.real), ("sample", predictions.samples)))
        return {
            **{name: ("ratio", {name: loss, **every}) for name, loss in self._losses(predictions).items()},
            **{name: ("share", {name: compact(right), **every}) for name, right in self._right(predictions).items()},
            "perplexity": ("exp_ratio", {"sample_nats": predictions.sample_nats, **of_samples}),
            "real_perplexity": ("exp_ratio", {"real_nats": predictions.real_nats, **of_real}),
            "reverse_perplexity": ("exp_ratio", {"reverse_nats": predictions.reverse_nats, **of_real}),
            "different": ("share", {"different": compact(predictions.different), **every}),
            "copied": ("share", {"copied": compact(predictions.copied), **every}),
        }

    def _losses(self, predictions: SamplePredictions) -> dict[str, FloatArray]:
        real, made = predictions.real_scores, predictions.sample_scores
        if isinstance(self.config.loss, WassersteinLossConfig):
            return {"discriminator_loss": made - real, "generator_loss": -made}
        return {"discriminator_loss": np.logaddexp(0, -real) + np.logaddexp(0, made), "generator_loss": np.logaddexp(0, -made)}

    def _right(self, predictions: SamplePredictions) -> dict[str, BoolArray]:
        real, made = predictions.real_scores, predictions.sample_scores
        both = {"discriminator_accuracy": real > made}
        if isinstance(self.config.loss, WassersteinLossConfig):
            return both
        return {**both, "discriminator_real_accuracy": real > 0, "discriminator_generated_accuracy": made < 0}

    @property
    def key_metrics(self) -> tuple[str, ...]:
        """Both losses, who is winning, and what the samples are like."""
        return ("discriminator_loss", "generator_loss", "discriminator_accuracy", "perplexity", "reverse_perplexity", "different")

    def counted_rows(self, predictions: ComparedSamples) -> Mapping[str, BoolArray]:
        """Right orders, copied samples, and those that none before is the same as."""
        return {**self._right(predictions), "copied": predictions.copied, "different": predictions.different}

    @property
    def baseline_metric(self) -> str:
        """That of samples."""
        return "perplexity"

    def baselines(self, predictions: SamplePredictions) -> Mapping[str, float]:
        """The real texts in place of samples."""
        n_characters = sum(len(text) + 1 for text in predictions.real)
        return {"real texts": float(exp_ratio(np.array([predictions.real_nats.sum(), n_characters])))}

    def trouble(self, evaluations: Evaluations) -> str | None:
        """That one player has won, or that samples are all alike."""
        return trouble_in(evaluations, self.config.loss.type)

    def sample_texts(self, predictions: SamplePredictions) -> Sequence[str]:
        """The first ones."""
        return predictions.samples[:SAMPLES]

    def describe(self, predictions: SamplePredictions, place: int, full: bool = False) -> dict[str, Any]:
        """The sample and its score."""
        return _fields(predictions.samples[place], predictions.sample_scores[place])

    def row_texts(self, predictions: SamplePredictions, split: Split) -> RowTexts:
        """Real texts and samples."""
        return RowTexts(predictions.real, predictions.real, predictions.samples)

    def answers(self, model: "Gan", encoding: Encoding, chunks: Iterable[Sequence[str]], options: PredictOptions,
                explain: Explain = lambda *_: None) -> Iterator[Answer]:
        """Samples, each a function of the seed and its number; no text is read."""
        n, length = options.samples or SAMPLES, options.length or self.config.max_length
        for start in range(0, n, CHUNK):
            numbers = np.arange(start, min(start + CHUNK, n))
            noise = noise_of(options.seed, numbers, model.n_noise(length))
            for text, score in zip(*self._made(model, noise, length), strict=True):
                yield Answer(_fields(text, score), [text])


def noise_of(seed: int, numbers: IntArray, size: int) -> FloatArray:
    """(n, size) of standard normal noise, each row a function of the seed and its number alone."""
    drawn = [np.random.default_rng((seed, number)).standard_normal(size) for number in numbers.tolist()]
    return np.array(drawn, dtype=np.float32).reshape(len(drawn), size)


def _fields(text: str, score: float) -> dict[str, Any]:
    return {"prediction": text, "score": round(float(score), 4)}


def _first_ones(texts: Sequence[str]) -> BoolArray:
    """(texts,): whether none before is the same."""
    first = {text: place for place, text in reversed([*enumerate(texts)])}
    return np.array([first[text] == place for place, text in enumerate(texts)], dtype=bool)
