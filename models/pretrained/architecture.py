"""The sizes of a published network, without its weights: from the recipe of a run, or from the folder that it will start from."""

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
"""Types whose positions count from behind the number of the padding token."""
NAMES_OF_CLASSES = ("id2label", "label2id", "num_labels")


def architecture_of(model: PretrainedNetworkConfig) -> "PretrainedConfig":
    """What a network is built from. Raises ConfigError for an encoder-decoder, DataError where there are no weights yet."""
    found = config_of(model.architecture) if model.architecture is not None else _of_folder(model.path)
    if getattr(found, "is_encoder_decoder", False):
        raise ConfigError(f"model.path: {model.path} ({found.model_type}) is an encoder-decoder, and model.type pretrained takes an "
                          "encoder or a decoder alone.")
    return found


def _of_folder(path: str) -> "PretrainedConfig":
    folder = find_weights(path)
    return load_config(folder) if gguf_file(folder) is not None else config_of(read_config(folder))


def stated_architecture(model: PretrainedNetworkConfig) -> dict[str, Any]:
    """The same as plain values, for the recipe that a run keeps."""
    found = architecture_of(model)
    with reported(model.path):
        values = json.loads(found.to_json_string(use_diff=True))
    return {"model_type": found.model_type, **{name: value for name, value in values.items() if name not in NAMES_OF_CLASSES}}


def longest_text(config: "PretrainedConfig") -> int | None:
    """Most tokens of a text; None where positions are relative and know no end."""
    positions = getattr(config, "max_position_embeddings", None)
    skipped = (config.pad_token_id or 0) + 1 if config.model_type in IN_PADDING else 0
    return positions - skipped if isinstance(positions, int) and positions > skipped else None
