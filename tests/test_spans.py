"""Spans against the conlleval script's own rules, written down again as it states them, against seqeval, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.errors import DataError
from nlp.tasks.scoring.spans import invalid_places, precision_recall_f1, span_counts, spans, summed

any_tags = {
    "IOB": st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"]), max_size=12),
    "BIOES": st.lists(st.sampled_from(["O", *(f"{part}-{kind}" for part in "BIES" for kind in "XY")]), max_size=12),
}


def ends(before: str, tag: str, kind_before: str, kind: str) -> bool:
    """conlleval's endOfChunk."""
    pairs = {"BB", "BO", "IB", "IO", "EE", "EI", "EO", "SE", "SI", "SO", "BS", "IS", "ES", "SS", "EB", "SB"}
    return before + tag in pairs or (before not in "O." and kind_before != kind)


def starts(before: str, tag: str, kind_before: str, kind: str) -> bool:
    """conlleval's startOfChunk."""
    pairs = {"BB", "IB", "OB", "OI", "EE", "EI", "OE", "SE", "SI", "BS", "IS", "OS", "ES", "SS", "EB", "SB"}
    return before + tag in pairs or (tag not in "O." and kind_before != kind)


def by_conlleval(tags: list[str]) -> list[tuple[str, int, int]]:
    found, start, before, kind_before = [], 0, "O", ""
    for place, full in enumerate([*tags, "O"]):
        tag, _, kind = full.partition("-")
        if ends(before, tag, kind_before, kind) and before != "O":
            found.append((kind_before, start, place))
        if starts(before, tag, kind_before, kind):
            start = place
        before, kind_before = tag, kind
    return found


@given(any_tags["IOB"])
def test_iob_spans_are_those_of_conlleval(tags):
    assert spans(tags, "IOB2") == spans(tags, "IOB1") == by_conlleval(tags)


@given(any_tags["BIOES"])
def test_bioes_spans_are_those_of_conlleval(tags):
    assert spans(tags, "BIOES") == by_conlleval(tags)


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"])] * 2), min_size=1, max_size=12))
def test_scores_are_those_of_seqeval(pairs):
    reference = pytest.importorskip("seqeval.metrics")
    gold, printed = map(list, zip(*pairs, strict=True))
    ours, _ = precision_recall_f1(summed([span_counts(gold, printed, "IOB2"), span_counts(["B-X"], ["B-X"], "IOB2")]))
    scores = (reference.precision_score, reference.recall_score, reference.f1_score)
    assert ours == tuple(pytest.approx(score([gold, ["B-X"]], [printed, ["B-X"]], zero_division=0)) for score in scores)


@given(any_tags["BIOES"])
def test_bioes_spans_are_those_of_seqeval(tags):
    reference = pytest.importorskip("seqeval.metrics.sequence_labeling")
    assert spans(tags, "BIOES") == [(kind, first, last + 1) for kind, first, last in reference.get_entities(tags)]


@pytest.mark.parametrize(("scheme", "tags", "expected", "invalid"), [
    ("IOB2", "B-X I-X O B-X B-X", [("X", 0, 2), ("X", 3, 4), ("X", 4, 5)], []),
    ("IOB2", "I-X I-X O B-X I-Y", [("X", 0, 2), ("X", 3, 4), ("Y", 4, 5)], [0, 4]),
    ("IOB1", "I-X I-X B-X O I-Y", [("X", 0, 2), ("X", 2, 3), ("Y", 4, 5)], []),
    ("IOB1", "B-X I-X O", [("X", 0, 2)], [0]),
    ("BIOES", "B-X I-X E-X S-Y O", [("X", 0, 3), ("Y", 3, 4)], []),
    ("BIOES", "B-X O E-X", [("X", 0, 1), ("X", 2, 3)], [0, 2]),
    ("BIOES", "O B-X", [("X", 1, 2)], [1]),
    ("BIOES", "B-X I-Y E-Y", [("X", 0, 1), ("Y", 1, 3)], [0, 1]),
    ("BIOES", "S-X I-X S-X", [("X", 0, 1), ("X", 1, 2), ("X", 2, 3)], [1]),
    ("BIOES", "", [], []),
    ("IOB2", "B-X-Y I-X-Y I-X", [("X-Y", 0, 2), ("X", 2, 3)], [2]),
])
def test_by_hand(scheme, tags, expected, invalid):
    assert spans(tags.split(), scheme) == expected
    assert invalid_places(tags.split(), scheme) == invalid


def test_counts_by_type():
    counts = span_counts(["B-X", "I-X", "O", "B-Y"], ["B-X", "O", "O", "B-Y"], "IOB2")
    assert {kind: each.tolist() for kind, each in counts.items()} == {"X": [0, 1, 1], "Y": [1, 1, 1]}
    assert precision_recall_f1({"X": np.array([1, 2, 4])})[0] == (0.5, 0.25, pytest.approx(1 / 3))
    assert precision_recall_f1({})[0] == (0.0, 0.0, 0.0)


def test_counts_add_up_over_sequences():
    parts = [span_counts(["B-X"], ["B-Y"], "IOB2"), span_counts(["B-X"], ["B-X"], "IOB2"), {}]
    assert {kind: each.tolist() for kind, each in summed(parts).items()} == {"X": [1, 1, 2], "Y": [0, 1, 0]}
    assert parts[0]["X"].tolist() == [0, 0, 1], "the parts stay as they are"
    micro, by_type = precision_recall_f1(summed(parts))
    assert micro == (0.5, 0.5, 0.5)
    assert by_type == {"X": (1.0, 0.5, pytest.approx(2 / 3)), "Y": (0.0, 0.0, 0.0)}


def test_one_tag_for_each_token():
    with pytest.raises(DataError, match="2 tags are predicted for 1 tokens"):
        span_counts(["O"], ["O", "O"], "IOB2")


@pytest.mark.parametrize(("tag", "scheme"), [
    ("E-X", "IOB2"), ("PER", "IOB1"), ("b-X", "BIOES"), ("", "IOB2"), ("X-PER", "BIOES"), ("B-", "IOB2"), ("BI-X", "IOB2"), ("o", "IOB1"),
])
def test_a_tag_of_no_scheme_is_named(tag, scheme):
    with pytest.raises(DataError, match=f"`{tag}` is not a tag of the scheme {scheme}"):
        spans(["O", tag], scheme)
