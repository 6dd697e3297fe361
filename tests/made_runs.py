"""Folders of finished runs with made-up row scores, so that comparisons are tested without training."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from nlp.tasks.scoring.row_scores import MetricRows, RowScores, compact, hashes, ones
from nlp.training.folder.files import write_json
from nlp.training.folder.row_scores_file import write_row_scores

CLASSES = ("cat", "dog", "owl")
COST = {"train_seconds": 2.0, "steps": 10, "peak_bytes": 100_000_000, "parameters": 1_000}


def classified(gold: Sequence[int], predicted: Sequence[int], classes: Sequence[str] = CLASSES,
               losses: Sequence[float] | None = None) -> RowScores:
    """The row scores of a classifier from ids of classes; each row reads `text <row>`."""
    answers, found = np.asarray(gold), np.asarray(predicted)
    by_class = hashes(classes)
    nats = np.where(answers == found, 0.1, 2.0) if losses is None else np.asarray(losses, dtype=np.float64)
    metrics = {
        "loss": MetricRows("ratio", {"losses": nats, "rows": ones(len(answers))}, lower_is_better=True),
        "accuracy": MetricRows("share", {"right": compact(answers == found), "rows": ones(len(answers))}),
        "f1": MetricRows("macro_f1", {"gold": compact(answers), "predicted": compact(found)}, n_labels=len(classes)),
    }
    keys = hashes(f"text {row}" for row in range(len(answers)))
    return RowScores("classification", "accuracy", tuple(classes), keys, by_class[answers], by_class[found], metrics)


def made_run(folder: Path, recipe: str, scores: RowScores | None, *, seed: int = 1, model: str = "lstm", name: str | None = None,
             started: str = "2026-01-01T10:00:00", cost: dict | None = None, size: int = 8, texts: Sequence[str] | None = None) -> Path:
    """`<folder>/runs/<recipe>/<name>`, finished and with its rows of the test split; without scores it has none."""
    run = folder / "runs" / recipe / (name or f"made-seed-{seed}")
    (run / "predictions").mkdir(parents=True)
    (run / "config.yaml").write_text(f"data: {{type: named, name: names}}\ntask: {{type: classification}}\n"
                                     f"model: {{type: {model}, hidden_size: {size}}}\nseeds: [{seed}]\n", encoding="utf-8")
    (run / "environment.json").write_text(json.dumps({"started": started}), encoding="utf-8")
    if scores is not None:
        write_row_scores(run / "predictions" / "test.safetensors", scores)
        lines = [{"row": row, "text": text, "label": "?", "prediction": "?"}
                 for row, text in enumerate(texts or [f"text {row}" for row in range(len(scores))])]
        (run / "predictions" / "test.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    figures = {} if scores is None else {name: each.value() for name, each in scores.metrics.items()}
    write_json(run / "results.json", {"validation": figures, "test": figures, "cost": {**COST, **(cost or {})}, "seed": seed})
    return run
