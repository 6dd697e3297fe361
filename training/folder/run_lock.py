"""A lock that lets only one process train a run. The operating system releases it when a process is killed."""

import errno
import os
import re
import socket
import stat
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Self

from ...errors import RunError, TakenError
from ...storage import refuse_links
from .files import disk_errors

_HELD: set[Path] = set()
"""Locks of this process: the system would let it lock twice, and release the lock when any handle to the file is closed."""

_NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
_FAR = 1 << 40
"""The offset of the byte that Windows locks, beyond the content: others cannot read locked bytes, but must read who holds the lock."""


class RunLock:
    """An exclusive lock on a run: `with RunLock(path, "names/lstm/monday"):`. Raises TakenError if another process holds it."""

    def __init__(self, path: Path, what: str) -> None:
        self.path, self.what = path, what
        self.file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        if self.path in _HELD:
            raise RunError(f"{self.what} is already being trained by this process.")
        with disk_errors(self.path):
            file = _opened(self.path)
        if not _lock(file, exclusive=True):
            holder = _holder(file)
            file.close()
            raise TakenError(f"{self.what} is being trained by {holder}, and two processes would corrupt it. "
                           "Wait until that one ends, or stop it, and try again.")
        if os.fstat(file.fileno()).st_nlink == 1:  # do not overwrite a hard-linked file elsewhere
            file.truncate()
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            file.flush()
        self.file = file
        _HELD.add(self.path)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.file is not None
        self.file.close()
        _HELD.discard(self.path)


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock. An unreadable file counts as free."""
    if path in _HELD:
        return True
    try:
        with path.open("rb") if path.is_file() else nullcontext() as file:
            return file is not None and not _lock(file, exclusive=False)
    except OSError:
        return False


def _opened(path: Path) -> IO[bytes]:
    """Open the lock file, creating it if necessary. Raises OSError if the path is not a regular file."""
    refuse_links(path)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a file", str(path))
    return os.fdopen(descriptor, "r+b")


def _holder(file: IO[bytes]) -> str:
    """The lock's holder according to the file."""
    text = file.read(300).decode("utf-8", "replace").strip()
    return text if re.fullmatch(r"process \d+ on [\w.-]+", text) else "another process"


def _lock(file: IO[bytes], exclusive: bool) -> bool:
    """Try to lock without waiting. True on file systems without locks, where nothing better can be done."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(_FAR)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            file.seek(0)
        else:
            import fcntl

            fcntl.lockf(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _NO_LOCKS_HERE
    return True
