"""What `nlp eval` says of a run: metrics with intervals, baselines, spans by type, confusion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..configs.schema.data import NamedData
from ..datasets.build import cut_notices, read_file_as_split, read_split
from ..datasets.encoded.split import Split
from ..datasets.encoded.text_pairs import PairSplit
from ..tasks.spans import Counts
from ..tasks.task import Confusion
from ..training.evaluate import predict
from ..training.finish import save_predictions
from ..training.open_run import FinishedRun
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
    compared_by: str
    remarks: Mapping[str, str]
    confusion: Confusion | None
    spans: Counts | None
    predictions: str
    notices: Sequence[str]


def evaluate_run(run: FinishedRun, split_name: str | None, file: str | None) -> Report:
    """Score one split (test, or validation where there is no test), or a file of the same columns; predictions are kept with the run."""
    sections = (run.recipe.data, run.recipe.task, run.encoding)
    split, notices = read_file_as_split(*sections, file) if file is not None else read_split(*sections, split_name, run.hashes)
    notices = [*notices, *cut_notices(split, run.recipe.model)]
    predictions = predict(run.task, run.model, split)
    path = save_predictions(run.task, predictions, split, run.directory)
    return Report(
        run=run.directory.address,
        split=split.name,
        examples=len(split),
        metrics=run.task.metrics(predictions),
        intervals=bootstrap_intervals(run.task, predictions),
        baselines={**run.task.baselines(predictions), **_best_possible(run, split)},
        compared_by=run.task.compared_by,
        remarks=run.task.remarks(),
        confusion=run.task.confusion(predictions),
        spans=run.task.spans(predictions),
        predictions=str(path),
        notices=notices,
    )


def _best_possible(run: FinishedRun, split: Split) -> Mapping[str, float]:
    """The best that any model can do, where that is known: some written dates can be several days."""
    data = run.recipe.data
    if not (isinstance(data, NamedData) and data.name == "dates" and isinstance(split, PairSplit) and split.name in ("validation", "test")):
        return {}
    from ..datasets.named.dates import best_accuracy

    return {"the best possible": best_accuracy(raw.source for raw in split.raw)}


def worst(confusion: Confusion) -> list[tuple[str, str, int]]:
    """The most frequent confusions: label, what it was taken for, how often."""
    labels, matrix = confusion
    wrong = matrix - np.diag(np.diag(matrix))
    places = np.argsort(-wrong, axis=None, kind="stable")[:WORST]
    cells = [divmod(int(place), len(labels)) for place in places]
    return [(labels[row], labels[column], int(wrong[row, column])) for row, column in cells if wrong[row, column]]
