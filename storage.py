"""Files and folders that are either complete or absent.

A file is written under a temporary name, flushed to the disk and renamed into place. A folder is sealed by a manifest, written last, that
lists the size and SHA-256 of each of its files; `write_folder` also renames the sealed folder into place once.
"""

import errno
import hashlib
import itertools
import json
import os
import shutil
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
_NUMBERS = itertools.count()


def write_file(path: Path, content: bytes) -> None:
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
    """Make sure that the names in `folder` survive a power cut; Windows has no such call and does not need it."""
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


def write_folder(path: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write files into a hidden folder, seal it, and rename it to `path`, in place of a folder that is there. Raises OSError."""
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}-{socket.gethostname()}")
    try:
        temporary.mkdir(parents=True)
        fill(temporary)
        seal(temporary)
        if path.exists():
            remove_folder(path)
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(path.parent)


def remove_folder(path: Path) -> None:
    """Remove a folder; it is hidden first, so that nobody finds half of it. Raises OSError."""
    hidden = path.with_name(f".{path.name}.tmp-{os.getpid()}-{socket.gethostname()}-old")
    path.rename(hidden)
    shutil.rmtree(hidden)


def seal(folder: Path, manifest: str = MANIFEST, about: Mapping[str, Any] | None = None) -> None:
    """Flush every file, then write the manifest with the size and hash of each, and `about` beside them. Raises OSError."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            sync_folder(path)
        elif path.name != manifest:
            files[path.relative_to(folder).as_posix()] = _flushed(path)
    write_file(folder / manifest, (json.dumps({**(about or {}), "files": files}, ensure_ascii=False, indent=2) + "\n").encode("utf-8"))


def _flushed(path: Path) -> dict[str, int | str]:
    with path.open("r+b") as file:
        os.fsync(file.fileno())
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def read_manifest(folder: Path, manifest: str = MANIFEST) -> dict[str, Any]:
    """What `seal` wrote. Raises ValueError, one sentence on what is wrong, where it is missing or damaged."""
    path = folder / manifest
    try:
        read = json.loads(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path} is missing." if error.errno == errno.ENOENT else f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}.") from None
    files = read.get("files") if isinstance(read, dict) else None
    if not isinstance(files, dict) or not all(_is_inside(name) and isinstance(entry, str | dict) for name, entry in files.items()):
        raise ValueError(f"{path} is damaged: it does not list the files of the folder.")
    return read


def _is_inside(name: str) -> bool:
    """Whether a file of a manifest is inside its folder; a manifest may come from a stranger."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def damage(folder: Path, manifest: str = MANIFEST, content: bool = True) -> str | None:
    """What is wrong with a sealed folder, in one sentence; None where it is as it was written.

    Reads every byte, or with `content=False` compares sizes alone.
    """
    try:
        files = read_manifest(folder, manifest)["files"]
    except ValueError as error:
        return str(error)
    for name, entry in files.items():
        size, sha256 = (entry.get("bytes"), entry.get("sha256")) if isinstance(entry, dict) else (None, entry)
        if (wrong := _file_damage(folder / name, size, sha256 if content else None)) is not None:
            return wrong
    return None


def _file_damage(path: Path, size: Any, sha256: Any) -> str | None:
    with suppress(OSError, ValueError):  # ValueError: a name with a NUL
        if not path.is_file():
            return f"{path} is missing."
        if size is not None and path.stat().st_size != size:
            return f"{path} is damaged: it has {path.stat().st_size:,} bytes instead of {size:,}."
        with path.open("rb") as file:
            if sha256 is not None and hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                return f"{path} is damaged: its content has changed since it was written (the sha256 differs)."
        return None
    return f"{path} cannot be read."
