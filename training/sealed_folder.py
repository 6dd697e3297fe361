"""Folders whose every byte is accounted for: a manifest written last, and a look whether they are still as written."""

import hashlib
import os
from pathlib import Path

from ..datasets.disk import sync_folder
from ..errors import RunError
from .files import read_json, write_json

MANIFEST = "manifest.json"


def seal(folder: Path) -> None:
    """Flush every file to the disk, and note its size and hash last, so that a folder with a manifest is a whole one."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            sync_folder(path)
        else:
            files[path.relative_to(folder).as_posix()] = _sealed_file(path)
    write_json(folder / MANIFEST, {"files": files})


def _sealed_file(path: Path) -> dict[str, int | str]:
    with path.open("r+b") as file:
        os.fsync(file.fileno())
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def damage(folder: Path) -> str | None:
    """What is wrong with a sealed folder, in one sentence; None where it is as it was written. Reads every byte."""
    try:
        files = read_json(folder / MANIFEST)["files"]
        found = (_file_damage(folder / name, said["bytes"], said["sha256"]) for name, said in files.items())
        return next((each for each in found if each is not None), None)
    except RunError as error:
        return str(error)
    except (KeyError, TypeError, AttributeError):
        return f"{folder / MANIFEST} is damaged: it does not list the files of the folder."


def _file_damage(path: Path, size: int, sha256: str) -> str | None:
    if not path.is_file():
        return f"{path} is missing."
    if path.stat().st_size != size:
        return f"{path} is damaged: it has {path.stat().st_size:,} bytes where {size:,} were written."
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            return f"{path} is damaged: its content is not what was written (the sha256 differs)."
    return None
