"""The runs that one command trains: new ones, with a folder for each seed, or earlier ones that are resumed."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ..configs.load import dump_recipe, find_recipe, load_recipe, recipe_name
from ..configs.schema.recipe import Recipe
from ..configs.schema.saved import OpenSaved
from .devices import choose_device, thread_count
from .distributed import join_world, refuse_ranks
from .folder.environment import environment
from .folder.files import read_saved, write_atomically, write_json
from .folder.run_directory import RunDirectory, create_run, group_address, runs_root
from .log.display import announce

NOTHING_KEPT = "Stopped before the first step; nothing is kept."


@dataclass(frozen=True)
class Job:
    """One run to train: its recipe with one seed, its folder, and where it is trained."""

    recipe: Recipe
    directory: RunDirectory
    device: str
    threads: int
    is_new: bool = False

    @property
    def seed(self) -> int:
        return self.recipe.seeds[0]


def new_jobs(recipe: Recipe, config: str, name: str | None, device: str, threads: int | None, processes: int = 1,
             within: str = "") -> list[Job]:
    """A job for each seed of a recipe. Its folder contains the resolved recipe, the file that it came from, and the environment.
    It may be `within` a folder of the recipe's.

    Raises DeviceError for a device that is missing, ConfigError for several `processes` of a model without steps.
    """
    processes = max(processes, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    device, count = choose_device(recipe, device, processes), thread_count(recipe, threads, processes)
    world = join_world(device)
    refuse_ranks(recipe.model, max(world.size, processes))
    recipes = [recipe.model_copy(update={"seeds": [seed]}) for seed in recipe.seeds]
    recipe_name = "/".join(filter(None, (name_of(config), within)))
    directories = world.from_main(lambda: _create(recipes, config, recipe_name, name, device, count))
    pairs = zip(recipes, directories, strict=True)
    return [Job(each, directory, device, count, is_new=world.is_main) for each, directory in pairs]


def _create(
    recipes: Sequence[Recipe], config: str, recipe_name: str, name: str | None, device: str, threads: int
) -> list[RunDirectory]:
    name, made = name or datetime.now().strftime("%Y%m%d-%H%M%S"), list[RunDirectory]()
    try:
        for recipe in recipes:
            made.append(create_run(recipe_name, f"{name}-seed-{recipe.seeds[0]}" if len(recipes) > 1 else name))
            _describe(made[-1], recipe, config, device, threads)
    except BaseException as error:
        for directory in made:
            _remove(directory)
        if isinstance(error, KeyboardInterrupt):
            announce(NOTHING_KEPT)
        raise
    return made


def _describe(directory: RunDirectory, recipe: Recipe, config: str, device: str, threads: int) -> None:
    """The recipe as it was written and resolved, and what the run is made with; the file that makes the folder a run is the last."""
    write_atomically(directory.original, Path(find_recipe(config)).read_text(encoding="utf-8"))
    write_json(directory.environment, environment() | {"seed": recipe.seeds[0], "device": device, "threads": threads})
    write_atomically(directory.config, dump_recipe(recipe))


def name_of(config: str) -> str:
    """The recipe's name; of a recipe that was saved with a run, that of the run's recipe."""
    folder = find_recipe(config).parent.resolve()
    run = RunDirectory(folder, runs_root())
    return run.recipe if run.environment.is_file() else recipe_name(config)


def resumed_jobs(directories: Sequence[RunDirectory], device: str) -> list[Job]:
    """Jobs for earlier runs, with the recipe and the number of threads that each was started with."""
    jobs = []
    for directory in directories:
        recipe = load_recipe(str(directory.config))
        jobs.append(Job(recipe, directory, choose_device(recipe, device), _threads(directory)))
    return jobs


class SavedEnvironment(OpenSaved):
    """What resuming a run needs of its `environment.json`."""

    threads: Annotated[int, Field(ge=1, le=1024)]


def _threads(directory: RunDirectory) -> int:
    """With another number of threads, sums would be rounded differently."""
    return read_saved(directory.environment, SavedEnvironment).threads


@contextmanager
def discarded_unless_started(jobs: Sequence[Job]) -> Iterator[None]:
    """Remove new runs whose data or model could not be built: they are empty, and `nlp eval RECIPE` means the latest run."""
    directories = [job.directory for job in jobs if job.is_new]
    try:
        yield
    except BaseException as error:
        empty = bool(directories) and not any(directory.data.exists() for directory in directories)
        for directory in directories if empty else ():
            _remove(directory)
        if isinstance(error, KeyboardInterrupt):
            address = group_address([job.directory for job in jobs])
            announce(NOTHING_KEPT if empty else f"Stopped. Resume with: nlp train --resume {address}")
        raise


def _remove(directory: RunDirectory) -> None:
    """The run's folder, and the folders of recipe and dataset if this was their first run."""
    shutil.rmtree(directory.path, ignore_errors=True)
    with suppress(OSError):
        for parent in directory.path.parents:
            if parent == directory.root:
                break
            parent.rmdir()
