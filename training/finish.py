"""The end of a run: the best weights are evaluated on every split, and results and predictions are saved."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.encoded.batching import Plan, tokens_until
from ..datasets.encoded.split import Data, Split
from ..models.model_report import ModelReport
from ..storage import make_folder
from ..tasks.task import Task
from ..terminal import shortened
from .evaluate import predict
from .flops import training_flops_per_token
from .folder.checkpoints import checkpoint_path, has_checkpoint
from .folder.files import disk_errors, write_atomically, write_json
from .folder.results_file import read_results
from .folder.row_scores_file import write_row_scores
from .folder.run_directory import SHOWN_CHARACTERS, RunDirectory
from .log.hyperparameters import hyperparameters
from .log.pictures import alignment_png, confusion_matrix_png
from .log.projector import write_projector
from .log.tracking import SUB_RUN, literal
from .loop.learner import Learner
from .session import Session, peak_bytes

SAMPLES = 20
ALIGNED, LONGEST_DRAWN = 4, 100
"""Number of rows of a split whose attention is drawn, and the maximum number of tokens on either side."""


@dataclass(frozen=True)
class Results:
    """The figures of one run by split and metric, and what they cost."""

    directory: RunDirectory
    seed: int
    metrics: Mapping[str, Mapping[str, float]]
    cost: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The content of `results.json`, without the folder, which may be moved."""
        return {**self.metrics, "cost": dict(self.cost), "seed": self.seed}

    @staticmethod
    def read(directory: RunDirectory) -> "Results":
        """The results of a finished run. Raises RunError if they are damaged."""
        saved = read_results(directory.results)
        return Results(directory, saved.seed, saved.metrics, saved.cost.model_dump())


def finish(learner: Learner, task: Task, data: Data, plan: Plan, session: Session) -> Results:
    """Score the best checkpoint on a sample of the training split, on validation and, unless the recipe leaves it out, on test; write
    `results.json` last.
    """
    session.stop.at_once = True  # all that a resumed run needs is saved
    cost = _cost(learner, data, plan, session)
    for notice in getattr(learner.model, "notices", ()):
        session.display.line(f"Notice: {shortened(notice)}")
    if (trouble := task.trouble(session.validations)) is not None:
        session.display.line(f"Notice: {trouble}")
    training = session.recipe.training
    if training is not None and training.checkpoints.average is not None:
        from .averaging import try_average

        try_average(learner, task, data, session, training.checkpoints.average)
    if has_checkpoint(session.directory):
        learner.load(checkpoint_path(session.directory, "best"))
    metrics = {}
    for name in ("train", "validation", "test"):
        if name in data.splits and (name != "test" or session.recipe.score_test):
            metrics[name] = _score(learner.model, task, data.splits[name], session)
    if session.tracker is not None and (points := task.points(learner.model, data.splits["validation"])) is not None:
        write_projector(session.directory.folder / SUB_RUN["validation"], points)
    results = Results(session.directory, session.setting.seed, metrics, cost | {"best_step": session.progress.best_step})
    if session.tracker is not None:
        _log_last_point(metrics, session)
        row = hyperparameters(session.recipe, results.cost)
        session.tracker.hparams(row, metrics["validation"], session.progress.step)
        write_json(session.directory.results, results.to_json())
    return results


def _cost(learner: Learner, data: Data, plan: Plan, session: Session) -> dict[str, Any]:
    return {
        "train_seconds": round(session.seconds(), 3),
        "steps": session.progress.step,
        **(_used(data, plan, session) if session.recipe.training is not None else {}),
        "peak_bytes": peak_bytes(session.setting.device),
        **learner.model.describe(),
    }


def _used(data: Data, plan: Plan, session: Session) -> dict[str, Any]:
    """Resources that a budget can limit. FLOPs are counted only for a FLOPs budget, since importing the counter takes a second."""
    recipe, tokens = session.recipe, tokens_until(plan, session.progress.step, data.splits["train"].tokens_of)
    used: dict[str, Any] = {"step_seconds": round(session.progress.step_seconds, 3), "tokens": tokens}
    budget = recipe.training.budget if recipe.training is not None else None
    if budget is not None and budget.flops is not None:
        used["flops"] = tokens * training_flops_per_token(recipe, data)
    return used


def _score(model: Any, task: Task, split: Split, session: Session) -> dict[str, float]:
    """Metrics of one split; predictions and pictures of all splits except train are saved."""
    session.display.scoring(split.name)
    predictions = predict(task, model, split, session.world, session.recipe.model.scored_train_rows if split.name == "train" else None)
    if session.tracker is not None and split.name != "train":
        save_predictions(task, predictions, split, session.directory)
        if (report := saved_report(task, model, predictions, split, session.directory)) is not None:
            for note in report.notes:
                session.display.line(f"Notice: {split.name}: {shortened(note)}")
        step = session.progress.step
        session.tracker.text(split.name, "predictions", step, _samples(task, predictions, split))
        if (confusion := task.confusion(predictions)) is not None:
            session.tracker.image(split.name, "confusion_matrix", step, confusion_matrix_png(confusion.matrix, confusion.labels))
        for number, (source, target, weights) in enumerate(task.alignments(model, split, np.arange(min(ALIGNED, len(split))))):
            if max(weights.shape) <= LONGEST_DRAWN:
                session.tracker.image(split.name, f"attention/{number + 1}", step, alignment_png(weights, source, target))
    return task.metrics(predictions)


def save_predictions(task: Task, predictions: Any, split: Split, directory: RunDirectory) -> Path:
    """Save predictions as JSON Lines (row, start of the text, label, prediction, probability) and the row scores beside them.

    Returns the path of the predictions.
    """
    def line(place: int, row: int) -> bytes:
        fields = {"row": row, **_shortened(split.example(row)), **task.describe(predictions, place)}
        return (json.dumps(fields, ensure_ascii=False) + "\n").encode("utf-8")

    path = directory.predictions(split.name)
    with disk_errors(path):
        make_folder(path.parent)
    write_atomically(path, (line(place, int(row)) for place, row in enumerate(predictions.rows)))
    write_row_scores(directory.row_scores(split.name), task.row_scores(predictions, split))
    return path


def saved_report(task: Task, model: Any, predictions: Any, split: Split, directory: RunDirectory) -> ModelReport | None:
    """Write the model's report on its predictions beside them, and return it; None if it has none."""
    report = task.model_report(model, predictions)
    if report is not None:
        write_json(directory.model_report(split.name), report.to_json())
    return report


def _shortened(example: dict[str, Any]) -> dict[str, Any]:
    """The start of the text, and the gold answer; the row number is its position in the data."""
    return {"text": example["text"][:SHOWN_CHARACTERS], "label": example["label"]}


def _samples(task: Task, predictions: Any, split: Split) -> str:
    """The first predictions as a Markdown table."""
    lines = ["| text | label | prediction |", "|---|---|---|"]
    for place, row in enumerate(predictions.rows[:SAMPLES]):
        example = _shortened(split.example(int(row)))
        cells = (example["text"], example["label"], task.describe(predictions, place)["prediction"])
        lines.append(f"| {' | '.join(literal(str(cell)) for cell in cells)} |")
    return "\n".join(lines)


def _log_last_point(metrics: Mapping[str, Mapping[str, float]], session: Session) -> None:
    """Log the test metrics and the final training metrics of any model; for a model without steps, these are the only ones.

    A network's training `loss` and `accuracy` are means over steps; those of a model without steps are the final metrics.
    """
    step = session.progress.step
    scored = {f"scored/{name}": value for name, value in metrics["train"].items()}
    session.log("train", step, scored if session.recipe.training is not None else {**metrics["train"], **scored})
    if step == 0:
        session.log("validation", step, metrics["validation"])
    if "test" in metrics:
        session.log("test", step, metrics["test"])
