"""The language model that a model prompts: from an earlier run, or pre-trained."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from ...configs.load import load_recipe
from ...configs.schema.model import ModelConfig
from ...configs.schema.models.networks import NetworkConfig
from ...configs.schema.models.prompting import PromptingConfig
from ...configs.schema.tasks.language_modeling import LanguageModelingConfig
from ...errors import ConfigError
from .finished_run import named_by_kind, named_run

if TYPE_CHECKING:
    from ...models.prompting.language_model import LanguageModel


def language_model_of(config: ModelConfig) -> "LanguageModel | None":
    """The language model to prompt, None if the model needs none. Raises ConfigError if the named model is not a causal one."""
    if not isinstance(config, PromptingConfig):
        return None
    return _of_run(config.lm) if config.lm is not None else _pretrained(config.path or "")


def _of_run(name: str) -> "LanguageModel":
    from ...models.prompting.language_model import OwnLanguageModel
    from ..open_run import open_run  # circular import

    source = named_run(name, "model.lm")
    recipe = load_recipe(str(source.config))
    if not isinstance(recipe.task, LanguageModelingConfig) or not isinstance(recipe.model, NetworkConfig):
        raise ConfigError(f"model.lm: {named_by_kind(source, recipe)}, but only a network that predicts the next token can "
                          "be prompted. Name a run of a recurrent network or a transformer for language_modeling.")
    run = open_run(source, "cpu")
    tokenizer, longest = run.encoding.tokenizer, recipe.model.longest_input
    assert tokenizer is not None, "the schema requires a tokenizer"

    def encode(texts: Sequence[str]) -> list[list[int]]:
        encoded = tokenizer.encode(texts)
        return [encoded.ids[start:end].tolist() for start, end in zip(encoded.offsets[:-1], encoded.offsets[1:], strict=True)]

    context = None if longest is None else min(longest, recipe.task.block_size)  # no later position was trained
    return OwnLanguageModel(source.address, run.model, encode, context)


def _pretrained(name: str) -> "LanguageModel":
    from ...models.pretrained.folder import find_weights
    from ...models.pretrained.loading import conversation, load_causal, load_tokenizer
    from ...models.prompting.language_model import PretrainedLanguageModel

    folder = find_weights(name)
    return PretrainedLanguageModel(name, load_causal(folder), load_tokenizer(folder), partial(conversation, folder))
