"""The start of a run from published weights (`model.type: pretrained`): their tokenizer and the weights themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...configs.schema.model import ModelConfig
from ...configs.schema.models.pretrained import PretrainedNetworkConfig
from ...configs.schema.recipe import Recipe
from ...configs.schema.tokenizer import PretrainedTokenizer
from ...datasets.tokenizers.published import PublishedTokens
from ...datasets.tokenizers.tokenizer import Tokenizer
from ...models.pretrained.folder import find_weights
from ...tasks.task import Task


@dataclass(frozen=True)
class PublishedStart:
    """Published weights that a new run starts from."""

    name: str
    path: Path
    tokenizers: Mapping[str, Tokenizer]
    resumed: bool = False

    def fill(self, model: Any, task: Task, config: ModelConfig) -> str:
        """Copy the weights into a new model, and describe how many."""
        from ...models.pretrained.loading import load_encoder

        model.fill(load_encoder(self.path))
        parameters = dict(model.named_parameters())
        copied = sum(parameter.numel() for name, parameter in parameters.items() if name.startswith("encoder."))
        return f"{copied:,} of {model.describe()['parameters']:,} parameters of {self.name}; new: output"


def published_start(recipe: Recipe, config: PretrainedNetworkConfig) -> PublishedStart:
    """The weights that `model.path` names, with their tokenizer. Raises DataError if they are missing or unsafe."""
    from ...models.pretrained.architecture import architecture_of, longest_text
    from ...models.pretrained.loading import load_tokenizer

    path = find_weights(config.path)
    requested = recipe.tokenizer if isinstance(recipe.tokenizer, PretrainedTokenizer) else PretrainedTokenizer(type="pretrained")
    tags = recipe.task is not None and recipe.task.needs == "tags"
    limits = [limit for limit in (requested.max_length, longest_text(architecture_of(config))) if limit is not None]
    settings = requested.model_copy(update={"max_length": None if tags else min(limits, default=None),
                                        "special_tokens": requested.special_tokens and not tags})
    return PublishedStart(config.path, path, {"text": PublishedTokens(settings, load_tokenizer(path))})


def can_start_published(path: str) -> bool:
    """Whether the weights are on this machine, or on the Hub, from which training downloads them."""
    from ...models.pretrained.folder import find_local_weights, is_of_hub

    return find_local_weights(path) is not None or is_of_hub(path)
