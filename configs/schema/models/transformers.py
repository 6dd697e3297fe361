"""Transformers: an encoder, a decoder-only stack, or both."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import field_validator, model_validator

from ..base import NonNegativeInt, PositiveFloat, PositiveInt, Probability, Problem
from ..tokenizer import TokenSequence
from .model_base import Inputs
from .networks import Activation, NetworkConfig, Seq2SeqConfig, SequenceNetworkConfig

if TYPE_CHECKING:
    from ..recipe import Recipe

GATED = {"swiglu": "silu", "geglu": "gelu"}
"""Names of gated feed-forward layers (Shazeer 2020), and the activation of each."""


class TransformerBlocksConfig(NetworkConfig):
    """The blocks of any transformer."""

    d_model: PositiveInt = 128
    """Width of the residual stream."""
    n_heads: PositiveInt = 4
    """Number of attention heads; must divide d_model."""
    n_kv_heads: PositiveInt | None = None
    """Heads of keys and values, each shared by n_heads / n_kv_heads query heads (Ainslie et al. 2023); default: n_heads."""
    d_ff: PositiveInt = 512
    """Width of the feed-forward layer."""
    activation: Activation = "gelu"
    """Non-linearity of the feed-forward layer."""
    gated: bool = False
    """Multiply the activations by a second linear layer (Shazeer 2020); with `activation: silu` this is SwiGLU."""
    norm: Literal["pre", "post"] = "pre"
    """`pre`: norm before each sub-layer and once more at the end; `post`: after each residual sum."""
    norm_type: Literal["layer_norm", "rms_norm"] = "layer_norm"
    """Layer norm, or RMSNorm, which neither subtracts the mean nor has a bias (Zhang and Sennrich 2019)."""
    norm_eps: PositiveFloat = 1e-5
    """Added to the variance (RMSNorm: the mean square) before taking the square root."""
    bias: bool = True
    """Whether linear layers and layer norms have biases; that of the output layer is `task.output_bias`."""
    attention_dropout: Probability = 0.0
    """Share of attention weights zeroed while training."""
    share_layers: bool = False
    """All blocks share the same weights (Lan et al. 2020)."""
    positions: Literal["sinusoidal", "learned", "rotary", "relative"] = "sinusoidal"
    """Positional encoding (rotary: Su et al. 2021; relative: a bias for each distance, Raffel et al. 2020)."""
    rotary_base: PositiveFloat = 10_000.0
    """Base of the wavelengths of rotary positions."""
    max_positions: PositiveInt = 512
    """Maximum sequence length in tokens."""

    @field_validator("activation", mode="before")
    @classmethod
    def _gated_by_name(cls, name: object) -> object:
        if isinstance(name, str) and name in GATED:
            raise ValueError(f"{name} is `activation: {GATED[name]}` with `gated: true`")
        return name

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.d_model % self.n_heads:
            raise ValueError(f"n_heads {self.n_heads} does not divide d_model {self.d_model}")
        if self.n_heads % (self.n_kv_heads or 1):
            raise ValueError(f"n_kv_heads {self.n_kv_heads} does not divide n_heads {self.n_heads}")
        return self

    @model_validator(mode="after")
    def _rotary_fits(self) -> Self:
        head_size = self.d_model // self.n_heads
        if self.positions == "rotary" and head_size % 2:
            raise ValueError(f"rotary positions need an even head size, not {head_size}")
        if self.positions != "rotary" and self.rotary_base != 10_000.0:
            raise ValueError(f"rotary_base is for `positions: rotary`, not {self.positions}; leave it out")
        return self

    @property
    def longest_input(self) -> int:
        return self.max_positions


class TransformerConfig(SequenceNetworkConfig, TransformerBlocksConfig):
    """Transformer (Vaswani et al. 2017): an encoder, or with `causal` a decoder-only stack."""

    gives: ClassVar[frozenset[str]] = frozenset({"classes", "number", "ranking", "tags", "tree", "vocabulary", "masked_tokens"})

    type: Literal["transformer"]
    n_layers: PositiveInt = 2
    """Number of blocks."""
    max_positions: PositiveInt = 512
    """Maximum sequence length in tokens; longer texts are truncated with a notice, or in tagging split into windows of this size."""
    causal: bool = False
    """Each position attends only to itself and earlier positions."""
    d_embedding: PositiveInt | None = None
    """Size of the embeddings, which a linear layer projects to d_model (Lan et al. 2020); default: d_model."""
    pooling: Literal["mean", "cls", "max"] = "mean"
    """How the positions are pooled into one vector for classification."""
    n_segments: NonNegativeInt = 0
    """Number of segment embeddings, as in BERT for sentence pairs; 0 for none."""
    embedding_norm: bool = False
    """Norm over the summed embeddings, as in BERT."""
    pooler: bool = False
    """A dense tanh layer between pooling and output, as in BERT."""

    @property
    def inputs(self) -> Inputs:
        segments: Inputs = frozenset({"segments"}) if self.n_segments and self.towers is None else frozenset()
        return super().inputs | segments

    def _tokenizer_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        yield from super()._tokenizer_problems(recipe)
        has_cls = isinstance(recipe.tokenizer, TokenSequence) and recipe.tokenizer.add_cls
        is_inherited = recipe.tokenizer is None and self.init_from is not None
        if self.pooling == "cls" and not has_cls and not is_inherited:
            yield Problem(("model", "pooling"), "`cls` reads the state of [CLS]; set `tokenizer.add_cls: true`")


class TransformerSeq2SeqConfig(Seq2SeqConfig, TransformerBlocksConfig):
    """Transformer encoder and decoder (Vaswani et al. 2017)."""

    of_texts: ClassVar[frozenset[str]] = Seq2SeqConfig.of_texts | {"n_encoder_layers"}

    type: Literal["transformer_seq2seq"]
    d_model: PositiveInt = 256
    """Width of the residual stream."""
    n_encoder_layers: PositiveInt = 3
    """Number of encoder blocks."""
    n_decoder_layers: PositiveInt = 3
    """Number of decoder blocks."""
    d_ff: PositiveInt = 1024
    """Width of the feed-forward layer."""
    activation: Activation = "relu"
    """Non-linearity of the feed-forward layer."""
    max_positions: PositiveInt = 256
    """Maximum length of source and of target in tokens, including [EOS]; longer texts are an error."""
