"""Atomic writes of files and folders, and strict JSON.

A file is written under a temporary name, flushed to disk and renamed into place; a hard link to the old file keeps the old content. A
folder is sealed by a manifest, written last, that lists the size and SHA-256 of each file; `write_folder` also renames the sealed folder
into place.

Nothing is written through links: a folder from somebody else could otherwise redirect writes to files outside it. Callers resolve the
folder that the user named, so that only links inside it count.
"""

import errno
import hashlib
import itertools
import json
import math
import mmap
import os
import re
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

MANIFEST = "manifest.json"
_NUMBERS = itertools.count()
_LARGEST = 2**63 - 1
"""Largest whole number in JSON: a larger one cannot be a count, and NumPy or a float may not be able to represent it."""


def cache_folder() -> Path | None:
    """The user's cache folder; None for a user without a home folder."""
    try:
        if sys.platform == "win32":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches"
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a user id without an entry in /etc/passwd, as containers have
        return None


class LinkError(OSError):
    """A path to be written is a link or lies behind one; `strerror` is a sentence without its subject, `filename` the link."""


def refuse_links(path: Path) -> None:
    """Raises LinkError if `path` or one of its parent folders is a link."""
    link = next((part for part in (*reversed(path.parents), path) if part.is_symlink()), None)
    if link is not None:
        raise LinkError(errno.ELOOP, f"is a link to {link.readlink()}", str(link))


def find_link(folder: Path) -> Path | None:
    """A link inside a folder, at any depth; None if there is none."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if (path := Path(parent, name)).is_symlink():
                return path
    return None


def make_folder(path: Path) -> None:
    """Create a folder and its parents if they are missing. Raises OSError."""
    refuse_links(path)
    path.mkdir(parents=True, exist_ok=True)


def write_file(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file, whole or in parts. Readers see the old file or the new one, even if the process is killed.

    Raises OSError.
    """
    write_files({path: content})


def write_files(files: Mapping[Path, bytes | Iterable[bytes]]) -> None:
    """Write files that belong together: all are on disk under temporary names before the first is renamed into place, in their order.

    Raises OSError.
    """
    temporaries: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            refuse_links(path)
            if path.is_dir():  # which a file cannot replace
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            temporaries[path] = _flushed(path.parent, content)
        for path, temporary in temporaries.items():
            temporary.replace(path)
    except BaseException:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)
        raise
    for folder in {path.parent for path in files}:
        sync_folder(folder)


def _flushed(folder: Path, content: bytes | Iterable[bytes]) -> Path:
    """A temporary file with this content, flushed to disk."""
    temporary, file = _open_temporary(folder)
    try:
        with file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _open_temporary(folder: Path) -> tuple[Path, IO[bytes]]:
    """Create a temporary file. Its name does not resemble the final one, so programs that watch the folder ignore it."""
    while True:
        path = folder / f".tmp-{os.getpid()}-{next(_NUMBERS)}"
        with suppress(FileExistsError):  # left by a killed process with the same id
            return path, path.open("xb")


def cut_file(path: Path, length: int) -> None:
    """Truncate a file to `length` bytes by rewriting it, which leaves hard links to it unchanged. Raises OSError."""
    with path.open("rb") as file:
        content = file.read(length)
    write_file(path, content)


def remove(path: Path) -> None:
    """Remove a file, a link (not its target) or a folder with its content. Raises OSError.

    A folder is renamed first, so that nobody finds it partly removed.
    """
    refuse_links(path.parent)
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    hidden = path.with_name(f".{path.name}.tmp-{os.getpid()}-{socket.gethostname()}-old")
    _delete(hidden)  # left by a killed process with the same id
    path.rename(hidden)
    _delete(hidden)


def _delete(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)


def read_file(path: Path) -> bytes:
    """Read a whole file. Raises OSError, also for pipes and devices, which may never end."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "Not a file", str(path))
    return path.read_bytes()


def release(array: Any) -> None:
    """Release the pages of a read-only memory map; they are loaded again when read. Other arrays are left alone.

    Otherwise reading a whole map makes all of it count as memory of this process.
    """
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    if array is not None and hasattr(array, "madvise"):  # Windows has no such call
        array.madvise(mmap.MADV_DONTNEED)


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises OSError, and ValueError if `parse_json` refuses it."""
    return parse_json(read_file(path))


def parse_json(content: bytes) -> Any:
    """Parse JSON in UTF-8. Raises ValueError also for duplicate keys, numbers that are not finite or exceed 64 bits, unpaired surrogates,
    and excessive nesting.
    """
    text = content.decode("utf-8")
    try:
        read = json.loads(text, object_pairs_hook=_unique_keys, parse_int=_whole_number, parse_float=_number,
                          parse_constant=_refuse_number)
        if "\\u" in text:
            json.dumps(read, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return read


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) < len(pairs):
        raise ValueError("it has a duplicate key")
    return keys


def _whole_number(text: str) -> int:
    number = int(text) if len(text) <= 20 else _LARGEST + 1
    return number if abs(number) <= _LARGEST else _refuse_number(text)


def _number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)


def _refuse_number(text: str) -> Any:
    raise ValueError(f"it has the number {text[:20]}{'...' * (len(text) > 20)}, which is not finite or too large")


def sync_folder(folder: Path) -> None:
    """Make sure that the file names in `folder` survive a power cut; Windows has no such call and does not need it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # unsupported by some network file systems
            raise
    finally:
        os.close(descriptor)


def write_folder(path: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write files into a hidden folder, seal it, and rename it to `path`, replacing an existing folder. Raises OSError."""
    refuse_links(path.parent)
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}-{socket.gethostname()}")
    try:
        _delete(temporary)  # left by a killed process with the same id
        temporary.mkdir(parents=True)
        fill(temporary)
        seal(temporary)
        remove(path)
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(path.parent)


def seal(folder: Path) -> None:
    """Flush every file, then write the manifest with the size and hash of each. Raises OSError."""
    files = {}
    for path in sorted(folder.rglob("*")):
        refuse_links(path)
        if path.is_dir():
            sync_folder(path)
        elif path.name != MANIFEST:
            files[path.relative_to(folder).as_posix()] = _flush_and_hash(path)
    _write_manifest(folder / MANIFEST, files, {})


def write_sealed(folder: Path, files: Mapping[str, bytes], manifest: str, about: Mapping[str, Any]) -> None:
    """Write files into a folder, which is created if missing, and then their manifest, which includes `about`. Raises OSError."""
    make_folder(folder)
    for name, content in files.items():
        write_file(folder / name, content)
    entries = {name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in sorted(files.items())}
    _write_manifest(folder / manifest, entries, about)


def _write_manifest(path: Path, files: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    write_file(path, (json.dumps({**about, "files": files}, ensure_ascii=False, indent=2) + "\n").encode("utf-8"))


def _flush_and_hash(path: Path) -> dict[str, int | str]:
    with path.open("r+b") as file:
        os.fsync(file.fileno())
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def read_manifest(folder: Path, manifest: str = MANIFEST) -> dict[str, Any]:
    """The manifest of a sealed folder. Raises ValueError, with a one-sentence message, if it is missing or damaged."""
    path = folder / manifest
    try:
        read = read_json(path)
    except OSError as error:
        raise ValueError(f"{path} is missing." if error.errno == errno.ENOENT else f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}.") from None
    files = read.get("files") if isinstance(read, dict) else None
    if not isinstance(files, dict) or not all(_is_inside(name) and _is_entry(entry) for name, entry in files.items()):
        raise ValueError(f"{path} is damaged: it does not list the files of the folder.")
    return read


def _is_inside(name: str) -> bool:
    """Whether a file in a manifest is inside its folder; the manifest may come from an untrusted source."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _is_entry(entry: Any) -> bool:
    """Whether this is the size and hash of a file, or only its hash, as in older manifests."""
    size, sha256 = (entry.get("bytes"), entry.get("sha256")) if isinstance(entry, dict) else (0, entry)
    return type(size) is int and size >= 0 and isinstance(sha256, str) and re.fullmatch("[0-9a-f]{64}", sha256) is not None


def damage(folder: Path, manifest: str = MANIFEST) -> str | None:
    """What is wrong with a sealed folder, in one sentence; None if it is intact. Reads every byte."""
    try:
        files = read_manifest(folder, manifest)["files"]
    except ValueError as error:
        return str(error)
    for name, entry in files.items():
        size, sha256 = (entry["bytes"], entry["sha256"]) if isinstance(entry, dict) else (None, entry)
        if (problem := _file_damage(folder / name, size, sha256)) is not None:
            return problem
    return None


def _file_damage(path: Path, size: int | None, sha256: str) -> str | None:
    with suppress(OSError, ValueError):  # ValueError: a name with a NUL
        if not path.is_file():
            return f"{path} is missing."
        if size is not None and path.stat().st_size != size:
            return f"{path} is damaged: it has {path.stat().st_size:,} bytes instead of {size:,}."
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                return f"{path} is damaged: its content has changed since it was written (the sha256 differs)."
        return None
    return f"{path} cannot be read."
