"""Parquet files, Excel workbooks and datasets of Hugging Face: what is read, what is written beside it, and what is refused."""

import io
import sys
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import nlp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nlp.cli.sample import look_at, with_splits
from nlp.configs.schema.data import FileData
from nlp.datasets.formats.append import append_columns
from nlp.datasets.formats.file_format import Form
from nlp.datasets.formats.hub_folder import find_dataset_folder, find_splits
from nlp.datasets.formats.table_reader import read_table
from nlp.datasets.read import read_file
from nlp.errors import DataError, MissingExtraError
from typed_files import CARD, parquet, write_hub, write_saved, xlsx

ROWS = [("a good film", "pos"), ("a bad film", "neg"), ("very good", "pos"), ("a mess", "neg"), ("good", "pos"), ("bad", "neg")]
CLASSES = [(text, int(label == "pos")) for text, label in ROWS]
LABEL = {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}


def columns_of(rows):
    return {"text": [text for text, _ in rows], "label": [label for _, label in rows]}


def read(kind: str, content: bytes, *wanted: str, **how):
    return read_table(content, f"file.{kind}", Form(kind, **how), wanted)


def test_cells_become_text():
    cells = [2, 2.0, 2.5, True, None, "#N/A", date(2024, 2, 29), datetime(2024, 2, 29, 12, 30), "=1+1 in words", float("nan")]
    texts = ["2", "2", "2.5", "true", "", "#N/A", "2024-02-29", "2024-02-29 12:30:00", "=1+1 in words", ""]
    book = openpyxl.Workbook()
    for number, cell in enumerate(cells[:-1], start=2):
        book.active.cell(number, 1, "x")
        book.active.cell(number, 2).value = cell
        book.active.cell(number, 2).data_type = "s" if isinstance(cell, str) else book.active.cell(number, 2).data_type
    book.active["A1"], book.active["B1"] = "text", "label"
    written = io.BytesIO()
    book.save(written)
    assert list(read("xlsx", written.getvalue()).columns["label"]) == texts[:-1]
    for cell, text in zip(cells, texts, strict=True):
        assert read("parquet", parquet({"label": [cell]})).columns["label"] == [text]
    typed = {"day": pa.array([datetime(2024, 2, 29)], pa.timestamp("ns")), "kind": pa.array(["a"]).dictionary_encode()}
    assert read("parquet", parquet(typed)).columns == {"day": ["2024-02-29"], "kind": ["a"]}


def test_rows_of_a_sheet_keep_their_numbers_and_empty_ones_are_skipped():
    table = read("xlsx", xlsx([("text", None, "label"), (), ("a", None, 1), ("b",)]), "label", "text")
    assert table.columns == {"label": ("1", ""), "text": ("a", "b")} and table.where(1) == "file.xlsx:4"
    assert read("xlsx", xlsx([("a", 1), ("b", 2)]), "text", header=False, columns={"text": 0}).columns == {"text": ("a", "b")}


def test_a_formula_is_read_by_the_value_that_the_file_holds(tmp_path):
    content = xlsx([("text", "label"), ("a", "=1+1"), ("b", 2)])
    with pytest.raises(DataError, match=r"file\.xlsx: the cell B2 has a formula, and the file does not hold its value"):
        read("xlsx", content, "text", "label")
    assert read("xlsx", content, "text").columns == {"text": ("a", "b")}
    parts = {"xl/worksheets/sheet1.xml": lambda text: text.replace(b"<f>1+1</f><v></v>", b"<f>1+1</f><v>7</v>")
             .replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>7</v>")}
    assert read("xlsx", repacked(content, parts), "label").columns["label"] == ("7", "2")


def repacked(content: bytes, changes) -> bytes:
    import zipfile

    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(written, "w") as after:
        for name in before.namelist():
            after.writestr(name, changes.get(name, bytes)(before.read(name)))
    return written.getvalue()


@pytest.mark.parametrize(("kind", "content", "printed"), [
    ("xlsx", b"text,label\na,b\n", r"file\.xlsx is not an Excel workbook: it starts with 'text,label'.*such as \.csv"),
    ("xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel file, or has a password"),
    ("xlsx", xlsx([("text", "label"), ("a", "b")])[:-40], "is damaged, or not an Excel workbook"),
    ("xlsx", xlsx([], [("text", "label")]), "first sheet of file.xlsx is empty.*the others are Sheet2"),
    ("xlsx", xlsx([("text", "label")]), "header line but no rows"),
    ("xlsx", xlsx([("text", "label", "label"), ("a", "b", "c")]), r"2 columns called `label`\. Give its position: `data.columns: \{label"),
    ("xlsx", xlsx([("text", "class"), ("a", "b")]), "no column `label`; it has `text`, `class`"),
    ("parquet", parquet(columns_of(ROWS))[:-9], r"file\.parquet is not a complete Parquet file"),
    ("parquet", b"text,label\na,b\n", r"is not a complete Parquet file.*such as \.csv"),
    ("parquet", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ("parquet", parquet({"text": pa.array([], pa.string()), "label": pa.array([], pa.string())}), "columns but no rows"),
    ("parquet", parquet({"text": ["a"], "label": [{"x": 1}]}), r"column `label` has the type struct<x: int64>"),
    ("parquet", parquet({"text": ["a"], "label": [b"\xff"]}), "column `label` has the type binary"),
    ("parquet", parquet({"text": ["a"]}), "no column `label`; it has `text`"),
    ("parquet", parquet({"text": ["a", "b"], "label": [1, 5]}, LABEL), r"row 2: `label` has the class 5, .* 2 classes, 0 to 1: neg, pos"),
])
def test_what_cannot_be_read_is_one_clear_paragraph(kind, content, printed):
    with pytest.raises(DataError, match=printed):
        read(kind, content, "text", "label")


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([("parquet", parquet(columns_of(ROWS), LABEL)), ("xlsx", xlsx([("text", "label"), *ROWS]))]), st.data())
def test_damaged_files_are_refused_or_read(made, data):
    kind, content = made
    place = data.draw(st.integers(0, len(content) - 1))
    changed = content[:place] + bytes([data.draw(st.integers(0, 255))]) + content[place + data.draw(st.integers(0, 3)):]
    try:
        table = read(kind, changed)
    except DataError:
        return
    assert all(len(column) == len(table) for column in table.columns.values())


def test_without_the_extra_its_name_is_told(monkeypatch):
    contents = {"parquet": parquet(columns_of(ROWS)), "xlsx": xlsx([("text", "label"), *ROWS])}
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    for kind, content in contents.items():
        with pytest.raises(MissingExtraError, match=rf"file\.{kind}: .* needs the extra: pip install 'nlp-generations\[tables\]'"):
            read(kind, content)


def test_columns_are_added_to_the_same_file():
    added = {"prediction": ["=1+1", "b\x01"], "probability": [0.5, 1.0]}
    book = append_columns(xlsx([("text", "n"), (), ("x", "=2+2"), ("y", 3)], [("kept",)]), "f", Form("xlsx"), added)
    opened = openpyxl.load_workbook(io.BytesIO(book))
    assert [[cell.value for cell in row] for row in opened.worksheets[0].rows][2:] == [["x", "=2+2", "=1+1", 0.5], ["y", 3, "b ", 1.0]]
    assert opened.worksheets[0]["C3"].data_type == "s" and opened.worksheets[1]["A1"].value == "kept"


def test_parquet_keeps_its_types_and_describes_the_new_columns(tmp_path):
    before = parquet({"id": [1, 2], "text": ["a", "b"], "label": [0, 1]}, LABEL)
    after = append_columns(before, "f", Form("parquet"), {"prediction": ["pos", None], "probability": [0.5, None]})
    table = pq.read_table(io.BytesIO(after))
    assert str(table.schema.types) == "[DataType(int64), DataType(string), DataType(int64), DataType(string), DataType(double)]"
    assert b'"prediction": {"dtype": "string"' in table.schema.metadata[b"huggingface"]
    assert read("parquet", after).columns["label"] == ["neg", "pos"]
    with pytest.raises(DataError, match="already has a column `prediction`"):
        append_columns(after, "f", Form("parquet"), {"prediction": ["a", "b"]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("typed")
    (folder / "train.parquet").write_bytes(parquet({"review": [text for text, _ in ROWS] * 4, "stars": [label for _, label in ROWS] * 4}))
    (folder / "new.xlsx").write_bytes(xlsx([("id", "review", "stars"), (1, "good", "pos"), (2, "bad", "neg")]))
    (folder / "new.parquet").write_bytes(parquet({"review": ["good", "bad"], "stars": ["pos", "neg"]}))
    nlp("config", "init", "train.parquet", "--model", "naive_bayes", "-o", "films.yaml", cwd=folder)
    nlp("train", "--config", "films.yaml", cwd=folder)
    return folder


@pytest.mark.parametrize("name", ["new.xlsx", "new.parquet"])
def test_a_run_predicts_and_scores_typed_files(folder, name):
    done = nlp("predict", "films", "--input", name, "--output", f"out-{name}", cwd=folder)
    assert "2 rows with `prediction` and `probability`" in done.stdout and f"{name}: texts from column `review`" in done.stderr
    written = read(name.rpartition(".")[2], (folder / f"out-{name}").read_bytes())
    assert list(written.columns["prediction"]) == ["pos", "neg"] and list(written.columns["review"]) == ["good", "bad"]
    assert "1.0000" in nlp("eval", "films", "--data", name, cwd=folder).stdout
    assert "review" in nlp("data", "show", "films.yaml", cwd=folder).stdout


def test_a_recipe_for_a_workbook_names_what_is_not_read(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(xlsx([("text", "label"), *ROWS], [("more",)]))
    sample = look_at(tmp_path / "a.xlsx")
    assert (sample.names, sample.settings()) == (("text", "label"), {"type": "files"})
    assert "only the first sheet" in with_splits(sample, {})[1][0] and "not Sheet2" in with_splits(sample, {})[1][0]
    (tmp_path / "b.xlsx").write_bytes(xlsx(ROWS))
    assert look_at(tmp_path / "b.xlsx").settings()["columns"] == {"text": 0, "label": 1}
    (tmp_path / "c.xlsx").write_bytes(xlsx([("text", "label"), ("a", "=1+1"), *ROWS, *ROWS]))
    with pytest.raises(DataError, match="the cell B2 has a formula"):
        look_at(tmp_path / "c.xlsx")


def hub(folder: Path) -> FileData:
    write_hub(folder, {"train": CLASSES, "validation": CLASSES[:2], "test": [(text, -1) for text, _ in CLASSES]})
    return FileData(type="files", train=str(folder / "train"), format="huggingface")


def test_a_clone_of_the_hub_shows_classes_by_their_names(tmp_path):
    data = hub(tmp_path / "films")
    table, hashes = read_file(data, data.train, ("text", "label"))
    assert list(zip(table.columns["text"], table.columns["label"], strict=True)) == ROWS
    assert list(hashes) == [str(tmp_path / "films/data/train-00000-of-00001.parquet")]
    assert read_file(data, str(tmp_path / "films/test"), ("label",))[0].columns["label"] == [""] * len(ROWS)
    found, notices = with_splits(look_at(tmp_path / "films"), {"validation": None, "test": None})
    assert found.settings() == {"type": "files", "format": "huggingface"} and found.title == "films"
    assert found.splits == {"validation": tmp_path / "films/validation"} and "no answer in any row" in notices[0]


@pytest.mark.parametrize(("ending", "row"), [("csv", "{text},{label}\n"), ("jsonl", '{{"text": "{text}", "label": {label}}}\n')])
def test_split_files_of_text_show_classes_by_their_names_too(tmp_path, ending, row):
    head = "text,label\n" if ending == "csv" else ""
    (tmp_path / f"films_train.{ending}").write_text(head + "".join(row.format(text=text, label=label) for text, label in CLASSES))
    (tmp_path / "README.md").write_text(CARD, encoding="utf-8")
    data = FileData(type="files", train=str(tmp_path / "train"), format="huggingface")
    assert read_file(data, data.train, ("label",))[0].columns["label"] == [label for _, label in ROWS]


def test_what_save_to_disk_writes_is_read(tmp_path):
    write_saved(tmp_path / "films", dict.fromkeys(("train", "test"), columns_of(CLASSES)), LABEL)
    sample, _ = with_splits(look_at(tmp_path / "films"), {"validation": None, "test": None})
    assert list(zip(sample.texts, sample.labels, strict=True)) == ROWS and list(sample.splits) == ["test"]
    assert look_at(tmp_path / "films" / "train").file == tmp_path / "films" / "train"


def test_lists_are_the_tokens_and_tags_of_sentences(tmp_path):
    tags = {"names": ["O", "B-PER"], "_type": "ClassLabel"}
    features = {"ner_tags": {"feature": tags, "_type": "Sequence"}}
    columns = {"id": ["1", "2"], "tokens": [["Ann", "saw", "New York"], ["Bo"]], "pos_tags": [[1, 2, 1], [1]], "ner_tags": [[1, 0, 0], [1]]}
    write_saved(tmp_path / "ner", {"train": columns}, features)
    sample = look_at(tmp_path / "ner")
    assert (sample.task, sample.names, sample.labels) == ("tagging", ("tokens", "ner_tags"), ["B-PER O O", "B-PER"])
    assert sample.texts[0] == "Ann saw New\u00a0York"
    (tmp_path / "many.parquet").write_bytes(parquet({"text": ["a", "b"], "labels": [[1, 2], [1]]}))
    with pytest.raises(DataError, match="the column `labels` has a list in each row"):
        look_at(tmp_path / "many.parquet")


def test_datasets_that_are_not_all_there_are_refused(tmp_path):
    data = hub(tmp_path / "films")
    with pytest.raises(DataError, match=r"There is no split `dev` in .*films.*The folder holds: README\.md, data"):
        read_file(data, str(tmp_path / "films" / "dev"))
    first = tmp_path / "films/data/train-00000-of-00001.parquet"
    first.rename(first.with_name("train-00000-of-00002.parquet"))
    with pytest.raises(DataError, match="is one of 2 files, and only 1 are here"):
        read_file(data, data.train)
    write_hub(tmp_path / "several/a", {"train": CLASSES})
    write_hub(tmp_path / "several/b", {"train": CLASSES})
    with pytest.raises(DataError, match=r"several datasets: a, b\. Name one"):
        look_at(tmp_path / "several")
    assert find_dataset_folder(tmp_path / "several" / "a") == tmp_path / "several" / "a"
    assert find_splits(tmp_path / "several" / "a") == {"train": tmp_path / "several" / "a" / "train"}


def test_a_script_is_never_run(tmp_path):
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "films.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')", encoding="utf-8")
    with pytest.raises(DataError, match=r"films\.py is a script that would load the data, and is not run\. Get the dataset as Parquet"):
        look_at(tmp_path / "films")
    assert not (tmp_path / "ran").exists()


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text("---\n dataset_info:features[]{}'0\"name", max_size=60), st.sampled_from(["[]", "dataset_info: [1]", "&a [*a]"])))
def test_any_card_describes_classes_or_nothing(tmp_path, card):
    if not (tmp_path / "films").exists():
        hub(tmp_path / "films")
    (tmp_path / "films" / "README.md").write_text(f"---\n{card}\n---\n", encoding="utf-8")
    data = FileData(type="files", train=str(tmp_path / "films" / "train"), format="huggingface")
    try:
        assert set(read_file(data, data.train, ("label",))[0].columns["label"]) == {"0", "1"}
    except DataError as error:
        assert "is not valid YAML" in str(error)
