"""`nlp train`: train, evaluate and save one run for each seed of a recipe."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from .console import complete_recipe, complete_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..configs.schema.recipe import Recipe
    from ..training.finish import Results
    from ..training.folder.run_directory import RunDirectory

Config = Annotated[str | None, typer.Option("--config", "-c", help="Recipe: a name such as names/lstm, or a YAML file.",
                                            autocompletion=complete_recipe)]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="Override a key, such as model.hidden_size=256.")]
Resume = Annotated[str | None, typer.Option(help="Go on with a run that was stopped, or with all seeds of one.",
                                            autocompletion=complete_run)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]


def train(
    config: Config = None,
    set_: Overrides = None,
    device: Device = "auto",
    resume: Resume = None,
    name: Annotated[str | None, typer.Option(help="Name of the run's folder; by default the date and time.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Train data-parallel in so many processes.")] = 1,
    parallel_runs: Annotated[int, typer.Option(min=1, help="Run so many seeds side by side, a thread each.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="Threads on a CPU; by default a fixed rule by model.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Build everything, take a few steps, say what a full run needs.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Train the model of a recipe, evaluate it, and keep the run under runs/."""
    from .report import print_results

    if resume is not None:
        from ..training.folder.run_directory import find_runs

        options = {"--config": config, "--set": set_, "--name": name, "--threads": threads, "--dry-run": dry_run,
                   "--processes": processes > 1, "--parallel-runs": parallel_runs > 1}
        _refuse_new_settings([option for option, given in options.items() if given])
        print_results(go_on(find_runs(resume), device), json)
    else:
        recipe = _load(config, set_)
        _refuse_both(processes, parallel_runs)
        if dry_run:
            print_dry_run(recipe, device, threads)
        else:
            threads = 1 if parallel_runs > 1 else threads
            print_results(run_new(recipe, config or "", name, Where(device, threads, processes, parallel_runs)), json)


class Where(NamedTuple):
    """Where and how the runs of a recipe go."""

    device: str
    threads: int | None
    processes: int
    parallel_runs: int


def _refuse_new_settings(given: list[str]) -> None:
    from ..errors import ConfigError

    if given:
        raise ConfigError(f"--resume goes on with a run as it was begun; leave {', '.join(given)} out.")


def _refuse_both(processes: int, parallel_runs: int) -> None:
    from ..errors import ConfigError

    if processes > 1 and parallel_runs > 1:
        raise ConfigError("--processes spreads one run over several processes, --parallel-runs trains several seeds at once; give one.")


def _load(config: str | None, set_: list[str] | None) -> "Recipe":
    from ..configs.load import load_recipe
    from ..errors import ConfigError

    if config is None:
        raise ConfigError("Nothing to train: give --config NAME-or-PATH (`nlp config list` shows the names) or --resume RUN.")
    return load_recipe(config, set_ or ())


def go_on(runs: "Sequence[RunDirectory]", device: str) -> "list[Results]":
    """Train from the last checkpoints. Of runs that are finished the results are told again, so a job may repeat its command."""
    from .console import notice

    if all(run.status() == "finished" for run in runs):
        told = f"the run {runs[0].address} is" if len(runs) == 1 else f"all runs {runs[0].recipe}/{runs[0].group.name}-seed-* are"
        notice(f"{told} finished, so there is nothing to go on with; these are the results. "
               "To train for longer, begin a new run with --config and more training.epochs.")
    return run_all(runs, device)


def run_new(recipe: "Recipe", config: str, name: str | None, where: Where) -> "list[Results]":
    """Begin a run for each seed: one after another, side by side, or each in several processes."""
    from ..training.devices import choose_device, thread_count
    from ..training.distributed import join_world, refuse_ranks
    from ..training.parallel_runs import run_in_processes, run_side_by_side
    from ..training.start import begin_runs, kept_once_begun

    threads = thread_count(recipe, where.threads)
    device = choose_device(recipe, where.device)
    world = join_world(device)
    refuse_ranks(recipe.model, max(world.size, where.processes))
    directories = world.from_main(lambda: begin_runs(recipe, config, name, device, threads))
    with kept_once_begun(directories if world.is_main else ()):
        if where.processes > 1:
            return run_in_processes(recipe, directories, device, where.processes)
        if where.parallel_runs > 1:
            return run_side_by_side(recipe, directories, device, where.parallel_runs)
        return run_all(directories, device)


def run_all(directories: "Sequence[RunDirectory]", device: str) -> "list[Results]":
    """Train in each of these folders in turn, from its last checkpoint where it has one; a finished run is read."""
    from ..configs.load import load_recipe
    from ..training.devices import Setting, choose_device
    from ..training.distributed import World, join_world, leave_world, refuse_ranks
    from ..training.finish import Results
    from ..training.folder.run_directory import group_address
    from ..training.run import run_recipe

    results, world = [], World()
    for directory in directories:
        if directory.status() == "finished":
            results.append(Results.read(directory))
            continue
        recipe = load_recipe(str(directory.config))
        threads = _threads(directory)
        chosen = choose_device(recipe, device)
        world = join_world(chosen)
        refuse_ranks(recipe.model, world.size)
        result = run_recipe(recipe, Setting(recipe.seeds[0], chosen, threads, world), directory)
        if result is None:
            typer.echo(f"Stopped; a checkpoint is saved. Go on with: nlp train --resume {group_address(directories)}", err=True)
            raise typer.Exit(130)
        results.append(result)
    leave_world(world)
    return results


def _threads(directory: "RunDirectory") -> int:
    """With another number of threads, sums would be rounded another way."""
    from ..errors import RunError
    from ..training.folder.files import read_json

    told = read_json(directory.environment)
    threads = told.get("threads") if isinstance(told, dict) else None
    if type(threads) is not int or threads < 1:
        raise RunError(f"{directory.environment} is damaged: it does not say with how many threads the run was begun, such as "
                       '`"threads": 2`. Take it from where the folder was copied, or train again.')
    return threads


def print_dry_run(recipe: "Recipe", device: str, threads: int | None) -> None:
    """What a full run would need, told from a few steps of it."""
    from ..training.devices import choose_device, thread_count
    from ..training.dry_run import dry_run

    count = thread_count(recipe, threads)
    for line in dry_run(recipe, choose_device(recipe, device), count):
        typer.echo(line)
