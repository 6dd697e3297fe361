"""What `nlp eval` says of a run: metrics with intervals, baselines, confusion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..datasets.build import cut_notices, read_split
from ..datasets.data import IntArray
from ..training.conclude import save_predictions
from ..training.evaluate import predict
from ..training.finished import FinishedRun
from .baselines import trivial_accuracies
from .intervals import bootstrap_intervals

WORST = 10


@dataclass(frozen=True)
class Report:
    """The figures of one run on one split."""

    run: str
    split: str
    examples: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    baselines: Mapping[str, float]
    labels: Sequence[str]
    confusion: list[list[int]]
    worst: Sequence[tuple[str, str, int]]
    predictions: str
    notices: Sequence[str]


def evaluate_run(run: FinishedRun, split_name: str, file: str | None) -> Report:
    """Score one split, or a file of the same columns; the predictions are kept with the run."""
    split, notices = read_split(run.recipe.data, run.recipe.task, run.labels, run.tokenizer, split_name, file)
    predictions = predict(run.task, run.model, split)
    path = save_predictions(run.task, predictions, split, run.directory)
    matrix = run.task.confusion(predictions)
    return Report(
        run=run.directory.address,
        split=split.name,
        examples=len(split),
        metrics=run.task.metrics(predictions),
        intervals=bootstrap_intervals(run.task, predictions),
        baselines=trivial_accuracies(_train_shares(run), predictions.gold),
        labels=run.labels,
        confusion=matrix.tolist(),
        worst=_worst(matrix, run.labels),
        predictions=str(path),
        notices=[*notices, *cut_notices(split, run.recipe.model)],
    )


def _train_shares(run: FinishedRun) -> Sequence[float]:
    """How frequent each class was in training; kept with the run, so that the data need not be there any more."""
    counts = np.asarray(run.label_counts)
    return (counts / counts.sum()).tolist()


def _worst(matrix: IntArray, labels: Sequence[str]) -> list[tuple[str, str, int]]:
    """The most frequent confusions: label, what it was taken for, how often."""
    wrong = matrix - np.diag(np.diag(matrix))
    places = np.argsort(-wrong, axis=None, kind="stable")[:WORST]
    cells = [divmod(int(place), len(labels)) for place in places]
    return [(labels[row], labels[column], int(wrong[row, column])) for row, column in cells if wrong[row, column]]
