"""Where published weights are found: by the name of a package, as a folder, or on the Hugging Face Hub."""

import difflib
import os
import re
from pathlib import Path

from ...errors import DataError, MissingExtraError
from ...storage import cache_folder
from .packages import PACKAGES, WeightsPackage

HUB_FILES = ("*.safetensors", "*.json", "LICENSE*", "NOTICE*", "README.md")
"""What is fetched from the Hub; other formats of weights can run code."""
NO_TRANSFORMERS = "Published networks need transformers, which is not installed: pip install 'nlp-generations[hf]'"


def weights_folder() -> Path:
    """`NLP_WEIGHTS`, or `nlp/weights` in the user's cache folder. Raises DataError where there is neither."""
    if given := os.environ.get("NLP_WEIGHTS"):
        return Path(given).expanduser()
    if (caches := cache_folder()) is None:
        raise DataError("This user has no home folder for downloaded weights. Set NLP_WEIGHTS to a writable folder.")
    return caches / "nlp" / "weights"


def has_package(package: WeightsPackage) -> bool:
    """Whether all its files are there, in their full size; their content was checked when they were written."""
    folder = weights_folder() / package.name
    paths = [(folder / member.name, member.size) for member in package.members]
    return all(path.is_file() and path.stat().st_size == size for path, size in paths)


def find_weights(name_or_path: str) -> Path:
    """The folder, or the .gguf file, of published weights.

    A package's name (`nlp data list`) means its folder below `NLP_WEIGHTS`; `organisation/name`, where there is no such folder, a model of
    the Hugging Face Hub, which is downloaded into its own cache. Raises DataError where there is nothing.
    """
    if (found := find_local_weights(name_or_path)) is not None:
        return found
    if name_or_path in PACKAGES:
        raise DataError(f"The weights {name_or_path} are not in {weights_folder()}. Download them: nlp data get {name_or_path}")
    if re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name_or_path):
        return _from_hub(name_or_path)
    near = difflib.get_close_matches(name_or_path, PACKAGES, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise DataError(f"There are no weights {name_or_path!r}.{hint} Give a folder, a .gguf file, a model of the Hugging Face Hub as "
                    f"organisation/name, or one of {', '.join(PACKAGES)}.")


def find_local_weights(name_or_path: str) -> Path | None:
    """The same without any download; None where it is not on this machine."""
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
    except Exception as error:  # the library passes on those of several HTTP clients
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise DataError(f"There is no folder {name}, and the model {name} cannot be fetched from the Hugging Face Hub: {reason}. Check the "
                        "name and the network, or give a folder that has it.") from None
