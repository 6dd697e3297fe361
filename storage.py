"""Files and folders that are either complete or absent, and JSON that is what it was written as.

A file is written under a temporary name, flushed to the disk and renamed into place, so that a hard link to the old file keeps the old
content. A folder is sealed by a manifest, written last, that lists the size and SHA-256 of each of its files; `write_folder` also renames
the sealed folder into place once.

`cache_folder` is where a user's programs keep such files.

Nothing is written through a link: a folder that came from somebody else could have a file changed that is not in it. Callers resolve the
folder that their user named, so that only links inside it count.
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
"""Of whole numbers in JSON: what is larger is no count of anything, and neither NumPy nor a float may be able to represent it."""


def cache_folder() -> Path | None:
    """The folder in which programs of this user keep what can be fetched or made again; None for a user without a home."""
    try:
        if sys.platform == "win32":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches"
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a user id without an entry in /etc/passwd, as containers have
        return None


class LinkError(OSError):
    """Something that was to be written is a link, or lies behind one; `strerror` is a sentence without its subject, `filename` the link."""


def refuse_links(path: Path) -> None:
    """Raises LinkError where `path`, or a folder on the way to it, is a link."""
    link = next((part for part in (*reversed(path.parents), path) if part.is_symlink()), None)
    if link is not None:
        raise LinkError(errno.ELOOP, f"is a link to {link.readlink()}", str(link))


def find_link(folder: Path) -> Path | None:
    """A link inside a folder, at any depth; None where there is none."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if (path := Path(parent, name)).is_symlink():
                return path
    return None


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where they are missing. Raises OSError."""
    refuse_links(path)
    path.mkdir(parents=True, exist_ok=True)


def write_file(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file, at once or part by part, so that a reader, or a process that is killed, finds the old file or the new one.

    Raises OSError.
    """
    refuse_links(path)
    temporary, file = _open_temporary(path.parent)
    try:
        with file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _open_temporary(folder: Path) -> tuple[Path, IO[bytes]]:
    """A new file. Without the name of the one that it becomes, no program that watches the folder takes it for a real one."""
    while True:
        path = folder / f".tmp-{os.getpid()}-{next(_NUMBERS)}"
        with suppress(FileExistsError):  # left by a killed process of the same number
            return path, path.open("xb")


def cut_file(path: Path, length: int) -> None:
    """Keep the first `length` bytes of a file, as a file of its own. Raises OSError."""
    with path.open("rb") as file:
        content = file.read(length)
    write_file(path, content)


def remove(path: Path) -> None:
    """Remove a file, a link (not what it leads to) or a folder with all that is in it. Raises OSError.

    A folder is hidden first, so that nobody finds half of it.
    """
    refuse_links(path.parent)
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    hidden = path.with_name(f".{path.name}.tmp-{os.getpid()}-{socket.gethostname()}-old")
    _delete(hidden)  # left by a killed process of the same number
    path.rename(hidden)
    _delete(hidden)


def _delete(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)


def read_file(path: Path) -> bytes:
    """All bytes of a file. Raises OSError, also for a pipe or a device, which may never end."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "Not a file", str(path))
    return path.read_bytes()


def release(array: Any) -> None:
    """Take the pages of a read-only memory map out of memory, which come back where they are read again; other arrays stay as they are.

    Otherwise a map that is read from one end to the other counts as memory of this process as a whole.
    """
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    if array is not None and hasattr(array, "madvise"):  # Windows has no such call
        array.madvise(mmap.MADV_DONTNEED)


def read_json(path: Path) -> Any:
    """What a file of JSON holds. Raises OSError, and ValueError where it is no JSON that this package would write."""
    return parse_json(read_file(path))


def parse_json(content: bytes) -> Any:
    """JSON in UTF-8. Raises ValueError also for a key that occurs twice, a number that is not finite or has more than 64 bits, half of a
    surrogate pair, and nesting without end.
    """
    text = content.decode("utf-8")
    try:
        read = json.loads(text, object_pairs_hook=_no_key_twice, parse_int=_whole_number, parse_float=_number,
                          parse_constant=_refuse_number)
        if "\\u" in text:
            json.dumps(read, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return read


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) < len(pairs):
        raise ValueError("it has a key twice")
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
    """Let `fill` write files into a hidden folder, seal it, and rename it to `path`, in place of what is there. Raises OSError."""
    refuse_links(path.parent)
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}-{socket.gethostname()}")
    try:
        _delete(temporary)  # left by a killed process of the same number
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
            files[path.relative_to(folder).as_posix()] = _flushed(path)
    _write_manifest(folder / MANIFEST, files, {})


def write_sealed(folder: Path, files: Mapping[str, bytes], manifest: str, about: Mapping[str, Any]) -> None:
    """Write files into a folder, which is made where it is missing, and their manifest, with `about` in it, last. Raises OSError."""
    make_folder(folder)
    for name, content in files.items():
        write_file(folder / name, content)
    entries = {name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in sorted(files.items())}
    _write_manifest(folder / manifest, entries, about)


def _write_manifest(path: Path, files: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    write_file(path, (json.dumps({**about, "files": files}, ensure_ascii=False, indent=2) + "\n").encode("utf-8"))


def _flushed(path: Path) -> dict[str, int | str]:
    with path.open("r+b") as file:
        os.fsync(file.fileno())
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def read_manifest(folder: Path, manifest: str = MANIFEST) -> dict[str, Any]:
    """The manifest of a sealed folder. Raises ValueError, one sentence on what is wrong, where it is missing or damaged."""
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
    """Whether a file of a manifest is inside its folder; a manifest may come from a stranger."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _is_entry(entry: Any) -> bool:
    """Whether it is the size and hash of a file, or its hash alone, as older manifests have it."""
    size, sha256 = (entry.get("bytes"), entry.get("sha256")) if isinstance(entry, dict) else (0, entry)
    return type(size) is int and size >= 0 and isinstance(sha256, str) and re.fullmatch("[0-9a-f]{64}", sha256) is not None


def damage(folder: Path, manifest: str = MANIFEST) -> str | None:
    """What is wrong with a sealed folder, in one sentence; None where it is as it was written. Reads every byte."""
    try:
        files = read_manifest(folder, manifest)["files"]
    except ValueError as error:
        return str(error)
    for name, entry in files.items():
        size, sha256 = (entry["bytes"], entry["sha256"]) if isinstance(entry, dict) else (None, entry)
        if (wrong := _file_damage(folder / name, size, sha256)) is not None:
            return wrong
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
