"""Word pairs with human similarity ratings, as in WordSim-353 and SimLex-999."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from .arrays import FloatArray


class WordPairs(NamedTuple):
    """Three columns (pairs,): the two words, and the similarity rating, higher for more similar words."""

    first: list[str]
    second: list[str]
    scores: FloatArray


def read_word_pairs(path: Path) -> WordPairs:
    """The pairs of a file whose lines hold two words and a number, separated by tabs or, in a .csv file, by commas.

    Lines that start with # and a header line are skipped. Raises DataError for any other file.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"task.similarity: {path} cannot be read as UTF-8 text: {getattr(error, 'strerror', None) or error}.") from None
    pairs: list[tuple[str, str, float]] = []
    rows = csv.reader(lines, delimiter="," if path.suffix.lower() == ".csv" else "\t")
    for number, row in enumerate(rows, 1):
        if not row or row[0].startswith("#"):
            continue
        try:
            first, second, score = (cell.strip() for cell in row)
            pairs.append((first, second, float(score)))
        except ValueError:
            if pairs or len(row) != 3:
                raise DataError(f"{path}:{number}: expected two words and a number, separated by tabs or, in a .csv, by commas; found "
                                f"{len(row)} column{'s' if len(row) != 1 else ''}: {' | '.join(row)[:100]!r}.") from None
    if not pairs or not np.isfinite(scores := np.array([score for *_, score in pairs])).all():
        raise DataError(f"{path} has no word pairs, or a rating that is not finite; each line must be two words and a number.")
    return WordPairs([first for first, *_ in pairs], [second for _, second, _ in pairs], scores)
