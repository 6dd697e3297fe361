"""Spans (chunks, entities) in sequences of tags, counted as the conlleval script does (Tjong Kim Sang and Buchholz 2000).

O is outside; any other tag is a prefix and a type, such as B-PER. The schemes differ in what the prefixes mean:

    IOB1    B- starts a span right after another of the same type; every other span starts with I-
    IOB2    B- starts every span
    BIOES   B- starts and E- ends a span of two or more tokens, S- is a span of one token
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...configs.schema.tasks.tagging import Scheme, is_tag, tags_of
from ...errors import DataError

Span = tuple[str, int, int]
"""Type, first token, and the token after the last."""
Counts = Mapping[str, npt.NDArray[np.int64]]
"""For each type (3,): spans that are correct, predicted and gold. Counts of the same types add up."""

_OUTSIDE = ("O", "")


class Scores(NamedTuple):
    """Shares from 0 to 1; 0 where there is nothing to divide by."""

    precision: float
    recall: float
    f1: float


def spans(tags: Sequence[str], scheme: Scheme) -> list[Span]:
    """All spans in order. Sequences that the scheme forbids are accepted: a tag that continues no span starts one.

    Raises DataError for a tag that is not in the scheme.
    """
    found, start = [], 0
    parts = [*_split(tags, scheme), _OUTSIDE]
    for place, (last, this) in enumerate(zip([_OUTSIDE, *parts], parts, strict=False)):
        if last != _OUTSIDE and not _joined(last, this):
            found.append((last[1], start, place))
        if this != _OUTSIDE and not _joined(last, this):
            start = place
    return found


def invalid_places(tags: Sequence[str], scheme: Scheme) -> list[int]:
    """Positions of tags that the scheme forbids there; in BIOES also of the last tag of an unfinished span.

    Raises DataError for a tag that is not in the scheme.
    """
    parts = [_OUTSIDE, *_split(tags, scheme), _OUTSIDE]
    continuing = {"IOB1": "B", "IOB2": "I", "BIOES": "IE"}[scheme]
    places = []
    for place, (last, this, following) in enumerate(zip(parts, parts[1:], parts[2:], strict=False)):
        stray = this[0] in continuing and not (last[0] in "BI" and last[1] == this[1])
        unfinished = scheme == "BIOES" and this[0] in "BI" and not (following[0] in continuing and following[1] == this[1])
        if stray or unfinished:
            places.append(place)
    return places


def span_counts(gold: Sequence[str], predicted: Sequence[str], scheme: Scheme) -> dict[str, npt.NDArray[np.int64]]:
    """Counts of one sequence; a span is correct if its type and both ends are.

    Raises DataError for sequences of different lengths, and for a tag that is not in the scheme.
    """
    if len(gold) != len(predicted):
        raise DataError(f"{len(predicted)} tags are predicted for {len(gold)} tokens; there must be one for each.")
    gold_spans, predicted_spans = set(spans(gold, scheme)), set(spans(predicted, scheme))
    counts: dict[str, npt.NDArray[np.int64]] = {}
    for column, group in enumerate((gold_spans & predicted_spans, predicted_spans, gold_spans)):
        for kind, _, _ in group:
            counts.setdefault(kind, np.zeros(3, dtype=np.int64))[column] += 1
    return dict(sorted(counts.items()))


def summed(parts: Iterable[Counts]) -> dict[str, npt.NDArray[np.int64]]:
    """Total counts of many sequences, or of many ranks; types in alphabetical order."""
    total: dict[str, npt.NDArray[np.int64]] = {}
    for counts in parts:
        for kind, numbers in counts.items():
            total[kind] = total.get(kind, np.zeros(3, dtype=np.int64)) + numbers
    return dict(sorted(total.items()))


def precision_recall_f1(counts: Counts) -> tuple[Scores, dict[str, Scores]]:
    """Scores over the spans of all types together (micro average), and of each type."""
    return _scores(sum(counts.values(), np.zeros(3, dtype=np.int64))), {kind: _scores(each) for kind, each in counts.items()}


def _scores(numbers: npt.NDArray[np.int64]) -> Scores:
    correct, predicted, gold = map(int, numbers)
    return Scores(correct / max(predicted, 1), correct / max(gold, 1), 2 * correct / max(predicted + gold, 1))


def _split(tags: Sequence[str], scheme: Scheme) -> list[tuple[str, str]]:
    """Prefix and type of each tag."""
    return [_parts(tag, scheme) for tag in tags]


def _parts(tag: str, scheme: Scheme) -> tuple[str, str]:
    if not is_tag(tag, scheme):
        raise DataError(f"`{tag}` is not a tag of the scheme {scheme}, which has {tags_of(scheme)}; correct the tag or set another scheme.")
    prefix, _, kind = tag.partition("-")
    return _OUTSIDE if tag == "O" else (prefix, kind)


def _joined(last: tuple[str, str], this: tuple[str, str]) -> bool:
    """Whether two neighbouring tags belong to the same span."""
    return last != _OUTSIDE and last[1] == this[1] and last[0] not in "ES" and this[0] not in "BS"
