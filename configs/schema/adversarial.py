"""`task: {type: adversarial}`, which learns to make texts like those of the data, and `model: {type: gan}`, which makes them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from .autoencoding import AutoencoderConfig
from .base import Config, NonNegativeFloat, PositiveInt, Probability, Problem
from .model_base import Inputs
from .networks import Activation, NetworkConfig
from .task_base import Suggestion, TaskBase
from .training import OptimizerConfig

if TYPE_CHECKING:
    from .recipe import Recipe


class StandardLossConfig(Config):
    """The discriminator learns to tell real from generated, the generator to be taken for real: the non-saturating loss (Goodfellow et al.
    2014)."""

    type: Literal["standard"]


class WassersteinLossConfig(Config):
    """The discriminator gives real texts higher scores than generated ones, with a slope that is held near 1; the mean difference estimates
    how far apart both are (Arjovsky et al. 2017; Gulrajani et al. 2017)."""

    type: Literal["wasserstein"]
    gradient_penalty: NonNegativeFloat = 10.0
    """Weight of the squared difference of the slope from 1, at points between real and generated ones."""


LossConfig = Annotated[StandardLossConfig | WassersteinLossConfig, Field(discriminator="type")]


class AdversarialConfig(TaskBase):
    """Make texts like those of the data out of noise: a generator against a discriminator."""

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
    """What both players minimise."""
    generator_every: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Steps of the discriminator for each one of the generator; 5 is usual with `wasserstein`."""
    max_length: PositiveInt = 100
    """Maximum number of tokens that are written."""

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
            yield Problem(("training", "cuda_graphs"), "records a step that is always the same; the players take turns, so leave it out")
        if recipe.training is not None and recipe.training.compile and self.loss.type == "wasserstein":
            yield Problem(("training", "compile"), "makes code without second derivatives, which the gradient penalty needs; leave it out")
        if getattr(recipe.tokenizer, "add_cls", False):
            yield Problem(("tokenizer", "add_cls"), "is for classification; no [CLS] is written, so leave it out")


class PlayerConfig(Config):
    """One of the two networks: fully connected layers, and how they learn."""

    hidden_sizes: list[PositiveInt] = [256, 256]
    """Size of each hidden layer, from input to output."""
    activation: Activation = "leaky_relu"
    """Non-linearity after each hidden layer."""
    dropout: Probability = 0.0
    """Share of the activations of each hidden layer set to zero in training (Srivastava et al. 2014)."""
    optimizer: OptimizerConfig | None = None
    """Its own optimiser; by default that of `training`."""


class CodesConfig(Config):
    """What makes codes of texts and texts of codes."""

    autoencoder: AutoencoderConfig
    tie_embeddings: Literal["none", "output", "all"] = "output"
    """As in the task of the autoencoder."""
    output_bias: bool = True
    """As in the task of the autoencoder."""


class GanConfig(NetworkConfig):
    """Generative adversarial network over the codes of an autoencoder (Goodfellow et al. 2014; Zhao et al. 2018): the generator makes a
    code of noise, the discriminator a score of a code. The autoencoder stays as it is."""

    gives: ClassVar[frozenset[str]] = frozenset({"generation"})
    source_keys: ClassVar[tuple[str, ...]] = ("codes",)

    type: Literal["gan"]
    codes: str | None = None
    """The run of an autoencoder whose codes are generated; its tokenizer and weights come along."""
    architecture: CodesConfig | None = None
    """How that autoencoder is built. Training fills it in, so that a run is complete without the one that it started from."""
    d_noise: PositiveInt = 64
    """How many numbers of normal noise each code is made of."""
    generator: PlayerConfig = PlayerConfig()
    discriminator: PlayerConfig = PlayerConfig()

    @property
    def inputs(self) -> Inputs:
        return frozenset({"tokens"})

    @property
    def threads(self) -> int:
        return 1

    @model_validator(mode="after")
    def _of_codes(self) -> Self:
        if self.codes is None and self.architecture is None:
            raise ValueError("codes is missing: the run of an autoencoder, such as names/autoencoder")
        for key in ("dropout", "init_from", "vectors"):
            if getattr(self, key):
                remedy = "it is model.generator.dropout and model.discriminator.dropout here" if key == "dropout" else "leave it out"
                raise ValueError(f"{key} is nothing that a gan has as a whole; {remedy}")
        return self
