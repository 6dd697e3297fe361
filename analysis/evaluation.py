"""The report of `nlp eval`: metrics with intervals, baselines, spans by type, confusion matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..configs.schema.data import NamedData
from ..datasets.build import read_file_as_split, read_split
from ..datasets.encoded.split import Split
from ..datasets.named.catalog import find_dataset
from ..errors import ConfigError
from ..models.model_report import ModelReport
from ..tasks.scoring.spans import Counts
from ..tasks.task import Confusion
from ..training.evaluate import predict
from ..training.finish import save_predictions, saved_report
from ..training.folder.run_directory import RunDirectory
from ..training.log.pictures import Matrix, confusion_matrix
from ..training.open_run import OpenedRun
from .statistics.intervals import intervals

WORST = 10


@dataclass(frozen=True)
class Report:
    """The results of one run on one split."""

    directory: RunDirectory
    split: str
    examples: int
    metrics: Mapping[str, float]
    headings: Mapping[str, str]
    """The column heading of each metric in tables."""
    intervals: Mapping[str, tuple[float, float]]
    baselines: Mapping[str, float]
    baseline_metric: str
    signatures: Mapping[str, str]
    confusion: Confusion | None
    spans: Counts | None
    model_report: ModelReport | None
    """The model's own report on its predictions, such as how often each rule fired."""
    predictions: str
    has_attention: bool
    """Whether the task can draw the attention of each output token."""
    notices: Sequence[str]


def evaluate_run(run: OpenedRun, split_name: str | None, file: str | None, texts: Sequence[str | None] = (),
                 label: str | None = None) -> Report:
    """Score one split (test, or validation if there is no test split) or a file; predictions are saved with the run.

    `texts` and `label` name columns of the file; None means the column name from the recipe.
    """
    sections = (run.recipe.data, run.task.preparation, run.encoding)
    if file is not None:
        split, notices = read_file_as_split(*sections, file, _named(run, texts, label))
    else:
        split, notices = read_split(*sections, split_name, run.hashes)
    notices = [*notices, *split.length_notices(run.recipe.model.longest_input)]  # raises if no model could read the split
    predictions = predict(run.task, run.model, split)
    notices += getattr(run.model, "notices", ())
    path = save_predictions(run.task, predictions, split, run.directory)
    return Report(
        directory=run.directory,
        split=split.name,
        examples=len(split),
        metrics=(metrics := run.task.metrics(predictions)),
        headings={name: run.task.heading(name) for name in metrics},
        intervals=intervals(run.task, predictions),
        baselines={**run.task.baselines(predictions), **_best_possible(run, split)},
        baseline_metric=run.task.baseline_metric,
        signatures=run.task.signatures(),
        confusion=run.task.confusion(predictions),
        spans=run.task.spans(predictions),
        model_report=saved_report(run.task, run.model, predictions, split, run.directory),
        predictions=str(path),
        has_attention="attention" in run.task.predict_options,
        notices=notices,
    )


def _named(run: OpenedRun, texts: Sequence[str | None], label: str | None) -> dict[str, str]:
    """Recipe column -> file column. Raises ConfigError if --text is given but the run reads several number columns."""
    prepared = run.task.preparation
    inputs = prepared.input_columns
    label_columns = [name for name in prepared.columns[len(inputs) :] if name != prepared.document]
    if any(texts) and len(inputs) > max(prepared.n_texts, 1):
        raise ConfigError(f"{run.directory.address} reads {len(inputs)} columns, which must have the same names in the file as in "
                          "training. Leave --text out.")
    renames = [*zip(inputs, texts, strict=False), *((name, label) for name in label_columns)]
    return {name: key for name, key in renames if key is not None}


def _best_possible(run: OpenedRun, split: Split) -> Mapping[str, float]:
    """The best score that any model can reach on a split, for named datasets that define it for the columns of this task."""
    data = run.recipe.data
    if not isinstance(data, NamedData) or split.name not in ("validation", "test"):
        return {}
    ceiling = find_dataset(data.name).ceilings.get(tuple(run.task.preparation.columns))
    return {"the best possible": ceiling(split.example(row)["text"] for row in range(len(split)))} if ceiling is not None else {}


def confusion_picture(run: OpenedRun, split_name: str | None) -> Matrix:
    """The confusion matrix of a run on one split (test, or validation if there is no test split), as a matrix to draw.

    Raises ConfigError if the task has no classes.
    """
    split, _ = read_split(run.recipe.data, run.task.preparation, run.encoding, split_name, run.hashes)
    confusion = run.task.confusion(predict(run.task, run.model, split))
    if confusion is None:
        raise ConfigError(f"{run.directory.address} predicts no classes or tags, so it has no confusion matrix. Leave --confusion out, or "
                          "use a run that classifies or tags.")
    return confusion_matrix(confusion.matrix, confusion.labels)


def worst(confusion: Confusion) -> list[tuple[str, str, int]]:
    """The most frequent confusions: (label, predicted label, count)."""
    labels, matrix = confusion
    wrong = matrix - np.diag(np.diag(matrix))
    places = np.argsort(-wrong, axis=None, kind="stable")[:WORST]
    cells = [divmod(int(place), len(labels)) for place in places]
    return [(labels[row], labels[column], int(wrong[row, column])) for row, column in cells if wrong[row, column]]
