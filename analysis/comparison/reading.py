"""Read finished runs as methods that were tested on the same rows."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from math import isfinite
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import numpy as np

from ...datasets.arrays import IntArray
from ...errors import RunError
from ...storage import parse_json, read_file
from ...tasks.scoring.row_scores import MetricRows, RowScores, pooled
from ...terminal import argument, on_one_line
from ...training.folder.checkpoints import best_bytes
from ...training.folder.results_file import parameters_of, read_results
from ...training.folder.row_scores_file import read_row_scores
from ...training.folder.run_directory import RunDirectory
from .alignment import align
from .choice import Candidate, Group, names_of
from .methods import MeasuredRows, MeasuredRun, Method
from .slices import Slice, by_class, by_length
from .units import unit_of


@dataclass(frozen=True)
class Tested:
    """The test set that all runs of a comparison share: the number of rows, and the class of each, if the task has classes."""

    metric: str
    n_rows: int
    classes: Sequence[str]


class Source(NamedTuple):
    """A source of row scores: a run, or a file of another system's predictions, which has no seed and no cost."""

    name: str
    scores: RowScores
    seed: int = 0
    cost: Mapping[str, float] = {}


class Part(NamedTuple):
    """The sources of one method."""

    name: str
    sources: Sequence[Source]
    has_chance: bool = True
    recipe: str = ""


def read_methods(groups: Sequence[Group], files: Sequence[Path], split: str, metric: str | None) -> tuple[list[Method], Tested]:
    """The methods, runs before files, and what they were tested on.

    Raises RunError if a file is damaged, or the metric is missing or not finite; DataError if the test sets differ.
    """
    parts = [*_of_groups(groups, split), *(_of_files(files, set(names_of(groups))) if files else ())]
    sources = [source for part in parts for source in part.sources]
    aligned = align([source.scores for source in sources], [source.name for source in sources])
    metric = _known_as(metric, aligned[0]) or aligned[0].main_metric
    measured = map(_measured, sources, aligned, repeat(metric))
    methods = [Method(part.name, tuple(islice(measured, len(part.sources))), part.has_chance, part.recipe) for part in parts]
    return methods, Tested(metric, len(aligned[0]), _classes(aligned[0]))


def _of_groups(groups: Sequence[Group], split: str) -> Iterator[Part]:
    for name, group in zip(names_of(groups), groups, strict=True):
        sources = [Source(each.run.address, pooled([read_row_scores(run.row_scores(split)) for run in each.runs]), each.seed, _costs(each))
                   for each in group.runs]
        yield Part(name, sources, group.has_chance, group.latest.recipe)


def _of_files(files: Sequence[Path], taken: set[str]) -> Iterator[Part]:
    """Named by file name, or full path if the short name is taken; on one line, since names appear in sentences and tables."""
    from .foreign import read_predictions

    short = [path.name.partition(".")[0] for path in files]
    for path, name in zip(files, short, strict=True):
        full = str(path) if name in taken or short.count(name) > 1 else name
        yield Part(on_one_line(full), [Source(str(path), read_predictions(path))])


def _classes(scores: RowScores) -> Sequence[str]:
    """The gold class of each row, from the metric that counts classes."""
    metric = next((each for each in scores.metrics.values() if each.kind == "macro_f1"), None)
    if metric is None:
        return ()
    names = np.array(scores.labels, dtype=object)
    return names[metric.columns["gold"]].tolist()


def _known_as(metric: str | None, scores: RowScores) -> str | None:
    """The metric with this name, or with this heading in tables, such as `macro_f1`."""
    named = (name for name, rows in scores.metrics.items() if unit_of(name, rows.kind).heading == metric)
    return metric if metric in scores.metrics else next(named, metric)


def _measured(source: Source, scores: RowScores, metric: str) -> MeasuredRun:
    """One metric of a source. Raises RunError if it is missing or not finite."""
    if metric not in scores.metrics:
        raise RunError(f"{source.name} has no metric {metric!r}; it has {', '.join(scores.metrics)}. Choose one that all have, with "
                       "--metric.")
    if not _is_finite(scores.metrics[metric]):
        others = ", ".join(name for name, rows in scores.metrics.items() if _is_finite(rows))
        raise RunError(f"The {metric} of {source.name} is not finite on some rows, so it cannot be compared. "
                       + (f"Choose another metric with --metric: {others}." if others else "It has no other metric."))
    figures = {name: each.value() for name, each in scores.metrics.items()}
    headings = {name: unit_of(name, each.kind).heading for name, each in scores.metrics.items()}
    rows = MeasuredRows.of(scores.metrics[metric])
    return MeasuredRun(source.name, source.seed, rows, scores.right, scores.predicted, figures, source.cost, headings)


def _is_finite(metric: MetricRows) -> bool:
    return all(np.isfinite(column).all() for column in metric.columns.values()) and isfinite(metric.value())


def _costs(tested: Candidate) -> dict[str, float]:
    """The costs of a run, as means over folds."""
    costs = [_cost(run) for run in tested.runs]
    return {name: mean(cost[name] for cost in costs) for name in costs[0] if all(name in cost for cost in costs)}


def _cost(run: RunDirectory) -> dict[str, float]:
    """The costs that the run measured, its parameters, and the size of its best checkpoint."""
    cost = {name: float(value) for name, value in read_results(run.results).cost.model_dump().items()}
    if (parameters := parameters_of(cost)) is not None:
        cost["parameters"] = parameters
    if (size := best_bytes(run)) is not None:
        cost["checkpoint_bytes"] = float(size)
    return {name: value for name, value in cost.items() if value or name != "peak_bytes"}


def examples_of(tested: Candidate, split: str) -> list[Mapping[str, Any]] | None:
    """The lines of `predictions/<split>.jsonl` as objects, fold after fold; None if there is no such file. Raises RunError if it is
    damaged.
    """
    found = [_examples(run, split) for run in tested.runs]
    return None if None in found else [line for lines in found if lines is not None for line in lines]


def _examples(run: RunDirectory, split: str) -> list[Mapping[str, Any]] | None:
    path = run.predictions(split)
    try:
        return list(_lines(read_file(path)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        remedy = f"`nlp eval {argument(run.address)} --split {shlex.quote(split)}` writes it again."
        raise RunError(f"{path} is damaged: {error}. {remedy}") from error


def _lines(content: bytes) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(content.splitlines(), 1):
        read = parse_json(line)
        if not isinstance(read, dict) or not isinstance(read.get("text"), str):
            raise ValueError(f"line {number} is not a prediction")
        yield read


def slices_of(tested: Tested, examples: Sequence[Mapping[str, Any]] | None) -> list[Slice]:
    """Slices by class, and by length if the texts are known; the predictions have the first 200 characters of each."""
    slices = by_class(tested.classes) if len(tested.classes) else []
    if examples is not None and len(examples) == tested.n_rows:
        lengths: IntArray = np.array([len(each["text"]) for each in examples], dtype=np.int64)
        slices += by_length(lengths)
    return slices
