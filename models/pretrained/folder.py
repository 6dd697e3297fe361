"""Finds published weights: by package name, as a folder, or on the Hugging Face Hub."""

import difflib
import os
import re
from pathlib import Path

from ...errors import DataError, MissingExtraError
from ...storage import cache_folder
from .packages import PACKAGES, WeightsPackage

HUB_FILES = ("*.safetensors", "*.json", "LICENSE*", "NOTICE*", "README.md")
"""Files to download from the Hub; other weight formats can run code."""
NO_TRANSFORMERS = "Published networks need transformers, which is not installed: pip install 'nlp-generations[hf]'"


def weights_folder() -> Path:
    """`NLP_WEIGHTS`, or `nlp/weights` in the user's cache folder. Raises DataError if there is neither."""
    if folder := os.environ.get("NLP_WEIGHTS"):
        return Path(folder).expanduser()
    if (caches := cache_folder()) is None:
        raise DataError("This user has no home folder for downloaded weights. Set NLP_WEIGHTS to a writable folder.")
    return caches / "nlp" / "weights"


def has_package(package: WeightsPackage) -> bool:
    """Whether all its files are there with the right size; their checksums were verified on download."""
    folder = weights_folder() / package.name
    paths = [(folder / member.name, member.size) for member in package.members]
    return all(path.is_file() and path.stat().st_size == size for path, size in paths)


def find_weights(name_or_path: str) -> Path:
    """The folder, or the .gguf file, of published weights.

    A package name (`nlp data list`) means its folder in `NLP_WEIGHTS`. `organisation/name`, unless there is such a folder, means a model
    on the Hugging Face Hub, which is downloaded into the Hub's own cache. Raises DataError if nothing is found.
    """
    if (folder := find_local_weights(name_or_path)) is not None:
        return folder
    if name_or_path in PACKAGES:
        raise DataError(f"The weights {name_or_path} are not in {weights_folder()}. Download them: nlp data get {name_or_path}")
    if is_of_hub(name_or_path):
        return _from_hub(name_or_path)
    nearest = difflib.get_close_matches(name_or_path, PACKAGES, n=1)
    hint = f" Did you mean {nearest[0]}?" if nearest else ""
    raise DataError(f"There are no weights {name_or_path!r}.{hint} Give a folder, a .gguf file, a model of the Hugging Face Hub as "
                    f"organisation/name, or one of {', '.join(PACKAGES)}.")


def is_of_hub(name: str) -> bool:
    """Whether this could be the name of a model on the Hugging Face Hub."""
    return re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name) is not None


def find_local_weights(name_or_path: str) -> Path | None:
    """The folder, or the .gguf file, if it is on this machine, else None; nothing is downloaded."""
    package = PACKAGES.get(name_or_path)
    if package is not None:
        return weights_folder() / package.name if has_package(package) else None
    path = Path(name_or_path).expanduser()
    return path if path.is_dir() or (path.suffix == ".gguf" and path.is_file()) else None


def _from_hub(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.utils import disable_progress_bars
    except ImportError:
        raise MissingExtraError(NO_TRANSFORMERS) from None
    disable_progress_bars()
    try:
        return Path(snapshot_download(name, allow_patterns=list(HUB_FILES), ignore_patterns=["*/*"]))
    except Exception as error:  # the library passes on errors of several HTTP clients
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise DataError(f"There is no folder {name}, and the model {name} cannot be fetched from the Hugging Face Hub: {reason}. Check the "
                        "name and the network, or give a folder that has it.") from None
