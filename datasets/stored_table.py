"""Tables whose texts stay on disk, for files larger than memory: read a block of rows at a time, and kept beside encoded texts."""

import hashlib
import json
import os
import sys
import weakref
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from ..configs.schema.saved import checked
from ..errors import DataError
from ..storage import parse_json
from .arrays import IntArray
from .encoded.cache import cache_root, mapped_array
from .encoded.cache_entries import CacheEntries
from .encoded.growing_array import GrowingArray
from .files import digest_of
from .formats.file_format import Form
from .formats.streamed import streamed_tables
from .tables import Table

Normalize = Callable[[Iterable[str]], Iterable[str]]

FORMAT = 1
"""Raised when what is kept changes, or how it is made."""


class Content:
    """The bytes of a file, which may be deleted meanwhile. Plain reads, since the pages of a memory map would pile up in memory."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def __len__(self) -> int:
        return os.fstat(self._file).st_size

    def read(self, start: int, end: int) -> bytes:
        """The bytes between two places."""
        return os.pread(self._file, end - start, start)


class StoredTexts(Sequence[str]):
    """Texts end to end in UTF-8, of which number i is `content[ends[i]:ends[i + 1]]`, ends (n_texts + 1,) int64; or those at `rows`."""

    def __init__(self, content: Content, ends: IntArray, rows: IntArray | None = None) -> None:
        self.content, self.ends, self.rows = content, ends, rows

    def __len__(self) -> int:
        return len(self.ends) - 1 if self.rows is None else len(self.rows)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        place = range(len(self))[place]
        row = place if self.rows is None else self.rows[place]
        return self.content.read(int(self.ends[row]), int(self.ends[row + 1])).decode("utf-8")

    def taken(self, rows: IntArray) -> "StoredTexts":
        """The texts at these places, which stay where they are."""
        return StoredTexts(self.content, self.ends, rows if self.rows is None else self.rows[rows])


class StoredTable(Table):
    """A table with columns on disk, whose parts stay there too."""

    def taken(self, rows: Sequence[int] | IntArray) -> Table:
        """The rows at these places, in this order."""
        places = np.asarray(rows, dtype=np.int64)
        columns: dict[str, Sequence[str]] = {}
        for name, values in self.columns.items():
            columns[name] = values.taken(places) if isinstance(values, StoredTexts) else [values[int(row)] for row in places]
        return StoredTable(columns, self.source, np.asarray(self.lines)[places])


@dataclass(frozen=True)
class _Blocks:
    """A file that is read while it is written."""

    path: str
    form: Form
    wanted: Sequence[str]
    normalize: Normalize

    def __iter__(self) -> Generator[Table, None, None]:
        for table in streamed_tables(self.path, self.form, self.wanted):
            yield Table({name: list(self.normalize(texts)) for name, texts in table.columns.items()}, table.source, table.lines)


def read_stored(path: str, form: Form, wanted: Sequence[str], normalize: Normalize, normalization: str) -> tuple[Table, str]:
    """A CSV, TSV or JSONL file as a table on disk, and the SHA-256 of its unpacked content.

    Raises DataError as `read_table` does, and where there is no folder that the texts could be kept in.
    """
    digest, root = digest_of(Path(path).expanduser()), cache_root()
    parts = (FORMAT, sys.version_info[:2], digest, form, list(wanted), normalization)  # Python has its own version of Unicode
    key = hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:40]
    entries = CacheEntries(root)

    def read(folder: Path) -> Table | _Blocks:
        return _read(folder, path)

    found = entries.get(f"table-{key}", lambda: _Blocks(path, form, wanted, normalize), _write, read)
    if isinstance(found, Table):
        return found, digest
    raise DataError(f"data.on_disk keeps the texts of {path} in the cache, which is not possible: {' '.join(entries.notices)}")


def _write(made: "Table | _Blocks", folder: Path) -> None:
    """Column by column: its name, its texts, and where each of them ends."""
    assert isinstance(made, _Blocks), "only what is read is written"
    columns: dict[str, _Column] = {}
    with ExitStack() as stack:
        lines = stack.enter_context(GrowingArray(folder / "lines.npy", np.int64))
        for block in stack.enter_context(closing(iter(made))):
            columns = columns or {name: _Column(folder, place, stack) for place, name in enumerate(block.columns)}
            for name, texts in block.columns.items():
                columns[name].append(texts)
            lines.append(np.asarray(block.lines, dtype=np.int64))
    (folder / "names.json").write_text(json.dumps(list(columns)), encoding="utf-8")


class _Column:
    """The two files of a column that is being written."""

    def __init__(self, folder: Path, place: int, stack: ExitStack) -> None:
        self.texts = stack.enter_context((folder / f"texts-{place}").open("wb"))
        self.ends = stack.enter_context(GrowingArray(folder / f"ends-{place}.npy", np.int64))
        self.ends.append(np.zeros(1, np.int64))

    def append(self, texts: Sequence[str]) -> None:
        encoded = [text.encode("utf-8") for text in texts]
        self.ends.append(self.texts.tell() + np.cumsum(list(map(len, encoded)), dtype=np.int64))
        self.texts.writelines(encoded)


def _read(folder: Path, source: str) -> Table:
    names = checked(list[str], parse_json((folder / "names.json").read_bytes()))
    texts = {name: StoredTexts(Content(folder / f"texts-{place}"), mapped_array(folder / f"ends-{place}.npy", np.int64))
             for place, name in enumerate(names)}
    lines = mapped_array(folder / "lines.npy", np.int64)
    if any(len(each) != len(lines) or each.ends[-1] != len(each.content) for each in texts.values()):
        raise ValueError("the columns have different lengths")
    return StoredTable(texts, source, lines)
