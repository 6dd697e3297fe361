"""Where named datasets lie on this computer, and the bytes of a file: plain or gzip, checked against a checksum."""

import gzip
import hashlib
import os
import zlib
from pathlib import Path

from ..errors import DataError
from ..storage import cache_folder


def data_folder() -> Path:
    """`NLP_DATA`, or `nlp/data` in the user's cache folder. Raises DataError where there is neither."""
    if given := os.environ.get("NLP_DATA"):
        return Path(given).expanduser()
    if (caches := cache_folder()) is None:
        raise DataError("This user has no home folder for downloaded data. Set NLP_DATA to a writable folder.")
    return caches / "nlp" / "data"


def find_file(path: Path) -> Path | None:
    """The file itself, or its packed copy `path.gz`; None where there is neither."""
    return next((each for each in (path, path.with_name(path.name + ".gz")) if each.is_file()), None)


def read_content(path: Path) -> bytes:
    """All bytes of a file, unpacked where its name ends in .gz.

    Raises DataError for a file that is missing, cannot be read or is damaged.
    """
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.{_neighbours(path)}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is not a complete gzip file: {error}. Download it again, or drop .gz from a plain file.") from None
    except (OSError, ValueError) as error:  # ValueError: a name that holds a NUL
        raise DataError(f"{str(path)!r} cannot be read: {getattr(error, 'strerror', None) or error}. Give a text file.") from None


def _neighbours(path: Path) -> str:
    """What the folder contains instead, as the end of a message."""
    if not path.parent.is_dir():
        return f" The folder {path.parent} does not exist either."
    names = sorted(each.name for each in path.parent.iterdir() if each.is_file())
    return f" The folder holds: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}." if names else " The folder is empty."


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal; always of the unpacked content, so that a file that is compressed again keeps it."""
    return hashlib.sha256(content).hexdigest()


def checksum_as(kind: str, content: bytes) -> str:
    """`kind:hexadecimal` of the content. Kinds: sha256, md5, and git, the id that a Git repository gives to a file's content."""
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
