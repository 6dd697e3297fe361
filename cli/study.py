"""The part of `nlp train` that is about many runs: which ones, a command for each, and what became of them."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import TYPE_CHECKING

import typer

from .console import print_error, say
from .report import mean_and_spread, print_results

if TYPE_CHECKING:
    from ..configs.schema.recipe import Recipe
    from ..training.finish import Results
    from ..training.study.engine import Outcome
    from ..training.study.plan import PlannedRun

TASK_VARIABLES = ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX")
"""Where Slurm's job arrays and Kubernetes' indexed jobs say which task a process is, counted as the array counts."""
FAILED = 1
MOST = 10_000
"""The most seeds that are counted; a larger number is meant as a seed."""


def numbers(text: str | None, option: str, first: int) -> list[int]:
    """`5` is so many numbers from `first` on; `3,8` or `[3]` are the numbers themselves. Raises ConfigError for anything else."""
    from ..errors import ConfigError

    if text is None:
        return []
    inside = text.strip().removeprefix("[").removesuffix("]")
    try:
        found = [int(each) for each in inside.split(",") if each.strip()]
    except ValueError:
        found = []
    is_count = inside == text.strip() and "," not in text
    if not found or len(set(found)) < len(found) or not 0 <= min(found) <= max(found) < 2**32 or (is_count and not 1 <= found[0] <= MOST):
        raise ConfigError(f"{option} {text} is neither a number of runs, such as {option} 5, nor a list of different seeds, such as "
                          f"{option} 3,8 or {option} '[3]'.")
    return list(range(first, first + found[0])) if is_count else found


def shares(text: str | None, option: str) -> list[float]:
    """`0.1` or `0.1,0.3,1`. Raises ConfigError for what is no share."""
    from ..errors import ConfigError

    try:
        found = [float(each) for each in text.split(",")] if text is not None else []
    except ValueError:
        found = [0.0]
    if not all(0 < each <= 1 for each in found):
        raise ConfigError(f"{option} {text} is not a share of the training examples above 0 and up to 1, such as 0.1, nor a list of some.")
    return found


def task_number(given: int | None, n_runs: int) -> int | None:
    """The number given, or of several runs that of this process in an array of a scheduler; None where there is neither."""
    named = next((os.environ[name] for name in TASK_VARIABLES if os.environ.get(name, "").isdecimal()), None)
    return given if given is not None or named is None or n_runs == 1 else int(named)


def pick(runs: "Sequence[PlannedRun]", task: int) -> "PlannedRun":
    """The run of this number, counted from 0. Raises ConfigError where there is none."""
    from ..errors import ConfigError

    if not 0 <= task < len(runs):
        raise ConfigError(f"There is no run {task}: this study has {len(runs)}, from 0 to {len(runs) - 1} in the order of `--list`. "
                          f"In Slurm, use --array=0-{len(runs) - 1}.")
    return runs[task]


def print_commands(runs: "Sequence[PlannedRun]", options: Mapping[str, str | int | None]) -> None:
    """One command a line that trains one run, for `parallel`, `xargs` or a scheduler; `options` are alike for all, None for a default."""
    from ..configs.load import load_recipe

    alike = [text for option, value in options.items() if value is not None for text in (option, str(value))]
    recipes = {config: load_recipe(config, overrides) for config, overrides in dict.fromkeys((run.config, run.overrides) for run in runs)}
    for run in runs:
        print(shlex.join(["nlp", "train", *_arguments(run, recipes[run.config]), *alike]))


def _arguments(run: "PlannedRun", recipe: "Recipe") -> list[str]:
    """What makes this run of the recipe. The part of the data is stated where the recipe itself states another one."""
    from ..configs.schema.data import SizesData

    data, own, options = run.recipe.data, recipe.data, ["--config", run.config]
    for each in run.overrides:
        options += ["--set", each]
    if not isinstance(data, SizesData) and not isinstance(own, SizesData):
        if (data.train_share, data.train_rows) != (own.train_share, own.train_rows):
            options += ["--share", repr(data.train_share)]  # which is exact
        if data.split_seed != own.split_seed:
            options += ["--splits", f"[{data.split_seed}]"]
    return [*options, "--seeds", f"[{run.seed}]"]


def report(runs: "Sequence[PlannedRun]", outcome: "Outcome", as_json: bool) -> None:
    """Print what the study found, and what failed and why."""
    print_found(runs, outcome.results, as_json)
    end_unless_finished(runs, outcome)


def print_found(runs: "Sequence[PlannedRun]", results: "Sequence[Results]", as_json: bool) -> None:
    """The results of one method over its seeds and splits, or a table of several methods."""
    methods, splits = _by_method(runs, results), list(dict.fromkeys(run.split for run in runs))
    if results and (as_json or len(methods) == 1):
        print_results(results, as_json, splits if len(splits) > 1 else ())
    elif results and os.environ.get("RANK", "0") == "0":  # only the first of several processes prints
        _print_methods(methods, "seeds and splits" if len(splits) > 1 else "seeds")


def end_unless_finished(runs: "Sequence[PlannedRun]", outcome: "Outcome") -> None:
    """Where a run failed or a signal came, say so, and end the command with the exit code for that."""
    reasons: dict[str, list[str]] = {}
    for run, failed in outcome.failures.items():
        reasons.setdefault(failed.reason, []).append(run.name)
    for reason, names in reasons.items():
        print_error(reason if len(runs) == 1 else f"{', '.join(names)}: {reason}")
    if outcome.stopped_by is not None:
        stop(outcome.stopped_by, ["nlp", *sys.argv[1:]])
    if outcome.failures:
        raise typer.Exit(max((failed.exit_code for failed in outcome.failures.values()), key=lambda code: code == FAILED))


def stop(by: int, command: Sequence[str]) -> None:
    """Say how to go on, and end with the exit code for the signal: 130 for Ctrl-C, 75 where a scheduler should start the job again."""
    import signal

    from .main import INTERRUPTED, PREEMPTED

    typer.echo(f"Stopped; what has been done is saved. Go on with: {shlex.join(command)}", err=True)
    raise typer.Exit(INTERRUPTED if by == signal.SIGINT else PREEMPTED)


def _by_method(runs: "Sequence[PlannedRun]", results: "Sequence[Results]") -> "dict[str, list[Results]]":
    """The results of each recipe on each part of its data."""
    names = {run.directory: run.method for run in runs}
    methods: dict[str, list[Results]] = {}
    for result in results:
        methods.setdefault(names[result.directory], []).append(result)
    return methods


def _print_methods(methods: "dict[str, list[Results]]", over: str) -> None:
    """A row for each method: its metrics on test, or on validation where not all have a test split, and the seconds that a run took."""
    from .tables import table

    split = "test" if all("test" in result.metrics for results in methods.values() for result in results) else "validation"
    rows = [{"method": name, "runs": str(len(results)), **_row(results, split)} for name, results in methods.items()]
    columns = list(dict.fromkeys(column for row in rows for column in row if column != "seconds"))
    table([*columns, "seconds"], [[row.get(column, "") for column in (*columns, "seconds")] for row in rows],
          title=f"{split}; mean ± standard deviation over {over}")
    recipes = dict.fromkeys(results[0].directory.recipe for results in methods.values())
    say(f"Next: nlp compare {shlex.join(recipes)}")


def _row(results: "list[Results]", split: str) -> dict[str, str]:
    from ..training.run_summary import heading, sections_of

    figures = [result.metrics[split] for result in results]
    sections = sections_of(results[0].directory)
    row = {heading(sections, name): mean_and_spread([each[name] for each in figures if name in each]) for name in figures[0]}
    return row | {"seconds": f"{mean(float(result.cost['train_seconds']) for result in results):.1f}"}
