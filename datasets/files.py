"""The folder of downloaded datasets, and reading the bytes of a file: plain or gzip, with checksums."""

import codecs
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from ..errors import DataError
from ..storage import cache_folder


def data_folder() -> Path:
    """`NLP_DATA`, or `nlp/data` in the user's cache folder. Raises DataError if there is neither."""
    if given := os.environ.get("NLP_DATA"):
        return Path(given).expanduser()
    if (caches := cache_folder()) is None:
        raise DataError("This user has no home folder for downloaded data. Set NLP_DATA to a writable folder.")
    return caches / "nlp" / "data"


def find_file(path: Path) -> Path | None:
    """The file itself, or its compressed copy `path.gz`; None if neither exists."""
    return next((file for file in (path, path.with_name(path.name + ".gz")) if file.is_file()), None)


def read_content(path: Path) -> bytes:
    """All bytes of a file, decompressed if its name ends in .gz.

    Raises DataError for a file that is missing, cannot be read or is damaged.
    """
    with _readable(path):
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content


def digest_of(path: Path) -> str:
    """The SHA-256 of the same content, computed without loading all of it. Raises DataError as `read_content` does."""
    with _readable(path), _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def opened_text(path: Path, encoding: str, newline: str) -> Iterator[Iterator[str]]:
    """The lines of a text file, plain or gzip, with their line ends and without a byte order mark. Raises DataError."""
    codec = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    try:
        with _readable(path), _opened(path) as file, io.TextIOWrapper(file, encoding=codec, newline=newline) as lines:
            yield lines
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not {encoding.upper()}: it has a byte 0x{error.object[error.start]:02x} that belongs to no character. "
                        "Set `data.encoding` to that of the file, or convert it to UTF-8.") from None


def _opened(path: Path) -> io.BufferedReader:
    return cast(io.BufferedReader, gzip.open(path) if path.suffix == ".gz" else path.open("rb"))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn the errors of reading a file into DataErrors."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.{_neighbours(path)}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is not a complete gzip file: {error}. Download it again, or drop .gz from a plain file.") from None
    except UnicodeDecodeError:  # the content's, not the file's
        raise
    except (OSError, ValueError) as error:  # ValueError: a name that holds a NUL
        raise DataError(f"{str(path)!r} cannot be read: {getattr(error, 'strerror', None) or error}. Give a text file.") from None


def _neighbours(path: Path) -> str:
    """The files that the folder contains instead, as the end of a message."""
    if not path.parent.is_dir():
        return f" The folder {path.parent} does not exist either."
    names = sorted(file.name for file in path.parent.iterdir() if file.is_file())
    return f" The folder holds: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}." if names else " The folder is empty."


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal; callers pass decompressed content, so that compressing a file again does not change it."""
    return hashlib.sha256(content).hexdigest()


def checksum_as(kind: str, content: bytes) -> str:
    """The checksum `kind:hexadecimal` of the content. Kinds: sha256, md5, and git (Git's object id of the content)."""
    match kind:
        case "sha256":
            digest = sha256(content)
        case "md5":
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        case "git":
            digest = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        case _:
            raise ValueError(f"unknown kind of checksum: {kind}")
    return f"{kind}:{digest}"


def same_content(content: bytes, checksum: str) -> bool:
    """Whether the content has this checksum, `kind:hexadecimal`."""
    return checksum_as(checksum.partition(":")[0], content) == checksum
