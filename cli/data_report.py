"""Output of `nlp data`: classes, samples, lengths, duplicates, leaks and tokens of a dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

from .console import notice, say
from .dataset import Opened, label_counts
from .tables import table

if TYPE_CHECKING:
    from ..datasets.check import Leak, SplitCheck, Spread, TokenCheck

_FEW_LABELS = 60
_SHOWN_CHARACTERS = 300


def print_labels(opened: Opened) -> None:
    """Print the count of each class or tag by split, most frequent in train first; only sizes if texts have no class."""
    if not opened.label:
        print_sizes(opened)
        return
    counts, what = label_counts(opened), "tags" if opened.tagged else "classes"
    labels = list(dict.fromkeys(label for each in counts.values() for label in each))
    rows = [[label, *(f"{counts[split].get(label, 0):,}" for split in counts)] for label in labels[:_FEW_LABELS]]
    rows.append([f"all {len(labels)} {what}", *(f"{sum(each.values()):,}" for each in counts.values())])
    if opened.tagged:
        rows.append(["sentences", *(f"{len(each):,}" for each in opened.dataset.splits.values())])
    table([opened.label, *counts], rows)
    if len(labels) > _FEW_LABELS:
        say(f"... and {len(labels) - _FEW_LABELS} more {what}; --json has them all.")


def print_sizes(opened: Opened) -> None:
    """Print the number of texts, characters, words and line breaks in each split."""
    rows = []
    for split, each in opened.dataset.splits.items():
        texts = each.columns[opened.text]
        figures = (len(texts), sum(map(len, texts)), sum(len(text.split()) for text in texts), sum(text.count("\n") for text in texts))
        rows.append([split, *(f"{figure:,}" for figure in figures)])
    table(["split", "texts", "characters", "words", "line breaks"], rows)


def print_samples(opened: Opened, samples: Sequence[Mapping[str, str]]) -> None:
    """Print each sample column by column; long texts are cut, pictures drawn."""
    for sample in samples:
        print()
        for column, value in sample.items():
            if opened.pictures and column == opened.text:
                print_picture(value, opened)
                continue
            print(f"{column}: {value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + ' ...'}")


def print_picture(text: str, opened: Opened) -> None:
    """Print a picture in block characters, with the path of its file if it has one."""
    from pathlib import Path

    from ..datasets.formats.pictures import is_pixels, picture_blocks, read_picture

    path = text if is_pixels(text) else str(Path(opened.dataset.splits["train"].source).parent / text)
    if path != text or not is_pixels(text):
        print(f"{opened.text}: {path}")
    print(*(f"  {line}" for line in picture_blocks(read_picture(path, path))), sep="\n")


def print_checks(opened: Opened, checks: "Mapping[str, SplitCheck]") -> None:
    """Print sizes, lengths, classes and duplicates of each split; only sizes if it is one long text."""
    for each in opened.dataset.notices:
        notice(each)
    if not opened.one_text:
        columns = ["split", "examples", *_if_labelled(opened, "classes"), "empty texts", *_columns("characters"), *_columns("words")]
        rows = [
            [split, f"{each.examples:,}", *_if_labelled(opened, str(len(each.labels))), f"{each.empty:,}",
             *_figures(each.characters), *_figures(each.words)]
            for split, each in checks.items()
        ]
        table(columns, rows, title=opened.dataset.name)
    print_labels(opened)
    for split, each in checks.items():
        _print_check(opened, split, each)


def _print_check(opened: Opened, split: str, check: "SplitCheck") -> None:
    labels, items = ("tags", "tokens") if opened.tagged else ("classes", "texts")
    if check.repeated:
        several = f"; {check.contradicting:,} have several {labels}" if opened.label else ""
        say(f"{split}: {check.repeated:,} texts repeat an earlier one{several}.")
    if check.unseen_labels:
        say(f"{split}: train lacks the {labels} {', '.join(check.unseen_labels)}; a model gets these {items} wrong.")


def _if_labelled(opened: Opened, cell: str) -> list[str]:
    return [cell.replace("classes", "tags") if opened.tagged else cell] if opened.label else []


def _columns(what: str) -> list[str]:
    return [f"{what}: min", "median", "95 %", "max"]


def _figures(spread: "Spread") -> list[str]:
    return [f"{value:,}" for value in astuple(spread)]


def print_leaks(opened: Opened, leaks: "Sequence[Leak]", checks: "Mapping[str, SplitCheck]") -> None:
    """Print one line for each pair of splits; nothing if each split is one long text."""
    if opened.one_text:
        return
    for leak in leaks:
        total = checks[leak.split].examples
        other = f", {leak.contradicting:,} of them with {'other tags' if opened.tagged else 'another class'}" if opened.label else ""
        where = f"{other}; the first: {', '.join(leak.places)}" if leak.rows else ""
        say(f"{leak.split}: {leak.rows:,} of {total:,} texts ({leak.rows / max(total, 1):.1%}) occur in {leak.other} too{where}.")
    print("Nothing was removed.")


def print_tokens(opened: Opened, tokens: "Mapping[str, TokenCheck]") -> None:
    """Print lengths of texts (or tagged words) in tokens and the shares truncated and unknown; nothing without a tokenizer."""
    if tokens:
        rows = [[split, *_figures(each.tokens), f"{each.truncated:.2%}", f"{each.unknown:.2%}"] for split, each in tokens.items()]
        text = "word" if opened.tagged else "text"
        table(["split", *_columns(f"tokens per {text}"), f"{text}s truncated", "unknown"], rows)
