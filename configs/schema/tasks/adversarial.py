"""`task: {type: adversarial}`, which learns to generate texts like those of the data, and its models `gan` and `gumbel_gan`."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..base import Config, NonNegativeFloat, PositiveFloat, PositiveInt, Probability, Problem
from ..models.model_base import Inputs
from ..models.networks import Activation, NetworkConfig
from ..training import OptimizerConfig
from .autoencoding import AutoencoderConfig
from .task_base import Suggestion, TaskBase

if TYPE_CHECKING:
    from ..recipe import Recipe


class StandardLossConfig(Config):
    """The discriminator learns to tell real from generated samples, the generator to fool it: the non-saturating loss (Goodfellow et al.
    2014)."""

    type: Literal["standard"]


class WassersteinLossConfig(Config):
    """The discriminator gives real texts higher scores than generated ones, with a gradient norm kept near 1; the mean difference estimates
    the distance between both (Arjovsky et al. 2017; Gulrajani et al. 2017)."""

    type: Literal["wasserstein"]
    gradient_penalty: NonNegativeFloat = 10.0
    """Weight of the squared difference of the gradient norm from 1, at points between real and generated samples."""


LossConfig = Annotated[StandardLossConfig | WassersteinLossConfig, Field(discriminator="type")]


class AdversarialConfig(TaskBase):
    """Generate texts like those of the data from noise: a generator against a discriminator."""

    needs: ClassVar[str] = "generation"
    offers: ClassVar[Inputs] = frozenset({"tokens"})
    text_key: ClassVar[str] = "text"
    default_metric: ClassVar[str] = "reverse_perplexity"
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"discriminator_loss", "generator_loss", "perplexity", "real_perplexity",
                                                           "reverse_perplexity", "copied"})

    type: Literal["adversarial"]
    text: str = "text"
    """Column with the text."""
    loss: LossConfig = StandardLossConfig(type="standard")
    """Loss of both players."""
    generator_every: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Discriminator steps per generator step; 5 is usual with `wasserstein`."""
    max_length: PositiveInt = 100
    """Maximum number of generated tokens."""

    @property
    def main_metric(self) -> str:
        return "reverse_perplexity"

    @property
    def suggestion(self) -> Suggestion:
        return Suggestion("ten new texts", "--samples 10 --seed 1", n_texts=0)

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("discriminator_loss", "generator_loss", "discriminator_accuracy", "perplexity", "reverse_perplexity", "different", "copied")

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        if recipe.training is not None and recipe.training.cuda_graphs:
            yield Problem(("training", "cuda_graphs"), "replays one recorded step, but the players take turns; leave it out")
        if recipe.training is not None and recipe.training.compile and self.loss.type == "wasserstein":
            yield Problem(("training", "compile"), "does not support second derivatives, which the gradient penalty needs; leave it out")
        if getattr(recipe.tokenizer, "add_cls", False):
            yield Problem(("tokenizer", "add_cls"), "is for classification; no [CLS] is generated, so leave it out")


class PlayerConfig(Config):
    """One of the two networks: fully connected layers and their optimiser."""

    hidden_sizes: list[PositiveInt] = [256, 256]
    """Size of each hidden layer, from input to output."""
    activation: Activation = "leaky_relu"
    """Non-linearity after each hidden layer."""
    dropout: Probability = 0.0
    """Share of the activations of each hidden layer set to zero in training (Srivastava et al. 2014)."""
    optimizer: OptimizerConfig | None = None
    """Optimiser of this network; by default that of `training`."""


class CodesConfig(Config):
    """The autoencoder that maps texts to codes and codes to texts."""

    autoencoder: AutoencoderConfig
    tie_embeddings: Literal["none", "output", "all"] = "output"
    """As in the task of that autoencoder."""
    output_bias: bool = True
    """As in the task of that autoencoder."""


class PlayersConfig(NetworkConfig):
    """Base of models with a generator and a discriminator."""

    gives: ClassVar[frozenset[str]] = frozenset({"generation"})
    refused_keys: ClassVar[Mapping[str, str]] = {
        "dropout": "set model.generator.dropout or model.discriminator.dropout", "vectors": "leave it out"}
    """Keys of other networks that do not apply to the model as a whole, and what to do."""

    d_noise: PositiveInt = 64
    """Size of the Gaussian noise vector that each sample is generated from."""

    @property
    def inputs(self) -> Inputs:
        return frozenset({"tokens"})

    @property
    def threads(self) -> int:
        return 1

    @model_validator(mode="after")
    def _no_refused_keys(self) -> Self:
        for key, remedy in self.refused_keys.items():
            if getattr(self, key):
                raise ValueError(f"{key} does not apply to a {getattr(self, 'type')} as a whole; {remedy}")  # noqa: B009
        return self


class GanConfig(PlayersConfig):
    """Generative adversarial network over the codes of an autoencoder (Goodfellow et al. 2014; Zhao et al. 2018): the generator maps
    noise to a code, the discriminator scores codes. The autoencoder is frozen."""

    source_keys: ClassVar[tuple[str, ...]] = ("codes",)
    refused_keys: ClassVar[Mapping[str, str]] = {**PlayersConfig.refused_keys, "init_from": "leave it out"}

    type: Literal["gan"]
    codes: str | None = None
    """The run of an autoencoder whose codes are generated; its tokenizer and weights are used too."""
    architecture: CodesConfig | None = None
    """Architecture of that autoencoder. Training fills it in, so that the new run does not depend on the old one."""
    generator: PlayerConfig = PlayerConfig()
    discriminator: PlayerConfig = PlayerConfig()

    @model_validator(mode="after")
    def _has_codes(self) -> Self:
        if self.codes is None and self.architecture is None:
            raise ValueError("codes is missing: name the run of an autoencoder, such as names/autoencoder, or use model.type gumbel_gan, "
                             "whose generator writes tokens itself")
        return self


class WriterConfig(Config):
    """A recurrent decoder that starts from the noise, reads it again at each token, and draws each token by Gumbel-softmax: a relaxed
    one-hot vector, closer to one-hot the lower the temperature."""

    attention: ClassVar[Literal["none"]] = "none"
    input_feeding: ClassVar[bool] = False

    cell: Literal["rnn", "lstm", "gru"] = "gru"
    """Elman RNN, LSTM (Hochreiter and Schmidhuber 1997) or GRU (Cho et al. 2014)."""
    d_embedding: PositiveInt = 64
    """Size of each token's embedding."""
    hidden_size: PositiveInt = 256
    """Size of the state."""
    n_layers: PositiveInt = 1
    """Number of stacked layers."""
    dropout: Probability = 0.0
    """Share of activations set to zero in training (Srivastava et al. 2014)."""
    temperature: PositiveFloat = 1.0
    """Gumbel-softmax temperature at the first step."""
    final_temperature: PositiveFloat | None = None
    """Temperature after `annealing_steps`, approached by a constant factor per step; if left out, it does not change."""
    annealing_steps: PositiveInt | None = None
    """Steps over which the temperature changes."""
    sampling_temperature: PositiveFloat = 1.0
    """Temperature for sampling outside training: below 1, more probable tokens and less variety."""
    hard: bool = False
    """The discriminator and the next decoder step read one-hot vectors; gradients are those of the relaxed ones (straight-through)."""
    optimizer: OptimizerConfig | None = None
    """Optimiser of this network; by default that of `training`."""

    @model_validator(mode="after")
    def _annealed(self) -> Self:
        if (self.final_temperature is None) != (self.annealing_steps is None):
            raise ValueError("final_temperature and annealing_steps go together: set both, or leave both out")
        return self

    def temperature_at(self, step: int) -> float:
        """The temperature at a step, counted from 1."""
        if self.final_temperature is None or self.annealing_steps is None:
            return self.temperature
        return self.temperature * (self.final_temperature / self.temperature) ** min(1.0, step / self.annealing_steps)


class ReaderConfig(Config):
    """Convolutions over relaxed one-hot vectors, the largest activation of each filter, and fully connected layers to one score."""

    d_embedding: PositiveInt = 64
    """Size of each token's embedding; relaxed one-hot vectors are embedded as weighted means."""
    filter_widths: list[PositiveInt] = Field(default=[2, 3, 4, 5], min_length=1)
    """Width of each group of filters, in tokens."""
    n_filters: PositiveInt = 64
    """Number of filters per width."""
    hidden_sizes: list[PositiveInt] = [128]
    """Size of each fully connected layer, from input to output."""
    activation: Activation = "leaky_relu"
    """Non-linearity after each fully connected layer."""
    dropout: Probability = 0.0
    """Share of the activations of the filters and of each hidden layer set to zero in training (Srivastava et al. 2014)."""
    optimizer: OptimizerConfig | None = None
    """Optimiser of this network; by default that of `training`."""


class GumbelGanConfig(PlayersConfig):
    """Generative adversarial network whose generator writes tokens itself by Gumbel-softmax, which gradients pass through (Jang et al.
    2017; Kusner and Hernández-Lobato 2016). With `init_from`, the generator starts as the decoder of an autoencoder."""

    type: Literal["gumbel_gan"]
    generator: WriterConfig = WriterConfig()
    discriminator: ReaderConfig = ReaderConfig()
