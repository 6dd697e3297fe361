"""The arrays that an exported network reads, from the batches of a run."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...configs.schema.tokenizer import WordTokenizer
from ...datasets.arrays import IntArray, filled
from ...models.two_texts import OTHER
from ..open_run import OpenedRun

NOT_READ = ("asked", "places")
"""Inputs that choose tokens to score, or say where a block is in its text: an exported network scores all tokens of each text."""
AXES = {"tokens": ("batch", "tokens"), "lengths": ("batch",), "weights": ("batch", "tokens"), "segments": ("batch", "tokens"),
        "characters": ("distinct_words", "characters"), "spelling": ("batch", "tokens"), "first_pieces": ("batch", "words"),
        "vectors": ("batch",), "pictures": ("batch",)}
"""The axes of each input whose sizes differ between batches, from the first on."""
FLOATS = frozenset({"weights", "vectors", "pictures"})

Arrays = dict[str, npt.NDArray[Any]]


class Array(NamedTuple):
    """An input or output: its shape has a name for each axis whose size differs between batches."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


def network_inputs(run: OpenedRun, inputs: Mapping[str, Any]) -> Arrays:
    """The inputs of a batch as the exported network reads them: ids as int64, bags padded, texts truncated to the model's positions."""
    kept = {name: value for name, value in inputs.items() if name not in NOT_READ and value is not None}
    for prefix in ("", OTHER):
        if f"{prefix}starts" in kept:
            kept |= _padded(kept, prefix)
            del kept[f"{prefix}starts"]
    if run.task.type == "tagging":
        kept |= _first_pieces(run, kept)
    longest = run.recipe.model.longest_input
    names = [f"{prefix}{name}" for prefix in ("", OTHER) for name in AXES if f"{prefix}{name}" in kept]
    return {name: _cut(name, kept[name], longest).astype("float32" if name.removeprefix(OTHER) in FLOATS else "int64") for name in names}


def _padded(bags: Mapping[str, Any], prefix: str) -> Arrays:
    """The bags of one text of each row, padded with 0 to equal length."""
    tokens, starts, weights = bags[f"{prefix}tokens"], bags[f"{prefix}starts"], bags.get(f"{prefix}weights")
    lengths = np.diff(np.append(starts, len(tokens)))
    padded = {"tokens": filled(tokens, lengths, 0), "lengths": lengths}
    padded |= {} if weights is None else {"weights": filled(weights, lengths, 0)}
    return {f"{prefix}{name}": values for name, values in padded.items()}


def _first_pieces(run: OpenedRun, inputs: Mapping[str, Any]) -> Arrays:
    """The position of each word's first token; a batch leaves it out if each of its words is one token, which may be true of no other."""
    tokenizer = run.encoding.tokenizer
    whole = tokenizer is not None and isinstance(tokenizer.config, WordTokenizer) and tokenizer.config.split == "whitespace"
    if whole or "first_pieces" in inputs:
        return {}
    places = np.arange(inputs["tokens"].shape[1])
    return {"first_pieces": np.where(places < inputs["lengths"][:, None], places, -1)}


def _cut(name: str, values: IntArray, longest: int | None) -> IntArray:
    """At most `longest` tokens of each row."""
    if longest is None:
        return values
    if name.endswith("lengths"):
        return np.minimum(values, longest)
    return values[:, :longest] if "tokens" in axes_of(name)[1:] else values


def axes_of(name: str) -> tuple[str, ...]:
    """The named axes of an input; those of a second text have names of their own."""
    axes = AXES[name.removeprefix(OTHER)]
    return tuple(f"{OTHER}{axis}" if axis == "tokens" else axis for axis in axes) if name.startswith(OTHER) else axes


def array_of(name: str, values: npt.NDArray[Any]) -> Array:
    """The description of an input."""
    axes = axes_of(name)
    return Array(name, str(values.dtype), (*axes, *values.shape[len(axes) :]))
