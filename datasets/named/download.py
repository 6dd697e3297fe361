"""Downloads named datasets: interrupted downloads are resumed, and only content with the right checksum is kept."""

import gzip
import http.client
import io
import os
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from ... import __version__
from ...errors import DataError
from ..files import data_folder, find_file, read_content, same_content
from .catalog import NamedDataset, Source

Progress = Callable[[str, int, int | None], None]
"""Progress callback: a file's name, the bytes downloaded, and the total if the server reports it."""

_TIMEOUT = 30.0
"""Seconds without a byte after which the connection counts as broken."""
_CHUNK = 1 << 16


def get_dataset(named: NamedDataset, force: bool, progress: Progress) -> list[Path]:
    """Download the files that are missing in the data folder, or all with `force`. Returns the files that were written.

    Raises DataError for a URL that does not respond, an interrupted transfer (the next call resumes it), a wrong
    checksum, and a folder that cannot be written.
    """
    folder = data_folder() / named.name
    missing = [source for source in named.sources if force or not _is_here(source, folder, named)]
    if not missing:
        return []
    if named.archive is None:
        return [_get_file(source, folder, force, progress) for source in missing]
    packed = _get_file(named.archive.source, folder, force, progress)
    written = _unpack(named, named.archive.convert(packed.read_bytes()), folder)
    packed.unlink()
    return written


def _is_here(source: Source, folder: Path, named: NamedDataset) -> bool:
    path = find_file(folder / source.path)
    if path is not None and not same_content(read_content(path), source.checksum):
        raise DataError(f"{path} exists, but is not the published file. Replace it with `nlp data get {named.name} --force`.")
    return path is not None


def _get_file(source: Source, folder: Path, afresh: bool, progress: Progress) -> Path:
    """Download into `<path>.part`, check, and rename. A file that the server sends compressed stays compressed, as `<path>.gz`."""
    assert source.url is not None
    target = folder / source.path
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if afresh:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_write(target.parent, error) from None
    _transfer(source.url, part, lambda done, total: progress(source.path, done, total))
    packed = _check(part, source)
    packed_target = target.with_name(target.name + ".gz")
    final, other = (packed_target, target) if packed else (target, packed_target)
    part.replace(final)
    other.unlink(missing_ok=True)
    return final


def _check(part: Path, source: Source) -> bool:
    """Whether the content is compressed. Raises DataError if neither it nor its decompressed content has the checksum."""
    content = part.read_bytes()
    if same_content(content, source.checksum):
        return False
    if content.startswith(b"\x1f\x8b") and same_content(_unpacked(content), source.checksum):
        return True
    part.unlink()
    raise DataError(
        f"The download from {source.url} ({len(content):,} bytes) does not have the checksum {source.checksum}, so it was deleted. Either "
        "the transfer was damaged (try again) or the file has changed at its origin (get it from another source)."
    )


def _unpacked(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return b""


def _unpack(named: NamedDataset, contents: Mapping[str, bytes], folder: Path) -> list[Path]:
    """Write the files created from an archive, each under a temporary name first."""
    for source in named.sources:
        if not same_content(contents[source.path], source.checksum):
            raise DataError(f"{source.path}, created from the archive of {named.name}, does not have the checksum {source.checksum}. "
                            "The archive has changed at its origin.")
    paths = []
    for source in named.sources:
        path = folder / source.path
        part = path.with_name(path.name + ".part")
        with _open(part, "wb") as file:
            _write(file, contents[source.path], part)
            _sync(file, part)
        part.replace(path)
        path.with_name(path.name + ".gz").unlink(missing_ok=True)
        paths.append(path)
    return paths


def _transfer(url: str, part: Path, progress: Callable[[int, int | None], None]) -> None:
    """Download the rest of `part`, after the bytes that it already has."""
    n_present = part.stat().st_size if part.exists() else 0
    try:
        with _request(url, n_present) as response:
            resumed = response.status == http.client.PARTIAL_CONTENT
            start = n_present if resumed else 0
            length = response.headers["Content-Length"]
            total = None if length is None else start + int(length)
            done = _receive(response, part, start, lambda now: progress(now, total))
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and n_present:
            part.unlink()
            _transfer(url, part, progress)
            return
        raise DataError(f"{url} returned {error.code} ({error.reason}). {_BY_HAND}") from None
    except (http.client.HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(f"{url} cannot be fetched: {reason}. The part received so far is kept for the next try. {_BY_HAND}") from None
    if total is not None and done < total:
        raise DataError(f"{url} was interrupted after {done:,} of {total:,} bytes. They are kept; run the command again to resume.")


_BY_HAND = "Check the network and its proxy; or download the file elsewhere and put it into the data folder (NLP_DATA)."


def _request(url: str, start: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": f"nlp-generations/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT)


def _receive(response: http.client.HTTPResponse, part: Path, start: int, progress: Callable[[int], None]) -> int:
    """Write the received bytes after the first `start` bytes; returns the resulting size."""
    done = start
    with _open(part, "ab" if start else "wb") as file:
        while chunk := response.read(_CHUNK):
            _write(file, chunk, part)
            done += len(chunk)
            progress(done)
        _sync(file, part)
    return done


def _open(path: Path, mode: str) -> io.FileIO:
    """Unbuffered, so that a full disk is reported by the write and not by the close."""
    try:
        return io.FileIO(path, mode)
    except OSError as error:
        raise _cannot_write(path, error) from None


def _write(file: io.FileIO, content: bytes, path: Path) -> None:
    left = memoryview(content)
    try:
        while left:
            left = left[file.write(left) or 0:]
    except OSError as error:
        raise _cannot_write(path, error) from None


def _sync(file: io.FileIO, path: Path) -> None:
    try:
        os.fsync(file.fileno())
    except OSError as error:
        raise _cannot_write(path, error) from None


def _cannot_write(path: Path, error: OSError) -> DataError:
    return DataError(f"{path} cannot be written: {error.strerror}. Free some space, or set NLP_DATA to another folder, and run the "
                     "command again; a download in the same folder is resumed.")
