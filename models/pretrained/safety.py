"""Checks of a folder of weights before anything in it is loaded: no file may run code or claim a size that it does not have."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import DataError
from ...storage import read_json

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED = (".bin", ".pt", ".pth", ".pkl", ".ckpt", ".h5", ".msgpack")
"""Formats of weights that can run code when they are read, or that are read by other libraries."""
LAYER_COUNTS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class WeightsFolder:
    """A folder that may be loaded: its config, and for safetensors the files and the shape of each tensor, or a GGUF file."""

    path: Path
    config: Mapping[str, Any]
    files: tuple[Path, ...] = ()
    shapes: Mapping[str, Shape] | None = None
    gguf: Path | None = None


def check_folder(path: Path) -> WeightsFolder:
    """Inspect a folder, or a .gguf file, without loading it.

    Raises DataError for pickled weights, for a model that needs custom code, and for files that are missing or damaged.
    """
    if (gguf := gguf_file(path)) is not None:
        return WeightsFolder(path, {}, gguf=gguf)
    if not path.is_dir():
        raise DataError(f"{path} is not a folder of weights.")
    config = read_config(path)
    files = _weights_files(path)
    shapes = {name: shape for file in files for name, shape in _shapes(file).items()}
    layers = max((config[name] for name in LAYER_COUNTS if isinstance(config.get(name), int)), default=0)
    if layers > len(shapes):
        raise DataError(f"{path / 'config.json'} states {layers:,} layers, but the weights have only {len(shapes):,} tensors: "
                        "they are not of the same model.")
    return WeightsFolder(path, config, files, shapes)


def gguf_file(path: Path) -> Path | None:
    """The GGUF file: the path itself, or the only one in a folder without safetensors."""
    if path.suffix == ".gguf" and path.is_file():
        found = [path]
    elif path.is_dir() and not any((path / name).is_file() for name in (WEIGHTS, INDEX)):
        found = sorted(path.glob("*.gguf"))
    else:
        return None
    if len(found) > 1:
        raise DataError(f"{path} has several GGUF files: {', '.join(each.name for each in found)}. Give the path of one of them.")
    if found and found[0].open("rb").read(4) != b"GGUF":
        raise DataError(f"{found[0]} is not a GGUF file: it does not begin with the letters GGUF.")
    return found[0] if found else None


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's config.json. Raises DataError if it is missing or needs code that comes with the weights."""
    path = folder / "config.json"
    config = _read_json(path)
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise DataError(f"{path} does not state a model_type, so it is unknown which network the weights belong to.")
    if "auto_map" in config:
        raise DataError(f"{path} has `auto_map`: this model only works with program code that comes with its weights, and such code is "
                        "never run. Use a model that transformers itself knows.")
    if (folder / "adapter_config.json").exists():
        raise DataError(f"{folder} has adapters (adapter_config.json). Merge them into the weights, or remove them.")
    return config


def _read_json(path: Path) -> Any:
    try:
        return read_json(path)
    except FileNotFoundError:
        raise DataError(f"{path} is missing. A folder of weights has config.json, {WEIGHTS} and tokenizer.json.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}.") from None


def _weights_files(folder: Path) -> tuple[Path, ...]:
    """The single weights file, or all files that the index lists."""
    if (folder / WEIGHTS).is_file():
        return (folder / WEIGHTS,)
    if (folder / INDEX).is_file():
        return _indexed(folder)
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLED)
    if pickled:
        raise DataError(f"{folder} has weights only as {', '.join(pickled[:3])}. Such files can run program code when they are opened, so "
                        f"they are never read. Use a copy that has {WEIGHTS}, or convert them where you trust their origin.")
    raise DataError(f"{folder} has no weights: {WEIGHTS} and *.gguf are missing.")


def _indexed(folder: Path) -> tuple[Path, ...]:
    index = _read_json(folder / INDEX)
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    names = sorted({str(name) for name in weight_map.values()}) if isinstance(weight_map, dict) else []
    invalid = [name for name in names if Path(name).name != name or not name.endswith(".safetensors")]
    if not names or invalid:
        raise DataError(f"{folder / INDEX} is damaged: it does not list files of this folder.")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{folder} lacks {', '.join(missing[:3])}, which {INDEX} lists.")
    return tuple(folder / name for name in names)


def _shapes(path: Path) -> dict[str, Shape]:
    """The shape of each tensor, from the header alone, which the library checks against the length of the file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118, not a dictionary
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} ({path.stat().st_size:,} bytes) is damaged{_claimed(path)}: {error}. Download it again.") from None


def _claimed(path: Path) -> str:
    """The size that the header claims, for an error message; empty if the header cannot be read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > size:
            return f": its header claims {length:,} bytes"
        try:
            ends = [entry["data_offsets"][1] for name, entry in json.loads(file.read(length)).items() if name != "__metadata__"]
            return f": its header claims {8 + length + max(ends):,} bytes"
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            return ""
