"""Tables whose texts stay on disk, for files larger than memory: read a block of rows at a time, and kept beside encoded texts."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import SupportsInt, overload

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


class StoredTexts(Sequence[str]):
    """Texts end to end in UTF-8: `content` (n_bytes,) uint8, `ends` (n_texts + 1,) int64, both memory maps; or those at `rows` of them."""

    def __init__(self, content: IntArray, ends: IntArray, rows: IntArray | None = None) -> None:
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
        return self.content[self.ends[row] : self.ends[row + 1]].tobytes().decode("utf-8")

    def taken(self, rows: IntArray) -> "StoredTexts":
        """The texts at these places, which stay where they are."""
        return StoredTexts(self.content, self.ends, rows if self.rows is None else self.rows[rows])


class StoredTable(Table):
    """A table with columns on disk, whose parts stay there too."""

    def taken(self, rows: Iterable[SupportsInt]) -> Table:
        """The rows at these places, in this order."""
        places = rows if isinstance(rows, np.ndarray) else np.array(list(map(int, rows)), dtype=np.int64)
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

    def __iter__(self) -> Iterator[Table]:
        for table in streamed_tables(self.path, self.form, self.wanted):
            yield Table({name: list(self.normalize(texts)) for name, texts in table.columns.items()}, table.source, table.lines)


def read_stored(path: str, form: Form, wanted: Sequence[str], normalize: Normalize, normalization: str) -> tuple[Table, str]:
    """A CSV, TSV or JSONL file as a table on disk, and the SHA-256 of its unpacked content.

    Raises DataError as `read_table` does, and where there is no folder that the texts could be kept in.
    """
    digest, root = digest_of(Path(path).expanduser()), cache_root()
    key = hashlib.sha256(repr((FORMAT, digest, form, list(wanted), normalization)).encode("utf-8", "surrogatepass")).hexdigest()[:40]
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
    names: list[str] = []
    with ExitStack() as stack:
        files: dict[str, GrowingArray] = {}
        for block in made:
            if not files:
                names = list(block.columns)
                files = {f"{kind}-{place}": stack.enter_context(GrowingArray(folder / f"{kind}-{place}.npy", dtype))
                         for place in range(len(names)) for kind, dtype in (("texts", np.uint8), ("ends", np.int64))}
                files["lines"] = stack.enter_context(GrowingArray(folder / "lines.npy", np.int64))
                for place in range(len(names)):
                    files[f"ends-{place}"].append(np.zeros(1, np.int64))
            for place, texts in enumerate(block.columns.values()):
                encoded = [text.encode("utf-8") for text in texts]
                before = files[f"texts-{place}"].length
                files[f"texts-{place}"].append(np.frombuffer(b"".join(encoded), np.uint8))
                files[f"ends-{place}"].append(before + np.cumsum(list(map(len, encoded)), dtype=np.int64))
            files["lines"].append(np.asarray(block.lines, dtype=np.int64))
    (folder / "names.json").write_text(json.dumps(names), encoding="utf-8")


def _read(folder: Path, source: str) -> Table:
    names = checked(list[str], parse_json((folder / "names.json").read_bytes()))
    texts = {name: StoredTexts(mapped_array(folder / f"texts-{place}.npy", np.uint8), mapped_array(folder / f"ends-{place}.npy", np.int64))
             for place, name in enumerate(names)}
    lines = mapped_array(folder / "lines.npy", np.int64)
    if any(len(each) != len(lines) or each.ends[-1] != len(each.content) for each in texts.values()):
        raise ValueError("the columns have different lengths")
    return StoredTable(texts, source, lines)
