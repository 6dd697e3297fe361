"""What `nlp data` prints of a dataset: classes, samples, lengths, duplicates, leaks and tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

from .console import notice, table
from .dataset import Opened, label_counts

if TYPE_CHECKING:
    from ..datasets.check import Leak, SplitCheck, Spread, TokenCheck

_FEW_LABELS = 60
_SHOWN_CHARACTERS = 300


def print_labels(opened: Opened) -> None:
    """Rows: the classes, the most frequent of train first; columns: the splits."""
    counts = label_counts(opened)
    labels = list(dict.fromkeys(label for each in counts.values() for label in each))
    rows = [[label, *(f"{counts[split].get(label, 0):,}" for split in counts)] for label in labels[:_FEW_LABELS]]
    sizes = [f"all {len(labels)} classes", *(f"{len(each):,}" for each in opened.dataset.splits.values())]
    table([opened.label, *counts], [*rows, sizes])
    if len(labels) > _FEW_LABELS:
        print(f"... and {len(labels) - _FEW_LABELS} more classes; --json has them all.")


def print_samples(samples: Sequence[Mapping[str, str]]) -> None:
    """Each sample column by column, long texts cut."""
    for sample in samples:
        print()
        for column, value in sample.items():
            print(f"{column}: {value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + ' ...'}")


def print_checks(opened: Opened, checks: "Mapping[str, SplitCheck]") -> None:
    """Sizes and lengths of each split, its classes, and its repeated texts."""
    for each in opened.dataset.notices:
        notice(each)
    columns = ["split", "examples", "classes", "empty texts", *_columns("characters"), *_columns("words")]
    rows = [
        [split, f"{each.examples:,}", str(len(each.labels)), f"{each.empty:,}", *_figures(each.characters), *_figures(each.words)]
        for split, each in checks.items()
    ]
    table(columns, rows, title=opened.dataset.name)
    print_labels(opened)
    for split, each in checks.items():
        if each.repeated:
            print(f"{split}: {each.repeated:,} texts repeat an earlier one; {each.contradicting:,} stand under several classes.")
        if each.unseen_labels:
            print(f"{split}: train lacks the classes {', '.join(each.unseen_labels)}; a model gets these texts wrong.")


def _columns(what: str) -> list[str]:
    return [f"{what}: min", "median", "95 %", "max"]


def _figures(spread: "Spread") -> list[str]:
    return [f"{value:,}" for value in astuple(spread)]


def print_leaks(leaks: "Sequence[Leak]", checks: "Mapping[str, SplitCheck]") -> None:
    """One line for each pair of splits."""
    for leak in leaks:
        total = checks[leak.split].examples
        print(f"{leak.split}: {leak.rows:,} of {total:,} texts ({leak.rows / total:.1%}) stand in {leak.other} too", end="")
        print(f", {leak.contradicting:,} of them under another class; the first: {', '.join(leak.places)}." if leak.rows else ".")
    print("Nothing was removed.")


def print_tokens(tokens: "Mapping[str, TokenCheck]") -> None:
    """How long texts are in tokens, and what the tokenizer cuts or does not know; nothing without a tokenizer."""
    if tokens:
        rows = [[split, *_figures(each.tokens), f"{each.truncated:.2%}", f"{each.unknown:.2%}"] for split, each in tokens.items()]
        table(["split", *_columns("tokens"), "texts cut", "unknown"], rows)
