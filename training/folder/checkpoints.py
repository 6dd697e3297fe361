"""Checkpoints, each complete or absent: `checkpoints/step-N/`, and the pointer files `best` and `last`."""

import errno
import logging
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from ...errors import RunError
from ...storage import damage, make_folder, read_file, remove, write_folder
from ...terminal import argument
from .files import disk_errors, write_atomically
from .run_directory import RunDirectory

AVERAGED = "averaged"
"""The folder of averaged checkpoints."""
_STEP = re.compile(r"step-(0|[1-9][0-9]{0,17})")
"""The name of a checkpoint folder; folders with other names are ignored."""


def save_checkpoint(run: RunDirectory, step: int, write: Callable[[Path], None], *, best: bool, keep: int) -> Path:
    """Save the files that `write` puts into a folder as the run's last checkpoint, and as its best one if `best`.

    Keeps the latest `keep` checkpoints and the best one. If the process is killed meanwhile, the previous checkpoint stays intact.
    A step that `last` already names is not written again: equal steps have equal states. Raises DeviceError if the disk is full.
    """
    folder = run.checkpoints
    path = folder / f"step-{step}"
    with disk_errors(path):
        make_folder(folder)
        _remove_leftovers(folder)
        if not (path.is_dir() and _pointed(folder, "last") == path.name):
            write_folder(path, write)
        _point(folder, ("best", "last") if best else ("last",), step)
        _rotate(folder, step, keep)
    return path


def restore_pointers(run: RunDirectory, step: int, best_step: int) -> None:
    """Point `last` to the checkpoint that a run is resumed from, and `best` to the best one if it exists.

    A process killed after writing a checkpoint but before its pointers leaves them missing or outdated.
    """
    with disk_errors(run.checkpoints):
        _point(run.checkpoints, ("last",), step)
        if best_step in _steps(run.checkpoints):
            _point(run.checkpoints, ("best",), best_step)


def save_averaged(run: RunDirectory, write: Callable[[Path], None]) -> Path:
    """Save the files that `write` puts into a folder, an average of checkpoints, as the run's best checkpoint."""
    path = run.checkpoints / AVERAGED
    with disk_errors(path):
        write_folder(path, write)
        write_atomically(run.checkpoints / "best", f"{path.name}\n")
    return path


def latest_checkpoints(run: RunDirectory, count: int) -> list[Path]:
    """The folders of the latest `count` checkpoints, or of all if there are fewer, each verified as in `checkpoint_path`."""
    return [checkpoint_path(run, step) for step in _steps(run.checkpoints)[-count:]]


def checkpoint_path(run: RunDirectory, which: Literal["best", "last"] | int = "last") -> Path:
    """The folder of a checkpoint, after verifying every byte of it.

    If the pointer is missing, warns and uses the newest complete checkpoint. Raises RunError for a missing or damaged checkpoint.
    """
    folder = run.checkpoints
    name = f"step-{which}" if isinstance(which, int) else _pointed(folder, which)
    if name is not None and (folder / name).is_dir():
        problem = damage(folder / name)
        if problem is None:
            return folder / name
        raise RunError(f"{problem} {_remedy(folder, name)}")
    if isinstance(which, int):
        existing = ", ".join(str(step) for step in _steps(folder)) or "none"
        raise RunError(f"{run.path} has no checkpoint of step {which}; existing steps: {existing}.")
    return _newest_complete(folder, which)


def best_bytes(run: RunDirectory) -> int | None:
    """The size of the best checkpoint's files; None without a best checkpoint."""
    folder = run.checkpoints / (_pointed(run.checkpoints, "best") or "none")
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else None


def has_checkpoint(run: RunDirectory) -> bool:
    """Whether the run has saved a checkpoint."""
    return bool(_steps(run.checkpoints)) or (run.checkpoints / "last").exists()


def _point(folder: Path, pointers: Sequence[str], step: int) -> None:
    for pointer in pointers:
        write_atomically(folder / pointer, f"step-{step}\n")


def _rotate(folder: Path, step: int, keep: int) -> None:
    """Remove old checkpoints, and later ones, which remain when a run was resumed from an earlier step, unless a pointer names them."""
    steps = _steps(folder)
    kept = {f"step-{recent}" for recent in [past for past in steps if past <= step][-keep:]}
    kept |= {str(_pointed(folder, "best")), str(_pointed(folder, "last"))}
    for saved in steps:
        if f"step-{saved}" not in kept:
            remove(folder / f"step-{saved}")


def _remove_leftovers(folder: Path) -> None:
    """Remove partial folders and pointer files of killed processes; their names contain the process id."""
    for path in folder.glob(".*tmp-*"):
        pid = re.search(r"\.tmp-(\d{1,9})(?!\d)", path.name)
        if pid is None or _is_alive(int(pid[1])):
            continue
        remove(path)


def _is_alive(pid: int) -> bool:
    """Whether another process has this id. Windows has no such check; there the run's lock must suffice."""
    if os.name == "nt" or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno == errno.EPERM
    return True


def _steps(folder: Path) -> list[int]:
    """The steps of all checkpoints, ascending."""
    return sorted(int(path.name[5:]) for path in folder.glob("step-*") if _STEP.fullmatch(path.name) and path.is_dir())


def _pointed(folder: Path, pointer: str) -> str | None:
    """The checkpoint that a pointer file names; None if the file is missing or invalid."""
    try:
        name = read_file(folder / pointer).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return name if name == AVERAGED or _STEP.fullmatch(name) else None


def _newest_complete(folder: Path, pointer: str) -> Path:
    for step in reversed(_steps(folder)):
        if damage(folder / f"step-{step}") is None:
            notice = f"{folder / pointer} does not name an existing checkpoint; using step-{step}, the newest complete one."
            logging.getLogger("nlp").warning("Notice: %s", notice)
            return folder / f"step-{step}"
    raise RunError(f"{folder} has no complete checkpoint. Resume with `nlp train --resume {argument(folder.parent)}`, "
                   "copy the folder again from the original, or train again.")


def _remedy(folder: Path, damaged: str) -> str:
    names = (f"step-{step}" for step in reversed(_steps(folder)))
    complete = next((name for name in names if name != damaged and damage(folder / name) is None), None)
    if complete is None:
        return "No other checkpoint of this run is complete: copy the folder again from the original, or train again."
    return f"{complete} is complete: remove {damaged}, and nlp will use that one."
