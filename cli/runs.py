"""`nlp runs`: list runs with their status and metrics."""

import json
import shlex
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import terminal
from .console import complete_recipe

if TYPE_CHECKING:
    from pathlib import Path

    from ..training.folder.run_directory import RunDirectory

COLUMNS = ["run", "status", "model", "seed", "changed", "steps", "metric", "validation", "test", "loss", "parameters", "time", "size"]
DISPENSABLE = ["size", "seed", "parameters", "steps", "loss", "model", "changed", "time"]


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
    sections, results, lines = sections_of(run), saved_results(run), log_of(run)
    validation = [line for line in lines if line["split"] == "validation"]
    cost = results.get("cost", {})
    return {
        "run": run.address,
        "path": str(run.path),
        "status": run.status(),
        "model": named(sections.get("model"), "type"),
        "seed": seed_of(sections),
        "changed": changed(run, sections),
        "metric": main_metric(sections),
        "steps": cost.get("steps", max((line["step"] for line in lines), default=0)),
        "validation": results.get("validation") or (figures_of(validation[-1]) if validation else {}),
        "test": results.get("test") or {},
        "parameters": cost.get("parameters", cost.get("coefficients")),
        "train_seconds": cost.get("train_seconds", lines[-1]["seconds"] if lines else 0.0),
        "bytes": size_of(run.path),
    }


def sections_of(run: "RunDirectory") -> Mapping[str, Any]:
    """The resolved recipe, unchecked: an old run is listed even where its recipe is no longer valid."""
    import yaml

    try:
        read = yaml.load(run.config.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):  # ValueError: a date that there is not
        return {}
    return read if isinstance(read, dict) else {}


def named(section: Any, key: str) -> str | None:
    """A text in a section that may be anything."""
    value = section.get(key) if isinstance(section, dict) else None
    return value if isinstance(value, str) else None


def seed_of(sections: Mapping[str, Any]) -> int | None:
    """The first of the recipe's seeds; a run has one."""
    seeds = sections.get("seeds")
    return seeds[0] if isinstance(seeds, list) and seeds and isinstance(seeds[0], int) else None


def main_metric(sections: Mapping[str, Any]) -> str:
    """What the task is judged by; of characters bits, since words are not what such a model predicts."""
    from pydantic import TypeAdapter, ValidationError

    from ..configs.schema.task import TaskConfig

    if named(sections.get("task"), "type") == "language_modeling" and named(sections.get("tokenizer"), "type") in ("characters", "bytes"):
        return "bits_per_character"
    try:
        return TypeAdapter[TaskConfig](TaskConfig).validate_python(sections.get("task")).main_metric
    except ValidationError:
        return "accuracy"


def changed(run: "RunDirectory", sections: Mapping[str, Any]) -> str:
    """What the command that started the run changed in the recipe, with `--set` or by a part of the data."""
    data = sections.get("data")
    data = data if isinstance(data, dict) else {}
    parts = [f"data.{key}={data[key]}" for key in ("train_share", "train_rows") if data.get(key) not in (None, 1)]
    return ", ".join(dict.fromkeys([*overrides_of(run), *parts]))


def overrides_of(run: "RunDirectory") -> list[str]:
    """The values of `--set` in the command that started the run, but for seeds, which have a column; none where it cannot be read."""
    try:
        words = shlex.split(json.loads(run.environment.read_bytes())["command"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
    values = [word.removeprefix("--set=") if word.startswith("--set=") else value
              for word, value in pairwise([*words, ""]) if word == "--set" or word.startswith("--set=")]
    return [value for value in values if not value.startswith("seeds=")]


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

    rows = [row_of(each) for each in summaries]
    shown = [place for place, name in enumerate(COLUMNS) if name != "changed" or any(row[place] for row in rows)]
    table([COLUMNS[place] for place in shown], [[row[place] for place in shown] for row in rows],
          "the main metric of the task on validation and test, loss on validation", DISPENSABLE)


def row_of(each: Mapping[str, Any]) -> list[str]:
    """A summary as one row of the table."""
    validation, test = each["validation"], each["test"]
    loss = validation.get("loss", validation.get("hinge_loss"))
    return [
        each["run"],
        each["status"],
        str(each["model"] or "?"),
        str(each["seed"] if each["seed"] is not None else "?"),
        each["changed"],
        f"{each['steps']:,}",
        each["metric"],
        figure(validation.get(each["metric"])),
        figure(test.get(each["metric"])),
        figure(loss),
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
