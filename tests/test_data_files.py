"""`data: {type: files}`: formats, columns, splits and hashes of one's own files."""

import gzip

import pytest
from nlp.configs.schema.data import FileData, NamedData
from nlp.datasets.files import sha256
from nlp.datasets.read import read_column, read_dataset
from nlp.errors import DataError

ROWS = [(f"text {row}", "ab"[row % 2]) for row in range(20)]


def write(folder, name: str, separator: str, rows=ROWS):
    content = "".join(f"{separator.join(row)}\n" for row in [("text", "label"), *rows]).encode()
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return str(folder / name), content


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.CSV", "a.csv.gz", "a.tsv.gz"])
def test_the_format_is_reported_from_the_name(tmp_path, name):
    separator = "\t" if "tsv" in name else ","
    path, content = write(tmp_path, name, separator)
    dataset = read_dataset(FileData(type="files", train=path), ("text", "label"))
    assert {split: len(table) for split, table in dataset.splits.items()} == {"train": 18, "validation": 2}
    assert dataset.name == name
    assert dataset.hashes == {path: sha256(content)}
    rows = {row for table in dataset.splits.values() for row in zip(table.columns["text"], table.columns["label"], strict=True)}
    assert rows == set(ROWS)


def test_a_packed_file_has_the_hash_of_its_content(tmp_path):
    plain, packed = (read_dataset(FileData(type="files", train=write(tmp_path, name, ",")[0])) for name in ("a.csv", "a.csv.gz"))
    assert list(plain.hashes.values()) == list(packed.hashes.values())


def test_given_splits_are_taken_as_they_are(tmp_path):
    sizes = {"train": 9, "validation": 4, "test": 3}
    paths = {split: write(tmp_path, f"{split}.csv", ",", ROWS[:size])[0] for split, size in sizes.items()}
    dataset = read_dataset(FileData(type="files", **paths), ("text",))
    assert {split: len(table) for split, table in dataset.splits.items()} == sizes
    assert list(dataset.hashes) == list(paths.values())
    assert dataset.splits["test"].where(1) == f"{paths['test']}:3"


def test_the_cut_follows_its_seed_and_share(tmp_path):
    path, _ = write(tmp_path, "a.csv", ",")
    first, again, other = (
        read_dataset(FileData(type="files", train=path, validation_share=0.25, split_seed=seed), ("text",)) for seed in (3, 3, 4)
    )
    assert first == again
    assert len(first.splits["validation"]) == 5
    assert first.splits["validation"].columns != other.splits["validation"].columns


def test_the_settings_reach_the_reader(tmp_path):
    path = tmp_path / "data.txt"
    path.write_bytes(b'1,"a, b"\n0,c\n')
    config = FileData(type="files", train=str(path), format="csv", header=False, columns={"text": 1, "label": 0})
    dataset = read_dataset(config, ("text", "label"))
    assert {text for table in dataset.splits.values() for text in table.columns["text"]} == {"a, b", "c"}
    unquoted = FileData(type="files", train=str(path), format="csv", header=False, quoting=False, columns={"text": 1, "label": 0})
    with pytest.raises(DataError, match=r"data\.txt:2 has 2 fields where the first line has 3"):
        read_dataset(unquoted, ("text", "label"))


def test_a_name_without_a_known_ending_is_refused(tmp_path):
    (tmp_path / "data.dat").write_text("text,label\na,b\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"data\.dat is not clear from its name\. Set `data\.format` to one of conll, .*, xlsx, or rename"):
        read_dataset(FileData(type="files", train=str(tmp_path / "data.dat")))


def test_missing_files_and_columns_are_reported(tmp_path):
    path, _ = write(tmp_path, "train.csv", ",")
    with pytest.raises(DataError, match=r"There is no file .*trian\.csv\. The folder holds: train\.csv"):
        read_dataset(FileData(type="files", train=str(tmp_path / "trian.csv")))
    with pytest.raises(DataError, match=r"train\.csv has no column `labels`; .* Did you mean `label`\?"):
        read_dataset(FileData(type="files", train=path), ("text", "labels"))
    with pytest.raises(DataError, match="holds 1 example, too few"):
        read_dataset(FileData(type="files", train=write(tmp_path, "one.csv", ",", ROWS[:1])[0]))


NAME_IT = "Name it with --column."
TAGGED = "".join(f"word{row} {'AB'[row % 2]} x\n\n" for row in range(20)).encode()
BARE = "".join(f"{text},{label},x\n" for text, label in ROWS).encode()


@pytest.mark.parametrize(("name", "content", "settings", "wrong", "problem"), [
    ("a.jsonl", b'{"text": "a", "author": "b"}\n' * 20, {}, "autor", "it has `text`, `author`. Did you mean `author`?"),
    ("a.csv", b"text,author\na,b\n" * 20, {"on_disk": True}, "autor", "it has `text`, `author`. Did you mean `author`?"),
    ("a.csv", b"text,by,by\na,b,c\n" * 20, {}, "by", "2 columns called `by`."),
    ("a.csv", BARE, {"header": False}, "author", "no column is called `author`; the file has 3 columns, 0 to 2."),
    ("a.csv", BARE, {"header": False}, "3", "has 3 columns, so position 3 is out of range; the first is 0."),
    ("a.conll", TAGGED, {}, "author", "3 columns without names, so none is called `author`; they are numbered from 0."),
    ("a.conll", TAGGED, {}, "3", "has 3 columns, so position 3 is out of range; the first is 0."),
    ("a.eng", b"a\n" * 20, {"format": "parallel"}, "en", "there are files for `eng`. Did you mean `eng`?"),
])
def test_a_column_named_by_an_option_is_not_to_be_set_in_the_recipe(tmp_path, monkeypatch, name, content, settings, wrong, problem):
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    (tmp_path / name).write_bytes(content)
    train = str(tmp_path / name.removesuffix(".eng"))
    with pytest.raises(DataError) as caught:
        read_column(FileData(type="files", train=train, **settings), wrong, NAME_IT)
    assert f"{problem} {NAME_IT}" in str(caught.value)
    assert "data.columns" not in str(caught.value)


def test_a_column_of_a_named_dataset_that_is_not_there():
    with pytest.raises(DataError, match=rf"no column `lang`; it has `name`, `language`. Did you mean `language`\? {NAME_IT}"):
        read_column(NamedData(type="named", name="names"), "lang", NAME_IT)


@pytest.mark.parametrize(("name", "content", "header"), [("a.csv", BARE, False), ("a.conll", TAGGED, True)])
def test_columns_without_names_are_read_by_position(tmp_path, name, content, header):
    (tmp_path / name).write_bytes(content)
    config = FileData(type="files", train=str(tmp_path / name), header=header)
    assert {value for values in read_column(config, "2", NAME_IT).values() for value in values} == {"x"}
