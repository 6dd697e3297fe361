"""The named datasets: sizes, columns, leaks and checksums of the real files (where NLP_DATA holds them), and errors."""

import gzip
import os
from dataclasses import replace
from pathlib import Path

import pytest
from nlp.configs.schema.data import NamedData
from nlp.datasets import read
from nlp.datasets.check import find_leaks
from nlp.datasets.files import checksum_as, data_folder, same_content, sha256
from nlp.datasets.named import published_formats
from nlp.datasets.named.catalog import DATASETS, NamedDataset, Source, is_here
from nlp.datasets.read import read_dataset
from nlp.errors import DataError

REAL = Path(os.environ.get("NLP_DATA", "not-set"))
DOWNLOADED = [name for name, named in DATASETS.items() if named.files]


def real(name: str, **settings):
    """The real dataset; the test is skipped where its files are not there."""
    if not is_here(DATASETS[name]):
        pytest.skip(f"NLP_DATA does not hold {name}")
    return read_dataset(NamedData(type="named", name=name, **settings))


LARGE = {"20newsgroups", "ag_news", "cmudict", "conll2000", "korsts", "multi30k", "nsmc", "ud_english_ewt"}


def large_ones_are_slow(*cases):
    """Cases that begin with the name of a dataset; reading a large one takes a second or more."""
    return [pytest.param(*case, marks=pytest.mark.slow) if case[0] in LARGE else case for case in cases]


@pytest.mark.parametrize(("name",), large_ones_are_slow(*((name,) for name in DOWNLOADED)))
def test_sizes_and_columns_are_those_of_the_table(name):
    named, dataset = DATASETS[name], real(name)
    sizes = {split: len(table) for split, table in dataset.splits.items()}
    if "validation" not in named.sizes:
        assert sizes["validation"] == round(named.sizes["train"] * 0.1)
        sizes["train"] += sizes.pop("validation")
    assert sizes == named.sizes
    if named.characters:
        assert {split: len(table.columns[named.text][0]) for split, table in dataset.splits.items()} == named.characters
    assert all(set(table.columns) == set(named.columns) for table in dataset.splits.values())
    assert dataset.hashes.keys() == {f"{name}/{source.path}" for source in named.sources}
    assert dataset.notices == ()


@pytest.mark.parametrize("name", DATASETS)
def test_the_table_is_complete(name):
    named = DATASETS[name]
    assert {named.text, named.label} <= {*named.columns, ""}
    assert named.label or not named.tagged
    assert set(named.sizes) <= {"train", "validation", "test", "test_2017"}
    assert {"train", "test"} <= set(named.sizes) or name in ("tinyshakespeare", "digits")
    assert not named.characters or named.characters.keys() == named.sizes.keys()
    for source in named.sources:
        kind, _, digest = source.checksum.partition(":")
        assert len(digest) == {"sha256": 64, "md5": 32, "git": 40}[kind]
        assert (source.url is None) == (named.archive is not None)


@pytest.mark.parametrize(("name", "n_leaks"), large_ones_are_slow(
    ("trec", 10), ("nsmc", 1_571), ("atis", 13), ("snips", 26), ("sst2", 2), ("mr", 0), ("ud_english_ewt", 94), ("conll2000", 14),
    ("wnut17", 0), ("cmudict", 0)))
def test_test_texts_that_occur_in_the_official_train_split(name, n_leaks):
    splits, named = real(name).splits, DATASETS[name]
    other = "train" if "validation" in named.sizes else "train or validation"
    leaks = {(leak.split, leak.other): leak for leak in find_leaks(splits, named.text, named.label)}
    assert leaks["test", other].rows == n_leaks


def test_trec_is_latin1_with_coarse_and_fine_classes():
    dataset = real("trec")
    train = dataset.splits["train"].columns
    assert set(train["coarse"]) == {"ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"}
    texts = [text for table in dataset.splits.values() for text in table.columns["text"]]
    fine = {label for table in dataset.splits.values() for label in table.columns["fine"]}
    assert len(fine) == 50
    assert "Which city has the oldest relationship as a sisterðcity with Los Angeles ?" in texts
    assert dataset.splits["test"].columns["text"][0] == "How far is it from Denver to Aspen ?"
    assert dataset.splits["test"].columns["fine"][0] == "NUM:dist"


def test_nsmc_keeps_empty_documents():
    splits = real("nsmc").splits
    assert sum(not text for table in splits.values() for text in table.columns["document"]) == 8
    assert set(splits["train"].columns["label"]) == {"0", "1"}


def test_slots_are_aligned_with_words():
    columns = real("snips").splits["validation"].columns
    assert columns["text"][1] == "add the album to my flow español playlist"
    assert columns["slots"][1] == "O O B-music_item O B-playlist_owner B-playlist I-playlist O"
    assert columns["intent"][1] == "AddToPlaylist"


def test_newsgroups_are_stripped_as_scikit_learn_does_it():
    twenty = pytest.importorskip("sklearn.datasets._twenty_newsgroups")
    full = real("20newsgroups").splits["test"].columns["text"]
    stripped = real("20newsgroups", remove=["headers", "footers", "quotes"]).splits["test"].columns["text"]
    steps = (twenty.strip_newsgroup_header, twenty.strip_newsgroup_footer, twenty.strip_newsgroup_quoting)
    for text, got in list(zip(full, stripped, strict=True))[::5]:
        expected = text
        for step in steps:
            expected = step(expected)
        assert got == expected
    for part, step in zip(("headers", "footers", "quotes"), steps, strict=True):
        assert all(published_formats.strip_message(text, [part]) == step(text) for text in full[::11])


def test_a_footer_needs_a_line_to_be_cut_at():
    twenty = pytest.importorskip("sklearn.datasets._twenty_newsgroups")
    for text in ("", "one", "one\n--\ntwo", "\n\none\n\ntwo\n", "--\none", "a\n  --  \nb\n----\nc", "a\n\nb"):
        assert published_formats.strip_message(text, ["footers"]) == twenty.strip_newsgroup_footer(text)


def test_ag_news_joins_title_and_description_and_names_its_classes():
    content = b'"3","Fears for T N pension","Unions say they are ""disappointed""."\n"4","The Race is On","A second\\team"\n'
    table = published_formats.ag_news([content], ["test.csv"])
    assert table.columns["text"][0] == 'Fears for T N pension Unions say they are "disappointed".'
    assert table.columns["label"] == ["Business", "Sci/Tech"]
    assert table.columns["title"][1] == "The Race is On"
    assert set(table.columns) == set(DATASETS["ag_news"].columns)


def test_ynat_is_one_json_list():
    content = '[{"guid": "a", "title": "유튜브 내달 2일까지", "label": "생활문화", "annotations": {}}]'.encode()
    assert published_formats.ynat([content], ["dev.json"]).columns == {"title": ["유튜브 내달 2일까지"], "label": ["생활문화"]}
    for damaged in (b"[{", b'{"title": "a"}', b'[{"title": "a"}]', b"[1]"):
        with pytest.raises(DataError, match="not a JSON list of objects"):
            published_formats.ynat([damaged], ["dev.json"])


def test_damaged_native_files_are_reported_with_their_line():
    with pytest.raises(DataError, match=r"stsa:2 has a label but no text: 'nonsense'"):
        published_formats.labelled_lines([b"1 good\nnonsense\n"], ["stsa"])
    with pytest.raises(DataError, match="have 2, 1 and 2"):
        published_formats.slots_and_intents([b"a b\nc\n", b"O O\n", b"x\ny\n"], ["in", "out", "label"])
    with pytest.raises(DataError, match=r"in:2 and the same line of out have 1 words and 2 slots"):
        published_formats.slots_and_intents([b"a b\nc\n", b"O O\nO O\n", b"x\ny\n"], ["in", "out", "label"])


@pytest.fixture
def small(tmp_path, monkeypatch) -> NamedDataset:
    """A dataset of two small files in a data folder of its own."""
    train, test = b"1 good film\n0 bad film\n1 fine film\n", b"0 caf\xc3\xa9\n"
    named = replace(
        DATASETS["sst2"], name="small", sizes={},
        files={
            "train": (Source("train", "http://example.org/train", f"sha256:{sha256(train)}"),),
            "test": (Source("deep/test", "http://example.org/test", checksum_as("md5", test)),),
        },
    )
    monkeypatch.setenv("NLP_DATA", str(tmp_path))
    monkeypatch.setattr(read, "find_dataset", lambda name: named)
    (tmp_path / "small" / "deep").mkdir(parents=True)
    (tmp_path / "small" / "train").write_bytes(train)
    (tmp_path / "small" / "deep" / "test.gz").write_bytes(gzip.compress(test))
    return named


def test_plain_and_packed_files_are_read_and_their_content_is_hashed(small):
    dataset = read_dataset(NamedData(type="named", name="small"), ("text", "label"))
    assert dataset.splits["test"].columns == {"text": ["café"], "label": ["0"]}
    assert dataset.hashes["small/deep/test"] == sha256(b"0 caf\xc3\xa9\n")
    assert {split: len(table) for split, table in dataset.splits.items()} == {"train": 2, "validation": 1, "test": 1}
    assert is_here(small)
    assert read_dataset(NamedData(type="named", name="small"), ("label",)).splits["test"].columns == {"label": ["0"]}


def test_a_changed_file_is_refused(small, tmp_path):
    (tmp_path / "small" / "train").write_bytes(b"1 another film\n")
    with pytest.raises(DataError, match=r"should have the checksum sha256:\w+ and has sha256:\w+\. Fetch it again with .*--force"):
        read_dataset(NamedData(type="named", name="small"), ("text", "label"))


def test_a_missing_dataset_is_reported_with_address_and_licence(small, tmp_path):
    (tmp_path / "small" / "train").unlink()
    assert not is_here(small)
    with pytest.raises(DataError, match=r"`nlp data get small` \(from http://example.org/train; licence: not stated\)"):
        read_dataset(NamedData(type="named", name="small"), ("text", "label"))


def test_a_missing_column_is_reported_with_those_that_are_there(small):
    with pytest.raises(DataError, match=r"no column `lable`; it has `text`, `label`\. Did you mean `label`\?"):
        read_dataset(NamedData(type="named", name="small"), ("text", "lable"))


def test_an_unknown_dataset_is_reported_with_the_nearest():
    with pytest.raises(DataError, match=r"no dataset `20newsgroup`\. Did you mean `20newsgroups`\?"):
        read_dataset(NamedData(type="named", name="20newsgroup"))


def test_the_data_folder_follows_the_platform(monkeypatch, tmp_path):
    monkeypatch.setenv("NLP_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.delenv("NLP_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    expected = {"linux": tmp_path, "win32": tmp_path / "local", "darwin": Path.home() / "Library" / "Caches"}
    for platform, folder in expected.items():
        monkeypatch.setattr("sys.platform", platform)
        assert data_folder() == folder / "nlp" / "data"


def test_three_kinds_of_checksum():
    content = b"hello\n"
    assert same_content(content, "md5:b1946ac92492d2347c6235b4d2611184")
    assert same_content(content, "git:ce013625030ba8dba906f756967f9e9ca394464a")
    assert same_content(content, "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03")
    assert not same_content(b"hello", "md5:b1946ac92492d2347c6235b4d2611184")
    with pytest.raises(ValueError, match="unknown kind"):
        same_content(content, "crc32:00")
