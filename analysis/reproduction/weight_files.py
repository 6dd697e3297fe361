"""The weights of two checkpoints, compared array by array: networks in safetensors, classical models in zipped NumPy arrays."""

import hashlib
import io
import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import RunError
from ...storage import read_file
from ...training.folder.files import REMEDY
from ...training.folder.tensors import load_tensors

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Weights:
    """How many arrays of weights differ, and by how much at most."""

    n_arrays: int
    n_different: int = 0
    largest: float = 0.0
    """The largest difference of two numbers; inf if arrays differ in shape or only one checkpoint has them."""
    same_bytes: bool = True


def compare_weights(earlier: Path | None, again: Path | None) -> Weights | None:
    """Compare the weights in two checkpoint folders; None if neither has any. Raises RunError for a file that cannot be read."""
    mine, theirs = (_files(folder) for folder in (earlier, again))
    if not mine and not theirs:
        return None
    if _hashes(mine) == _hashes(theirs):
        return Weights(len(_arrays(theirs)))
    return _compared(_arrays(mine), _arrays(theirs))


def _compared(mine: Mapping[str, Array], theirs: Mapping[str, Array]) -> Weights:
    names = mine.keys() | theirs.keys()
    differences = [_difference(mine.get(name), theirs.get(name)) for name in names]
    different = [each for each in differences if each is not None]
    return Weights(len(names), len(different), max(different, default=0.0), same_bytes=False)


def _files(checkpoint: Path | None) -> list[Path]:
    """The files with weights: none for rules, which have no checkpoints, and for prompts, whose weights are those of another model."""
    return [] if checkpoint is None else sorted(checkpoint.glob("model.*"))


def _hashes(files: Sequence[Path]) -> dict[str, str]:
    return {path.name: hashlib.sha256(read_file(path)).hexdigest() for path in files}


def _arrays(files: Sequence[Path]) -> dict[str, Array]:
    """The weights by name."""
    arrays: dict[str, Array] = {}
    for path in files:
        if path.suffix == ".safetensors":
            arrays |= {name: _as_array(tensor) for name, tensor in load_tensors(path).items()}
        else:
            arrays |= _zipped(path)
    return arrays


def _as_array(tensor: Any) -> Array:
    """NumPy has no bfloat16; every one is also a float32."""
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()


def _zipped(path: Path) -> Mapping[str, Array]:
    """The arrays of a classical model. Runs no code: pickled objects are refused."""
    try:
        return dict(_members(read_file(path)))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise RunError(f"{path} is damaged ({error}). {REMEDY}") from error


def _members(content: bytes) -> Iterator[tuple[str, Array]]:
    """The arrays in a zip file, and in the zip files within it, which hold sparse matrices."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        for name in parts.namelist():
            if name.endswith(".npy"):
                yield name, np.lib.format.read_array(io.BytesIO(parts.read(name)), allow_pickle=False)
            elif name.endswith(".npz"):
                yield from ((f"{name}/{inner}", array) for inner, array in _members(parts.read(name)))


def _difference(mine: Array | None, theirs: Array | None) -> float | None:
    """The largest difference of two numbers; None if the arrays are equal, inf if their shapes or types differ."""
    if mine is None or theirs is None or mine.shape != theirs.shape or mine.dtype != theirs.dtype:
        return math.inf
    if mine.tobytes() == theirs.tobytes():
        return None
    if mine.dtype.kind not in "fiu":
        return math.inf
    return float(np.nanmax(np.abs(mine.astype(np.float64) - theirs.astype(np.float64))))
