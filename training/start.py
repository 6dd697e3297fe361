"""The beginning of a run: its folder, with all that it takes to start, stop and start again."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from ..configs.load import dump_recipe, find_recipe, recipe_name
from ..configs.schema.recipe import Recipe
from .folder.environment import environment
from .folder.files import write_atomically, write_json
from .folder.run_directory import RunDirectory, create_run
from .log.display import announce


@contextmanager
def kept_once_begun(directories: Sequence[RunDirectory]) -> Iterator[None]:
    """Runs whose data or model could not even be built go again: nothing is in them, and `nlp eval RECIPE` means the latest run."""
    try:
        yield
    except BaseException as error:
        if not any(directory.data.exists() for directory in directories):
            for directory in directories:
                _remove(directory)
            if directories and isinstance(error, KeyboardInterrupt):
                announce("Stopped before the first step; nothing is kept.")
        raise


def _remove(directory: RunDirectory) -> None:
    """The run's folder, and the recipe's and the dataset's where this was their first run."""
    shutil.rmtree(directory.path, ignore_errors=True)
    with suppress(OSError):
        for parent in directory.path.parents:
            if parent == directory.root:
                break
            parent.rmdir()


def begin_runs(recipe: Recipe, config: str, name: str | None, device: str, threads: int) -> list[RunDirectory]:
    """A folder for each seed, holding the resolved recipe, the file it came from, and the setting."""
    name = name or datetime.now().strftime("%Y%m%d-%H%M%S")
    many = len(recipe.seeds) > 1
    return [_begin(recipe, seed, config, f"{name}-seed-{seed}" if many else name, device, threads) for seed in recipe.seeds]


def _begin(recipe: Recipe, seed: int, config: str, name: str, device: str, threads: int) -> RunDirectory:
    directory = create_run(recipe_name(config), name)
    write_atomically(directory.path / "original.yaml", Path(find_recipe(config)).read_text(encoding="utf-8"))
    write_json(directory.path / "environment.json", environment() | {"seed": seed, "device": device, "threads": threads})
    write_atomically(directory.path / "config.yaml", dump_recipe(recipe.model_copy(update={"seeds": [seed]})))
    return directory
