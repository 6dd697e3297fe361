"""The config of a published network without its weights: from a run's recipe, or from the folder that training starts from."""

import json
from typing import TYPE_CHECKING, Any

from ...configs.schema.models.pretrained import PretrainedNetworkConfig
from ...errors import ConfigError
from .folder import find_weights
from .loading import config_of, load_config, reported
from .safety import gguf_file, read_config

if TYPE_CHECKING:
    from transformers import PretrainedConfig

IN_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet")
"""Model types whose positions start after the padding token's id."""
NAMES_OF_CLASSES = ("id2label", "label2id", "num_labels")


def architecture_of(model: PretrainedNetworkConfig) -> "PretrainedConfig":
    """The config that a network is built from. Raises ConfigError for an encoder-decoder, DataError if the weights are not downloaded."""
    config = config_of(model.architecture) if model.architecture is not None else _of_folder(model.path)
    if getattr(config, "is_encoder_decoder", False):
        raise ConfigError(f"model.path: {model.path} ({config.model_type}) is an encoder-decoder, but model.type pretrained takes "
                          "only an encoder or only a decoder.")
    return config


def _of_folder(path: str) -> "PretrainedConfig":
    folder = find_weights(path)
    return load_config(folder) if gguf_file(folder) is not None else config_of(read_config(folder))


def stated_architecture(model: PretrainedNetworkConfig) -> dict[str, Any]:
    """The config as plain values, for the recipe saved with a run."""
    config = architecture_of(model)
    with reported(model.path):
        values = json.loads(config.to_json_string(use_diff=True))
    return {"model_type": config.model_type, **{name: value for name, value in values.items() if name not in NAMES_OF_CLASSES}}


def longest_text(config: "PretrainedConfig") -> int | None:
    """The maximum number of tokens of a text; None for relative positions, which have no limit."""
    positions = getattr(config, "max_position_embeddings", None)
    skipped = (config.pad_token_id or 0) + 1 if config.model_type in IN_PADDING else 0
    return positions - skipped if isinstance(positions, int) and positions > skipped else None
