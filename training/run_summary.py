"""What `nlp runs` tells of each run, finished or not: its settings, status and metrics."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..errors import RunError
from .folder.results_file import read_results
from .folder.run_directory import RunDirectory, list_runs
from .log.tracking import read_metrics


def summaries_of(recipe: str | None = None) -> list[dict[str, Any]]:
    """All runs, or those of a recipe (`names/lstm`) or a dataset (`names`), the newest first."""
    found = [run for run in list_runs() if recipe is None or f"{run.recipe}/".startswith(f"{recipe.rstrip('/')}/")]
    return [summary(run) for run in found]


def summary(run: RunDirectory) -> dict[str, Any]:
    """A run's settings and metrics; for an unfinished run those of the last line in the log. A damaged file leaves gaps."""
    (model, seed), results, lines = model_and_seed(run), saved_results(run), read_metrics(run)
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


def model_and_seed(run: RunDirectory) -> tuple[str | None, int | None]:
    """From the resolved recipe, unchecked: an old run is listed even where its recipe is no longer valid."""
    try:
        read = yaml.load(run.config.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):  # ValueError: a date that there is not
        return None, None
    sections = read if isinstance(read, dict) else {}
    model, seeds = sections.get("model"), sections.get("seeds")
    kind, seed = model.get("type") if isinstance(model, dict) else None, seeds[0] if isinstance(seeds, list) and seeds else None
    return kind if isinstance(kind, str) else None, seed if isinstance(seed, int) else None


def saved_results(run: RunDirectory) -> Mapping[str, Any]:
    """The content of `results.json`; empty for a run that is not finished."""
    try:
        return read_results(run.results).to_json()
    except RunError:
        return {}


def figures_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics in a line of the log."""
    return {name: value for name, value in line.items() if name not in ("step", "split", "seconds")}


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
