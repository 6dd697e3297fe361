"""Whether a run that was trained again gave the same data, figures, weights and predictions, and what differs in its environment."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import RunError
from ...tasks.scoring.row_scores import RowScores
from ...training.folder.checkpoints import checkpoint_path, has_checkpoint
from ...training.folder.data_file import data_hashes
from ...training.folder.files import REMEDY, read_saved
from ...training.folder.results_file import read_results
from ...training.folder.row_scores_file import read_row_scores
from ...training.folder.run_directory import RunDirectory
from ...training.log.tracking import OF_MACHINE, figures_of, read_metrics
from .weight_files import Weights, compare_weights

NOT_COMPARED = ("started", "command", "seed", "versions", "git")
"""Keys of `environment.json` that are no cause of a difference, and those that are compared entry by entry."""


class Figure(NamedTuple):
    """Identifies a logged figure; figures of `results.json` have no step."""

    step: int | None
    split: str
    tag: str


@dataclass(frozen=True)
class Pair:
    """A figure in both runs; None in a run that did not log it at this step."""

    figure: Figure
    earlier: float | None
    again: float | None

    @property
    def is_equal(self) -> bool:
        """Whether both are the same number, to the last bit, or both NaN."""
        both_nan = self.earlier is not None and self.again is not None and math.isnan(self.earlier) and math.isnan(self.again)
        return self.earlier == self.again or both_nan

    @property
    def difference(self) -> float:
        """Again - earlier; NaN if only one run has the figure."""
        return 0.0 if self.is_equal else math.nan if self.earlier is None or self.again is None else self.again - self.earlier

    def values(self) -> dict[str, float | None]:
        """Both numbers and their difference, for JSON."""
        return {"earlier": self.earlier, "again": self.again, "difference": self.difference}


@dataclass(frozen=True)
class Record:
    """What a finished run says of itself. Reading it checks every byte of the best checkpoint."""

    run: RunDirectory
    hashes: Mapping[str, str]
    logged: Mapping[Figure, float]
    """In the order of the log, without time, throughput and memory."""
    results: Mapping[Figure, float]
    checkpoint: Path | None
    """The folder of the best checkpoint; None for rules, which have none."""
    scores: RowScores | None
    """Of the test split; None if it was not scored."""
    environment: Mapping[str, Any]


@dataclass(frozen=True)
class Reproduction:
    """A run compared with the same run trained again."""

    earlier: Record
    again: Record
    changed_data: Sequence[str]
    """Files, or tables made here, whose content differs."""
    logged: Sequence[Pair]
    """All logged figures, step by step."""
    results: Sequence[Pair]
    not_compared: Sequence[str]
    """Split and tag of figures that only one of the runs logs, as runs of two versions may."""
    weights: Weights | None
    changed_rows: Sequence[int] | None
    """Row numbers of test predictions that differ; None if they cannot be compared."""
    environment: Mapping[str, tuple[Any, Any]]
    """What differs in the environment: earlier and again."""

    @property
    def different(self) -> list[Pair]:
        """Logged figures that differ."""
        return [pair for pair in self.logged if not pair.is_equal]

    @property
    def figures_are_equal(self) -> bool:
        """Whether every logged figure and every final metric is equal to the last bit."""
        return all(pair.is_equal for pair in (*self.logged, *self.results))

    @property
    def is_equal(self) -> bool:
        """Whether weights and predictions are equal too."""
        return self.figures_are_equal and (self.weights is None or self.weights.n_different == 0) and not self.changed_rows


def read_record(run: RunDirectory) -> Record:
    """Everything that is compared. Raises RunError if a file is missing or damaged."""
    logged = {Figure(line["step"], line["split"], tag): float(value) for line in read_metrics(run)
              for tag, value in figures_of(line).items() if not tag.startswith(OF_MACHINE)}
    if not logged:
        raise RunError(f"{run.metrics} is missing or contains no figures, so there is nothing to compare with. {REMEDY}")
    metrics = read_results(run.results).metrics
    results = {Figure(None, split, name): value for split, values in metrics.items() for name, value in values.items()}
    checkpoint = checkpoint_path(run, "best") if has_checkpoint(run) else None
    return Record(run, data_hashes(run), logged, results, checkpoint, _scores(run), environment_of(run))


def _scores(run: RunDirectory) -> RowScores | None:
    try:
        return read_row_scores(run.row_scores("test"))
    except RunError:
        return None


def environment_of(run: RunDirectory) -> dict[str, Any]:
    """The recorded environment by name: packages, Python, processor, platform, threads, device, git commit, ..."""
    saved = read_saved(run.environment, dict[str, Any])
    others = {key.replace("_", " "): value for key, value in saved.items() if key not in NOT_COMPARED}
    git = {f"git {key}": value for key, value in _entries(saved, "git").items()}
    return {"processes": _processes(saved.get("command")), **_entries(saved, "versions"), **others, **git}


def _entries(saved: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    entries = saved.get(key)
    return entries if isinstance(entries, dict) else {}


def _processes(command: Any) -> int:
    """The value of `--processes` in a command line, for runs of versions that did not record it."""
    found = re.search(r"--processes[ =](\d{1,4})\b", str(command))
    return int(found[1]) if found else 1


def compare(earlier: Record, again: Record) -> Reproduction:
    """Compare a run with the same run trained again."""
    logged, results = (_pairs(*each) for each in ((earlier.logged, again.logged), (earlier.results, again.results)))
    unmatched = _in_one(earlier.logged, again.logged) | _in_one(earlier.results, again.results)
    names = earlier.environment.keys() | again.environment.keys()
    values = {name: (earlier.environment.get(name), again.environment.get(name)) for name in sorted(names)}
    return Reproduction(
        earlier, again,
        changed_data=changed_data(earlier.hashes, again.hashes),
        logged=logged,
        results=results,
        not_compared=sorted(unmatched),
        weights=compare_weights(earlier.checkpoint, again.checkpoint),
        changed_rows=_changed_rows(earlier.scores, again.scores),
        environment={name: pair for name, pair in values.items() if pair[0] != pair[1]},
    )


def changed_data(earlier: Mapping[str, str], again: Mapping[str, str]) -> list[str]:
    """Files, or tables made here, whose hashes differ, or that only one of the runs was trained on."""
    return [name for name in sorted(earlier.keys() | again.keys()) if earlier.get(name) != again.get(name)]


def _pairs(earlier: Mapping[Figure, float], again: Mapping[Figure, float]) -> list[Pair]:
    """The figures in the order of the log, except those that one of the runs has at no step."""
    skipped = _in_one(earlier, again)
    figures = [figure for figure in dict.fromkeys((*earlier, *again)) if _name(figure) not in skipped]
    figures.sort(key=lambda figure: figure.step or 0)
    return [Pair(figure, earlier.get(figure), again.get(figure)) for figure in figures]


def _in_one(earlier: Mapping[Figure, float], again: Mapping[Figure, float]) -> set[str]:
    """Split and tag of figures that only one of the runs has, at whatever step."""
    return {*map(_name, earlier)} ^ {*map(_name, again)}


def _name(figure: Figure) -> str:
    return f"{figure.split} {figure.tag}"


def _changed_rows(earlier: RowScores | None, again: RowScores | None) -> list[int] | None:
    if earlier is None or again is None or not np.array_equal(earlier.keys, again.keys):
        return None
    return np.flatnonzero(earlier.predicted != again.predicted).tolist()
