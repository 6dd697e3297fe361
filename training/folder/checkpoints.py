"""Checkpoints that are complete or absent: `checkpoints/step-N/`, and the pointers `best` and `last` to two of them."""

import errno
import logging
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from ...errors import RunError
from ...storage import damage, make_folder, read_file, remove, write_folder
from .files import disk_errors, write_atomically
from .run_directory import RunDirectory

AVERAGED = "averaged"
"""The folder of the mean of several checkpoints."""
_STEP = re.compile(r"step-(0|[1-9][0-9]{0,17})")
"""The folder of a checkpoint; what has another name is none."""


def save_checkpoint(run: RunDirectory, step: int, write: Callable[[Path], None], *, best: bool, keep: int) -> Path:
    """Save what `write` puts into the folder that it is given, as the run's last checkpoint, and as its best one if `best`.

    Of older checkpoints the latest `keep` stay, and the best one. A process killed meanwhile leaves the last checkpoint as it was.
    A step that `last` already names is not written again: equal steps are equal states. Raises DeviceError where the disk is full.
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
    """Name the checkpoint that a run is resumed from as its last one, and the best one of its progress, where it is there, as its best.

    A process killed between a checkpoint and its pointers leaves them missing, or naming older ones.
    """
    with disk_errors(run.checkpoints):
        _point(run.checkpoints, ("last",), step)
        if best_step in _steps(run.checkpoints):
            _point(run.checkpoints, ("best",), best_step)


def save_averaged(run: RunDirectory, write: Callable[[Path], None]) -> Path:
    """Save what `write` puts into the folder that it is given, the mean of some checkpoints, as the run's best one."""
    path = run.checkpoints / AVERAGED
    with disk_errors(path):
        write_folder(path, write)
        write_atomically(run.checkpoints / "best", f"{path.name}\n")
    return path


def latest_checkpoints(run: RunDirectory, count: int) -> list[Path]:
    """The folders of the latest `n` checkpoints, or of all there are, each verified as in `checkpoint_path`."""
    return [checkpoint_path(run, step) for step in _steps(run.checkpoints)[-count:]]


def checkpoint_path(run: RunDirectory, which: Literal["best", "last"] | int = "last") -> Path:
    """The folder of a checkpoint, after a look at every byte of it.

    Where the pointer is lost, the newest complete one is taken, with a warning. Raises RunError where there is none, or it is damaged.
    """
    folder = run.checkpoints
    name = f"step-{which}" if isinstance(which, int) else _pointed(folder, which)
    if name is not None and (folder / name).is_dir():
        wrong = damage(folder / name)
        if wrong is None:
            return folder / name
        raise RunError(f"{wrong} {_way_out(folder, name)}")
    if isinstance(which, int):
        there = ", ".join(str(step) for step in _steps(folder)) or "none"
        raise RunError(f"{run.path} has no checkpoint of step {which}; there are: {there}.")
    return _newest_whole(folder, which)


def best_bytes(run: RunDirectory) -> int | None:
    """The size of the best checkpoint's files; None where there is none."""
    folder = run.checkpoints / (_pointed(run.checkpoints, "best") or "none")
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else None


def has_checkpoint(run: RunDirectory) -> bool:
    """Whether the run was ever saved."""
    return bool(_steps(run.checkpoints)) or (run.checkpoints / "last").exists()


def _point(folder: Path, pointers: Sequence[str], step: int) -> None:
    for pointer in pointers:
        write_atomically(folder / pointer, f"step-{step}\n")


def _rotate(folder: Path, step: int, keep: int) -> None:
    """Later steps are left from before the run was resumed further back; they go, unless a pointer names them."""
    steps = _steps(folder)
    kept = {f"step-{each}" for each in [past for past in steps if past <= step][-keep:]}
    kept |= {str(_pointed(folder, "best")), str(_pointed(folder, "last"))}
    for each in steps:
        if f"step-{each}" not in kept:
            remove(folder / f"step-{each}")


def _remove_leftovers(folder: Path) -> None:
    """Folders and pointer files that a killed process left half written; their names end in its number."""
    for path in folder.glob(".*tmp-*"):
        pid = re.search(r"\.tmp-(\d{1,9})(?!\d)", path.name)
        if pid is None or _is_alive(int(pid[1])):
            continue
        remove(path)


def _is_alive(pid: int) -> bool:
    """Whether another process has this number. Windows cannot be asked so (there the run's lock must do)."""
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
    """The checkpoint that a pointer file names; None where it is missing or names no checkpoint."""
    try:
        name = read_file(folder / pointer).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return name if name == AVERAGED or _STEP.fullmatch(name) else None


def _newest_whole(folder: Path, pointer: str) -> Path:
    for step in reversed(_steps(folder)):
        if damage(folder / f"step-{step}") is None:
            notice = f"{folder / pointer} names no checkpoint that is there; step-{step}, the newest complete one, is taken."
            logging.getLogger("nlp").warning("Notice: %s", notice)
            return folder / f"step-{step}"
    raise RunError(f"{folder} has no complete checkpoint. Resume with `nlp train --resume {folder.parent}`, "
                   "copy the folder again from the original, or train again.")


def _way_out(folder: Path, damaged: str) -> str:
    names = (f"step-{step}" for step in reversed(_steps(folder)))
    complete = next((name for name in names if name != damaged and damage(folder / name) is None), None)
    if complete is None:
        return "No other checkpoint of this run is complete: copy the folder again from the original, or train again."
    return f"{complete} is complete: remove {damaged}, and it is taken instead."
