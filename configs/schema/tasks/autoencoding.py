"""`task: {type: autoencoding}`, which rebuilds a text from its code, and `model: {type: autoencoder}`, which makes codes of texts."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from ..base import Config, NonNegativeFloat, NonNegativeInt, PositiveInt, Probability
from ..models.model_base import Inputs
from ..models.networks import RecurrentPairConfig
from .sequence_to_sequence import WrittenTextConfig
from .task_base import Suggestion


class NoiseConfig(Config):
    """What happens to a text before it is read in training, drawn again at each step (Vincent et al. 2008; Lample et al. 2018). The text
    as it was is what has to be rebuilt. Nothing happens to texts that are scored."""

    drop: Probability = 0.0
    """Share of tokens that are left out."""
    swap: Probability = 0.0
    """Share of tokens that change places with the next one."""
    mask: Probability = 0.0
    """Share of tokens that are read as [MASK]."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.drop or self.swap or self.mask):
            raise ValueError("noise needs `drop`, `swap` or `mask` above 0; without noise leave it out")
        return self


class AutoencodingConfig(WrittenTextConfig):
    """Rebuild each text from one vector of it, its code."""

    needs: ClassVar[str] = "reconstruction"
    text_key: ClassVar[str] = "text"
    offers: ClassVar[Inputs] = frozenset({"tokens"})
    default_metric: ClassVar[str] = "exact_match"
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "perplexity", "kl"})

    type: Literal["autoencoding"]
    text: str = "text"
    """Column with the text."""
    noise: NoiseConfig | None = None

    @property
    def main_metric(self) -> str:
        return "exact_match"

    @property
    def suggestion(self) -> Suggestion:
        return Suggestion("rebuild a text from its code")

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("loss", "perplexity", "accuracy", "exact_match", "character_accuracy")


class VariationalConfig(Config):
    """Codes are drawn in training around a mean that the text gives, and are held near the normal distribution (Kingma and Welling 2014;
    Bowman et al. 2016). Texts that are scored have the mean itself as their code."""

    kl_weight: NonNegativeFloat = 1.0
    """How much a nat of the divergence from the normal distribution counts beside a nat of the text (Higgins et al. 2017)."""
    kl_annealing_steps: NonNegativeInt = 0
    """Steps over which that weight rises from 0; 0: it is there from the start."""
    free_bits: NonNegativeFloat = 0.0
    """Nats of divergence that each number of a code may have for nothing; only what is above is lowered (Kingma et al. 2016)."""


class AutoencoderConfig(RecurrentPairConfig):
    """Recurrent encoder and decoder with one vector between them, the code: the last states of the encoder, made smaller. The decoder
    starts from it and reads it again at each token. For classification, scores of the code."""

    gives: ClassVar[frozenset[str]] = frozenset({"reconstruction", "classes", "number"})
    attention: ClassVar[Literal["none"]] = "none"
    input_feeding: ClassVar[bool] = False

    type: Literal["autoencoder"]
    d_code: PositiveInt = 128
    """Size of the code."""
    variational: VariationalConfig | None = None

    @property
    def inputs(self) -> Inputs:
        return frozenset({"tokens"})

    @property
    def threads(self) -> int:
        """Texts with one code are short, and threads would wait for each other at each token."""
        return 1
