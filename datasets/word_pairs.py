"""Pairs of words with a judgement of how similar they are, as WordSim-353 and SimLex-999 have them."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from .arrays import FloatArray


class WordPairs(NamedTuple):
    """(pairs,) of each: the two words, and the judgement, higher for more similar words."""

    first: list[str]
    second: list[str]
    scores: FloatArray


def read_word_pairs(path: Path) -> WordPairs:
    """The pairs of a file with a word, a word and a number in each line, between tabs or, in a .csv, commas.

    Lines that begin with # are left out, and so is a heading. Raises DataError for another kind of file.
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
                raise DataError(f"{path}:{number}: expected a word, a word and a number, between tabs or in a .csv commas, and found "
                                f"{len(row)} column{'s' if len(row) != 1 else ''}: {' | '.join(row)[:100]!r}.") from None
    if not pairs or not np.isfinite(scores := np.array([score for *_, score in pairs])).all():
        raise DataError(f"{path} has no pair of words, or a judgement that is not finite; each line is a word, a word and a number.")
    return WordPairs([first for first, *_ in pairs], [second for _, second, _ in pairs], scores)
