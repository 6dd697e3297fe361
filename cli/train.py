"""`nlp train`: train, evaluate and save one run, or many."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .console import complete_recipe, complete_run, notice, say
from .key_completion import complete_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..training.finish import Results
    from ..training.folder.run_directory import RunDirectory
    from ..training.jobs import Job
    from ..training.study.plan import PlannedRun

Recipes = Annotated[list[str] | None, typer.Argument(autocompletion=complete_recipe,
                    help="Recipes: names such as names/lstm, YAML files, or patterns such as 'names/*'.")]
Configs = Annotated[list[str] | None, typer.Option("--config", "-c", autocompletion=complete_recipe,
                    help="Same as the arguments; can be repeated.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", autocompletion=complete_key,
                                                     help="Override a key, such as model.hidden_size=256.")]
Resume = Annotated[str | None, typer.Option(help="Resume an interrupted run, or all seeds of one.", autocompletion=complete_run)]
Seeds = Annotated[str | None, typer.Option(help="Number of seeds, such as 5, or a list, such as 1,2,8 or [3].")]
Splits = Annotated[str | None, typer.Option(help="Number or list of random validation splits, for data without one of its own.")]
Share = Annotated[str | None, typer.Option(help="Share of the training examples to train on, such as 0.1, or a list.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]


def train(
    recipes: Recipes = None,
    config: Configs = None,
    set_: Overrides = None,
    seeds: Seeds = None,
    splits: Splits = None,
    share: Share = None,
    device: Device = "auto",
    resume: Resume = None,
    name: Annotated[str | None, typer.Option(help="Name of the run's folder; by default the date and time.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Train data-parallel in N processes, one per GPU; on a CPU they share the cores, "
                                                             "which seldom helps.")] = 1,
    parallel_runs: Annotated[int, typer.Option(min=1, help="Train N runs at the same time.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; the default depends on the model.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Print a command for each run instead of training.")] = False,
    task: Annotated[int | None, typer.Option(min=0, help="Train only this run of --list, counted from 0; by default the task of a Slurm "
                                                           "or Kubernetes array.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Take a few steps, and estimate the time and memory of a full run.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Train the model of a recipe, evaluate it, and save the run under runs/.

    Several recipes, seeds, splits or shares form a study: finished runs are not trained again, and the same command resumes an
    interrupted study.
    """
    from ..configs.catalog import is_pattern
    from ..configs.load import load_recipe
    from ..training.jobs import new_jobs
    from ..training.study.plan import plan_study, resumed_runs
    from .report import print_results
    from .study import numbers, pick, print_commands, shares, task_number

    many = {"--seeds": seeds, "--splits": splits, "--share": share, "--list": list_, "--task": task is not None}
    _refuse_both(processes, parallel_runs)
    if resume is not None:
        _refuse_new_settings({"recipes": recipes, "--config": config, "--set": set_, "--name": name, "--threads": threads,
                              "--dry-run": dry_run, "--processes": processes > 1, "--parallel-runs": parallel_runs > 1, **many})
        return _train(resumed_runs(_runs_to_resume(resume)), device, None, 1, 1, json)
    configs = _distinct([*(recipes or ()), *(config or ())])
    if len(configs) == 1 and not is_pattern(configs[0]) and not dry_run and not any(many.values()):
        recipe = load_recipe(configs[0], set_ or ())
        if len(recipe.seeds) == 1:
            return _train_here(lambda: new_jobs(recipe, configs[0], name, device, threads, processes), processes,
                               lambda results: print_results(results, json))
    runs = plan_study(configs, set_ or (), numbers(seeds, "--seeds", 1), numbers(splits, "--splits", 0), shares(share, "--share"), name)
    if dry_run:
        return print_dry_runs(runs, device, threads)
    if list_:
        return print_commands(runs, {"--name": name, "--device": device if device != "auto" else None, "--threads": threads,
                                     "--processes": processes if processes > 1 else None})
    if (number := task_number(task, len(runs))) is not None:
        runs = [pick(runs, number)]
    _train(runs, device, threads, processes, parallel_runs, json)


def _train(runs: "Sequence[PlannedRun]", device: str, threads: int | None, processes: int, parallel_runs: int, json: bool) -> None:
    """Train one run, or this process's part of a data-parallel one, in this process; train each run of a study in its own process."""
    from ..training.jobs import job_in
    from ..training.study.engine import Study
    from ..training.study.worker import Options
    from .console import explain
    from .study import print_study, report

    if len(runs) == 1 or processes > 1 or "RANK" in os.environ:
        return _train_here(lambda: [job_in(run.directory, run.recipe, run.config, device, threads, processes) for run in runs],
                           processes, lambda results: print_study(runs, results, json))
    report(runs, Study(runs, Options(device, threads, parallel_runs, explain)).train(), json)


def _train_here(make_jobs: "Callable[[], Sequence[Job]]", processes: int, show: "Callable[[Sequence[Results]], None]") -> None:
    """Train in this process. Run folders are created after all imports, since Ctrl-C in between would leave them behind."""
    from ..training.data_parallel import train_in_processes
    from ..training.folder.run_directory import group_address
    from ..training.run import train_jobs
    from .study import stop

    jobs = make_jobs()
    if processes > 1:
        return show(train_in_processes(jobs, processes))
    trained = train_jobs(jobs)
    if trained.stopped_by is not None:
        one_group = len({job.directory.group for job in jobs}) == 1
        again = ["train", "--resume", group_address([job.directory for job in jobs])] if one_group else sys.argv[1:]
        stop(trained.stopped_by, ["nlp", *again])
    show(trained.results)


def _distinct(configs: list[str]) -> list[str]:
    from ..errors import ConfigError

    if not configs:
        raise ConfigError("Nothing to train: name a recipe, such as `nlp train --config names/lstm` (`nlp config list` shows the names), "
                          "or resume a run with --resume RUN.")
    return list(dict.fromkeys(configs))


def _refuse_new_settings(options: dict[str, object]) -> None:
    from ..errors import ConfigError

    if given := [option for option, value in options.items() if value]:
        raise ConfigError(f"--resume continues a run with the settings it was started with; leave {', '.join(given)} out.")


def _refuse_both(processes: int, parallel_runs: int) -> None:
    from ..errors import ConfigError

    if processes > 1 and parallel_runs > 1:
        raise ConfigError("--processes spreads one run over several processes, --parallel-runs trains several at once; use only one.")


def _runs_to_resume(resume: str) -> "list[RunDirectory]":
    """The runs to resume. Finished runs only print their results again, so that a job may repeat its command."""
    from ..training.folder.run_directory import find_runs

    runs = find_runs(resume)
    if all(run.status() == "finished" for run in runs):
        finished = f"the run {runs[0].address} is" if len(runs) == 1 else f"all runs {runs[0].recipe}/{runs[0].group.name}-seed-* are"
        notice(f"{finished} finished, so there is nothing to resume; these are the results. "
               "To train for longer, start a new run with --config and more training.epochs.")
    return runs


def print_dry_runs(runs: "Sequence[PlannedRun]", device: str, threads: int | None) -> None:
    """Print the estimated time and memory of a full run of each method, from a few steps."""
    from ..training.devices import choose_device, thread_count
    from ..training.dry_run import dry_run

    methods: dict[str, list[PlannedRun]] = {}
    for run in runs:
        methods.setdefault(run.method, []).append(run)
    for name, seeds in methods.items():
        if len(methods) > 1:
            say(f"{name}:")
        recipe = seeds[0].recipe.model_copy(update={"seeds": [run.seed for run in seeds]})
        for line in dry_run(recipe, choose_device(recipe, device), thread_count(recipe, threads)):
            say(line)
