"""The embedded dataset `names`, how rows are dealt out to splits, and how a validation split is cut."""

import unicodedata
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.configs.schema.data import NamedData
from nlp.datasets.named import names
from nlp.datasets.named.catalog import DATASETS
from nlp.datasets.read import read_dataset
from nlp.datasets.splits import content_split, cut_validation, split_by_content, train_part
from nlp.datasets.tables import Table
from nlp.errors import DataError


def test_languages_and_sizes_are_those_that_the_docs_give():
    dataset = read_dataset(NamedData(type="named", name="names"), ("name", "language"))
    assert {split: len(table) for split, table in dataset.splits.items()} == DATASETS["names"].sizes
    assert dataset.hashes == {"names": names.DIGEST}
    assert dataset.notices == ()
    assert set(dataset.splits["train"].columns) == set(DATASETS["names"].columns)
    assert not set(dataset.splits["train"].columns["name"]) & set(dataset.splits["test"].columns["name"])
    languages = {name: language for table in dataset.splits.values() for name, language in zip(*table.columns.values(), strict=True)}
    counts = Counter(languages.values())
    assert (len(languages), len(counts), min(counts.values())) == (15_540, 15, 297)
    assert counts.most_common(1) == [("Polish", 3_765)]
    assert languages["Kowalski"] == "Polish"
    assert languages["Guðmundsson"] == "Icelandic"
    assert "Martin" not in languages, "French and English have it"


def test_surnames_are_clean_texts_in_latin_script():
    for table in names.read_names().splits.values():
        for name in table.columns["name"]:
            assert name == name.strip() == unicodedata.normalize("NFC", name)
            assert all("LATIN" in unicodedata.name(letter) for letter in name if letter.isalpha())


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_keeps_its_split_when_others_are_added(texts, added):
    before = split_by_content(Table({"text": texts}, "file"), "text")
    after = split_by_content(Table({"text": [added, *texts]}, "file"), "text")
    assert sum(map(len, before.values())) == len(texts)
    for split, table in before.items():
        assert list(table.columns["text"]) == [text for text in texts if content_split(text) == split]
        assert set(table.columns["text"]) <= set(after[split].columns["text"])


def test_the_split_by_content_is_eight_one_one_and_never_changes():
    counts = Counter(content_split(str(number)) for number in range(20_000))
    assert counts["train"] == pytest.approx(16_000, rel=0.02)
    assert counts["validation"] == pytest.approx(2_000, rel=0.1)
    assert [content_split(text) for text in ("0", "6", "11")] == ["train", "test", "validation"]


@settings(deadline=None)
@given(st.integers(2, 200), st.floats(0.001, 0.999), st.integers(0, 2**32))
def test_validation_is_cut_by_seed_and_keeps_the_order(n_rows, share, seed):
    table = Table({"text": [str(row) for row in range(n_rows)]}, "file", range(1, n_rows + 1))
    train, validation = cut_validation(table, share, seed)
    again = cut_validation(table, share, seed)
    assert (train, validation) == again
    assert sorted([*train.lines, *validation.lines]) == list(table.lines)
    assert list(train.lines) == sorted(train.lines)
    assert list(validation.lines) == sorted(validation.lines)
    assert len(validation) == min(max(1, round(share * n_rows)), n_rows - 1)
    assert [int(text) + 1 for text in validation.columns["text"]] == list(validation.lines)


def test_another_seed_cuts_other_rows():
    table = Table({"text": [str(row) for row in range(1_000)]}, "file")
    first, second = (cut_validation(table, 0.1, seed)[1].columns["text"] for seed in (0, 1))
    assert first != second
    rows = np.sort(np.random.default_rng(0).permutation(1_000)[:100])
    assert list(first) == [str(row) for row in rows]


def test_one_example_cannot_be_cut():
    with pytest.raises(DataError, match="holds 1 example, too few"):
        cut_validation(Table({"text": ["only"]}, "file"), 0.1, 0)


@settings(deadline=None)
@given(st.lists(st.sampled_from("aaab"), min_size=2, max_size=150), st.integers(1, 200), st.integers(0, 5))
def test_parts_of_the_training_rows_are_nested_stratified_and_in_order(classes, size, seed):
    table = Table({"text": [str(row) for row in range(len(classes))], "label": classes}, "file", range(len(classes)))
    part, larger = (train_part(table, classes, each, seed) for each in (size, size + 1))
    assert part == train_part(table, classes, size, seed)
    assert len(part) == min(size, len(classes))
    assert set(part.lines) <= set(larger.lines)
    assert list(part.lines) == sorted(part.lines)
    for name in set(classes):
        assert abs(part.columns["label"].count(name) - classes.count(name) * len(part) / len(classes)) < 2


def test_a_share_is_rounded_and_at_least_one_row():
    table = Table({"text": [str(row) for row in range(30)]}, "file")
    assert [len(train_part(table, None, share, 0)) for share in (0.001, 0.05, 0.1, 0.55, 1.0)] == [1, 2, 3, 16, 30]
    assert train_part(table, None, 0.5, 0) != train_part(table, None, 0.5, 1)


def test_of_one_long_text_the_beginning_is_taken():
    table = Table({"text": ["abcdefghij"]}, "file")
    assert train_part(table, None, 0.35, 0).columns == {"text": ["abc"]}
    with pytest.raises(DataError, match=r"is one text, and data\.train_rows counts examples"):
        train_part(table, None, 3, 0)


def test_rows_are_taken_with_their_lines():
    table = Table({"a": ["x", "y", "z"]}, "file", [2, 5, 9]).taken([2, 0])
    assert table.columns == {"a": ["z", "x"]}
    assert [table.where(row) for row in range(2)] == ["file:9", "file:2"]
    assert Table({"a": ["x", "y"]}, "file").taken([1]).where(0) == "file, row 1"
