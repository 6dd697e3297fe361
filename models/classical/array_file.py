"""Arrays in a file that runs no code, and binary search in ascending arrays."""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import RunError
from ...storage import read_file, write_file

IntArray = npt.NDArray[np.integer[Any]]
Arrays = Mapping[str, npt.NDArray[Any]]

FILE_NAME = "model.npz"


def find(ascending: IntArray, wanted: IntArray) -> IntArray:
    """The index of each wanted number in an ascending array; -1 for numbers that it lacks."""
    if not len(ascending):
        return np.full(len(wanted), -1)
    indices = np.minimum(np.searchsorted(ascending, wanted), len(ascending) - 1)
    return np.where(ascending[indices] == wanted, indices, -1)


def write_arrays(folder: Path, about: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write `model.npz` into a folder; `about` describes it in JSON. An old file stays until the new one is complete."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, about=packed(about), **arrays)
    write_file(folder / FILE_NAME, content.getvalue())


@contextmanager
def opened_arrays(folder: Path, about: Mapping[str, Any]) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """The arrays that `write_arrays` wrote with the same `about`. Raises RunError if they cannot be read, or if the `with` block
    raises an error."""
    path = folder / FILE_NAME
    try:
        content = io.BytesIO(read_file(path))
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror}); the run's model is missing. Train it again.") from error
    try:
        with np.load(content, allow_pickle=False) as file:
            arrays = dict(file)
        stored = unpacked(arrays.pop("about"))
        if stored != about:
            raise ValueError(f"it holds {_listed(stored)}, and the recipe specifies {_listed(about)}")
        yield arrays
    except Exception as error:
        raise RunError(f"{path} is damaged or not a model of this run ({type(error).__name__}: {error}). "
                       "Copy the run again from the original, or train it again.") from error


def packed(value: Any) -> npt.NDArray[np.uint8]:
    """Words, or any other JSON value, as an array; numpy's own text arrays pad every word to the longest."""
    return np.frombuffer(json.dumps(value).encode("ascii"), np.uint8)


def unpacked(array: npt.NDArray[Any]) -> Any:
    """The inverse of `packed`. Raises ValueError for an array that is not valid JSON."""
    return json.loads(array.astype(np.uint8).tobytes())


def _listed(about: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in about.items())


def words_of(arrays: Arrays) -> list[str]:
    """The words of a file. Raises ValueError if they are not texts, not unique, or if there are none."""
    words = unpacked(arrays["words"])
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words) or len(set(words)) != len(words):
        raise ValueError("its words are not a list of distinct texts")
    return words


def checked(array: npt.NDArray[Any], dtype: type, shape: tuple[int | None, ...]) -> npt.NDArray[Any]:
    """The array, if it has this type and shape (None: any length). Raises ValueError otherwise."""
    fits = len(array.shape) == len(shape) and all(wanted in (None, n) for n, wanted in zip(array.shape, shape, strict=True))
    if array.dtype != dtype or not fits:
        raise ValueError(f"it has {array.dtype} {array.shape} instead of {np.dtype(dtype)} {shape}")
    return array
