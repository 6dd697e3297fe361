"""Duplicates, leaks, lengths and tokens of a small dataset whose figures are known, against a slow count by hand."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.configs.schema.tokenizer import WordTokenizer
from nlp.datasets.check import Spread, check_splits, check_tokens, find_leaks, spread
from nlp.datasets.tables import Table
from nlp.datasets.tokenizers.tokenizer import train_tokenizer


def table(*rows: tuple[str, str]) -> Table:
    texts, labels = zip(*rows, strict=True)
    return Table({"text": texts, "label": labels}, "file", range(1, len(rows) + 1))


SPLITS = {
    "train": table(("a b", "x"), ("a b", "x"), ("c", "y"), ("c", "x"), ("", "x"), ("d e f", "y")),
    "validation": table(("a b", "x"), ("g", "y"), ("h", "z")),
    "test": table(("c", "x"), ("a b", "y"), ("h", "x"), ("new one", "x"), ("  ", "q")),
}


def test_each_split_by_itself():
    checks = check_splits(SPLITS, "text", "label")
    train = checks["train"]
    assert (train.examples, train.labels) == (6, {"x": 4, "y": 2})
    assert (train.repeated, train.contradicting, train.empty) == (2, 2, 1)
    assert train.characters == Spread(0, 1, 5, 5)
    assert train.words == Spread(0, 1, 3, 3)
    assert (checks["test"].empty, checks["test"].repeated) == (1, 0)
    assert (train.unseen_labels, checks["validation"].unseen_labels, checks["test"].unseen_labels) == ([], ["z"], ["q"])
    json.dumps({name: asdict(check) for name, check in checks.items()})


def test_leaks_between_splits():
    found = find_leaks(SPLITS, "text", "label")
    assert {(leak.split, leak.other): (leak.rows, leak.contradicting, list(leak.places)) for leak in found} == {
        ("validation", "train"): (1, 0, ["file:1"]),
        ("test", "train"): (2, 1, ["file:1", "file:2"]),
        ("test", "train or validation"): (3, 2, ["file:1", "file:2", "file:3"]),
    }
    without_test = {name: each for name, each in SPLITS.items() if name != "test"}
    assert [leak.split for leak in find_leaks(without_test, "text", "label")] == ["validation"]


ROWS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xy")), min_size=1, max_size=8)


@settings(deadline=None)
@given(ROWS, ROWS)
def test_counts_agree_with_counting_pair_by_pair(train, test):
    splits = {"train": table(*train), "validation": table(("v", "x")), "test": table(*test)}
    check, leak = check_splits(splits, "text", "label")["test"], find_leaks(splits, "text", "label")[1]
    assert check.repeated == sum(any(test[row][0] == earlier[0] for earlier in test[:row]) for row in range(len(test)))
    assert check.contradicting == sum(any(one[0] == two[0] and one[1] != two[1] for two in test) for one in test)
    assert leak.rows == sum(any(one[0] == two[0] for two in train) for one in test)
    assert leak.contradicting == sum(any(one[0] == two[0] for two in train) and one not in train for one in test)


@given(st.lists(st.integers(0, 1_000), min_size=1))
def test_a_spread_holds_lengths_that_occur(lengths):
    found = spread(lengths)
    assert {found.minimum, found.median, found.p95, found.maximum} <= set(lengths)
    assert (found.minimum, found.maximum) == (min(lengths), max(lengths))
    assert found.minimum <= found.median <= found.p95 <= found.maximum
    assert spread([]) == Spread(0, 0, 0, 0)


def test_tokens_are_counted_before_they_are_cut():
    tokenizer = train_tokenizer(WordTokenizer(type="words"), SPLITS["train"].columns["text"])
    checks = check_tokens(SPLITS, "text", tokenizer, max_length=2)
    assert checks["train"].tokens == Spread(1, 1, 3, 3)
    assert checks["train"].truncated == pytest.approx(1 / 6)
    assert checks["test"].unknown == pytest.approx(4 / 7)
    assert checks["test"].truncated == 0.0
    assert check_tokens(SPLITS, "text", tokenizer, max_length=None)["train"].truncated == 0.0
