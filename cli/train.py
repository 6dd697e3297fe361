"""`nlp train`: train, evaluate and save one run for each seed of a recipe."""

from typing import TYPE_CHECKING, Annotated

import typer

from .console import complete_recipe, complete_run, notice, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..configs.schema.recipe import Recipe
    from ..training.folder.run_directory import RunDirectory

Config = Annotated[str | None, typer.Option("--config", "-c", help="Recipe: a name such as names/lstm, or a YAML file.",
                                            autocompletion=complete_recipe)]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="Override a key, such as model.hidden_size=256.")]
Resume = Annotated[str | None, typer.Option(help="Resume an interrupted run, or all seeds of one.", autocompletion=complete_run)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
STOPPED = 130
"""Exit code of a run that a signal stopped."""


def train(
    config: Config = None,
    set_: Overrides = None,
    device: Device = "auto",
    resume: Resume = None,
    name: Annotated[str | None, typer.Option(help="Name of the run's folder; by default the date and time.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Train data-parallel in N processes, one on each GPU; on a CPU they share the "
                                                             "cores, which seldom pays off.")] = 1,
    parallel_runs: Annotated[int, typer.Option(min=1, help="Train N seeds at the same time, one thread each.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; the default depends on the model.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Take a few steps, and estimate the time and memory of a full run.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Train the model of a recipe, evaluate it, and save the run under runs/."""
    from ..training.jobs import new_jobs, resumed_jobs
    from ..training.parallel_runs import train_in_processes, train_side_by_side
    from ..training.run import train_jobs
    from .report import print_results

    if resume is not None:
        _refuse_new_settings({"--config": config, "--set": set_, "--name": name, "--threads": threads, "--dry-run": dry_run,
                              "--processes": processes > 1, "--parallel-runs": parallel_runs > 1})
        jobs = resumed_jobs(_runs_to_resume(resume), device)
    else:
        _refuse_both(processes, parallel_runs)
        recipe, threads = _load(config, set_), 1 if parallel_runs > 1 else threads
        if dry_run:
            return print_dry_run(recipe, device, threads)
        jobs = new_jobs(recipe, config or "", name, device, threads, processes)
    if processes > 1:
        return print_results(train_in_processes(jobs, processes), json)
    if parallel_runs > 1:
        return print_results(train_side_by_side(jobs, parallel_runs), json)
    trained = train_jobs(jobs)
    if trained.stopped:
        _exit_stopped([job.directory for job in jobs])
    print_results(trained.results, json)


def _refuse_new_settings(options: dict[str, object]) -> None:
    from ..errors import ConfigError

    if given := [option for option, value in options.items() if value]:
        raise ConfigError(f"--resume continues a run with the settings it was started with; leave {', '.join(given)} out.")


def _refuse_both(processes: int, parallel_runs: int) -> None:
    from ..errors import ConfigError

    if processes > 1 and parallel_runs > 1:
        raise ConfigError("--processes spreads one run over several processes, --parallel-runs trains several seeds at once; use one.")


def _runs_to_resume(resume: str) -> "list[RunDirectory]":
    """The runs that are meant. Finished ones print their results again, so that a job may repeat its command."""
    from ..training.folder.run_directory import find_runs

    runs = find_runs(resume)
    if all(run.status() == "finished" for run in runs):
        finished = f"the run {runs[0].address} is" if len(runs) == 1 else f"all runs {runs[0].recipe}/{runs[0].group.name}-seed-* are"
        notice(f"{finished} finished, so there is nothing to resume; these are the results. "
               "To train for longer, start a new run with --config and more training.epochs.")
    return runs


def _load(config: str | None, set_: list[str] | None) -> "Recipe":
    from ..configs.load import load_recipe
    from ..errors import ConfigError

    if config is None:
        raise ConfigError("Nothing to train: give --config NAME-or-PATH (`nlp config list` shows the names) or --resume RUN.")
    return load_recipe(config, set_ or ())


def _exit_stopped(directories: "Sequence[RunDirectory]") -> None:
    from ..training.folder.run_directory import group_address

    typer.echo(f"Stopped; a checkpoint is saved. Resume with: nlp train --resume {group_address(directories)}", err=True)
    raise typer.Exit(STOPPED)


def print_dry_run(recipe: "Recipe", device: str, threads: int | None) -> None:
    """What a full run needs, estimated from a few steps."""
    from ..training.devices import choose_device, thread_count
    from ..training.dry_run import dry_run

    count = thread_count(recipe, threads)
    for line in dry_run(recipe, choose_device(recipe, device), count):
        say(line)
