"""Folders of files that are whole or not there: each file is written under a temporary name, flushed, and renamed into place."""

import errno
import hashlib
import itertools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import RunError

ABOUT = "about.json"
_NUMBERS = itertools.count()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a process that is killed, finds the old file or the new one. Raises OSError."""
    # Without the file's own name in it, no program that watches the folder takes the temporary file for a real one.
    temporary = path.parent / f".tmp-{os.getpid()}-{next(_NUMBERS)}"
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make sure that names in `folder` outlive a power cut; Windows has no such call and does not need it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot
            raise
    finally:
        os.close(descriptor)


def write_folder(folder: Path, files: Mapping[str, bytes], about: Mapping[str, Any]) -> None:
    """Write the files, and last of all `about.json` with their checksums. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(folder / name, content)
    described = {**about, "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}}
    write_whole(folder / ABOUT, (json.dumps(described, ensure_ascii=False, indent=2) + "\n").encode("utf-8"))


def read_folder(folder: Path, what: str, remedy: str) -> tuple[dict[str, bytes], dict[str, Any]]:
    """What `write_folder` wrote, checked. Raises RunError, which says that `what` is damaged, and the remedy."""
    try:
        about = json.loads((folder / ABOUT).read_bytes())
        checksums = dict(about["files"])
        files = {name: (folder / Path(name).name).read_bytes() for name in checksums}
    except OSError as error:
        file = Path(error.filename or folder).name
        raise RunError(f"{what} in {folder} cannot be read: {error.strerror or error} ({file}). {remedy}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{what} in {folder} is damaged: {ABOUT} is not what was written ({error!r}). {remedy}") from None
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != checksums[name]:
            raise RunError(f"{what} in {folder} is damaged: {name} is not what was written, by its checksum. {remedy}")
    return files, about
