"""Tables whose texts stay on disk, for files larger than memory: read in blocks of rows and stored in the cache of encoded texts."""

import hashlib
import json
import os
import sys
import weakref
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
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
"""Incremented when the stored content, or the way it is computed, changes."""


class Content:
    """The bytes of a file, readable even after it is deleted. Not a memory map, whose pages would accumulate in memory."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def __len__(self) -> int:
        return os.fstat(self._file).st_size

    def read(self, start: int, end: int) -> bytes:
        """The bytes between two offsets."""
        return os.pread(self._file, end - start, start)


class StoredTexts(Sequence[str]):
    """Texts end to end in UTF-8: text i is `content[ends[i]:ends[i + 1]]`, ends (n_texts + 1,) int64. `rows` selects some of them."""

    def __init__(self, content: Content, ends: IntArray, rows: IntArray | None = None) -> None:
        self.content, self.ends, self.rows = content, ends, rows

    def __len__(self) -> int:
        return len(self.ends) - 1 if self.rows is None else len(self.rows)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        row = index if self.rows is None else self.rows[index]
        return self.content.read(int(self.ends[row]), int(self.ends[row + 1])).decode("utf-8")

    def taken(self, rows: IntArray) -> "StoredTexts":
        """A view of the texts at these indices; the content stays on disk."""
        return StoredTexts(self.content, self.ends, rows if self.rows is None else self.rows[rows])


class StoredTable(Table):
    """A table with columns on disk; selections of its rows stay on disk too."""

    def taken(self, rows: Sequence[int] | IntArray) -> Table:
        """The rows at these indices, in this order."""
        indices = np.asarray(rows, dtype=np.int64)
        columns: dict[str, Sequence[str]] = {}
        for name, values in self.columns.items():
            columns[name] = values.taken(indices) if isinstance(values, StoredTexts) else [values[int(row)] for row in indices]
        return StoredTable(columns, self.source, np.asarray(self.lines)[indices])


@dataclass(frozen=True)
class _Blocks:
    """Blocks of rows of a file, read on demand while they are stored."""

    path: str
    form: Form
    wanted: Sequence[str]
    normalize: Normalize

    def __iter__(self) -> Generator[Table, None, None]:
        for table in streamed_tables(self.path, self.form, self.wanted):
            yield Table({name: list(self.normalize(texts)) for name, texts in table.columns.items()}, table.source, table.lines)


def read_stored(path: str, form: Form, wanted: Sequence[str], normalize: Normalize, normalization: str) -> tuple[Table, str]:
    """A CSV, TSV or JSONL file as a table on disk, and the SHA-256 of its decompressed content.

    Raises DataError as `read_table` does, and if there is no folder to store the texts in.
    """
    digest, root = digest_of(Path(path).expanduser()), cache_root()
    settings = replace(form, remedy=None)
    parts = (FORMAT, sys.version_info[:2], digest, settings, list(wanted), normalization)  # each Python version has its own Unicode tables
    key = hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:40]
    entries = CacheEntries(root)

    def read(folder: Path) -> Table | _Blocks:
        return _read(folder, path)

    entry = entries.get(f"table-{key}", lambda: _Blocks(path, form, wanted, normalize), _write, read)
    if isinstance(entry, Table):
        return entry, digest
    raise DataError(f"data.on_disk keeps the texts of {path} in the cache, which is not possible: {' '.join(entries.notices)}")


def _write(blocks: "Table | _Blocks", folder: Path) -> None:
    """Write the names of the columns, and for each column its texts and where each of them ends."""
    assert isinstance(blocks, _Blocks), "only new entries are written"
    columns: dict[str, _Column] = {}
    with ExitStack() as stack:
        lines = stack.enter_context(GrowingArray(folder / "lines.npy", np.int64))
        for block in stack.enter_context(closing(iter(blocks))):
            columns = columns or {name: _Column(folder, number, stack) for number, name in enumerate(block.columns)}
            for name, texts in block.columns.items():
                columns[name].append(texts)
            lines.append(np.asarray(block.lines, dtype=np.int64))
    (folder / "names.json").write_text(json.dumps(list(columns)), encoding="utf-8")


class _Column:
    """The two files of a column that is being written."""

    def __init__(self, folder: Path, number: int, stack: ExitStack) -> None:
        self.texts = stack.enter_context((folder / f"texts-{number}").open("wb"))
        self.ends = stack.enter_context(GrowingArray(folder / f"ends-{number}.npy", np.int64))
        self.ends.append(np.zeros(1, np.int64))

    def append(self, texts: Sequence[str]) -> None:
        encoded = [text.encode("utf-8") for text in texts]
        self.ends.append(self.texts.tell() + np.cumsum(list(map(len, encoded)), dtype=np.int64))
        self.texts.writelines(encoded)


def _read(folder: Path, source: str) -> Table:
    names = checked(list[str], parse_json((folder / "names.json").read_bytes()))
    columns = {name: StoredTexts(Content(folder / f"texts-{number}"), mapped_array(folder / f"ends-{number}.npy", np.int64))
               for number, name in enumerate(names)}
    lines = mapped_array(folder / "lines.npy", np.int64)
    if any(len(texts) != len(lines) or texts.ends[-1] != len(texts.content) for texts in columns.values()):
        raise ValueError("the columns have different lengths")
    return StoredTable(columns, source, lines)
