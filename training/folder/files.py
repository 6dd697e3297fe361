"""A run's files: atomic writes, standard JSON that is validated when read, and disk errors in one paragraph."""

import errno
import hashlib
import json
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ... import storage
from ...errors import DeviceError, RunError, UserError
from ...storage import LinkError, write_file

T = TypeVar("T")

REMEDY = "Copy it again from the original folder, or train again."


def write_atomically(path: Path, data: bytes | str | Iterable[bytes]) -> None:
    """Write `data` (text as UTF-8), whole or in parts. Readers see the old file or the new one, never a partial one.

    Raises DeviceError if the disk is full, RunError if the file cannot be written.
    """
    with disk_errors(path):
        write_file(path, data.encode("utf-8") if isinstance(data, str) else data)


def write_json(path: Path, obj: Any) -> None:
    """Write `obj` atomically as JSON; non-finite numbers are written as "nan", "inf" and "-inf"."""
    write_atomically(path, json.dumps(plain(obj), ensure_ascii=False, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Read a file that `write_json` wrote. Raises RunError if it is missing or damaged."""
    try:
        return storage.read_json(path)
    except FileNotFoundError:
        raise RunError(f"{path} is missing. {REMEDY}") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}. {REMEDY}") from error
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}. {REMEDY}") from error


def read_saved(path: Path, kind: type[T]) -> T:
    """Read a JSON file and validate it by a schema. Raises RunError if it is missing, damaged or invalid."""
    return check_saved(path, read_json(path), kind)


def check_saved(path: Path, read: Any, kind: type[T]) -> T:
    """Validate content that was read from `path` by a schema. Raises RunError if it is invalid."""
    from ...configs.schema.saved import checked

    try:
        return checked(kind, read)
    except ValueError as error:
        raise RunError(f"{path} is not in the format that this version of nlp writes: {error}. {REMEDY}") from None


def checksum(about: Mapping[str, Any]) -> str:
    """SHA-256 of the content without its `checksum` key."""
    content = {key: value for key, value in plain(about).items() if key != "checksum"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def plain(value: Any) -> Any:
    """`value` converted to JSON types: mappings, lists, strings, numbers, booleans and null."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else plain(value.tolist())  # numpy's numbers and arrays


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into a UserError that explains in one paragraph why `path` could not be written."""
    try:
        yield
    except OSError as error:
        raise _user_error(error, path) from error


def _user_error(error: OSError, path: Path) -> UserError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DeviceError(f"The disk is full: {path} could not be written ({_free(path)} free). Earlier files are complete. "
                           "Free some space, or set NLP_RUNS to a folder on another disk, and start again.")
    if isinstance(error, LinkError):
        return RunError(f"{error.filename} {error.strerror}, and nlp writes nothing through links inside a run folder, since that would "
                        "change files elsewhere. Remove the link, or replace it with a copy of its target.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return RunError(f"{path} cannot be written: {error.strerror}. "
                        "Make its folder writable, or set NLP_RUNS to a folder that is.")
    return RunError(f"{path} cannot be written: {error.strerror or error}. "
                    "Move away whatever is at that path, or set NLP_RUNS to another folder.")


def _free(path: Path) -> str:
    folder = next((parent for parent in path.parents if parent.is_dir()), Path.cwd())
    return f"{shutil.disk_usage(folder).free / 1e6:,.1f} MB"
