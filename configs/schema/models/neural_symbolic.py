"""A network and rules that decide together: `model: {type: neural_symbolic}`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..base import Config, Fraction, PositiveFloat, Problem, Share
from .model_base import Inputs
from .networks import CnnConfig, MlpConfig, NetworkConfig, RecurrentConfig
from .rules import RulesConfig
from .transformers import TransformerConfig

if TYPE_CHECKING:
    from ..recipe import Recipe


class FusedRulesConfig(RulesConfig):
    """The rules: the keys of `model: {type: rules}`."""

    type: Literal["rules"] = "rules"
    """May be left out."""


class GateConfig(Config):
    """p = g p_network + (1 - g) p_rules: a gate, learned from the network's state and from what fired, says whom to believe."""

    needs_state: ClassVar[bool] = True

    type: Literal["gate"]
    scale: PositiveFloat = 1.0
    """What the rules' sums are multiplied by before they become probabilities; it is learned from here."""
    network_share: Share = 0.5
    """The g of every text before anything is learned."""


class LogitsConfig(Config):
    """The scores of both sides are added up; each rule's vote is learned, and begins as it is written."""

    needs_state: ClassVar[bool] = False

    type: Literal["logits"]
    scale: PositiveFloat = 1.0
    """What the rules' sums are multiplied by beside the network's scores; it is learned from here."""


class FeaturesConfig(Config):
    """What fired is joined to the network's state below the last layer, as features of which nothing is known before."""

    needs_state: ClassVar[bool] = True

    type: Literal["features"]


class DistillationConfig(Config):
    """The network learns from the gold classes and from a teacher, itself corrected by the rules (Hu et al. 2016)."""

    needs_state: ClassVar[bool] = False

    type: Literal["distillation"]
    strength: PositiveFloat = 1.0
    """C: the teacher is q ~ p exp(C sums)."""
    imitation: Fraction = 0.5
    """pi: the teacher's share of the loss, or with `ramp` the most that it may have."""
    ramp: Share | None = None
    """alpha: the teacher's share at step t is min(pi, 1 - alpha^t), so that the network learns from the gold classes first."""
    predict_with: Literal["student", "teacher"] = "student"
    """`student`: the network alone, which needs no rule to fire; `teacher`: q."""


NetworkOfTexts = Annotated[MlpConfig | CnnConfig | RecurrentConfig | TransformerConfig, Field(discriminator="type")]
FusionConfig = Annotated[GateConfig | LogitsConfig | FeaturesConfig | DistillationConfig, Field(discriminator="type")]


class NeuralSymbolicConfig(NetworkConfig):
    """A network and rules written by hand, fused by what is learned from examples."""

    type: Literal["neural_symbolic"]
    network: NetworkOfTexts
    """The network, with the keys that it has as a model of its own."""
    rules: FusedRulesConfig
    """The rules, with all keys of `type: rules`."""
    fusion: FusionConfig
    """How the two decide together."""

    @property
    def inputs(self) -> Inputs:
        return self.network.inputs | Inputs({"text"})

    @property
    def longest_input(self) -> int | None:
        return self.network.longest_input

    @property
    def threads(self) -> int | None:
        return self.network.threads

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        network = self.network
        if isinstance(network, MlpConfig) and network.input == "vector":
            raise ValueError("network.input `vector` reads plain numbers, and rules read texts; use `bag`")
        if self.fusion.needs_state and isinstance(network, MlpConfig) and not network.hidden_sizes and network.d_embedding is None:
            raise ValueError(f"fusion `{self.fusion.type}` reads the network's state, and a linear mlp has none; set "
                             "network.hidden_sizes or network.d_embedding, or use fusion `logits` or `distillation`")
        if getattr(network, "characters", None) is not None:
            raise ValueError("network.characters are for single words of a tagger; leave them out")
        if self.dropout:
            raise ValueError("dropout is a key of the network; set network.dropout")
        if (given := next((key for key in ("init_from", "vectors") if getattr(network, key)), None)) is not None:
            raise ValueError(f"{given} is a key of the whole model, which its network then starts from; set model.{given}")
        if self.vectors is not None and isinstance(network, MlpConfig) and network.d_embedding is None:
            raise ValueError("vectors needs network.d_embedding, the size of the vectors; without it words are counted and not embedded")
        return self

    def problems(self, recipe: "Recipe") -> Iterator[Problem]:
        yield from super().problems(recipe)
        ramped = isinstance(self.fusion, DistillationConfig) and self.fusion.ramp is not None
        if ramped and recipe.training is not None and recipe.training.cuda_graphs:
            yield Problem(("training", "cuda_graphs"), "records one step, and with model.fusion.ramp steps differ; leave one out")

    def _tokenizer_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        if recipe.tokenizer is None and self.sources:
            return  # it comes with the run
        for path, message in self.network._tokenizer_problems(recipe):
            yield Problem(("model", "network", *path[1:]) if path[:1] == ("model",) else path, message)
