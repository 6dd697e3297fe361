"""Weights in safetensors files: tied ones stored once, only finite numbers, and never pickles, since those can run code."""

import errno
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...configs.schema.saved import checked
from ...errors import RunError, TrainingError
from ...storage import parse_json
from .files import disk_errors

if TYPE_CHECKING:
    from torch import Tensor, nn


def save_tensors(path: Path, tensors: "Mapping[str, Tensor]") -> None:
    """Write tensors to a safetensors file, tied weights (shared memory) only once.

    Raises DeviceError if the disk is full.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    kept, tied, names = {}, {}, {}
    for name, tensor in tensors.items():
        place = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
        if tensor.numel() and place in names:
            tied[name] = names[place]
        else:
            names[place], kept[name] = name, _unshared(tensor)
    with disk_errors(path):
        try:
            # One metadata entry at most: the order of several in the file, and so its bytes, would be random.
            save_file(kept, path, {"tied": json.dumps(tied, sort_keys=True)} if tied else None)
        except SafetensorError as error:
            raise _as_os_error(error, path) from error
        path.chmod(path.parent.stat().st_mode & 0o666)  # by default only its owner may read it


def _unshared(tensor: "Tensor") -> "Tensor":
    """The tensor on the CPU, contiguous, in memory that no other tensor shares."""
    tensor = tensor.detach().cpu().contiguous()
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()


def _as_os_error(error: Exception, path: Path) -> OSError:
    """safetensors reports a full disk only in the text of its error."""
    code = re.search(r"os error (\d+)", str(error))
    number = int(code[1]) if code else errno.EIO
    return OSError(number, os.strerror(number) if code else str(error), str(path))


def load_tensors(path: Path) -> "dict[str, Tensor]":
    """Load the tensors of a safetensors file to the CPU, tied ones under each of their names. Never runs code.

    Raises RunError if the file is missing, truncated, or not a safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise RunError(f"{path} is missing, so this checkpoint is incomplete. Copy the folder again from the original.")
    try:
        with safe_open(path, framework="pt") as file:
            # Copied, since the tensors are memory-mapped and a later checkpoint may remove the file.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            tied = checked(dict[str, str], parse_json((file.metadata() or {}).get("tied", "{}").encode("utf-8")))
        if missing := sorted(set(tied.values()) - tensors.keys()):
            raise ValueError(f"it ties a tensor to {missing[0]}, which is missing")
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(_not_safetensors(path, error)) from error
    return tensors | {name: tensors[other] for name, other in tied.items()}


def _not_safetensors(path: Path, error: Exception) -> str:
    start = b""
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(4)
    if start.startswith(b"PK\x03\x04") or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05"):
        return (f"{path} is a pickle, not a safetensors file; nlp never loads pickles, since they can run code. "
                "Take a checkpoint that nlp wrote.")
    return f"{path} is damaged or truncated ({error}). Copy the folder again from the original, or use an older checkpoint."


def assert_finite(tensors: "Mapping[str, Tensor]") -> None:
    """Raises TrainingError naming the first tensor that contains a NaN or an infinity."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            bad = int((~tensor.isfinite()).sum())
            raise TrainingError(f"{bad:,} of {tensor.numel():,} numbers in {name} are not finite, so nothing was saved; "
                                "the last checkpoint is complete. Lower training.optimizer.learning_rate or set training.clip_norm.")


def load_into(module: "nn.Module", tensors: "Mapping[str, Tensor]") -> None:
    """Copy tensors into a module's weights. Raises RunError if names or shapes do not match."""
    expected = module.state_dict()
    missing, extra = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    if missing or extra:
        differences = [f"missing: {_some(missing)}"] * bool(missing) + [f"unexpected: {_some(extra)}"] * bool(extra)
        raise RunError(f"The weights belong to another model: {'; '.join(differences)}. Use the recipe that they were trained with.")
    for name in expected:
        _refuse_mismatch(module, name, expected[name], tensors[name])
    module.load_state_dict(dict(tensors))


def load_merged(module: "nn.Module", tensors: "Mapping[str, Tensor]") -> None:
    """Load tensors that have adapters merged into them; the module's own adapters, if any, become 0."""
    from ...models.layers.lora import with_adapters

    load_into(module, with_adapters(module, tensors))


def load_matching(module: "nn.Module", tensors: "Mapping[str, Tensor]") -> set[str]:
    """Copy the tensors whose names match weights of the module. Returns these names.

    Raises RunError if shapes do not match.
    """
    expected = module.state_dict()
    matching = expected.keys() & tensors.keys()
    for name in sorted(matching):
        _refuse_mismatch(module, name, expected[name], tensors[name])
    module.load_state_dict({name: tensors[name] for name in matching}, strict=False)
    return matching


def _refuse_mismatch(module: "nn.Module", name: str, expected: "Tensor", loaded: "Tensor") -> None:
    if expected.dtype != loaded.dtype:
        raise RunError(f"The weights {name} are numbers of type {loaded.dtype}, this model's are {expected.dtype}. "
                       "Copy the folder again from the original, or train again.")
    if expected.shape != loaded.shape:
        raise RunError(_shape_mismatch(module, name, tuple(expected.shape), tuple(loaded.shape)))
    if not loaded.isfinite().all():
        raise RunError(f"The weights {name} contain numbers that are not finite, so they cannot be used. "
                       "Copy the folder again from the original, or train again.")


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _shape_mismatch(module: "nn.Module", name: str, model: tuple[int, ...], file: tuple[int, ...]) -> str:
    from torch import nn

    owner = module.get_submodule(name.rpartition(".")[0])
    is_vocabulary = isinstance(owner, nn.Embedding | nn.EmbeddingBag) and "position" not in name and model[1:] == file[1:]
    if is_vocabulary:
        return (f"The vocabulary does not match: the weights {name} were trained with {file[0]:,} tokens, "
                f"this model has {model[0]:,}. Use the tokenizer that was saved with them.")
    return (f"The weights {name} have shape {file}, this model's have {model}. "
            "Use the recipe, the labels and the tokenizer that they were trained with.")
