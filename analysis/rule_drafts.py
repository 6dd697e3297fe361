"""First rules for a person to edit: the words and phrases that tell most about each class, by mutual information."""

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
"""Characters of a keyword in a script that puts no spaces between words."""
SAME_TEXTS = 0.8
"""A keyword says nothing new where this share of its texts has another one of its class already."""
STEP = 1.0
"""Weights are multiples of this; keywords of the same weight make one rule."""

_PIECES = re.compile(rf"(?P<word>(?:{LETTER}++|{MARKS}++)++)|(?P<unspaced>[{UNSPACED}]+)")
_JOINT = re.compile(r"\s+|['’-]")


class Draft(NamedTuple):
    """A rule: its class, its keywords, the strongest first, and its weight."""

    label: str
    keywords: list[str]
    weight: float


def phrases_of(text: str) -> Iterator[str]:
    """What may become a keyword: words, two words with white space, an apostrophe or a hyphen between them, and short pieces of what is
    written without spaces. Each fires, as a keyword, in exactly the texts that it comes from.
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
    """(n_classes, n_phrases) in nats, between a text having a phrase and being of a class (Manning, Raghavan and Schuetze 2008, eq. 13.17).

    together (n_classes, n_phrases): texts of a class that have a phrase; with_phrase (n_phrases,) and of_class (n_classes,): all of them.
    """
    phrase, label = with_phrase[None, :].astype(float), of_class[:, None].astype(float)
    cells = [(together, phrase, label), (phrase - together, phrase, n_texts - label), (label - together, n_texts - phrase, label),
             (n_texts - phrase - label + together, n_texts - phrase, n_texts - label)]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.where(count > 0, count / n_texts * np.log(n_texts * count / (row * column)), 0.0) for count, row, column in cells]
    return np.sum(terms, axis=0)


def log_odds(together: IntArray, with_phrase: IntArray, of_class: IntArray, n_texts: int) -> FloatArray:
    """(n_classes, n_phrases): how many times higher the odds of a class are in texts that have a phrase than in the others, as a logarithm;
    half a text is added to each count, so that it is finite (Haldane 1956; Anscombe 1956)."""
    phrase, label = with_phrase[None, :], of_class[:, None]
    inside, outside = (together + 0.5) / (phrase - together + 0.5), (label - together + 0.5) / (n_texts - label - phrase + together + 0.5)
    return np.log(inside / outside)


def draft_rules(texts: Sequence[str], classes: IntArray, labels: Sequence[str], per_class: int, min_count: int) -> list[Draft]:
    """Rules for each class, the strongest first, from texts with their classes (texts,) as numbers of `labels`.

    A phrase may be a keyword of the class that most of its texts are of, if that is more of them than of all texts. Raises DataError
    where there is none.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    analyzer: Any = phrases_of  # the types of scikit-learn know its own alone
    counter = CountVectorizer(analyzer=analyzer, binary=True, min_df=min_count)
    try:
        found: Any = counter.fit_transform(texts)
    except ValueError:  # nothing is left
        raise DataError(f"No word or phrase is in {min_count:,} of the {len(texts):,} training texts, so no rule can be drafted. Lower "
                        "--min-count.") from None
    has, is_of = found.tocsc(), np.arange(len(labels))[:, None] == classes
    together, with_phrase = is_of.astype(np.int64) @ has, np.asarray(has.sum(axis=0)).ravel()
    counts = (together, with_phrase, is_of.sum(axis=1), len(texts))
    information, weights = mutual_information(*counts), log_odds(*counts)
    information[(weights <= STEP / 2) | (together < together.max(axis=0))] = 0
    names, where = counter.get_feature_names_out().tolist(), np.split(has.indices, has.indptr[1:-1])
    chosen = [_chosen(where, information[number], names, per_class) for number in range(len(labels))]
    return [draft for number, label in enumerate(labels) for draft in _grouped(label, names, weights[number], chosen[number])]


def _chosen(where: Sequence[IntArray], information: FloatArray, names: Sequence[str], wanted: int) -> list[int]:
    """The phrases that tell most, of equal ones the longest, without those whose texts have another one already; by their numbers."""
    chosen: list[int] = []
    for number in sorted(np.flatnonzero(information > 0).tolist(), key=lambda each: (-round(information[each], 12), -len(names[each]))):
        if len(chosen) == wanted:
            break
        if all(np.isin(where[number], where[other], assume_unique=True).mean() < SAME_TEXTS for other in chosen):
            chosen.append(number)
    return chosen


def _grouped(label: str, names: Sequence[str], weights: FloatArray, chosen: Sequence[int]) -> list[Draft]:
    groups: dict[float, list[str]] = {}
    for number in chosen:
        groups.setdefault(max(round(weights[number] / STEP), 1) * STEP, []).append(names[number])
    return [Draft(label, groups[weight], weight) for weight in sorted(groups, reverse=True)]


@dataclass(frozen=True)
class Sheet:
    """Drafted rules as the model of a recipe, and what they did in the texts that they were drafted from, one entry for each rule."""

    config: RulesConfig
    entries: Sequence[Mapping[str, Any]]
    n_texts: int
    silent: Sequence[str]
    """The classes that have no rule."""
    accuracy: float


def draft_sheet(train: LabelledSplit, labels: Sequence[str], per_class: int, min_count: int) -> Sheet:
    """Rules that vote by weight, with the most frequent class as default. Raises DataError where no phrase is for any class."""
    drafts = draft_rules(train.texts, train.labels, labels, per_class, min_count)
    if not drafts:
        raise DataError(f"No word or phrase that is in {min_count:,} training texts is for one class rather than another, so no rule can "
                        "be drafted. Lower --min-count, or write patterns.")
    default = labels[int(np.bincount(train.labels, minlength=len(labels)).argmax())]
    config = RulesConfig(type="rules", mode="weighted", default=default,
                         rules=[Rule(label=each.label, keywords=each.keywords, weight=each.weight) for each in drafts])
    model = Rules(config, Head("classes", len(labels), tuple(labels)))
    scores, trace = model.traced_scores(train.texts)
    silent = [label for label in labels if all(each.label != label for each in drafts)]
    accuracy = float((scores.argmax(axis=1) == train.labels).mean())
    return Sheet(config, model.report(trace, train.labels).entries[: len(drafts)], len(train), silent, accuracy)


def sheet_yaml(sheet: Sheet, heading: str, sections: Mapping[str, Any]) -> str:
    """The rules as a recipe with these sections, each rule below a comment with its coverage and precision."""
    lines = [f"# {on_one_line(heading)}",
             "# A weight is the logarithm of how much higher the odds of the class are in texts with the keyword.",
             "# `nlp eval RUN --split validation` says which rules to mend, merge or leave out.",
             *(f"{name}: {inline(value)}" for name, value in sections.items()),
             "", "model:", "  type: rules", "  mode: weighted", f"  default: {inline(sheet.config.default)}  # the most frequent class",
             "  rules:"]
    for rule, entry in zip(sheet.config.rules, sheet.entries, strict=True):
        share = f"{100 * entry['precision']:.0f} % of them {on_one_line(rule.label)}" if entry["texts"] else "none"
        lines += [f"    # {entry['texts']:,} of {sheet.n_texts:,} texts, {share}", f"    - label: {inline(rule.label)}",
                  f"      weight: {rule.weight}", f"      keywords: {inline(rule.keywords)}"]
    return "\n".join(lines) + "\n"
