"""Entries of the cache that are made once, by whichever process comes first, and never changed.

    <root>/<name>/        an entry: its files and their manifest; written beside it, then renamed once
    <root>/<name>.lock    held while the entry is being made, so that others wait for it instead of making it again

Entries are complete because of the rename alone; a lock that is ignored costs time and nothing else.
Where the folder is full or not writable, things are made each time, and a notice reports it.
"""

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from ...errors import RunError
from ...storage import damage, read_file, remove, write_folder

PAUSE = 0.05
"""Seconds between two looks at a lock."""
STALE = 1_800.0
"""Seconds after which a lock is ignored, even where its process cannot be checked."""
UNNAMED = 2.0
"""Seconds after which a lock is ignored that names no process: it was killed between making the file and writing its name."""

Made = TypeVar("Made")


class CacheEntries:
    """A folder of entries. `made` names those that were not there, `notices` reports what did not work as it should.

    Without a folder everything is made each time.
    """

    def __init__(self, root: Path | None) -> None:
        self.made, self.notices = list[str](), list[str]()
        self.folder = None if root is None else Path(os.path.realpath(root))

    @property
    def root(self) -> Path:
        assert self.folder is not None
        return self.folder

    def get(self, name: str, make: Callable[[], Made], write: Callable[[Made, Path], object], read: Callable[[Path], Made]) -> Made:
        """The entry, read from disk; made and written where it is missing or damaged.

        `write` fills a folder, `read` raises OSError, RunError or ValueError where it does not find there what was written.
        """
        if self.folder is None:
            self.made.append(name)
            self._notice("This user has no home folder for a cache, so every run encodes its texts again. Set NLP_CACHE to a folder.")
            return make()
        found = self._read(name, read)
        if found is not None:
            return found
        with self._lock(name):
            found = self._read(name, read)
            if found is not None:
                return found
            with suppress(OSError):
                remove(self.root / name)  # damaged, and nobody else renames one into its place now
            made = make()
            self.made.append(name)
            try:
                self._write(name, made, write)
            except OSError as error:
                self._tell(error)
                return made
            return self._read(name, read) or made

    def _read(self, name: str, read: Callable[[Path], Made]) -> Made | None:
        """The entry, or None where it is missing or damaged."""
        folder = self.root / name
        try:
            return None if damage(folder) is not None else read(folder)
        except (OSError, RunError, ValueError):
            return None

    def _write(self, name: str, made: Made, write: Callable[[Made, Path], object]) -> None:
        self._sweep()
        write_folder(self.root / name, lambda folder: write(made, folder))

    def _sweep(self) -> None:
        """Delete what killed processes left half-written."""
        for left in self.root.glob(".*.tmp-*"):
            with suppress(OSError):
                if _is_old(left, STALE):
                    remove(left)

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        """Wait until nobody else makes the entry. Without a lock where the folder cannot be written."""
        lock = self.root / f"{name}.lock"
        held = False
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            while not (held := _taken(lock)):
                if _is_stale(lock):
                    remove(lock)
                else:
                    time.sleep(PAUSE)
        except OSError as error:
            self._tell(error)
        try:
            yield
        finally:
            if held:
                with suppress(OSError):
                    lock.unlink(missing_ok=True)

    def _tell(self, error: OSError) -> None:
        self._notice(f"The cache in {self.root} cannot be written ({error.strerror or error}), so every run encodes its texts again. "
                     "Free some space, or set NLP_CACHE to another folder.")

    def _notice(self, text: str) -> None:
        """The first notice; others would repeat it."""
        if not self.notices:
            self.notices.append(text)


def _taken(lock: Path) -> bool:
    """Whether this process now holds the lock."""
    try:
        with lock.open("x", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {socket.gethostname()}")
        return True
    except FileExistsError:
        return False


def _is_stale(lock: Path) -> bool:
    """Whether the process that took the lock is gone, or has it for so long that it must be; or it is something else than a lock."""
    try:
        content = b"" if lock.is_symlink() else read_file(lock)
        if _is_old(lock, STALE if content else UNNAMED):
            return True
        process, _, host = content.decode("utf-8", "replace").partition(" ")
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return os.name != "nt" and host == socket.gethostname() and re.fullmatch("[0-9]{1,9}", process) is not None and not _lives(int(process))


def _is_old(path: Path, seconds: float) -> bool:
    """Whether it was last changed longer ago, or in a more distant future, than anybody would be at work on it."""
    return abs(time.time() - path.lstat().st_mtime) > seconds


def _lives(process: int) -> bool:
    """Whether another process has this number; in a container, one that was killed may have had that of this process."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
