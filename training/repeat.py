"""Training a finished run again from its own folder, to see whether its figures come out equal."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from ..configs.load import load_recipe
from ..configs.schema.recipe import Recipe
from ..errors import DeviceError, Preempted, RunError
from ..terminal import argument
from .devices import choose_device
from .folder.files import disk_errors, read_saved
from .folder.run_directory import TEMPORARY, RunDirectory, runs_root
from .jobs import Job, SavedEnvironment, job_in, new_jobs
from .log.display import announce


class SavedPlace(SavedEnvironment):
    """The fields of `environment.json` that say where a run was trained."""

    device: Literal["cpu", "cuda", "mps"]


def load_repeatable(run: RunDirectory) -> Recipe:
    """The recipe of a finished run. Raises RunError for a run that is not finished or cannot be repeated, ConfigError if its recipe is no
    longer valid.
    """
    _refuse_unfinished(run)
    recipe = load_recipe(str(run.config))
    _refuse_timed(run, recipe)
    return recipe


@contextmanager
def repeated(run: RunDirectory, recipe: Recipe, device: str | None = None, name: str | None = None) -> Iterator[Job]:
    """A job that trains a run again: the same recipe, seed and number of threads, and the same device unless one is given.

    With a name, the second run is one like any other. Without, its folder is a hidden one in the runs folder, which is removed at the end
    of the block. The earlier run is only read. Raises DeviceError if its device is missing, RunError if a run that it starts from is.
    """
    place = read_saved(run.environment, SavedPlace)
    device = _device_of(run, recipe, place.device) if device is None else device
    if name is not None:
        yield new_jobs(recipe, str(run.config), name, device, place.threads)[0]
        return
    with _temporary_folder() as root:
        try:
            directory = RunDirectory(root / run.recipe / run.name, root)
            yield replace(job_in(directory, recipe, str(run.config), device, place.threads), is_temporary=True)
        except (KeyboardInterrupt, Preempted):
            announce(f"Stopped. The second run is removed; {run.address} is unchanged.")
            raise


def _refuse_unfinished(run: RunDirectory) -> None:
    if (status := run.status()) != "finished":
        remedy = "Wait until it has finished" if status == "running" else f"Finish it with `nlp train --resume {argument(run.address)}`"
        raise RunError(f"{run.address} is not finished (its status is: {status}), so there are no results to compare with. {remedy}, or "
                       "name another run.")


def _refuse_timed(run: RunDirectory, recipe: Recipe) -> None:
    budget = recipe.training.budget if recipe.training is not None else None
    if budget is not None and budget.seconds is not None:
        raise RunError(f"{run.address} cannot be reproduced: its budget (training.budget.seconds) is a time, so a second run takes another "
                       "number of steps, and its learning rates follow the clock. Runs with a budget of tokens or FLOPs can be reproduced; "
                       f"`nlp train {argument(run.config)}` trains this one anew.")


def _device_of(run: RunDirectory, recipe: Recipe, device: str) -> str:
    """The device that the run was trained on. Raises DeviceError if this machine has none."""
    try:
        return choose_device(recipe, device)
    except DeviceError:
        raise DeviceError(f"{run.address} was trained on {device}, which this machine, or its PyTorch, does not have. Add --device cpu "
                          "to train it again elsewhere; the figures then differ at least in their last digits.") from None


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A folder that is on the disk of the runs and that no command lists; removed with its content at the end of the block."""
    root = runs_root()
    is_new = not root.exists()
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        folder = TemporaryDirectory(prefix=TEMPORARY, dir=root)
    try:
        with folder as path:
            yield Path(path)
    finally:
        with suppress(OSError):
            if is_new:
                root.rmdir()
