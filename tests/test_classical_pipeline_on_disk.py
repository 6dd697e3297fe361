"""Files larger than memory: read a block of rows at a time, their texts kept on disk."""

import csv
import gzip
import io
import json

import numpy as np
import pytest
from command import nlp, results
from hypothesis import given
from hypothesis import strategies as st
from nlp.configs.schema.data import FileData
from nlp.datasets.encoded.cache import mapped_array
from nlp.datasets.formats import streamed
from nlp.datasets.read import read_dataset, read_file
from nlp.datasets.stored_table import Content, StoredTexts
from nlp.errors import DataError
from nlp.storage import release

ROWS = [("good \u00e9t\u00e9", "x"), ('a "quoted", text\nof two lines', "y"), ("", "x"), ("재미있다 \u2028", "y"), ("last", " x ")] * 4
RECIPE = """
data: {type: files, train: train.csv, validation_share: 0.25, columns: {text: line, label: kind}, on_disk: ON_DISK}
task: {type: classification}
tokenizer: {type: ngrams, words: [1, 1], hash_bits: 8}
model: {type: sgd}
"""


def content(kind, rows=ROWS):
    if kind == "jsonl":
        return "".join(json.dumps({"line": text, "kind": label}) + "\n\n" for text, label in rows)
    if kind == "tsv":
        return "line\tkind\r\n" + "".join(f"{' '.join(text.split(chr(10)))}\t{label}\r\n" for text, label in rows)
    written = io.StringIO(newline="")
    csv.writer(written).writerows([("line", "kind"), *rows])
    return written.getvalue()


def data(path, **keys):
    return FileData(type="files", train=str(path), columns={"text": "line", "label": "kind"}, **keys)


@pytest.fixture(autouse=True)
def in_blocks(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(streamed, "BLOCK", 3)


def assert_same(stored, usual):
    assert {name: list(values) for name, values in stored.columns.items()} == {name: list(values) for name, values in usual.columns.items()}
    assert [stored.where(row) for row in range(len(stored))] == [usual.where(row) for row in range(len(usual))]


@pytest.mark.parametrize("columns", [("text", "label"), ()])
@pytest.mark.parametrize("name", ["train.csv", "train.tsv", "train.jsonl", "train.csv.gz"])
def test_a_file_on_disk_is_read_as_one_in_memory(name, columns, tmp_path):
    path, text = tmp_path / name, content(name.split(".")[1]).encode("utf-8-sig")
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    for _ in range(2):  # the second time from the cache
        (stored, digest), (usual, as_usual) = (read_file(data(path, on_disk=on_disk), str(path), columns) for on_disk in (True, False))
        assert_same(stored, usual)
        assert digest == as_usual
    splits = [read_dataset(data(path, on_disk=on_disk, validation_share=0.3)).splits for on_disk in (True, False)]
    for split in ("train", "validation"):
        assert_same(splits[0][split], splits[1][split])
    assert isinstance(splits[0]["train"].columns["text"], StoredTexts)
    assert_same(stored.without([0, 7]), usual.without([0, 7]))


@given(rows=st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))), min_size=1, max_size=12))
@pytest.mark.slow
def test_any_csv_file_is_read_as_in_memory_or_refused_as_there(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("any") / "train.csv"
    path.write_bytes(content("csv", rows).encode("utf-8"))
    read = []
    for on_disk in (True, False):
        try:
            read.append({name: list(values) for name, values in read_file(data(path, on_disk=on_disk), str(path))[0].columns.items()})
        except DataError as error:
            read.append(str(error))
    assert read[0] == read[1]


@pytest.mark.parametrize("place", [0, -1, slice(1, 4), slice(None, None, -2)])
def test_stored_texts_are_a_sequence(place, tmp_path):
    texts = ["ab", "", "\u00e9", "\U0001f600 z"]
    encoded = [text.encode() for text in texts]
    (tmp_path / "texts").write_bytes(b"".join(encoded))
    stored = StoredTexts(Content(tmp_path / "texts"), np.cumsum([0, *map(len, encoded)]))
    (tmp_path / "texts").unlink()  # whoever empties the cache stops nobody
    assert stored[place] == texts[place] and list(stored) == texts
    order = np.array([3, 0, 2])
    assert list(stored.taken(order).taken(np.array([2, 0]))) == [texts[2], texts[3]]
    with pytest.raises(IndexError):
        stored[4]


@pytest.mark.parametrize(("name", "text", "words"), [
    ("train.csv", "line,kind\na,x\nb,y\nc,x\nd,y,z\n", "train.csv:5 has 3 fields"),
    ("train.csv", 'line,kind\na,x\n"b,y\n', "train.csv:3 starts a row whose quotes do not match"),
    ("train.tsv", "line\tkind\na\tx\nb\n", "train.tsv:3 has 1 field"),
    ("train.csv", "text,kind\na,x\n", "no column `line`"),
    ("train.jsonl", '{"line": "a", "kind": "x"}\n' * 4 + '{"line": "a"}\n', "train.jsonl:5 has no column `kind`"),
    ("train.jsonl", '{"line": "a", "kind": "x"}\n{\n', "train.jsonl:2 is not valid JSON"),
    ("train.csv", "line,kind\n", "no rows"),
    ("train.csv", "", "no rows"),
    ("train.csv", b"line,kind\n\xff,x\n", "0xff"),
    ("train.csv.gz", b"no gzip", "is not a complete gzip file"),
    ("train.txt", "one long text", "reads csv, tsv, jsonl row by row"),
    ("train.csv", None, "There is no file"),
])
def test_files_that_cannot_be_read(name, text, words, tmp_path):
    path = tmp_path / name
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=words.replace(".", r"\.")):
        read_file(data(path, on_disk=True), str(path), ("text", "label"))


def test_a_cache_that_cannot_be_written_is_reported(tmp_path, monkeypatch):
    path = tmp_path / "train.csv"
    path.write_text(content("csv"), encoding="utf-8")
    (tmp_path / "cache").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(DataError, match=r"data\.on_disk keeps the texts .*NLP_CACHE"):
        read_file(data(path, on_disk=True), str(path))


def test_a_run_on_disk_is_the_run_in_memory(tmp_path):
    (tmp_path / "train.csv").write_text(content("csv", [(f"word{i % 7} and{i % 3}", "xy"[i % 7 % 2]) for i in range(60)]), encoding="utf-8")
    for name in ("true", "false"):
        (tmp_path / f"{name}.yaml").write_text(RECIPE.replace("ON_DISK", name), encoding="utf-8")
        nlp("train", "--config", f"{name}.yaml", "--name", "one", cwd=tmp_path)
    found = [results(tmp_path / "runs" / name / "one") for name in ("true", "false")]
    assert found[0]["validation"] == found[1]["validation"]
    assert nlp("eval", "true/one", "--split", "validation", cwd=tmp_path).stdout


@pytest.mark.parametrize(("old", "new"), [
    ("type: sgd", "type: kernel_svm"), ("type: sgd", "type: naive_bayes, variant: gaussian"), (", hash_bits: 8", ""),
    ("hash_bits: 8", "hash_bits: 8, analysis: {meaning: {latent: 2}}"),
])
def test_what_needs_all_texts_at_once_is_refused(old, new, tmp_path):
    (tmp_path / "mine.yaml").write_text(RECIPE.replace("ON_DISK", "true").replace(old, new), encoding="utf-8")
    (tmp_path / "train.csv").write_text(content("csv"), encoding="utf-8")
    found = nlp("train", "--config", "mine.yaml", cwd=tmp_path, code=2)
    assert "data.on_disk: works only if training never needs all texts at once" in found.stderr


def test_pages_of_a_map_are_let_go(tmp_path):
    np.save(tmp_path / "ids.npy", np.arange(100))
    mapped = mapped_array(tmp_path / "ids.npy", np.int64)
    assert mapped[:3].tolist() == [0, 1, 2]
    release(mapped)
    assert mapped.tolist() == list(range(100))
    release(np.arange(3))
