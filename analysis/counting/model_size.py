"""The parameter counts that `nlp count-params` reports for any recipe; torch is loaded only for networks."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ...configs.schema.data import SizesData
from ...configs.schema.models.classical import (
    ClassicalConfig,
    LinearSvmConfig,
    LogisticRegressionConfig,
    NaiveBayesConfig,
    NgramConfig,
    OnlineConfig,
    ParserConfig,
    RidgeConfig,
    TaggerConfig,
)
from ...configs.schema.models.networks import NetworkConfig, Seq2SeqConfig
from ...configs.schema.models.prompting import PromptingConfig
from ...configs.schema.models.rules import RulesConfig
from ...configs.schema.models.transformers import TransformerConfig
from ...configs.schema.recipe import Recipe
from ...configs.schema.tasks.ranking import Bm25Config, RetrievalConfig
from ...errors import ConfigError
from ...models.head import Head
from ...tasks.build import head_of
from ...tasks.task import stated

if TYPE_CHECKING:
    from ...datasets.encoded.split import Data
    from ...models.forward_cost import Load
    from .cost import Cost
    from .parameters import Parameters


@dataclass(frozen=True)
class NetworkCount:
    """The parameters of a network, the batch that was measured, and the cost of a step with it.

    `flops_by_2n` is the rule of thumb of 2 FLOPs per parameter and token (Kaplan et al. 2020), None if it does not apply.
    """

    parameters: "Parameters"
    load: "Load"
    cost: "Cost"
    optimizer: str
    flops_by_2n: int | None

    def to_json(self) -> dict[str, Any]:
        """As JSON; bytes are for fp32."""
        counted, cost = self.parameters, self.cost
        return {
            "trainable_parameters": counted.trainable,
            "frozen_parameters": counted.frozen,
            "tied": [asdict(tie) for tie in counted.ties],
            "layers": [asdict(layer) | {"sum": layer.sum, "share": layer.parameters / counted.total} for layer in counted.layers],
            "batch": asdict(self.load),
            "optimizer": self.optimizer,
            "bytes": {name: getattr(cost, name) for name in ("weights", "gradients", "optimizer", "activations")},
            "flops_per_token": cost.flops_per_token,
            "flops_per_token_by_2n": self.flops_by_2n,
        }


@dataclass(frozen=True)
class Counted:
    """`total` is None if it is only known after fitting; `sizes` holds the counts of models without layers, such as features."""

    model: str
    total: int | None
    sizes: dict[str, int] = field(default_factory=dict)
    network: NetworkCount | None = None

    def to_json(self) -> dict[str, Any]:
        """All counts, `total_parameters` first."""
        network = self.network.to_json() if self.network is not None else {}
        return {"total_parameters": self.total, "model": self.model, **self.sizes, **network}


def needs_data(recipe: Recipe) -> bool:
    """Whether sizes depend on the data; not so for rules, prompts, models sized by fitting, and recipes that state sizes."""
    no_sizes = RulesConfig | TaggerConfig | ParserConfig | NgramConfig | PromptingConfig
    return not isinstance(recipe.data, SizesData) and not isinstance(recipe.model, no_sizes)


def count_recipe(recipe: Recipe, data: "Data | None" = None, depth: int | None = None) -> Counted:
    """Count the model of a recipe before it is trained; `data` is required if `needs_data`, `depth` limits the table of layers.

    Raises ConfigError if a size is missing.
    """
    config = recipe.model
    if isinstance(config, TaggerConfig | ParserConfig | NgramConfig):
        return Counted(config.type, None, {})  # its size is only known after fitting
    if isinstance(config, RulesConfig):
        from ...models.rules import Rules

        return Counted(config.type, 0, Rules(config, Head("classes", 0)).describe())
    if isinstance(config, PromptingConfig):
        from ...training.sources.language_model import language_model_of

        model = language_model_of(config)
        assert model is not None
        return Counted(config.type, model.n_parameters, {"context": model.context} if model.context is not None else {})
    sizes = data.encoding.spec if data is not None else recipe.data
    assert isinstance(sizes, SizesData), "sizes come from the data"
    if isinstance(config, ClassicalConfig):
        return _count_classical(recipe, sizes)
    if isinstance(config, RetrievalConfig):
        n_features = stated(sizes.vocab_size, "vocab_size", "the model has a column for each n-gram")
        n_parameters = n_features + 1 if isinstance(config, Bm25Config) else 0  # the idf of each n-gram, and the mean length
        return Counted(config.type, n_parameters, {"features": n_features})
    return _count_network(recipe, config, sizes, data, depth)


def _count_classical(recipe: Recipe, sizes: SizesData) -> Counted:
    """Linear models have a coefficient per feature and class; the size of trees and neighbours is only known after fitting."""
    config, head, total = recipe.model, head_of(recipe.task, sizes), None
    n_features = (stated(sizes.n_features, "n_features", "the model has a column for each number") if "vector" in config.inputs
                  else stated(sizes.vocab_size, "vocab_size", "the model has a column for each token or n-gram"))
    if not isinstance(head, Head):
        raise ConfigError("task: is missing; the size of a classical model depends on the number of classes. "
                          "Add `task: {type: classification}`.")
    n_classes = head.n_outputs
    if isinstance(config, NaiveBayesConfig):
        per_feature = 2 if config.variant == "gaussian" else 1  # mean and variance
        total = per_feature * n_classes * n_features + n_classes
    elif isinstance(config, LogisticRegressionConfig | LinearSvmConfig | OnlineConfig | RidgeConfig):
        total = (n_classes if n_classes > 2 else 1) * (n_features + 1)  # two classes share one row
    return Counted(config.type, total, {"features": n_features, **({"classes": n_classes} if head.kind == "classes" else {})})


def _count_network(
    recipe: Recipe, config: NetworkConfig, sizes: SizesData, data: "Data | None", depth: int | None
) -> Counted:
    from ...models.forward_cost import build_without_weights
    from ...training.flops import mean_load
    from .cost import measure
    from .parameters import count_parameters

    model = build_without_weights(config, sizes, head_of(recipe.task, sizes))
    if recipe.training is not None and recipe.training.fine_tune is not None:
        from ...training.loop.fine_tuning import FineTuning

        FineTuning(recipe.training.fine_tune, model).begin()
    parameters = count_parameters(model, depth)
    load = mean_load(recipe, config, data)
    cost = measure(model, load, parameters, recipe.training)
    optimizer = recipe.training.optimizer.type if recipe.training is not None else "adamw"
    network = NetworkCount(parameters, load, cost, optimizer, _flops_by_2n(config, parameters))
    return Counted(recipe.model.type, parameters.total, network=network)


def _flops_by_2n(config: NetworkConfig, parameters: "Parameters") -> int | None:
    """2 FLOPs per multiplied parameter; None unless each token uses each parameter outside embedding tables exactly once."""
    has_two_sides = isinstance(config, Seq2SeqConfig)
    shares_layers = isinstance(config, TransformerConfig) and config.share_layers
    once_per_text = bool(config.inputs & {"bag", "picture"})
    return None if has_two_sides or shares_layers or once_per_text else 2 * parameters.multiplied
