"""From the folders of finished runs to methods that were tested on the same rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from ...datasets.arrays import IntArray
from ...errors import RunError
from ...storage import parse_json, read_file
from ...tasks.row_scores import Keys, MetricRows, RowScores
from ...training.folder.checkpoints import best_bytes
from ...training.folder.results_file import read_results
from ...training.folder.row_scores_file import read_row_scores
from ...training.folder.run_directory import RunDirectory
from .choice import Group, names_of
from .methods import MeasuredRows, MeasuredRun, Method
from .slices import Slice, by_class, by_length


@dataclass(frozen=True)
class Tested:
    """What all runs of a comparison were tested on."""

    task: str
    split: str
    metric: str
    metrics: tuple[str, ...]
    keys: Keys
    answers: Keys
    classes: Sequence[str]
    """The class of each row; empty for tasks without classes."""


def read_methods(groups: Sequence[Group], split: str, metric: str | None) -> tuple[list[Method], Tested]:
    """The methods, and what they were tested on. One run is in memory at a time.

    Raises RunError where a file is damaged, the test sets differ, or the metric is not there or not finite.
    """
    first = read_row_scores(groups[0].latest.row_scores(split))
    tested = Tested(first.task, split, metric or first.main_metric, tuple(first.metrics), first.keys, first.answers, _classes(first))
    methods = []
    for name, group in zip(names_of(groups), groups, strict=True):
        runs = tuple(_measured(each.run, each.seed, tested) for each in group.runs)
        methods.append(Method(name, runs, group.has_chance, group.latest.recipe))
    return methods, tested


def _classes(scores: RowScores) -> Sequence[str]:
    """The gold class of each row, from the metric that counts classes."""
    metric = next((each for each in scores.metrics.values() if each.kind == "macro_f1"), None)
    if metric is None:
        return ()
    names = np.array(scores.labels, dtype=object)
    return names[metric.columns["gold"]].tolist()


def _measured(run: RunDirectory, seed: int, tested: Tested) -> MeasuredRun:
    scores = read_row_scores(run.row_scores(tested.split))
    _check(scores, run, tested)
    figures = {name: each.value() for name, each in scores.metrics.items()}
    rows = MeasuredRows.of(scores.metrics[tested.metric])
    return MeasuredRun(run.address, seed, rows, scores.right, scores.predicted, figures, _cost(run))


def _check(scores: RowScores, run: RunDirectory, tested: Tested) -> None:
    """Raises RunError where a run cannot be compared with the first one."""
    if scores.task != tested.task:
        raise RunError(f"{run.address} was tested on {scores.task}, the others on {tested.task}; only runs of one task can be compared.")
    if not np.array_equal(scores.keys, tested.keys) or not np.array_equal(scores.answers, tested.answers):
        raise RunError(_different_tests(scores, run, tested))
    if tested.metric not in scores.metrics:
        raise RunError(f"{run.address} has no metric {tested.metric!r} on {tested.split}; it has {', '.join(scores.metrics)}. "
                       "Choose one that all runs have with --metric.")
    if not _is_finite(scores.metrics[tested.metric]):
        raise RunError(f"The {tested.metric} of {run.address} is not finite on some rows of {tested.split}, so it cannot be compared. "
                       f"Choose another metric with --metric: {', '.join(scores.metrics)}.")


def _is_finite(metric: MetricRows) -> bool:
    return all(np.isfinite(column).all() for column in metric.columns.values()) and isfinite(metric.value())


def _different_tests(scores: RowScores, run: RunDirectory, tested: Tested) -> str:
    common = len(np.intersect1d(scores.keys, tested.keys))
    return (f"{run.address} was tested on other rows than the others: {len(scores):,} rows instead of {len(tested.keys):,}, of which "
            f"{common:,} texts are in both. Only runs that were tested on the same rows can be compared; score them on one file with "
            "`nlp eval RUN --data FILE`, and compare with --split NAME-OF-THE-FILE.")


def _cost(run: RunDirectory) -> dict[str, float]:
    """What the run states, without what it could not measure, and the size of its best checkpoint."""
    cost = {name: float(value) for name, value in read_results(run.results).cost.model_dump().items()}
    if (size := best_bytes(run)) is not None:
        cost["checkpoint_bytes"] = float(size)
    return {name: value for name, value in cost.items() if value or name != "peak_bytes"}


def examples_of(run: RunDirectory, split: str) -> list[Mapping[str, Any]] | None:
    """The lines of `predictions/<split>.jsonl` as objects; None where there is no such file. Raises RunError where it is damaged."""
    path = run.predictions(split)
    try:
        return list(_lines(read_file(path)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged: {error}. `nlp eval {run.address} --split {split}` writes it again.") from error


def _lines(content: bytes) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(content.splitlines(), 1):
        read = parse_json(line)
        if not isinstance(read, dict) or not isinstance(read.get("text"), str):
            raise ValueError(f"its line {number} is no prediction")
        yield read


def slices_of(tested: Tested, examples: Sequence[Mapping[str, Any]] | None) -> list[Slice]:
    """By class, and by length where the texts are known; the predictions hold the first 200 characters of each."""
    slices = by_class(tested.classes) if len(tested.classes) else []
    if examples is not None and len(examples) == len(tested.keys):
        lengths: IntArray = np.array([len(each["text"]) for each in examples], dtype=np.int64)
        slices += by_length(lengths)
    return slices
