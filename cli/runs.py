"""`nlp runs`: list runs with their status and metrics."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from .. import terminal
from .console import complete_recipe

COLUMNS = ["run", "status", "model", "seed", "changed", "steps", "metric", "validation", "test", "loss", "parameters", "time", "size"]
DISPENSABLE = ["size", "seed", "parameters", "steps", "loss", "model", "changed", "time"]


def runs(
    recipe: Annotated[str | None, typer.Argument(help="Only runs of this recipe (names/lstm) or dataset (names).",
                                                 autocompletion=complete_recipe)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the runs as JSON.")] = False,
) -> None:
    """List runs, the newest first."""
    from ..training.folder.files import plain
    from ..training.folder.run_directory import runs_root
    from ..training.run_summary import summaries_of
    from .console import print_json

    summaries = summaries_of(recipe)
    if json:
        print_json(plain(summaries))
    elif summaries:
        print_table(summaries)
    elif recipe:
        print(f"There are no runs of {recipe} in {runs_root()}; `nlp runs` lists all.")
    else:
        print(f"There are no runs in {runs_root()} yet. Start one with `nlp train --config names/lstm`, "
              "or set NLP_RUNS to where yours are.")


def print_table(summaries: list[dict[str, Any]]) -> None:
    """Print one row for each run."""
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
        each["heading"],
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
