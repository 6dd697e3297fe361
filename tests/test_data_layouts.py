"""fastText lines, JSON lists and folders of texts: what is written comes back, and what is odd is refused with its place."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.configs.schema.data import FileData
from nlp.datasets.formats.file_format import Form
from nlp.datasets.formats.table_reader import read_table
from nlp.datasets.read import adapted, is_table, read_dataset, read_file
from nlp.errors import DataError

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=12)
NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\t "), min_size=1, max_size=6)


@settings(deadline=None)
@given(st.lists(st.tuples(NAME, TEXT.map(lambda text: text.lstrip(" \t"))), min_size=1, max_size=6))
def test_fasttext_round_trip(rows):
    rows = [(label, text) for label, text in rows if not text.startswith("__label__")] or [("a", "b")]
    table = read_table("\n".join(f"__label__{label} {text}" for label, text in rows).encode(), "file", Form("fasttext"), ("label", "text"))
    assert list(zip(table.columns["label"], table.columns["text"], strict=True)) == rows


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6), st.sampled_from([None, 2]), st.booleans())
def test_json_round_trip(rows, indent, ascii_only):
    written = json.dumps([{"text": text, "label": label, "n": None} for text, label in rows], indent=indent, ensure_ascii=ascii_only)
    table = read_table(written.encode(), "file", Form("json"), ("text", "label"))
    assert list(zip(table.columns["text"], table.columns["label"], strict=True)) == rows


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text("_label[]{}\"a:, \n\t\\ud", max_size=60).map(str.encode)),
       st.sampled_from(["fasttext", "json", "jsonl", "conll"]))
def test_any_bytes_are_a_table_or_refused(content, kind):
    try:
        table = read_table(content, "file", Form(kind))
    except DataError:
        return
    assert all(len(column) == len(table) for column in table.columns.values())


@pytest.mark.parametrize(("kind", "text", "printed"), [
    ("fasttext", "__label__a b\n\nno label\n", r"file:3 does not start with a label \('no label'\)"),
    ("fasttext", "__label__a __label__b c\n", "file:1 has several labels"),
    ("fasttext", "__label__ c\n", "file:1 does not start with a label"),
    ("json", '{"text": "a", "label": "b"}', "file is JSON, but not a list of objects"),
    ("json", '{"text": "a"}\n{"text": "b"}', "file is not valid JSON: Extra data.* extension .jsonl"),
    ("json", "[]", "not a list of objects"),
    ("json", '[{"text": "a", "label": "b"}, 3]', "file, row 2 is JSON, but not an object"),
    ("json", '[{"text": "a", "label": null}]', "file, row 1: the value of the JSON key `label` is null"),
    ("json", '[{"text": "a", "label": ["b", "c"]}]', "`label` is a list, not text or a number. Write one text"),
    ("json", '[{"text": "a"}]', "file, row 1 has no column `label`; it has `text`"),
    ("json", "[" * 100_000, "not valid JSON"),
])
def test_what_is_wrong_is_reported_with_its_place(kind, text, printed):
    with pytest.raises(DataError, match=printed):
        read_table(text.encode(), "file", Form(kind), ("text", "label"))


def write_folders(folder: Path) -> FileData:
    for split, texts in (("train", {"sci.space": ["orbit", "moon\r\nshot"], "rec.autos": ["engine"]}), ("test", {"rec.autos": ["wheel"]})):
        for label, contents in texts.items():
            (folder / split / label).mkdir(parents=True)
            for number, text in enumerate(contents):
                (folder / split / label / f"{number}.txt").write_bytes(text.encode())
    (folder / "train" / "README").write_text("not a text", encoding="utf-8")
    (folder / "train" / "rec.autos" / ".DS_Store").write_bytes(b"\xff")
    return FileData(type="files", train=str(folder / "train"), test=str(folder / "test"), validation=str(folder / "test"))


def test_a_folder_has_a_class_in_each_subfolder(tmp_path):
    data = write_folders(tmp_path)
    dataset = read_dataset(data, ("text", "label"))
    train = dataset.splits["train"]
    assert train.columns == {"text": ["engine", "orbit", "moon\nshot"], "label": ["rec.autos", "sci.space", "sci.space"]}
    assert dataset.splits["test"].columns["text"] == ["wheel"]
    renamed = data.model_copy(update={"columns": {"says": "text"}, "format": "folders"})
    assert read_file(renamed, data.train, ("says",))[0].columns["says"] == train.columns["text"]
    (tmp_path / "train" / "rec.autos" / "0.txt").rename(tmp_path / "train" / "rec.autos" / "1.txt")
    assert read_dataset(data, ("text",)).hashes[data.train] != dataset.hashes[data.train]


def test_a_run_over_folders_reads_other_files_too(tmp_path):
    data = write_folders(tmp_path)
    for config in (data, data.model_copy(update={"format": "folders"})):
        assert is_table(config, data.train) and not is_table(config, "lines") and not is_table(config, "lines.txt")
        (tmp_path / "new.csv").write_text("text,label\na,b\n", encoding="utf-8")
        name = str(tmp_path / "new.csv")
        assert read_file(adapted(config, name, {}), name, ("text", "label"))[0].columns["text"] == ["a"]
        assert len(read_file(adapted(config, data.train, {}), data.train, ("text", "label"))[0]) == 3


def test_folders_that_hold_something_else_are_refused(tmp_path):
    data = write_folders(tmp_path)
    with pytest.raises(DataError, match=r"test.* is a folder\. Data in folders has"):
        read_file(data, str(tmp_path))
    with pytest.raises(DataError, match="is a folder without subfolders"):
        read_file(data, str(tmp_path / "test" / "rec.autos"))
    with pytest.raises(DataError, match="has no column `body`; it has `text`, `label`"):
        read_file(data, data.train, ("body",))
    with pytest.raises(DataError, match="There is no folder"):
        read_file(data.model_copy(update={"format": "folders"}), str(tmp_path / "gone"))
    with pytest.raises(DataError, match="cannot be read as csv"):
        read_file(data.model_copy(update={"format": "csv"}), data.train)
    (tmp_path / "train" / "sci.space" / "2.txt").write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"sci.space.2\.txt:1 is not UTF-8"):
        read_file(data, data.train)
    (tmp_path / "train" / "empty").mkdir()
    with pytest.raises(DataError, match="empty is a folder without files"):
        read_file(data, data.train)
