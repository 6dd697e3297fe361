"""The runs that one command trains: new ones, with a folder for each seed, or earlier ones that are resumed."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from ..configs.load import dump_recipe, find_recipe, load_recipe, recipe_name
from ..configs.schema.recipe import Recipe
from ..configs.schema.saved import OpenSaved
from ..errors import Preempted
from ..terminal import argument
from .devices import choose_device, thread_count
from .distributed import World, join_world, refuse_ranks
from .folder.environment import environment
from .folder.files import disk_errors, read_saved, write_atomically, write_json
from .folder.run_directory import RunDirectory, create_run, group_address, runs_root
from .log.display import announce
from .sources.start import pinned

NOTHING_KEPT = "Stopped before the first step; nothing is kept."


@dataclass(frozen=True)
class Job:
    """One run to train: its recipe with one seed, its folder, and the device and threads to train it on."""

    recipe: Recipe
    directory: RunDirectory
    device: str
    threads: int
    is_new: bool = False
    is_temporary: bool = False
    """Whether the folder is removed in any case, so that there is nothing to resume."""

    @property
    def seed(self) -> int:
        return self.recipe.seeds[0]


def new_jobs(recipe: Recipe, config: str, name: str | None, device: str, threads: int | None, processes: int = 1) -> list[Job]:
    """A job for each seed of a recipe. Its folder contains the resolved recipe, the original file, and the environment.

    Raises DeviceError for a missing device, ConfigError for several `processes` of a model without steps.
    """
    place, world = _place(recipe, device, threads, processes)
    recipe = world.from_main(lambda: pinned(recipe))
    recipes = [recipe.model_copy(update={"seeds": [seed]}) for seed in recipe.seeds]
    directories = world.from_main(lambda: _create(recipes, config, name, place))
    pairs = zip(recipes, directories, strict=True)
    return [Job(each, directory, place.device, place.threads, is_new=world.is_main) for each, directory in pairs]


def job_in(directory: RunDirectory, recipe: Recipe, config: str, device: str, threads: int | None, processes: int = 1) -> Job:
    """The job of the run in this folder: a new one, or the one that was started there, with its number of threads."""
    place, world = _place(recipe, device, threads, processes)
    recipe = load_recipe(str(directory.config)) if directory.config.exists() else pinned(recipe)

    def start() -> bool:
        if directory.config.exists():
            return False
        with disk_errors(directory.path):
            directory.path.mkdir(parents=True, exist_ok=True)
        _describe(directory, recipe, config, place)
        return True

    is_new = world.from_main(start)
    return Job(recipe, directory, place.device, _threads(directory), is_new=is_new and world.is_main)


class Place(NamedTuple):
    """Where a run is trained, as saved in `environment.json`: the device, and the threads of each of the processes that train together."""

    device: str
    threads: int
    processes: int


def _place(recipe: Recipe, device: str, threads: int | None, processes: int) -> tuple[Place, World]:
    """Where to train, and this process's place among those that train together."""
    processes = max(processes, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    device, count = choose_device(recipe, device, processes), thread_count(recipe, threads, processes)
    world = join_world(device)
    refuse_ranks(recipe, max(world.size, processes))
    return Place(device, count, max(world.size, processes)), world


def _create(recipes: Sequence[Recipe], config: str, name: str | None, place: Place) -> list[RunDirectory]:
    name = name or datetime.now().strftime("%Y%m%d-%H%M%S")
    recipe_name, created = name_of(config), list[RunDirectory]()
    try:
        for recipe in recipes:
            created.append(create_run(recipe_name, f"{name}-seed-{recipe.seeds[0]}" if len(recipes) > 1 else name))
            _describe(created[-1], recipe, config, place)
    except BaseException as error:
        for directory in created:
            _remove(directory)
        if isinstance(error, KeyboardInterrupt | Preempted):
            announce(NOTHING_KEPT)
        raise
    return created


def _describe(directory: RunDirectory, recipe: Recipe, config: str, place: Place) -> None:
    """Write the original recipe, the environment, and last the resolved recipe, which makes the folder a run."""
    write_atomically(directory.original, Path(find_recipe(config)).read_text(encoding="utf-8"))
    write_json(directory.environment, environment() | {"seed": recipe.seeds[0], **place._asdict()})
    write_atomically(directory.config, dump_recipe(recipe))


def name_of(config: str) -> str:
    """The recipe's name; for a recipe saved with a run, the name of the run's recipe."""
    folder = find_recipe(config).parent.resolve()
    run = RunDirectory(folder, runs_root())
    return run.recipe if run.environment.is_file() else recipe_name(config)


class SavedEnvironment(OpenSaved):
    """The fields of `environment.json` that resuming a run needs."""

    threads: Annotated[int, Field(ge=1, le=1024)]


def _threads(directory: RunDirectory) -> int:
    """The run's own number of threads: with another one, sums would be rounded differently."""
    return read_saved(directory.environment, SavedEnvironment).threads


@contextmanager
def discarded_unless_started(jobs: Sequence[Job]) -> Iterator[None]:
    """Remove new runs whose data or model could not be built: they are empty, and `nlp eval RECIPE` opens the latest run.

    A run that another process is training meanwhile is kept.
    """
    directories = [job.directory for job in jobs if job.is_new]
    try:
        yield
    except BaseException as error:
        empty = bool(directories) and not any(each.data.exists() or each.status() == "running" for each in directories)
        for directory in directories if empty else ():
            _remove(directory)
        if isinstance(error, KeyboardInterrupt | Preempted) and not all(job.is_temporary for job in jobs):
            address = group_address([job.directory for job in jobs])
            announce(NOTHING_KEPT if empty else f"Stopped. Resume with: nlp train --resume {argument(address)}")
        raise


def _remove(directory: RunDirectory) -> None:
    """Remove the run's folder, and the folders of recipe and dataset if this was their only run."""
    shutil.rmtree(directory.path, ignore_errors=True)
    with suppress(OSError):
        for parent in directory.path.parents:
            if parent == directory.root:
                break
            parent.rmdir()
