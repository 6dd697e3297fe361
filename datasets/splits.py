"""How rows are dealt out to splits, by the hash of their content or by a seed; and how one long text is cut into splits."""

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
    """Eight tenths train, one validation, one test, by the SHA-256 of the text in `column`.

    A row keeps its split when others are added or removed, and equal texts never part.
    """
    rows: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for row, text in enumerate(table.columns[column]):
        rows[content_split(text)].append(row)
    return {name: table.taken(places) for name, places in rows.items()}


def content_split(text: str) -> str:
    """The split that this text belongs to, whatever its row."""
    tenth = int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big") % 10
    return _TENTHS.get(tenth, "train")


def cut_validation(train: Table, share: float, seed: int) -> tuple[Table, Table]:
    """The training rows without, and those of, a validation split drawn at random; both keep the file's order.

    At least one row goes to each side; DataError where there is only one row.
    """
    n_rows = len(train)
    if n_rows < 2:
        raise DataError(f"{train.source} holds {n_rows} example, too few to take a validation split from. Add more examples.")
    n_held_out = min(max(1, round(n_rows * share)), n_rows - 1)
    held_out = np.zeros(n_rows, dtype=bool)
    held_out[np.random.default_rng(seed).permutation(n_rows)[:n_held_out]] = True
    return train.taken(np.flatnonzero(~held_out)), train.taken(np.flatnonzero(held_out))


def cut_fold(table: Table, folds: int, number: int) -> tuple[Table, Table]:
    """The rows without, and those of, one of so many equal parts, dealt out at random; both keep the file's order.

    The numbers 0 to `folds` - 1 are the parts of one deal, which have every row once, the next `folds` numbers those of another.
    DataError where there are fewer rows than parts.
    """
    if len(table) < folds + 2:
        raise DataError(f"{table.source} has {len(table)} example{'s' * (len(table) != 1)}, too few for data.folds: {folds}. Add more, or "
                        "take fewer folds.")
    deal, part = divmod(number, folds)
    rows = np.random.default_rng((deal, folds)).permutation(len(table))
    test = np.sort(rows[part::folds]).tolist()
    return table.without(test), table.taken(test)


def train_part(train: Table, strata: Sequence[str] | None, size: float | int, seed: int) -> Table:
    """A share of the rows (a float), or so many of them (an int), in the file's order; at least one, and all where there are no more.

    The rows join in an order that depends on the seed alone, so that a smaller part lies inside a larger one. With `strata` (rows,) each
    stratum has its share of any part: its rows, shuffled, are spread evenly over the order from a random start (systematic sampling).
    Of one long text the part is its beginning; DataError where a number of rows is given.
    """
    n_rows = len(train)
    if n_rows == 1:
        return _beginning(train, size)
    wanted = max(1, round(n_rows * size)) if isinstance(size, float) else min(size, n_rows)
    return train if wanted == n_rows else train.taken(np.sort(_joining_order(n_rows, strata, seed)[:wanted]))


def _joining_order(n_rows: int, strata: Sequence[str] | None, seed: int) -> IntArray:
    generator = np.random.default_rng((seed, n_rows))  # another stream than that of the validation split
    shuffled = generator.permutation(n_rows)
    if strata is None:
        return shuffled
    places: dict[str, list[int]] = {}
    for row in map(int, shuffled):
        places.setdefault(strata[row], []).append(row)
    moments = np.empty(n_rows)
    for name in sorted(places):
        moments[places[name]] = (generator.random() + np.arange(len(places[name]))) / len(places[name])
    return np.argsort(moments, kind="stable")


def _beginning(train: Table, size: float | int) -> Table:
    if isinstance(size, int):
        raise DataError(f"{train.source} is one text, and data.train_rows counts examples. Set data.train_share instead.")
    n_characters = min(len(values[0]) for values in train.columns.values())
    return _piece(train, 0, max(1, int(n_characters * size)))


def cut_end(train: Table, share: float) -> tuple[Table, Table]:
    """A table of one long text without, and with nothing but, the last `share` of the text's characters.

    At least one character goes to each side; DataError where there is only one.
    """
    n_characters = min(len(values[0]) for values in train.columns.values())
    if n_characters < 2:
        raise DataError(f"{train.source} holds {n_characters} character, too few to take a validation split from. Add more text.")
    kept = min(max(1, int(n_characters * (1 - share))), n_characters - 1)
    return _piece(train, 0, kept), _piece(train, kept, n_characters)


def split_at_words(table: Table, column: str, n_train: int, n_validation: int) -> Mapping[str, Table]:
    """One long text cut after the given numbers of words, in its order, possibly in the middle of a sentence; test is the rest.

    The white space behind a split's last word is its end, so that the three splits one after another are the text.
    """
    text = table.columns[column][0]
    ends = [match.end() for match in _WORD_AND_SPACE.finditer(text)]
    places = [0, *(ends[min(n_words, len(ends)) - 1] for n_words in (n_train, n_train + n_validation)), len(text)]
    names = ("train", "validation", "test")
    return {name: _piece(table, start, end) for name, start, end in zip(names, places, places[1:], strict=False)}


def _piece(table: Table, start: int, end: int) -> Table:
    """The characters from `start` to `end` of each column's one text, with the line that they start in."""
    columns = {name: [values[0][start:end]] for name, values in table.columns.items()}
    text = next(iter(table.columns.values()))[0]
    return Table(columns, table.source, None if table.lines is None else [table.lines[0] + text.count("\n", 0, start)])
