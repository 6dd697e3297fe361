"""`predictions/<split>.safetensors`: the scores of each row of a split, for statistical tests; loads in milliseconds.

Tensors: `keys`, `answers` and `predicted`, and the columns of all metrics, each stored once, as `column.<name>`. The metadata has one
entry, `nlp`: a JSON description of the tensors.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import model_validator

from ...configs.schema.saved import Saved, checked
from ...errors import RunError
from ...storage import parse_json, read_file
from ...tasks.scoring.figures import FIGURES, Kind
from ...tasks.scoring.row_scores import Column, MetricRows, RowScores
from ...terminal import argument
from .files import write_atomically

FORMAT = 1
"""Incremented when older versions of this tool can no longer read the file."""
TEXTS = ("keys", "answers", "predicted")
COUNTS = ("U8", "U16", "U32")
MAY_BE_INFINITE = ("ratio", "rmse", "exp_ratio", "bits")
"""Kinds of metrics whose first column holds losses."""
IN_ONE_COLUMN = ("bleu", "bleu_lowercase", "chrf", "ter")
"""Kinds that use a single column (rows, n)."""


class SavedMetric(Saved):
    """How a metric is computed from columns."""

    kind: Kind
    columns: list[str]
    lower_is_better: bool


class About(Saved):
    """The description of the tensors."""

    format: int
    task: str
    main_metric: str
    labels: list[str]
    metrics: dict[str, SavedMetric]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.main_metric not in self.metrics:
            raise ValueError(f"names {self.main_metric!r} as its main metric, which is missing")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("has the same label twice")
        return self


def write_row_scores(path: Path, scores: RowScores) -> None:
    """Write the file atomically. Raises DeviceError if the disk is full, RunError if it cannot be written."""
    from safetensors.numpy import save

    columns = {name: column for metric in scores.metrics.values() for name, column in metric.columns.items()}
    assert all(columns[name] is column or np.array_equal(columns[name], column)
               for metric in scores.metrics.values() for name, column in metric.columns.items()), "one name means one column"
    metrics = {name: {"kind": metric.kind, "columns": list(metric.columns), "lower_is_better": metric.lower_is_better}
               for name, metric in scores.metrics.items()}
    about = {"format": FORMAT, "task": scores.task, "main_metric": scores.main_metric, "labels": list(scores.labels), "metrics": metrics}
    tensors = {name: getattr(scores, name) for name in TEXTS} | {f"column.{name}": column for name, column in columns.items()}
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    write_atomically(path, save(contiguous, {"nlp": json.dumps(about, ensure_ascii=False)}))


def read_row_scores(path: Path) -> RowScores:
    """Read the row scores of a split. Raises RunError if the file is missing, damaged or of another version."""
    try:
        content = read_file(path)
    except FileNotFoundError:
        raise RunError(f"{path} is missing: the run was not evaluated on this split, or by an older version of nlp. {_remedy(path)}"
                       ) from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}. {_remedy(path)}") from error
    try:
        return replace(_parsed(content), lines=path.with_suffix(".jsonl"))
    except ValueError as error:
        raise RunError(f"{path} is damaged, or not in the format that this version of nlp reads: {error}. {_remedy(path)}") from error


def _remedy(path: Path) -> str:
    of_file = path.stem.startswith("file-")
    option = "--data FILE" if of_file else f"--split {shlex.quote(path.stem)}"
    return f"`nlp eval {argument(path.parent.parent)} {option}` writes it again."


def _parsed(content: bytes) -> RowScores:
    """Parse the file's content. Raises ValueError whose message is a clause that says what is wrong."""
    from safetensors import SafetensorError, deserialize

    try:
        arrays = {name: _array(name, tensor) for name, tensor in deserialize(content)}
    except SafetensorError as error:
        raise ValueError(f"it is not a complete safetensors file ({error})") from None
    about = _about(content)
    if missing := next((name for name in TEXTS if name not in arrays), None):
        raise ValueError(f"it lacks `{missing}`")
    if len({len(column) for column in arrays.values()}) > 1:
        raise ValueError("its columns have different numbers of rows")
    metrics = {name: _metric(name, saved, arrays, len(about.labels)) for name, saved in about.metrics.items()}
    return RowScores(about.task, about.main_metric, tuple(about.labels), *(arrays[name] for name in TEXTS), metrics)


def _about(content: bytes) -> About:
    header = parse_json(content[8 : 8 + int.from_bytes(content[:8], "little")])
    read = parse_json(header.get("__metadata__", {}).get("nlp", "{}").encode("utf-8"))
    number = read.get("format") if isinstance(read, dict) else None
    if type(number) is int and number != FORMAT:
        raise ValueError(f"it has the format {number}, not {FORMAT}")
    return checked(About, read)


def _array(name: str, tensor: Mapping[str, Any]) -> Column:
    """A tensor as an array, after checking its type and shape."""
    of_texts, shape = name in TEXTS, tensor["shape"]
    if tensor["dtype"] not in (("U64",) if of_texts else (*COUNTS, "F64")):
        raise ValueError(f"`{name}` contains numbers of type {tensor['dtype']}")
    if len(shape) not in ((1,) if of_texts else (1, 2)):
        raise ValueError(f"`{name}` has the shape {tuple(shape)}")
    types = {"U8": "<u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "F64": "<f8"}
    return np.frombuffer(tensor["data"], dtype=types[tensor["dtype"]]).reshape(shape)


def _metric(name: str, saved: SavedMetric, arrays: Mapping[str, Column], n_labels: int) -> MetricRows:
    """A metric with its columns, after checking every number."""
    if missing := next((column for column in saved.columns if f"column.{column}" not in arrays), None):
        raise ValueError(f"it lacks the column {missing!r} of `{name}`")
    columns = {column: arrays[f"column.{column}"] for column in saved.columns}
    width = FIGURES[saved.kind].n_columns
    if [column.shape[1:] for column in columns.values()] != ([(width,)] if saved.kind in IN_ONE_COLUMN else [()] * width):
        raise ValueError(f"`{name}` does not have the {width} columns that {saved.kind} needs")
    if problem := next(_problems(saved.kind, list(columns.values()), n_labels), None):
        raise ValueError(f"the columns of `{name}` {problem}")
    return MetricRows(saved.kind, columns, saved.lower_is_better, n_labels)


def _problems(kind: Kind, columns: list[Column], n_labels: int) -> Iterator[str]:
    first, *others = columns
    for column in others if kind in MAY_BE_INFINITE else columns:
        if column.dtype.kind == "f" and not (np.isfinite(column).all() and (kind == "correlation" or column.min(initial=0) >= 0)):
            yield "contain numbers that are negative or not finite"
    if kind == "share" and not (first.max(initial=0) <= 1 and others[0].min(initial=1) == others[0].max(initial=1) == 1):
        yield "contain numbers other than 0 and 1"
    if kind == "macro_f1" and not all(column.dtype.kind == "u" and column.max(initial=0) < max(n_labels, 1) for column in columns):
        yield "contain label ids that do not exist"
