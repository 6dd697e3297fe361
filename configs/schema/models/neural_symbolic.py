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
    """p = g p_network + (1 - g) p_rules: a learned gate weights the two sides by the network's state and the rules that fired."""

    needs_state: ClassVar[bool] = True

    type: Literal["gate"]
    scale: PositiveFloat = 1.0
    """Initial factor of the rules' sums before the softmax; it is learned."""
    network_share: Share = 0.5
    """Initial value of g for every text."""


class LogitsConfig(Config):
    """Add the scores of both sides; each rule's vote is learned, starting from its hand-written weight."""

    needs_state: ClassVar[bool] = False

    type: Literal["logits"]
    scale: PositiveFloat = 1.0
    """Initial factor of the rules' sums when they are added to the network's scores; it is learned."""


class FeaturesConfig(Config):
    """Concatenate the rules that fired with the network's state before the last layer, as features without prior weights."""

    needs_state: ClassVar[bool] = True

    type: Literal["features"]


class DistillationConfig(Config):
    """The network learns from the gold classes and from a teacher, which is the network corrected by the rules (Hu et al. 2016)."""

    needs_state: ClassVar[bool] = False

    type: Literal["distillation"]
    strength: PositiveFloat = 1.0
    """C: the teacher is q ~ p exp(C sums)."""
    imitation: Fraction = 0.5
    """pi: the teacher's share of the loss, or with `ramp` its maximum."""
    ramp: Share | None = None
    """alpha: the teacher's share at step t is min(pi, 1 - alpha^t), so that the network learns from the gold classes first."""
    predict_with: Literal["student", "teacher"] = "student"
    """`student`: the network alone, without the rules; `teacher`: q."""


NetworkOfTexts = Annotated[MlpConfig | CnnConfig | RecurrentConfig | TransformerConfig, Field(discriminator="type")]
FusionConfig = Annotated[GateConfig | LogitsConfig | FeaturesConfig | DistillationConfig, Field(discriminator="type")]


class NeuralSymbolicConfig(NetworkConfig):
    """A network and hand-written rules, combined by a learned fusion."""

    type: Literal["neural_symbolic"]
    network: NetworkOfTexts
    """The network, with the keys of the model of that type."""
    rules: FusedRulesConfig
    """The rules, with all keys of `type: rules`."""
    fusion: FusionConfig
    """How network and rules are combined."""

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
            raise ValueError("network.input `vector` reads plain numbers, but rules read texts; use `bag`")
        if self.fusion.needs_state and isinstance(network, MlpConfig) and not network.hidden_sizes and network.d_embedding is None:
            raise ValueError(f"fusion `{self.fusion.type}` reads the network's state, but a linear mlp has none; set "
                             "network.hidden_sizes or network.d_embedding, or use fusion `logits` or `distillation`")
        if getattr(network, "characters", None) is not None:
            raise ValueError("network.characters are for single words of a tagger; leave them out")
        if self.dropout:
            raise ValueError("dropout is a key of the network; set network.dropout")
        if (key := next((key for key in ("init_from", "vectors") if getattr(network, key)), None)) is not None:
            raise ValueError(f"{key} is a key of the model, not of its network; set model.{key}")
        if self.vectors is not None and isinstance(network, MlpConfig) and network.d_embedding is None:
            raise ValueError("vectors needs network.d_embedding, the size of the vectors; without it words are counted and not embedded")
        return self

    def problems(self, recipe: "Recipe") -> Iterator[Problem]:
        yield from super().problems(recipe)
        ramped = isinstance(self.fusion, DistillationConfig) and self.fusion.ramp is not None
        if ramped and recipe.training is not None and recipe.training.cuda_graphs:
            yield Problem(("training", "cuda_graphs"), "records one step, but with model.fusion.ramp steps differ; leave one out")

    def _tokenizer_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        if recipe.tokenizer is None and self.sources:
            return  # it comes with the run
        for path, message in self.network._tokenizer_problems(recipe):
            yield Problem(("model", "network", *path[1:]) if path[:1] == ("model",) else path, message)
