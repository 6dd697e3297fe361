"""Loads published networks and their tokenizers with transformers, without downloads and without running code from their folders."""

import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ...errors import DataError, MissingExtraError, UserError
from .folder import NO_TRANSFORMERS
from .safety import Shape, WeightsFolder, check_folder

if TYPE_CHECKING:
    import tokenizers
    from transformers import PretrainedConfig, PreTrainedModel

Kind = Literal["encoder", "causal"]
NOT_NEEDED = ("pooler.", "position_ids", "lm_head.", "rotary_emb.")
"""Weights that may be missing: unused, computed, or tied to others."""


def load_encoder(path: Path) -> "PreTrainedModel":
    """The network without a head (AutoModel), in float32 and evaluation mode. Raises DataError if the folder is unsafe or incomplete."""
    return _load(path, "encoder")


def load_causal(path: Path) -> "PreTrainedModel":
    """A decoder with its language-model head (AutoModelForCausalLM), in float32 and evaluation mode."""
    return _load(path, "causal")


def load_tokenizer(path: Path) -> "tokenizers.Tokenizer":
    """The tokenizer, without truncation or padding: from tokenizer.json, or converted from a GGUF file by transformers."""
    from tokenizers import Tokenizer

    checked = check_folder(path)
    if checked.gguf is not None:
        return _gguf_tokenizer(checked.gguf)
    file = path / "tokenizer.json"
    if not file.is_file():
        raise DataError(f"{file} is missing. Save the tokenizer in this format: "
                        "transformers.AutoTokenizer.from_pretrained(...).save_pretrained(folder)")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare exceptions
        raise DataError(f"{file} is not a tokenizer: {error}.") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def conversation(path: Path, messages: Sequence[Mapping[str, str]]) -> str | None:
    """Format messages (`role` and `content`) as text that ends where the model answers; None if the folder has no chat template.

    transformers runs the template in a sandbox.
    """
    checked = check_folder(path)
    with quiet(), reported(path):
        from transformers import AutoTokenizer

        file = {} if checked.gguf is None else {"gguf_file": checked.gguf.name}
        folder = path if checked.gguf is None else checked.gguf.parent
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **file)
        if tokenizer.chat_template is None:
            return None
        return str(tokenizer.apply_chat_template([dict(each) for each in messages], tokenize=False, add_generation_prompt=True))


def load_config(path: Path) -> "PretrainedConfig":
    """The network's config: config.json as transformers reads it, or the header of a GGUF file."""
    checked = check_folder(path)
    return _config(checked)


def config_of(values: Mapping[str, Any]) -> "PretrainedConfig":
    """The transformers config for the content of a config.json. Raises DataError for a network that transformers does not know."""
    with quiet(), reported("config.json"):
        from transformers import AutoConfig

        settings = {name: value for name, value in values.items() if name != "model_type"}
        return AutoConfig.for_model(str(values["model_type"]), **settings)


def empty_model(config: "PretrainedConfig", kind: Kind = "encoder") -> "PreTrainedModel":
    """The network on the meta device: shapes without weights."""
    import torch

    with quiet(), reported("config.json"), torch.device("meta"):
        return without_pooler(_class_of(config, kind)._from_config(config, attn_implementation="eager"))


def build_encoder(config: "PretrainedConfig") -> "PreTrainedModel":
    """The network without a head, newly initialised on torch's current device, without a key-value cache."""
    with quiet(), reported("config.json"):
        model_class = _class_of(config, "encoder")
        config.use_cache = False
        return without_pooler(model_class._from_config(config, attn_implementation=_attention(model_class)))


def _attention(model_class: Any) -> str:
    """torch's own implementation; one that config.json names could be downloaded code."""
    return "sdpa" if getattr(model_class, "_supports_sdpa", False) else "eager"


def without_pooler(model: "PreTrainedModel") -> "PreTrainedModel":
    """Remove the layer over [CLS] that some encoders end with: none of our heads uses it."""
    if getattr(model, "pooler", None) is not None:
        setattr(model, "pooler", None)  # noqa: B010, torch's types do not allow a missing module
    return model


def _load(path: Path, kind: Kind) -> "PreTrainedModel":
    checked = check_folder(path)
    config = _config(checked)
    if checked.gguf is not None:
        return _load_gguf(checked.gguf, config, kind)
    _refuse_other_shapes(checked, config, kind)
    with quiet(), reported(path):
        from safetensors.torch import load_file

        tensors = {name: tensor for file in checked.files for name, tensor in load_file(file).items()}
        model_class = _class_of(config, kind)
        model, loading_info = model_class.from_pretrained(None, config=config, state_dict=tensors, output_loading_info=True,
                                                          dtype="float32", attn_implementation=_attention(model_class))
        _refuse_missing(path, loading_info["missing_keys"])
    return without_pooler(model).eval()


def _load_gguf(path: Path, config: "PretrainedConfig", kind: Kind) -> "PreTrainedModel":
    with quiet(), reported(path), redirect_stderr(io.StringIO()):  # its progress bar cannot be switched off
        _need("gguf")
        _need("accelerate")
        return _auto_class(kind).from_pretrained(path.parent, gguf_file=path.name, config=config, local_files_only=True, dtype="float32",
                                                 trust_remote_code=False).eval()


def _gguf_tokenizer(path: Path) -> "tokenizers.Tokenizer":
    with quiet(), reported(path):
        _need("gguf")
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, local_files_only=True,
                                             trust_remote_code=False).backend_tokenizer


def _config(checked: WeightsFolder) -> "PretrainedConfig":
    if checked.gguf is None:
        return config_of(checked.config)
    with quiet(), reported(checked.gguf):
        _need("gguf")
        from transformers import AutoConfig

        return AutoConfig.from_pretrained(checked.gguf.parent, gguf_file=checked.gguf.name, local_files_only=True, trust_remote_code=False)


def _refuse_other_shapes(checked: WeightsFolder, config: "PretrainedConfig", kind: Kind) -> None:
    """Raises DataError if the weights and config.json have different shapes; the network is built on the meta device to compare them."""
    model = empty_model(config, kind)
    prefix = f"{model.base_model_prefix}."
    expected_shapes: dict[str, Shape] = {name.removeprefix(prefix): tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert checked.shapes is not None
    for name, shape in checked.shapes.items():
        expected = expected_shapes.get(name.removeprefix(prefix), shape)
        if shape != expected:
            raise DataError(f"{checked.path}: config.json asks for {name} of the shape {_shown(expected)}, the weights have "
                            f"{_shown(shape)}. They are not of the same model; download the folder again.")


def _shown(shape: Shape) -> str:
    return " x ".join(f"{size:,}" for size in shape) or "a number"


def _refuse_missing(path: Path, names: Any) -> None:
    missing = sorted(name for name in names if not any(part in name for part in NOT_NEEDED))
    if missing:
        raise DataError(f"{path}: the weights lack {len(missing)} tensors that config.json asks for, such as {missing[0]}. They are "
                        "incomplete or belong to another model.")


def _class_of(config: "PretrainedConfig", kind: Kind) -> Any:
    """The transformers class for a config."""
    mapping: Any = _auto_class(kind)._model_mapping
    if type(config) not in mapping:
        raise DataError(f"transformers has no {'encoder' if kind == 'encoder' else 'causal language model'} of the type "
                        f"{config.model_type}.")
    model_class = mapping[type(config)]
    return model_class[0] if isinstance(model_class, tuple) else model_class


def _auto_class(kind: Kind) -> Any:
    from transformers import AutoModel, AutoModelForCausalLM

    return AutoModel if kind == "encoder" else AutoModelForCausalLM


def _need(package: str) -> None:
    try:
        __import__(package)
    except ImportError:
        raise MissingExtraError(f"GGUF files need {package}, which is not installed: pip install 'nlp-generations[hf]'") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the progress bars and advice that transformers prints. Raises MissingExtraError if it is not installed."""
    try:
        from transformers.utils import logging as theirs
    except ImportError:
        raise MissingExtraError(NO_TRANSFORMERS) from None
    verbosity, bars = theirs.get_verbosity(), theirs.is_progress_bar_enabled()
    theirs.set_verbosity(logging.CRITICAL)
    theirs.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        theirs.set_verbosity(verbosity)
        if bars:
            theirs.enable_progress_bar()


@contextmanager
def reported(source: object) -> Iterator[None]:
    """Turn any error that transformers raises about a folder into a DataError of one paragraph."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:  # transformers checks little, so a damaged folder fails anywhere
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise DataError(f"{source}: transformers cannot build this network: {reason}. The folder is damaged, or it needs another version "
                        "of transformers.") from None
