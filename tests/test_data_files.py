"""`data: {type: files}`: formats, columns, splits and hashes of one's own files."""

import gzip

import pytest
from nlp.configs.schema.data import FileData
from nlp.datasets.files import sha256
from nlp.datasets.read import read_dataset
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
