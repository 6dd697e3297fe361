"""Align the rows of several runs by their content."""

from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import numpy as np

from ...datasets.arrays import IntArray
from ...errors import DataError
from ...storage import parse_json, read_file
from ...tasks.scoring.row_scores import Keys, RowScores, hashes

SHOWN_CHARACTERS = 60


def align(scores: Sequence[RowScores], names: Sequence[str]) -> list[RowScores]:
    """Put the rows of every run in the order of the first run, with label ids from one list, the first run's labels first.

    Rows match if text and gold answer are equal; duplicates match in order. Raises DataError, which names the first difference, if
    tasks, test sets or gold answers differ. A label that only some runs know, and that no row has, is not a difference: a run with fewer
    training examples may have seen fewer labels.
    """
    first = scores[0]
    labels = tuple(dict.fromkeys(label for each in scores for label in each.labels))
    order = _order(first)
    aligned = [first.with_labels(labels)]
    for other, name in zip(scores[1:], names[1:], strict=True):
        places = np.empty(len(order), dtype=np.int64)
        _check(first, other, names[0], name)
        places[order] = _order(other)
        aligned.append(other.take(places).with_labels(labels))
    return aligned


def _order(scores: RowScores) -> IntArray:
    """(rows,): the rows sorted by text, then by gold answer, then by position."""
    return np.lexsort((scores.answers, scores.keys))


def _check(a: RowScores, b: RowScores, name_a: str, name_b: str) -> None:
    if a.task != b.task:
        raise DataError(f"{name_a} is a run of the task {a.task} and {name_b} of {b.task}, so their predictions cannot be compared.")
    if np.array_equal(a.keys, b.keys) and np.array_equal(a.answers, b.answers):
        return
    for one, other, its_name, other_name in ((a, b, name_a, name_b), (b, a, name_b, name_a)):
        if (row := _first_missing(one.keys, other.keys)) is not None:
            raise DataError(f"The test sets differ: {name_a} has {len(a):,} rows and {name_b} {len(b):,}, and row {row + 1:,} of {its_name}"
                            f"{_shown(one, row, 'text')} is not in {other_name}. Evaluate both on the same split of the same data, read "
                            f"the same way (`nlp eval`).{_blocks(a)}")
    order_a, order_b = _order(a), _order(b)
    if len(rows := np.flatnonzero(a.answers[order_a] != b.answers[order_b])):
        place = rows[np.argmin(order_a[rows])]
        _refuse_answers(a, b, name_a, name_b, int(order_a[place]), int(order_b[place]))


def _refuse_answers(a: RowScores, b: RowScores, name_a: str, name_b: str, row_a: int, row_b: int) -> NoReturn:
    differ = set(a.labels) != set(b.labels)
    labels = f" The labels of {name_a} are {_some(a.labels)}, those of {name_b} {_some(b.labels)}." if differ else ""
    raise DataError(f"The gold answers differ: row {row_a + 1:,} of {name_a}{_shown(a, row_a, 'text')} has a different answer"
                    f"{_shown(a, row_a, 'label')} than row {row_b + 1:,} of {name_b}{_shown(b, row_b, 'label')}.{labels} "
                    "Evaluate both on the same data with the same names of labels (`nlp eval`).")


def _first_missing(keys: Keys, others: Keys) -> int | None:
    """The first row of `keys` that is missing from `others`, counting duplicates; None if none is."""
    order = np.argsort(keys, kind="stable")
    ordered, others = keys[order], np.sort(others)
    number = np.arange(len(keys)) - np.searchsorted(ordered, ordered)  # how many equal keys come before it
    times = np.searchsorted(others, ordered, side="right") - np.searchsorted(others, ordered)
    missing = order[number >= times]
    return int(missing.min()) if len(missing) else None


def _shown(scores: RowScores, row: int, field: str) -> str:
    """A row's text or gold answer in brackets, if it is known."""
    if field == "label" and (name := dict(zip(hashes(scores.labels).tolist(), scores.labels, strict=True)).get(scores.answers[row].item())):
        return f" ({name!r})"
    with suppress(OSError, ValueError, IndexError, KeyError, TypeError, AttributeError):
        line = read_file(scores.lines).split(b"\n")[row]  # pyright: ignore[reportArgumentType]
        return f" ({str(parse_json(line)[field])[:SHOWN_CHARACTERS]!r})"
    return ""


def _some(labels: Sequence[str]) -> str:
    return ", ".join(labels[:6]) + (", ..." if len(labels) > 6 else "") if labels else "none"


def _blocks(scores: RowScores) -> str:
    return (" A row of a language model is a block of text, so runs compare only with the same tokenizer and task.block_size."
            if scores.task == "language_modeling" else "")
