"""`task: {type: autoencoding}`, which rebuilds a text from its code, and `model: {type: autoencoder}`, which encodes texts as codes."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from ..base import Config, NonNegativeFloat, NonNegativeInt, PositiveInt, Probability
from ..models.model_base import Inputs
from ..models.networks import RecurrentPairConfig
from .sequence_to_sequence import WrittenTextConfig
from .task_base import Suggestion


class NoiseConfig(Config):
    """Noise in the texts that the encoder reads in training, drawn anew at each step (Vincent et al. 2008; Lample et al. 2018). The
    original text is the target. Evaluation and prediction use no noise."""

    drop: Probability = 0.0
    """Share of tokens that are dropped."""
    swap: Probability = 0.0
    """Share of tokens that are swapped with the next one."""
    mask: Probability = 0.0
    """Share of tokens that are replaced by [MASK]."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.drop or self.swap or self.mask):
            raise ValueError("noise needs `drop`, `swap` or `mask` above 0; without noise leave it out")
        return self


class AutoencodingConfig(WrittenTextConfig):
    """Rebuild each text from a single vector, its code."""

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
    """In training, codes are sampled around a mean computed from the text, and kept near the normal distribution (Kingma and Welling 2014;
    Bowman et al. 2016). Outside training the code is the mean."""

    kl_weight: NonNegativeFloat = 1.0
    """Weight of the divergence from the normal distribution, relative to the reconstruction loss (Higgins et al. 2017)."""
    kl_annealing_steps: NonNegativeInt = 0
    """Steps over which that weight rises from 0; 0: full weight from the start."""
    free_bits: NonNegativeFloat = 0.0
    """Nats of divergence per dimension of the code that are not penalised (Kingma et al. 2016)."""


class AutoencoderConfig(RecurrentPairConfig):
    """Recurrent encoder and decoder with one vector between them, the code: a linear map of the encoder's last states. The
    decoder starts from it and reads it again at each token. For classification, a linear classifier reads the code."""

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
        """One: the texts are short, and threads would wait for each other at each token."""
        return 1
