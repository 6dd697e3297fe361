"""Checks of a dataset before training: label counts, lengths, duplicates and leaks. Problems are reported; no row is removed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from .formats.conll import split_tokens
from .tables import Table

if TYPE_CHECKING:
    from .tokenizers.tokenizer import Tokenizer

_SHOWN = 3


@dataclass(frozen=True)
class Spread:
    """Statistics of the text lengths of a split; each figure is the length of an actual text."""

    minimum: int
    median: int
    p95: int
    maximum: int


@dataclass(frozen=True)
class SplitCheck:
    """Sizes and possible problems of one split.

    `labels` counts each class, or each tag if tokens are tagged; it is empty for texts without either.
    `repeated` counts rows with the text of an earlier row, `contradicting` rows whose text also occurs with another label;
    `unseen_labels` lists the classes that do not occur in train.
    """

    examples: int
    labels: Mapping[str, int]
    characters: Spread
    words: Spread
    empty: int
    repeated: int
    contradicting: int
    unseen_labels: Sequence[str]


@dataclass(frozen=True)
class Leak:
    """Rows of `split` whose exact text also occurs in `other`; `contradicting` of them have a label that the text never has there."""

    split: str
    other: str
    rows: int
    contradicting: int
    places: Sequence[str]


@dataclass(frozen=True)
class TokenCheck:
    """One split after tokenization: tokens per text before truncation, share of truncated texts, share of unknown tokens.

    For n-grams, `unknown` is the share of texts without any known n-gram.
    """

    tokens: Spread
    truncated: float
    unknown: float


def check_splits(splits: Mapping[str, Table], text: str, label: str = "", tagged: bool = False) -> dict[str, SplitCheck]:
    """Checks of each split on its own. `label` is empty if texts have no class; if `tagged`, it holds one tag for each token."""
    known = set(count_labels(splits["train"], label, tagged))
    return {name: _check_split(table, text, label, tagged, known) for name, table in splits.items()}


def _check_split(table: Table, text: str, label: str, tagged: bool, known: set[str]) -> SplitCheck:
    texts, labels = table.columns[text], count_labels(table, label, tagged)
    by_text = _labels_by_text(table, text, label)
    return SplitCheck(
        examples=len(table),
        labels=labels,
        characters=spread(map(len, texts)),
        words=spread(len(split_tokens(row_text) if tagged else row_text.split()) for row_text in texts),
        empty=sum(not row_text.strip() for row_text in texts),
        repeated=len(texts) - len(by_text),
        contradicting=sum(len(by_text[row_text]) > 1 for row_text in texts),
        unseen_labels=sorted(set(labels) - known),
    )


def count_labels(table: Table, label: str, tagged: bool = False) -> dict[str, int]:
    """Counts of each class, or each tag, the most frequent first; empty without a `label`."""
    values = table.columns[label] if label else ()
    return dict(Counter((tag for row in values for tag in split_tokens(row)) if tagged else values).most_common())


def _labels_by_text(table: Table, text: str, label: str) -> dict[str, set[str]]:
    """The labels of each distinct text. Without a label column all have the same empty label, so nothing contradicts."""
    labels: dict[str, set[str]] = {}
    for row_text, row_label in zip(table.columns[text], table.columns[label] if label else repeat(""), strict=False):
        labels.setdefault(row_text, set()).add(row_label)
    return labels


def spread(lengths: Iterable[int]) -> Spread:
    """Minimum, median, 95th percentile and maximum of the lengths; all 0 if there are none."""
    values = np.fromiter(lengths, dtype=np.int64)
    if not len(values):
        return Spread(0, 0, 0, 0)
    return Spread(*(int(value) for value in np.percentile(values, (0, 50, 95, 100), method="nearest")))


def find_leaks(splits: Mapping[str, Table], text: str, label: str = "") -> list[Leak]:
    """Texts that occur in two splits: validation in train, each test split in train, and in train and validation together."""
    train, validation = (_labels_by_text(splits[name], text, label) for name in ("train", "validation"))
    both = {seen: train.get(seen, set()) | validation.get(seen, set()) for seen in (*train, *validation)}
    leaks = [_leak("validation", "train", splits["validation"], train, (text, label))]
    for name in splits:
        if name not in ("train", "validation"):
            leaks.append(_leak(name, "train", splits[name], train, (text, label)))
            leaks.append(_leak(name, "train or validation", splits[name], both, (text, label)))
    return leaks


def _leak(split: str, other: str, table: Table, seen: Mapping[str, set[str]], columns: tuple[str, str]) -> Leak:
    texts, labels = table.columns[columns[0]], table.columns[columns[1]] if columns[1] else None
    rows = [row for row, text in enumerate(texts) if text in seen]
    contradicting = sum(labels[row] not in seen[texts[row]] for row in rows) if labels else 0
    return Leak(split, other, len(rows), contradicting, [table.where(row) for row in rows[:_SHOWN]])


def tokens_as_texts(splits: Mapping[str, Table], text: str) -> dict[str, Table]:
    """Tables with one row for each token of the sentences."""
    return {name: Table({text: [token for row in table.columns[text] for token in split_tokens(row)]}, table.source)
            for name, table in splits.items()}


def check_tokens(splits: Mapping[str, Table], text: str, tokenizer: "Tokenizer", max_length: int | None) -> dict[str, TokenCheck]:
    """Token statistics of each split. The tokenizer must not truncate, so that `max_length` can be judged."""
    checks = {}
    for name, table in splits.items():
        encoded = tokenizer.encode(table.columns[text])
        lengths = encoded.lengths
        truncated = 0.0 if max_length is None else float((lengths > max_length).mean())
        checks[name] = TokenCheck(spread(lengths.tolist()), truncated, tokenizer.unknown_share(encoded))
    return checks
