"""Draft rules for a person to edit: the most informative words and phrases for each class, by mutual information."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..configs.schema.models.rules import Rule, RulesConfig
from ..configs.yaml.writer import inline
from ..datasets.arrays import FloatArray, IntArray
from ..datasets.encoded.texts.labelled_texts import LabelledSplit
from ..errors import DataError
from ..models.head import Head
from ..models.rule_tokens import LETTER, MARKS, UNSPACED
from ..models.rules import Rules
from ..terminal import on_one_line

LONGEST_PIECE = 4
"""Maximum characters of a keyword in scripts without spaces between words."""
SAME_TEXTS = 0.8
"""A keyword is redundant if this share of its texts already contains another keyword of its class."""
STEP = 1.0
"""Weights are rounded to multiples of this; keywords with the same weight form one rule."""

_PIECES = re.compile(rf"(?P<word>(?:{LETTER}++|{MARKS}++)++)|(?P<unspaced>[{UNSPACED}]+)")
_JOINT = re.compile(r"\s+|['’-]")


class Draft(NamedTuple):
    """A rule: its class, its keywords (most informative first) and its weight."""

    label: str
    keywords: list[str]
    weight: float


def phrases_of(text: str) -> Iterator[str]:
    """Keyword candidates: words, two words joined by white space, an apostrophe or a hyphen, and short substrings in scripts without
    spaces. As a keyword, each fires in exactly the texts that it comes from.
    """
    folded, before = unicodedata.normalize("NFC", text).lower(), None
    for piece in _PIECES.finditer(folded):
        if piece["unspaced"]:
            yield from _pieces_of(piece.group())
            before = None
            continue
        yield piece.group()
        if before is not None and (joint := _JOINT.fullmatch(folded, before.end(), piece.start())) is not None:
            yield f"{before.group()}{joint.group().strip() or ' '}{piece.group()}"
        before = piece


def _pieces_of(run: str) -> Iterator[str]:
    for length in range(1, LONGEST_PIECE + 1):
        yield from (run[start : start + length] for start in range(len(run) - length + 1))


def mutual_information(together: IntArray, with_phrase: IntArray, of_class: IntArray, n_texts: int) -> FloatArray:
    """(n_classes, n_phrases) in nats, between a text's phrases and its class (Manning, Raghavan and Schuetze 2008, eq. 13.17).

    together (n_classes, n_phrases): texts of a class with a phrase; with_phrase (n_phrases,) and of_class (n_classes,): the totals.
    """
    phrase, label = with_phrase[None, :].astype(float), of_class[:, None].astype(float)
    cells = [(together, phrase, label), (phrase - together, phrase, n_texts - label), (label - together, n_texts - phrase, label),
             (n_texts - phrase - label + together, n_texts - phrase, n_texts - label)]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.where(count > 0, count / n_texts * np.log(n_texts * count / (row * column)), 0.0) for count, row, column in cells]
    return np.sum(terms, axis=0)


def log_odds(together: IntArray, with_phrase: IntArray, of_class: IntArray, n_texts: int) -> FloatArray:
    """(n_classes, n_phrases): log odds ratio of a class in texts with a phrase against texts without it; 0.5 is added to each count to keep
    it finite (Haldane 1956; Anscombe 1956)."""
    phrase, label = with_phrase[None, :], of_class[:, None]
    inside, outside = (together + 0.5) / (phrase - together + 0.5), (label - together + 0.5) / (n_texts - label - phrase + together + 0.5)
    return np.log(inside / outside)


def draft_rules(texts: Sequence[str], classes: IntArray, labels: Sequence[str], per_class: int, min_count: int) -> list[Draft]:
    """Rules for each class, highest weight first, from texts with their classes (texts,) as indices of `labels`.

    A phrase may be a keyword of the class most frequent among its texts, if that class is more frequent there than in all texts.
    Raises DataError if there are no candidates.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    analyzer: Any = phrases_of  # scikit-learn's type stubs only allow its own analysers
    counter = CountVectorizer(analyzer=analyzer, binary=True, min_df=min_count)
    try:
        occurrences: Any = counter.fit_transform(texts)
    except ValueError:  # the vocabulary is empty
        raise DataError(f"No word or phrase is in {min_count:,} of the {len(texts):,} training texts, so no rule can be drafted. Lower "
                        "--min-count.") from None
    has, is_of = occurrences.tocsc(), np.arange(len(labels))[:, None] == classes
    together, with_phrase = is_of.astype(np.int64) @ has, np.asarray(has.sum(axis=0)).ravel()
    counts = (together, with_phrase, is_of.sum(axis=1), len(texts))
    information, weights = mutual_information(*counts), log_odds(*counts)
    information[(weights <= STEP / 2) | (together < together.max(axis=0))] = 0
    names, texts_with = counter.get_feature_names_out().tolist(), np.split(has.indices, has.indptr[1:-1])
    chosen = [_chosen(texts_with, information[number], names, per_class) for number in range(len(labels))]
    return [draft for number, label in enumerate(labels) for draft in _grouped(label, names, weights[number], chosen[number])]


def _chosen(texts_with: Sequence[IntArray], information: FloatArray, names: Sequence[str], wanted: int) -> list[int]:
    """Indices of the most informative phrases (the longest on ties), without redundant ones."""
    chosen: list[int] = []
    for number in sorted(np.flatnonzero(information > 0).tolist(), key=lambda each: (-round(information[each], 12), -len(names[each]))):
        if len(chosen) == wanted:
            break
        if all(np.isin(texts_with[number], texts_with[other], assume_unique=True).mean() < SAME_TEXTS for other in chosen):
            chosen.append(number)
    return chosen


def _grouped(label: str, names: Sequence[str], weights: FloatArray, chosen: Sequence[int]) -> list[Draft]:
    groups: dict[float, list[str]] = {}
    for number in chosen:
        groups.setdefault(max(round(weights[number] / STEP), 1) * STEP, []).append(names[number])
    return [Draft(label, groups[weight], weight) for weight in sorted(groups, reverse=True)]


@dataclass(frozen=True)
class Sheet:
    """Drafted rules as the model of a recipe, with one report entry per rule on the texts that they were drafted from."""

    config: RulesConfig
    entries: Sequence[Mapping[str, Any]]
    n_texts: int
    silent: Sequence[str]
    """The classes without a rule."""
    accuracy: float


def draft_sheet(train: LabelledSplit, labels: Sequence[str], per_class: int, min_count: int) -> Sheet:
    """Rules that vote by weight, with the most frequent class as default. Raises DataError if no phrase favours any class."""
    drafts = draft_rules(train.texts, train.labels, labels, per_class, min_count)
    if not drafts:
        raise DataError(f"No word or phrase that is in {min_count:,} training texts favours one class over another, so no rule can be "
                        "drafted. Lower --min-count, or write patterns.")
    default = labels[int(np.bincount(train.labels, minlength=len(labels)).argmax())]
    config = RulesConfig(type="rules", mode="weighted", default=default,
                         rules=[Rule(label=draft.label, keywords=draft.keywords, weight=draft.weight) for draft in drafts])
    model = Rules(config, Head("classes", len(labels), tuple(labels)))
    scores, trace = model.traced_scores(train.texts)
    silent = [label for label in labels if all(draft.label != label for draft in drafts)]
    accuracy = float((scores.argmax(axis=1) == train.labels).mean())
    return Sheet(config, model.report(trace, train.labels).entries[: len(drafts)], len(train), silent, accuracy)


def sheet_yaml(sheet: Sheet, heading: str, sections: Mapping[str, Any]) -> str:
    """The rules as a recipe with these sections; a comment above each rule gives its coverage and precision."""
    lines = [f"# {on_one_line(heading)}",
             "# A weight is the log odds ratio of the class in texts with the keyword against texts without it.",
             "# `nlp eval RUN --split validation` shows which rules to fix, merge or remove.",
             *(f"{name}: {inline(value)}" for name, value in sections.items()),
             "", "model:", "  type: rules", "  mode: weighted", f"  default: {inline(sheet.config.default)}  # the most frequent class",
             "  rules:"]
    for rule, entry in zip(sheet.config.rules, sheet.entries, strict=True):
        share = f"{100 * entry['precision']:.0f} % of them {on_one_line(rule.label)}" if entry["texts"] else "none"
        lines += [f"    # {entry['texts']:,} of {sheet.n_texts:,} texts, {share}", f"    - label: {inline(rule.label)}",
                  f"      weight: {rule.weight}", f"      keywords: {inline(rule.keywords)}"]
    return "\n".join(lines) + "\n"
