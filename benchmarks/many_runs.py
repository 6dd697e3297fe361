"""Many runs: a study against a command for each of its runs, and how long `nlp compare` takes over runs of made-up answers."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from nlp.tasks.scoring.row_scores import MetricRows, RowScores, compact, hashes, ones
from nlp.training.folder.files import write_json
from nlp.training.folder.row_scores_file import write_row_scores
from pairs import seconds, show

RECIPES = ("rules", "naive-bayes", "logistic-regression", "linear-svm", "decision-tree", "knn", "cnn", "lstm")
SEEDS = 5
NLP = str(Path(sys.executable).with_name("nlp"))
SIZES = ((2, 1, 1_500), (10, 5, 50_000))
"""Methods, seeds and rows of each comparison."""
N_CLASSES = 20


def study(parallel_runs: int) -> Iterator[dict[str, Any]]:
    """Eight recipes on names with five seeds: forty commands one after another, then one study."""
    options = [part for recipe in RECIPES for part in ("--config", f"names/{recipe}")]
    for recipe in RECIPES:  # the data is encoded before either is timed
        with TemporaryDirectory() as runs:
            _run(["train", "--config", f"names/{recipe}", "--dry-run"], runs)
    with TemporaryDirectory() as one, TemporaryDirectory() as all_:
        commands = [["train", "--config", f"names/{recipe}", "--set", f"seeds=[{seed}]"] for recipe in RECIPES
                    for seed in range(1, SEEDS + 1)]
        apart = sum(seconds(lambda command=command: _run(command, one)) for command in commands)
        together = seconds(lambda: _run(["train", *options, "--seeds", str(SEEDS), "--parallel-runs", str(parallel_runs)], all_))
    yield {"case": f"{len(commands)} commands", "seconds": apart}
    yield {"case": f"one study, --parallel-runs {parallel_runs}", "seconds": together, "ratio": together / apart}


def comparisons(times: int) -> Iterator[dict[str, Any]]:
    """`nlp compare` over runs of made-up answers, by accuracy, F1 and loss: the least seconds and memory of some calls."""
    for n_methods, n_seeds, n_rows in SIZES:
        with TemporaryDirectory() as folder:
            for method in range(n_methods):
                for seed in range(1, n_seeds + 1):
                    _made_run(Path(folder), method, seed, n_rows)
            for metric in ("accuracy", "f1", "loss"):
                taken = min(seconds(lambda metric=metric, folder=folder: _run(["compare", "made/*", "--metric", metric], folder))
                            for _ in range(times))
                yield {"case": f"{n_methods} methods, {n_seeds} seeds, {n_rows:,} rows, {metric}", "seconds": taken,
                       "peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}


def _made_run(folder: Path, method: int, seed: int, n_rows: int) -> None:
    """A finished run of a classifier whose rows are drawn."""
    shared, own = np.random.default_rng(0), np.random.default_rng((method, seed))
    gold, difficulty = shared.integers(N_CLASSES, size=n_rows), shared.random(n_rows)
    right = own.random(n_rows) < np.clip(1.3 - difficulty + 0.01 * method, 0, 1)
    predicted = np.where(right, gold, own.integers(N_CLASSES, size=n_rows))
    names = [f"class {number}" for number in range(N_CLASSES)]
    metrics = {
        "loss": MetricRows("ratio", {"losses": own.exponential(size=n_rows) * np.where(right, 0.2, 2.0), "rows": ones(n_rows)}, True),
        "accuracy": MetricRows("share", {"right": compact(predicted == gold), "rows": ones(n_rows)}),
        "f1": MetricRows("macro_f1", {"gold": compact(gold), "predicted": compact(predicted)}, n_labels=N_CLASSES),
    }
    of_class, keys = hashes(names), hashes(f"text {row}" for row in range(n_rows))
    scores = RowScores("classification", "accuracy", tuple(names), keys, of_class[gold], of_class[predicted], metrics)
    run = folder / "made" / f"method-{method}" / f"run-seed-{seed}"
    (run / "predictions").mkdir(parents=True)
    write_row_scores(run / "predictions" / "test.safetensors", scores)
    (run / "config.yaml").write_text(f"data: {{type: named, name: names}}\ntask: {{type: classification}}\nmodel: {{type: lstm, "
                                     f"hidden_size: {method + 1}}}\nseeds: [{seed}]\n", encoding="utf-8")
    write_json(run / "environment.json", {"started": "2026-01-01T10:00:00"})
    figures = {name: each.value() for name, each in scores.metrics.items()}
    write_json(run / "results.json", {"validation": figures, "test": figures, "cost": {"train_seconds": 1.0}, "seed": seed})


def _run(arguments: list[str], runs: str) -> None:
    subprocess.run([NLP, *arguments], env={**os.environ, "NLP_RUNS": runs}, capture_output=True, check=True)


def main(
    what: Annotated[str, typer.Argument(help="study or compare.")] = "compare",
    parallel_runs: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 2,
    times: Annotated[int, typer.Option(min=1, help="Calls of nlp compare, of which the fastest counts.")] = 5,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a study, or comparisons."""
    show(study(parallel_runs) if what == "study" else comparisons(times), json)


if __name__ == "__main__":
    typer.run(main)
