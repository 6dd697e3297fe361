"""Cache entries that are created once, by whichever process comes first, and never changed.

    <root>/<name>/        an entry: its files and their manifest; written to a temporary folder, then renamed once
    <root>/<name>.lock    held while the entry is being created, so that others wait for it instead of creating it again

Entries are complete because of the rename alone; a lock that is ignored costs time and nothing else.
If the folder is full or not writable, entries are computed each time, and a notice reports it.
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
"""Seconds between two checks of a lock."""
STALE = 1_800.0
"""Seconds after which a lock is ignored, even if its process cannot be checked."""
UNNAMED = 2.0
"""Seconds after which a lock without a process id is ignored: its process was killed between creating and writing the file."""

Made = TypeVar("Made")


class CacheEntries:
    """A folder of entries. `made` names those that were missing, `notices` reports problems.

    Without a folder everything is computed each time.
    """

    def __init__(self, root: Path | None) -> None:
        self.made, self.notices = list[str](), list[str]()
        self.folder = None if root is None else Path(os.path.realpath(root))

    @property
    def root(self) -> Path:
        assert self.folder is not None
        return self.folder

    def get(self, name: str, make: Callable[[], Made], write: Callable[[Made, Path], object], read: Callable[[Path], Made]) -> Made:
        """The entry, read from disk; created and written if it is missing or damaged.

        `write` fills a folder, `read` raises OSError, RunError or ValueError if the folder does not contain what was written.
        """
        if self.folder is None:
            self.made.append(name)
            self._notice("This user has no home folder for a cache, so every run encodes its texts again. Set NLP_CACHE to a folder.")
            return make()
        entry = self._read(name, read)
        if entry is not None:
            return entry
        with self._lock(name):
            entry = self._read(name, read)
            if entry is not None:
                return entry
            with suppress(OSError):
                remove(self.root / name)  # damaged, and no other process replaces it while this one holds the lock
            created = make()
            self.made.append(name)
            try:
                self._write(name, created, write)
            except OSError as error:
                self._report_failure(error)
                return created
            return self._read(name, read) or created

    def _read(self, name: str, read: Callable[[Path], Made]) -> Made | None:
        """The entry, or None if it is missing or damaged."""
        folder = self.root / name
        try:
            return None if damage(folder) is not None else read(folder)
        except (OSError, RunError, ValueError):
            return None

    def _write(self, name: str, created: Made, write: Callable[[Made, Path], object]) -> None:
        self._sweep()
        write_folder(self.root / name, lambda folder: write(created, folder))

    def _sweep(self) -> None:
        """Delete unfinished folders of killed processes."""
        for leftover in self.root.glob(".*.tmp-*"):
            with suppress(OSError):
                if _is_old(leftover, STALE):
                    remove(leftover)

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        """Wait until no other process is creating the entry. There is no lock if the folder is not writable."""
        lock = self.root / f"{name}.lock"
        held = False
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            while not (held := _acquire(lock)):
                if _is_stale(lock):
                    remove(lock)
                else:
                    time.sleep(PAUSE)
        except OSError as error:
            self._report_failure(error)
        try:
            yield
        finally:
            if held:
                with suppress(OSError):
                    lock.unlink(missing_ok=True)

    def _report_failure(self, error: OSError) -> None:
        self._notice(f"The cache in {self.root} cannot be written ({error.strerror or error}), so every run encodes its texts again. "
                     "Free some space, or set NLP_CACHE to another folder.")

    def _notice(self, text: str) -> None:
        """Keep the first notice only; others would repeat it."""
        if not self.notices:
            self.notices.append(text)


def _acquire(lock: Path) -> bool:
    """Try to take the lock; returns whether this process now holds it."""
    try:
        with lock.open("x", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {socket.gethostname()}")
        return True
    except FileExistsError:
        return False


def _is_stale(lock: Path) -> bool:
    """Whether the process that took the lock is gone, or has held it for too long; or the file is not a lock."""
    try:
        content = b"" if lock.is_symlink() else read_file(lock)
        if _is_old(lock, STALE if content else UNNAMED):
            return True
        process, _, host = content.decode("utf-8", "replace").partition(" ")
    except FileNotFoundError:
        return False
    except OSError:
        return True
    is_checkable = os.name != "nt" and host == socket.gethostname() and re.fullmatch("[0-9]{1,9}", process) is not None
    return is_checkable and not _is_alive(int(process))


def _is_old(path: Path, seconds: float) -> bool:
    """Whether it was last changed more than this many seconds ago, or as far in the future."""
    return abs(time.time() - path.lstat().st_mtime) > seconds


def _is_alive(process: int) -> bool:
    """Whether another process has this id; in a container, a killed process may have had the id of this one."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
