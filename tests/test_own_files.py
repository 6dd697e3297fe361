"""Ten files as people bring them, each from the file to a trained model and a table of predictions, in three commands."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command import nlp_process
from nlp.datasets.formats.file_format import Form, TableFormat
from nlp.datasets.formats.table_reader import read_table
from typed_files import parquet, write_hub, xlsx

REVIEWS = {
    "gut": ["ein schöner Film; sehr schön", "großartige Schauspieler", "sehr schön und großartig", "großartig erzählt", "schön gespielt"],
    "schlecht": ["öde und langweilig", "ein müder Film; leider öde", "langweilige Schauspieler", "schwach erzählt", "müde gespielt"],
}
ROWS = [(f"{text} {number}", label) for number in range(12) for label, texts in REVIEWS.items() for text in texts]
NEW = [("ein schöner Film", "gut"), ("wirklich öde", "schlecht"), ("großartige Schauspieler", "gut")]
SENTENCES = [("Anna", "B-PER"), ("sah", "O"), ("Berlin", "B-LOC")], [("Otto", "B-PER"), ("blieb", "O"), ("in", "O"), ("Bonn", "B-LOC")]


def separated(rows: list[tuple[str, ...]], delimiter: str) -> str:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return written.getvalue()


def tsv(rows: list[tuple[str, ...]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def conll(sentences) -> str:
    return "\n".join("".join(f"{token} {tag}\n" for token, tag in sentence) for sentence in sentences)


def columns(rows) -> dict[str, list[str]]:
    return {"text": [text for text, _ in rows], "label": [label for _, label in rows]}


def semicolons(folder: Path) -> tuple[str, str, str]:
    (folder / "reviews.csv").write_text(separated([("text", "label"), *ROWS], ";"), encoding="utf-8")
    new = [("id", "text"), *((str(number), text) for number, (text, _) in enumerate(NEW))]
    (folder / "new.csv").write_text(separated(new, ";"), encoding="utf-8")
    return "reviews.csv", "new.csv", "out.csv"


def tabs(folder: Path) -> tuple[str, str, str]:
    (folder / "reviews.tsv").write_text(tsv([("label", "text"), *((label, text) for text, label in ROWS)]), encoding="utf-8")
    (folder / "new.tsv").write_text(tsv([("text",), *((text,) for text, _ in NEW)]), encoding="utf-8")
    return "reviews.tsv", "new.tsv", "out.tsv"


def jsonl(folder: Path) -> tuple[str, str, str]:
    for name, rows in (("reviews", ROWS), ("new", NEW)):
        lines = [json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return "reviews.jsonl", "new.jsonl", "out.jsonl"


def json_list(folder: Path) -> tuple[str, str, str]:
    (folder / "reviews.json").write_text(json.dumps([{"text": text, "label": label} for text, label in ROWS], indent=1), encoding="utf-8")
    return "reviews.json", jsonl(folder)[1], "out.jsonl"


def fasttext(folder: Path) -> tuple[str, str, str]:
    (folder / "reviews.train").write_text("".join(f"__label__{label} {text}\n" for text, label in ROWS), encoding="utf-8")
    return "reviews.train", tabs(folder)[1], "out.tsv"


def tags(folder: Path) -> tuple[str, str, str]:
    (folder / "reviews.conll").write_text(conll(SENTENCES * 8), encoding="utf-8")
    (folder / "new.conll").write_text(conll([[("Anna", "?"), ("sah", "?"), ("Bonn", "?")]]), encoding="utf-8")
    return "reviews.conll", "new.conll", "out.conll"


def folders(folder: Path) -> tuple[str, str, str]:
    for number, (text, label) in enumerate(ROWS):
        (folder / "reviews" / label).mkdir(parents=True, exist_ok=True)
        (folder / "reviews" / label / str(number)).write_bytes(f"Betreff: Kritik\n\n{text}\n".encode("latin-1"))
    (folder / "new.csv").write_bytes(separated([("text",), *((text,) for text, _ in NEW)], ",").encode("latin-1"))
    return "reviews", "new.csv", "out.csv"


def parquet_file(folder: Path) -> tuple[str, str, str]:
    (folder / "reviews.parquet").write_bytes(parquet(columns(ROWS)))
    (folder / "new.parquet").write_bytes(parquet({"text": [text for text, _ in NEW]}))
    return "reviews.parquet", "new.parquet", "out.parquet"


def workbook(folder: Path) -> tuple[str, str, str]:
    (folder / "reviews.xlsx").write_bytes(xlsx([("text", "label"), *ROWS]))
    (folder / "new.xlsx").write_bytes(xlsx([("id", "text"), *((number, text) for number, (text, _) in enumerate(NEW))]))
    return "reviews.xlsx", "new.xlsx", "out.xlsx"


def hub(folder: Path) -> tuple[str, str, str]:
    rows = [(text, int(label == "gut")) for text, label in ROWS]
    card = "---\ndataset_info: {features: [{name: label, dtype: {class_label: {names: {'0': schlecht, '1': gut}}}}]}\n---\n"
    write_hub(folder / "reviews", {"train": rows[:80], "validation": rows[80:100], "test": rows[100:]}, card)
    return "reviews", parquet_file(folder)[1], "out.parquet"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("write", [semicolons, tabs, jsonl, json_list, fasttext, tags, folders, parquet_file, workbook, hub],
                         ids=lambda write: write.__name__)
def test_from_a_file_to_a_table_of_predictions(tmp_path: Path, write: Callable[[Path], tuple[str, str, str]]) -> None:
    file, new, out = write(tmp_path)
    runs = {"NLP_RUNS": str(tmp_path / "runs")}
    for command in (f"config init {file}", "train --config reviews.yaml", f"predict reviews --input {new} --output {out}"):
        done = nlp_process(*command.split(), cwd=tmp_path, **runs)
        print(f"$ nlp {command}\n{done.stdout}{done.stderr}")
    kind: TableFormat = out.rpartition(".")[2]  # pyright: ignore[reportAssignmentType]
    delimiter = ";" if write is semicolons else None
    encoding = "latin-1" if write is folders else "utf-8"
    names = {"tags": 2} if write is tags else {}
    table = read_table((tmp_path / out).read_bytes(), out, Form(kind, columns=names, delimiter=delimiter, encoding=encoding))
    if write is tags:
        assert list(table.columns["tags"]) == ["B-PER O B-LOC"]
    else:
        assert list(table.columns["prediction"]) == [label for _, label in NEW]
        assert [float(share) > 0.5 for share in table.columns["probability"]] == [True] * len(NEW)
