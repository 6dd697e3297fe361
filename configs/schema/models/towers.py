"""Two texts, each encoded separately: `towers:` of a network."""

from typing import Literal, Self

from pydantic import Field, model_validator

from ..base import Config, PositiveInt


class TowersConfig(Config):
    """One encoder for each of two texts, and an output that reads both vectors (Bromley et al. 1993; Conneau et al. 2017)."""

    shared: bool = True
    """Both texts go through the same weights; otherwise each has its own encoder."""
    combine: Literal["concatenation", "symmetric", "cosine", "dot"] = "concatenation"
    """How the two vectors u and v are combined for the output. `concatenation`: u, v, |u - v| and u * v; `symmetric`: |u - v| and u * v, so
    that with shared weights the order of the texts does not matter; `cosine`: their cosine, `dot`: their dot product, for regression and
    ranking."""
    hidden_sizes: list[PositiveInt] = Field(default=[], max_length=100)
    """Sizes of fully connected layers between the combined vector and the output."""

    @model_validator(mode="after")
    def _one_number_has_no_layers(self) -> Self:
        if self.combine in ("cosine", "dot") and self.hidden_sizes:
            raise ValueError(f"combine `{self.combine}` is one number, which goes straight to the output; leave hidden_sizes out")
        return self
