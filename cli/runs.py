"""`nlp runs`: list runs with their status and metrics."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import terminal
from .console import complete_recipe

if TYPE_CHECKING:
    from pathlib import Path

    from ..training.folder.run_directory import RunDirectory

COLUMNS = ["run", "status", "model", "seed", "steps", "validation", "loss", "test", "parameters", "time", "size"]
DISPENSABLE = ["size", "seed", "parameters", "steps", "loss", "model", "time"]


def runs(
    recipe: Annotated[str | None, typer.Argument(help="Only runs of this recipe (names/lstm) or dataset (names).",
                                                 autocompletion=complete_recipe)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the runs as JSON.")] = False,
) -> None:
    """List runs, the newest first."""
    from ..training.folder.files import plain
    from ..training.folder.run_directory import list_runs, runs_root
    from .console import print_json

    found = [run for run in list_runs() if recipe is None or f"{run.recipe}/".startswith(f"{recipe.rstrip('/')}/")]
    summaries = [summary(run) for run in found]
    if json:
        print_json(plain(summaries))
    elif summaries:
        print_table(summaries)
    elif recipe:
        print(f"There are no runs of {recipe} in {runs_root()}; `nlp runs` lists all.")
    else:
        print(f"There are no runs in {runs_root()} yet. Start one with `nlp train --config names/lstm`, "
              "or set NLP_RUNS to where yours are.")


def summary(run: "RunDirectory") -> dict[str, Any]:
    """A run's settings and metrics; for an unfinished run those of the last line in the log. A damaged file leaves gaps."""
    (model, seed), results, lines = model_and_seed(run), saved_results(run), log_of(run)
    validation = [line for line in lines if line["split"] == "validation"]
    cost = results.get("cost", {})
    return {
        "run": run.address,
        "path": str(run.path),
        "status": run.status(),
        "model": model,
        "seed": seed,
        "steps": cost.get("steps", max((line["step"] for line in lines), default=0)),
        "validation": results.get("validation") or (figures_of(validation[-1]) if validation else {}),
        "test": results.get("test") or {},
        "parameters": cost.get("parameters"),
        "train_seconds": cost.get("train_seconds", lines[-1]["seconds"] if lines else 0.0),
        "bytes": size_of(run.path),
    }


def model_and_seed(run: "RunDirectory") -> tuple[str | None, int | None]:
    """From the resolved recipe, unchecked: an old run is listed even where its recipe is no longer valid."""
    import yaml

    try:
        read = yaml.load(run.config.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):  # ValueError: a date that there is not
        return None, None
    sections = read if isinstance(read, dict) else {}
    model, seeds = sections.get("model"), sections.get("seeds")
    kind, seed = model.get("type") if isinstance(model, dict) else None, seeds[0] if isinstance(seeds, list) and seeds else None
    return kind if isinstance(kind, str) else None, seed if isinstance(seed, int) else None


def saved_results(run: "RunDirectory") -> Mapping[str, Any]:
    """The content of `results.json`; empty for a run that is not finished."""
    from ..errors import RunError
    from ..training.folder.results_file import read_results

    try:
        return read_results(run.results).to_json()
    except RunError:
        return {}


def log_of(run: "RunDirectory") -> list[dict[str, Any]]:
    """The lines of `metrics.jsonl`."""
    from ..training.log.tracking import read_metrics

    return read_metrics(run)


def figures_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics in a line of the log."""
    return {name: value for name, value in line.items() if name not in ("step", "split", "seconds")}


def size_of(folder: "Path") -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def print_table(summaries: list[dict[str, Any]]) -> None:
    """One row for each run."""
    from .tables import table

    table(COLUMNS, [row_of(each) for each in summaries], "accuracy and loss on validation, accuracy on test", DISPENSABLE)


def row_of(each: Mapping[str, Any]) -> list[str]:
    """A summary as one row of the table."""
    validation, test = each["validation"], each["test"]
    loss = validation.get("loss", validation.get("hinge_loss"))
    return [
        each["run"],
        each["status"],
        str(each["model"] or "?"),
        str(each["seed"] if each["seed"] is not None else "?"),
        f"{each['steps']:,}",
        figure(validation.get("accuracy")),
        figure(loss),
        figure(test.get("accuracy")),
        f"{each['parameters']:,}" if each["parameters"] is not None else "",
        duration(float(each["train_seconds"])),
        f"{each['bytes'] / 1e6:,.1f} MB",
    ]


def figure(value: Any) -> str:
    """Four decimals; `nan` and `inf` are text in the log."""
    return "" if value is None else terminal.figure(value) if isinstance(value, int | float) else str(value)


def duration(seconds: float) -> str:
    """`8.3 s`, `12:05` (minutes) or `2:01:40` (hours)."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
