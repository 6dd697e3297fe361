"""`model.json`: what a program needs to know to use an exported network."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...configs.schema.tokenizer import SPECIAL_TOKENS
from ...datasets.encoded.numbers.scaling import FARTHEST
from ..folder.files import plain
from ..open_run import OpenedRun
from .arrays import Array


def description(run: OpenedRun, inputs: Sequence[Array], outputs: Sequence[Array], tokenizer_files: Mapping[str, Sequence[str]]
                ) -> dict[str, Any]:
    """The arrays, the labels in the order of the scores, the tokenizers with their files by role, and the scaling of numbers."""
    about: dict[str, Any] = {
        "run": run.directory.address,
        "task": run.task.type,
        "model": run.recipe.model.type,
        "inputs": [each._asdict() for each in inputs],
        "outputs": [each._asdict() for each in outputs],
        "labels": list(run.task.labels),
    }
    if run.encoding.tokenizers:
        about["tokenizers"] = {role: {"files": files, **run.encoding.tokenizers[role].config.model_dump()}
                               for role, files in tokenizer_files.items()}
        about["max_length"] = _max_length(run)
        about["special_tokens"] = {token: number for number, token in enumerate(SPECIAL_TOKENS)} if _is_ordered(run) else {}
    if run.encoding.scaling is not None:
        about["normalization"] = {**run.encoding.scaling.model_dump(), "clipped_to": FARTHEST}
    return plain(about)


def _max_length(run: OpenedRun) -> int | None:
    """The maximum number of tokens of a text, by the tokenizer and by the model's positions; None without a limit."""
    limits = [getattr(run.encoding.tokenizers["text"].config, "max_length", None), run.recipe.model.longest_input]
    return min((limit for limit in limits if limit is not None), default=None)


def _is_ordered(run: OpenedRun) -> bool:
    return run.encoding.tokenizers["text"].config.ordered
