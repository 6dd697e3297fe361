"""Compare the runs and files that the user names, and collect example rows."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...datasets.arrays import IntArray
from ...errors import ConfigError, DataError, RunError
from ...terminal import argument
from ...training.folder.run_directory import RunDirectory
from .choice import Candidate, choose
from .comparison import Comparison, Settings, compare
from .disagreement import clearest
from .methods import Method
from .reading import Tested, examples_of, read_methods, slices_of
from .slices import Slice, by_words
from .units import Unit, unit_of


class Wanted(NamedTuple):
    """What the user asks for; `margin` is in points, or in the metric's own unit if it has no points."""

    split: str = "test"
    metric: str | None = None
    margin: float | None = None
    confidence: float = 0.95
    cluster: str | None = None
    latency: bool = False
    words: bool = False


@dataclass(frozen=True)
class Outcome:
    """The findings, notices about how they were obtained, and the latest run of each method, with its folds, by method name."""

    found: Comparison
    notices: list[str]
    tests: Mapping[str, Candidate]


class Example(NamedTuple):
    """A row that only `right` gets right: the start of its text, the gold answer, and both predictions."""

    row: int
    text: str
    label: str
    right: str
    said: tuple[str, str]


def compare_runs(texts: Sequence[str], files: Sequence[Path], wanted: Wanted) -> Outcome:
    """Find the runs, read their rows and those of files of predictions, and compare them. Raises RunError, DataError or ConfigError."""
    if not 0.5 <= wanted.confidence < 1:
        raise ConfigError(f"--confidence must be at least 0.5 and below 1, such as 0.95; {wanted.confidence:g} is not.")
    chosen = choose(texts, wanted.split)
    methods, tested = read_methods(chosen.groups, _each_once(files, chosen.notices), wanted.split, wanted.metric)
    if not tested.n_rows:
        raise RunError(f"The split {wanted.split} has no rows, so nothing can be compared on it.")
    tests = {method.name: group.latest_test for method, group in zip(methods, chosen.groups, strict=False)}  # files come last
    if wanted.latency:
        methods = _with_latencies(methods, {name: test.run for name, test in tests.items()}, wanted.split)
    test = next(iter(tests.values()), None)
    clusters = None if wanted.cluster is None else _clusters(test, wanted, tested)
    lines = None if test is None or len(methods) < 2 else examples_of(test, wanted.split)
    slices = slices_of(tested, lines) if len(methods) > 1 else []
    if wanted.words:
        slices += _by_words(test, wanted.split, tested)
    unit = unit_of(tested.metric, methods[0].rows.kind)
    margin = None if wanted.margin is None else _margin(wanted.margin, unit)
    found = compare(methods, tested.metric, wanted.split, slices, Settings(wanted.confidence, clusters, margin))
    return Outcome(found, chosen.notices, tests)


def _each_once(files: Sequence[Path], notices: list[str]) -> list[Path]:
    """Each file once; those that are named again are listed in a notice."""
    found = dict[Path, Path]()
    for path in files:
        if found.setdefault(path.expanduser().resolve(), path) is not path:
            notices.append(f"{path} is named twice and counts once.")
    return list(found.values())


def _margin(wanted: float, unit: Unit) -> float:
    """The margin in the metric's own unit. Raises ConfigError for one that every difference is below."""
    margin = wanted * (unit.point if unit.has_points else 1)
    if not isfinite(margin) or (unit.is_share and margin >= 1):
        raise ConfigError(f"--margin {wanted:g} is too large for a difference in {unit.metric}: "
                          + ("give points below 100, such as 0.5 for half a point." if unit.is_share else "give a finite number."))
    return margin


def _with_latencies(methods: Sequence[Method], runs: Mapping[str, RunDirectory], split: str) -> list[Method]:
    """The methods with the latency of each latest run for 1 and 64 texts, measured now and in turn."""
    from ...training.open_run import open_run
    from .latency import latencies

    found: dict[str, dict[str, float]] = {run.address: {} for run in runs.values()}
    for each in latencies([open_run(run) for run in runs.values()], split):
        found[each.run][f"latency_{each.texts}"] = each.milliseconds
    return [method.with_cost(found[runs[method.name].address]) if method.name in runs else method for method in methods]


def _by_words(test: Candidate | None, split: str, tested: Tested) -> list[Slice]:
    """Slices by the words of the texts, which are read again together with the training texts."""
    from ...configs.load import load_recipe
    from ...datasets.build import read_row_texts
    from ...tasks.build import preparation

    if test is None:
        raise ConfigError("--words reads the training texts of a run, but files of predictions have none. Compare a run too, or leave "
                          "it out.")
    recipes = [load_recipe(str(run.config)) for run in test.runs]
    texts = [read_row_texts(recipe.data, preparation(recipe.task)) for recipe in recipes]
    if (n_texts := sum(len(each.get(split, ())) for each in texts)) != tested.n_rows:
        raise DataError(f"The data has {n_texts:,} texts in {split}, but the run was tested on {tested.n_rows:,} rows, so "
                        "--words cannot match texts to rows. It works if rows are texts, with the data that the run was trained with.")
    return by_words((each[split], each["train"]) for each in texts)


def _clusters(test: Candidate | None, wanted: Wanted, tested: Tested) -> IntArray:
    """(rows,): the number of the cluster that each row belongs to, from a column of the run's data."""
    if test is None:
        raise ConfigError("--cluster reads the data of a run, but files of predictions have none. Compare a run too, or leave it out.")
    column = str(wanted.cluster)
    values = [value for run in test.runs for value in _column(run, column, wanted.split)]
    if len(values) != tested.n_rows:
        raise DataError(f"The data has {len(values):,} rows in {wanted.split}, but the run was tested on {tested.n_rows:,}, so `{column}` "
                        "cannot be matched to them. Use the data that the run was trained with.")
    clusters = np.unique(np.asarray(values, dtype=np.str_), return_inverse=True)[1].astype(np.int64)
    if clusters.max() == 0:
        raise DataError(f"All rows of {wanted.split} have the same `{column}`, so there is only one cluster, and no variance to estimate. "
                        "Name another column with --cluster.")
    return clusters


def _column(run: RunDirectory, column: str, split: str) -> Sequence[str]:
    """The values of a column in a split of a run's data; none if the data has no such split."""
    from ...configs.load import load_recipe
    from ...configs.schema.data import SizesData
    from ...datasets.read import read_column

    data = load_recipe(str(run.config)).data
    if isinstance(data, SizesData):
        raise ConfigError("A recipe with `data: {type: sizes}` has no data, so --cluster cannot be used.")
    return read_column(data, column, "Name a column of the data of the runs with --cluster.").get(split, ())


def examples(outcome: Outcome, most: int) -> list[Example]:
    """Rows that one of the two best methods gets right and the other wrong, at most so many each way; empty for one method.

    The texts are those of any run; predictions of files are not kept in a form that can be shown.
    """
    found = outcome.found
    if most and not outcome.tests:
        raise RunError("--examples needs at least one run to compare, since no texts are kept of files of predictions.")
    if len(found.methods) < 2 or not most:
        return []
    a, b = found.methods[:2]
    texts = _predictions(next(iter(outcome.tests.values())), found.split)
    predictions = [_predictions(outcome.tests[method.name], found.split) if method.name in outcome.tests else None for method in (a, b)]
    rows = [(a.name, row) for row in clearest(a, b, most).tolist()] + [(b.name, row) for row in clearest(b, a, most).tolist()]
    return [Example(row, texts[row]["text"], str(texts[row].get("label", "")), name,
                    (_prediction(predictions[0], texts, row), _prediction(predictions[1], texts, row))) for name, row in rows]


def _prediction(lines: Sequence[Mapping[str, Any]] | None, texts: Sequence[Mapping[str, Any]], row: int) -> str:
    """The prediction for a row; empty if the run has its rows in another order, since only row scores are aligned."""
    if lines is None or row >= len(lines) or lines[row]["text"] != texts[row]["text"]:
        return ""
    return str(lines[row].get("prediction", ""))


def _predictions(test: Candidate, split: str) -> Sequence[Mapping[str, Any]]:
    found = examples_of(test, split)
    if found is None:
        missing = next(run for run in test.runs if not run.predictions(split).exists())
        raise RunError(f"{missing.predictions(split)} is missing, so its texts cannot be shown. "
                       f"`nlp eval {argument(missing.address)} --split {shlex.quote(split)}` writes it again.")
    return found
