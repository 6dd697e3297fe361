"""Summaries of runs for `nlp runs`, finished or not: settings, status and metrics."""

import json
import shlex
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from ..configs.schema.task import TaskConfig
from ..errors import RunError
from .folder.results_file import parameters_of, read_results
from .folder.run_directory import RunDirectory, list_runs
from .log.tracking import figures_of, read_metrics

_TASK = TypeAdapter[TaskConfig](TaskConfig)


def summaries_of(recipe: str | None = None) -> list[dict[str, Any]]:
    """All runs, or those of a recipe (`names/lstm`) or a dataset (`names`), the newest first."""
    found = [run for run in list_runs() if recipe is None or f"{run.recipe}/".startswith(f"{recipe.rstrip('/')}/")]
    return [summary(run) for run in found]


def summary(run: RunDirectory) -> dict[str, Any]:
    """A run's settings and metrics; for an unfinished run those of the last line in the log. A damaged file leaves gaps."""
    sections, results, lines = sections_of(run), saved_results(run), read_metrics(run)
    validation = [line for line in lines if line["split"] == "validation"]
    cost = results.get("cost", {})
    return {
        "run": run.address,
        "path": str(run.path),
        "status": run.status(),
        "model": named(sections.get("model"), "type"),
        "seed": seed_of(sections),
        "changed": changed(run, sections),
        "metric": quoted_metric(sections),
        "heading": heading(sections, quoted_metric(sections)),
        "steps": cost.get("steps", max((line["step"] for line in lines), default=0)),
        "validation": results.get("validation") or (figures_of(validation[-1]) if validation else {}),
        "test": results.get("test") or {},
        "parameters": parameters_of(cost),
        "train_seconds": cost.get("train_seconds", lines[-1]["seconds"] if lines else 0.0),
        "bytes": size_of(run.path),
    }


def sections_of(run: RunDirectory) -> Mapping[str, Any]:
    """The resolved recipe, unchecked: an old run is listed even if its recipe is no longer valid."""
    try:
        content = yaml.load(run.config.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):  # ValueError: an invalid date
        return {}
    return content if isinstance(content, dict) else {}


def named(section: Any, key: str) -> str | None:
    """The text under a key of an unchecked section; None if there is none."""
    value = section.get(key) if isinstance(section, dict) else None
    return value if isinstance(value, str) else None


def seed_of(sections: Mapping[str, Any]) -> int | None:
    """The first of the recipe's seeds; a run has one."""
    seeds = sections.get("seeds")
    return seeds[0] if isinstance(seeds, list) and seeds and isinstance(seeds[0], int) else None


def task_of(sections: Mapping[str, Any]) -> TaskConfig | None:
    """The task; None if the recipe has no valid one."""
    try:
        return _TASK.validate_python(sections.get("task"))
    except ValidationError:
        return None


def quoted_metric(sections: Mapping[str, Any]) -> str:
    """The metric that is usually quoted for such a run."""
    task = task_of(sections)
    return "accuracy" if task is None else task.quoted_metric(named(sections.get("tokenizer"), "type"))


def heading(sections: Mapping[str, Any], metric: str) -> str:
    """The name of a metric of such a run in tables."""
    task = task_of(sections)
    return metric if task is None else task.heading(metric)


def changed(run: RunDirectory, sections: Mapping[str, Any]) -> str:
    """The settings that the command that started the run changed, with `--set` or by using a part of the data."""
    data = sections.get("data")
    data = data if isinstance(data, dict) else {}
    parts = [f"data.{key}={data[key]}" for key in ("train_share", "train_rows") if data.get(key) not in (None, 1)]
    last = {override.partition("=")[0]: override for override in overrides_of(run)}
    return ", ".join(dict.fromkeys([*(_in_effect(override, sections) for override in last.values()), *parts]))


def _in_effect(override: str, sections: Mapping[str, Any]) -> str:
    """An override as given, or if it left a value open for `nlp sweep`, the value that was tried."""
    key, _, given = override.partition("=")
    if not given.lstrip().startswith("{"):
        return override
    value: Any = sections
    for name in key.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None or isinstance(value, Mapping):
        return override
    return f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"


def overrides_of(run: RunDirectory) -> list[str]:
    """The values of `--set` in the command that started the run, except seeds, which have a column; empty if it cannot be read."""
    try:
        words = shlex.split(json.loads(run.environment.read_bytes())["command"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []
    values = [word.removeprefix("--set=") if word.startswith("--set=") else value
              for word, value in pairwise([*words, ""]) if word == "--set" or word.startswith("--set=")]
    return [value for value in values if not value.startswith("seeds=")]


def saved_results(run: RunDirectory) -> Mapping[str, Any]:
    """The content of `results.json`; empty for a run that is not finished."""
    try:
        return read_results(run.results).to_json()
    except RunError:
        return {}


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
