"""What is worth knowing of a dataset before training on it. Everything is reported; nothing is removed."""

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
    """Lengths of the texts of a split; each figure is the length of some text."""

    minimum: int
    median: int
    p95: int
    maximum: int


@dataclass(frozen=True)
class SplitCheck:
    """One split: sizes, and what may be wrong with it.

    `labels` counts each class, or each tag where every token has one; it is empty for texts without either.
    `repeated` counts rows whose text an earlier row has, `contradicting` rows whose text another row has under another label,
    `unseen_labels` the classes that train does not have.
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
    """Rows of `split` whose exact text occurs in `other` too; `contradicting` of them have a label that it does not have there."""

    split: str
    other: str
    rows: int
    contradicting: int
    places: Sequence[str]


@dataclass(frozen=True)
class TokenCheck:
    """One split as the tokenizer sees it: tokens of a text before cutting, share of texts cut, share of unknown tokens.

    For n-grams, `unknown` is the share of texts in which no n-gram is known.
    """

    tokens: Spread
    truncated: float
    unknown: float


def check_splits(splits: Mapping[str, Table], text: str, label: str = "", tagged: bool = False) -> dict[str, SplitCheck]:
    """Each split by itself. `label` is empty where texts have no class; where `tagged` it holds one tag for each token of the text."""
    known = set(count_labels(splits["train"], label, tagged))
    return {name: _check_split(table, text, label, tagged, known) for name, table in splits.items()}


def _check_split(table: Table, text: str, label: str, tagged: bool, known: set[str]) -> SplitCheck:
    texts, labels = table.columns[text], count_labels(table, label, tagged)
    by_text = _labels_by_text(table, text, label)
    return SplitCheck(
        examples=len(table),
        labels=labels,
        characters=spread(map(len, texts)),
        words=spread(len(split_tokens(each) if tagged else each.split()) for each in texts),
        empty=sum(not each.strip() for each in texts),
        repeated=len(texts) - len(by_text),
        contradicting=sum(len(by_text[each]) > 1 for each in texts),
        unseen_labels=sorted(set(labels) - known),
    )


def count_labels(table: Table, label: str, tagged: bool = False) -> dict[str, int]:
    """How often each class, or each tag, occurs, the most frequent first; nothing where there is no `label`."""
    values = table.columns[label] if label else ()
    return dict(Counter((tag for row in values for tag in split_tokens(row)) if tagged else values).most_common())


def _labels_by_text(table: Table, text: str, label: str) -> dict[str, set[str]]:
    """Without labels every text has the same empty one, so that nothing contradicts."""
    found: dict[str, set[str]] = {}
    for each, its_label in zip(table.columns[text], table.columns[label] if label else repeat(""), strict=False):
        found.setdefault(each, set()).add(its_label)
    return found


def spread(lengths: Iterable[int]) -> Spread:
    """Minimum, median, 95th percentile and maximum of at least one length; 0 where there is none."""
    values = np.fromiter(lengths, dtype=np.int64)
    if not len(values):
        return Spread(0, 0, 0, 0)
    return Spread(*(int(value) for value in np.percentile(values, (0, 50, 95, 100), method="nearest")))


def find_leaks(splits: Mapping[str, Table], text: str, label: str = "") -> list[Leak]:
    """Equal texts in two splits: validation in train, each test split in train, and in train and validation together."""
    train, validation = (_labels_by_text(splits[name], text, label) for name in ("train", "validation"))
    both = {each: train.get(each, set()) | validation.get(each, set()) for each in (*train, *validation)}
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
    """Tables in which each token of the sentences is a row of its own."""
    return {name: Table({text: [token for row in table.columns[text] for token in split_tokens(row)]}, table.source)
            for name, table in splits.items()}


def check_tokens(splits: Mapping[str, Table], text: str, tokenizer: "Tokenizer", max_length: int | None) -> dict[str, TokenCheck]:
    """Each split through a tokenizer that itself cuts nothing, so that `max_length` can be judged."""
    checks = {}
    for name, table in splits.items():
        encoded = tokenizer.encode(table.columns[text])
        lengths = encoded.lengths
        truncated = 0.0 if max_length is None else float((lengths > max_length).mean())
        checks[name] = TokenCheck(spread(lengths.tolist()), truncated, tokenizer.unknown_share(encoded))
    return checks
