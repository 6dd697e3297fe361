"""Studies of many runs in `nlp train`: select runs, print a command for each, and report the results."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import TYPE_CHECKING

import typer

from ..terminal import argument
from .console import print_error, say
from .report import mean_and_spread, print_results

if TYPE_CHECKING:
    from ..configs.schema.recipe import Recipe
    from ..training.finish import Results
    from ..training.study.engine import Outcome
    from ..training.study.plan import PlannedRun

TASK_VARIABLES = ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX")
"""Variables with the index of a task in Slurm's job arrays and Kubernetes' indexed jobs."""
FAILED = 1
MOST = 10_000
"""The largest number of runs; a larger number was probably meant as a seed."""


def numbers(text: str | None, option: str, first: int) -> list[int]:
    """`5` means five numbers from `first` on; `3,8` or `[3]` are the numbers themselves. Raises ConfigError for anything else."""
    from ..errors import ConfigError

    if text is None:
        return []
    inside = text.strip().removeprefix("[").removesuffix("]")
    try:
        parsed = [int(each) for each in inside.split(",") if each.strip()]
    except ValueError:
        parsed = []
    is_count = inside == text.strip() and "," not in text
    if (not parsed or len(set(parsed)) < len(parsed) or not 0 <= min(parsed) <= max(parsed) < 2**32
            or (is_count and not 1 <= parsed[0] <= MOST)):
        raise ConfigError(f"{option} {text} is neither a number of runs, such as {option} 5, nor a list of different seeds, such as "
                          f"{option} 3,8 or {option} '[3]'.")
    return list(range(first, first + parsed[0])) if is_count else parsed


def shares(text: str | None, option: str) -> list[float]:
    """The shares in text such as `0.1` or `0.1,0.3,1`. Raises ConfigError for anything else."""
    from ..errors import ConfigError

    try:
        parsed = [float(each) for each in text.split(",")] if text is not None else []
    except ValueError:
        parsed = [0.0]
    if not all(0 < each <= 1 for each in parsed):
        raise ConfigError(f"{option} {text} is not a share of the training examples above 0 and up to 1, such as 0.1, or a list of shares.")
    return parsed


def task_number(given: int | None, n_runs: int) -> int | None:
    """The given number, or for several runs the index of this process in a scheduler's array; None if there is neither."""
    named = next((os.environ[name] for name in TASK_VARIABLES if os.environ.get(name, "").isdecimal()), None)
    return given if given is not None or named is None or n_runs == 1 else int(named)


def pick(runs: "Sequence[PlannedRun]", task: int) -> "PlannedRun":
    """The run of this number, counted from 0. Raises ConfigError if there is none."""
    from ..errors import ConfigError

    if not 0 <= task < len(runs):
        raise ConfigError(f"There is no run {task}: this study has {len(runs)}, from 0 to {len(runs) - 1} in the order of `--list`. "
                          f"In Slurm, use --array=0-{len(runs) - 1}.")
    return runs[task]


def print_commands(runs: "Sequence[PlannedRun]", options: Mapping[str, str | int | None]) -> None:
    """Print one training command per line, for `parallel`, `xargs` or a scheduler; all share `options`, None meaning the default."""
    from ..configs.load import load_recipe

    shared = [text for option, value in options.items() if value is not None for text in (option, str(value))]
    recipes = {config: load_recipe(config, overrides) for config, overrides in dict.fromkeys((run.config, run.overrides) for run in runs)}
    for run in runs:
        print(shlex.join(["nlp", "train", *_arguments(run, recipes[run.config]), *shared]))


def _arguments(run: "PlannedRun", recipe: "Recipe") -> list[str]:
    """The options that select this run; the part of the data only if it differs from the recipe's."""
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
    """Print the results of the study, and failed runs with their reasons."""
    print_study(runs, outcome.results, as_json)
    end_unless_finished(runs, outcome)


def print_study(runs: "Sequence[PlannedRun]", results: "Sequence[Results]", as_json: bool) -> None:
    """The results of one method over its seeds and splits, or a table of several methods."""
    methods, splits = _by_method(runs, results), list(dict.fromkeys(run.split for run in runs))
    if results and (as_json or len(methods) == 1):
        print_results(results, as_json, splits if len(splits) > 1 else ())
    elif results and os.environ.get("RANK", "0") == "0":  # only the first of several processes prints
        _print_methods(methods, "seeds and splits" if len(splits) > 1 else "seeds")


def end_unless_finished(runs: "Sequence[PlannedRun]", outcome: "Outcome") -> None:
    """If a run failed or a signal arrived, report it, and exit with the matching code."""
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
    """Print how to resume, and exit with the signal's code: 130 for Ctrl-C, 75 if a scheduler should start the job again."""
    import signal

    from .main import INTERRUPTED, PREEMPTED

    typer.echo(f"Stopped; progress is saved. Resume with: {shlex.join(command)}", err=True)
    raise typer.Exit(INTERRUPTED if by == signal.SIGINT else PREEMPTED)


def _by_method(runs: "Sequence[PlannedRun]", results: "Sequence[Results]") -> "dict[str, list[Results]]":
    """The results grouped by recipe and part of its data."""
    names = {run.directory: run.method for run in runs}
    methods: dict[str, list[Results]] = {}
    for result in results:
        methods.setdefault(names[result.directory], []).append(result)
    return methods


def _print_methods(methods: "dict[str, list[Results]]", over: str) -> None:
    """Print a row for each method: metrics on test (validation if not all have a test split) and mean seconds per run."""
    from .tables import table

    split = "test" if all("test" in result.metrics for results in methods.values() for result in results) else "validation"
    rows = [{"method": name, "runs": str(len(results)), **_row(results, split)} for name, results in methods.items()]
    columns = list(dict.fromkeys(column for row in rows for column in row if column != "seconds"))
    table([*columns, "seconds"], [[row.get(column, "") for column in (*columns, "seconds")] for row in rows],
          title=f"{split}; mean ± standard deviation over {over}")
    recipes = dict.fromkeys(results[0].directory.recipe for results in methods.values())
    say(f"Next: nlp compare {' '.join(map(argument, recipes))}")


def _row(results: "list[Results]", split: str) -> dict[str, str]:
    from ..training.run_summary import heading, sections_of

    figures = [result.metrics[split] for result in results]
    sections = sections_of(results[0].directory)
    row = {heading(sections, name): mean_and_spread([each[name] for each in figures if name in each]) for name in figures[0]}
    return row | {"seconds": f"{mean(float(result.cost['train_seconds']) for result in results):.1f}"}
