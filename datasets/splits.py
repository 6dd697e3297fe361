"""Assigns rows to splits by the hash of their content or at random, and cuts one long text into splits."""

import hashlib
import re
from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import DataError
from .arrays import IntArray
from .tables import Table

_TENTHS = {8: "validation", 9: "test"}
_WORD_AND_SPACE = re.compile(r"\S+\s?")


def split_by_content(table: Table, column: str) -> Mapping[str, Table]:
    """80% train, 10% validation and 10% test, by the SHA-256 of the text in `column`.

    A row keeps its split when others are added or removed, and equal texts are always in the same split.
    """
    rows: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for row, text in enumerate(table.columns[column]):
        rows[content_split(text)].append(row)
    return {name: table.taken(split_rows) for name, split_rows in rows.items()}


def content_split(text: str) -> str:
    """The split of a text, which depends on the text alone."""
    tenth = int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big") % 10
    return _TENTHS.get(tenth, "train")


def cut_validation(train: Table, share: float, seed: int) -> tuple[Table, Table]:
    """The training rows without a random validation split, and the validation rows; both keep the file's order.

    Each side has at least one row; raises DataError if there is only one row.
    """
    n_rows = len(train)
    if n_rows < 2:
        raise DataError(f"{train.source} holds {n_rows} example, too few to take a validation split from. Add more examples.")
    n_held_out = min(max(1, round(n_rows * share)), n_rows - 1)
    held_out = np.zeros(n_rows, dtype=bool)
    held_out[np.random.default_rng(seed).permutation(n_rows)[:n_held_out]] = True
    return train.taken(np.flatnonzero(~held_out)), train.taken(np.flatnonzero(held_out))


def cut_fold(table: Table, folds: int, number: int) -> tuple[Table, Table]:
    """The rows outside and inside one of `folds` equal random parts; both keep the file's order.

    The numbers 0 to `folds` - 1 are the parts of one random partition, the next `folds` numbers those of another, and so on.
    Raises DataError if there are too few rows.
    """
    if len(table) < folds + 2:
        raise DataError(f"{table.source} has {len(table)} example{'s' * (len(table) != 1)}, too few for data.folds: {folds}. Add more, or "
                        "use fewer folds.")
    partition, part = divmod(number, folds)
    rows = np.random.default_rng((partition, folds)).permutation(len(table))
    test = np.sort(rows[part::folds]).tolist()
    return table.without(test), table.taken(test)


def train_part(train: Table, strata: Sequence[str] | None, size: float | int, seed: int) -> Table:
    """A share of the rows (float) or a number of rows (int), at least one and at most all of them, in the file's order.

    Rows are added in an order that depends on the seed alone, so a smaller part is a subset of a larger one. With `strata` (rows,) each
    stratum keeps its share in any part: its rows, shuffled, are spread evenly over the order from a random start (systematic sampling).
    For one long text the part is its beginning; raises DataError if `size` is a number of rows.
    """
    n_rows = len(train)
    if n_rows == 1:
        return _beginning(train, size)
    wanted = max(1, round(n_rows * size)) if isinstance(size, float) else min(size, n_rows)
    return train if wanted == n_rows else train.taken(np.sort(_sampling_order(n_rows, strata, seed)[:wanted]))


def _sampling_order(n_rows: int, strata: Sequence[str] | None, seed: int) -> IntArray:
    generator = np.random.default_rng((seed, n_rows))  # independent of the stream for the validation split
    shuffled = generator.permutation(n_rows)
    if strata is None:
        return shuffled
    by_stratum: dict[str, list[int]] = {}
    for row in map(int, shuffled):
        by_stratum.setdefault(strata[row], []).append(row)
    positions = np.empty(n_rows)
    for name in sorted(by_stratum):
        rows = by_stratum[name]
        positions[rows] = (generator.random() + np.arange(len(rows))) / len(rows)
    return np.argsort(positions, kind="stable")


def _beginning(train: Table, size: float | int) -> Table:
    if isinstance(size, int):
        raise DataError(f"{train.source} is one text, and data.train_rows counts examples. Set data.train_share instead.")
    n_characters = min(len(values[0]) for values in train.columns.values())
    return _piece(train, 0, max(1, int(n_characters * size)))


def cut_end(train: Table, share: float) -> tuple[Table, Table]:
    """A table of one long text, cut before the last `share` of its characters: both parts.

    Each part has at least one character; raises DataError if there is only one.
    """
    n_characters = min(len(values[0]) for values in train.columns.values())
    if n_characters < 2:
        raise DataError(f"{train.source} holds {n_characters} character, too few to take a validation split from. Add more text.")
    kept = min(max(1, int(n_characters * (1 - share))), n_characters - 1)
    return _piece(train, 0, kept), _piece(train, kept, n_characters)


def split_at_words(table: Table, column: str, n_train: int, n_validation: int) -> Mapping[str, Table]:
    """One long text, cut after the given numbers of words, possibly within a sentence; test is the rest.

    A split ends with the white space after its last word, so that the three splits joined are the whole text.
    """
    text = table.columns[column][0]
    ends = [match.end() for match in _WORD_AND_SPACE.finditer(text)]
    cuts = [0, *(ends[min(n_words, len(ends)) - 1] for n_words in (n_train, n_train + n_validation)), len(text)]
    names = ("train", "validation", "test")
    return {name: _piece(table, start, end) for name, start, end in zip(names, cuts, cuts[1:], strict=False)}


def _piece(table: Table, start: int, end: int) -> Table:
    """The characters from `start` to `end` of each column's only text, with the number of their first line."""
    columns = {name: [values[0][start:end]] for name, values in table.columns.items()}
    text = next(iter(table.columns.values()))[0]
    return Table(columns, table.source, None if table.lines is None else [table.lines[0] + text.count("\n", 0, start)])
