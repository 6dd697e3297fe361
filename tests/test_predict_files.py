"""Tables that `nlp predict` and `nlp eval` read, and those that `nlp predict --output` writes."""

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from command import nlp
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.configs.schema.data import FileData
from nlp.datasets.formats import guess, separated
from nlp.datasets.formats.append import append_columns
from nlp.datasets.formats.file_format import Form
from nlp.datasets.formats.guess import DELIMITERS, readable_table
from nlp.datasets.formats.separated import separated_grid
from nlp.datasets.formats.table_reader import read_table
from nlp.datasets.read import read_given
from nlp.errors import DataError

ROWS = [("a good film, really", "pos"), ("bad film", "neg"), ('"good"', "pos"), ("what a mess", "neg"), ("good", "pos"), ("bad", "neg")]
TOKENS = [("the dog runs", "DET NOUN VERB"), ("a cat sleeps", "DET NOUN VERB"), ("dogs bark", "NOUN VERB")]
RECIPES = {
    "rules": "model: {type: rules, default: neg, rules: [{label: pos, keywords: [good]}]}",
    "naive_bayes": "tokenizer: {type: ngrams, words: [1, 1]}\nmodel: {type: naive_bayes}",
}


def quoted(rows: list[tuple[str, ...]], delimiter: str = ",", line_end: str = "\n") -> str:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    return written.getvalue()


def conll(separator: str = " ") -> str:
    return "\n".join("".join(f"{word}{separator}{tag}\n" for word, tag in zip(words.split(), tags.split(), strict=True))
                     for words, tags in TOKENS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("predict")
    (folder / "train.csv").write_text(quoted([("review", "stars"), *ROWS]), encoding="utf-8")
    (folder / "train.conll").write_text(conll(), encoding="utf-8")
    for name, model in RECIPES.items():
        (folder / f"{name}.yaml").write_text("data: {type: files, train: train.csv, columns: {text: review, label: stars}}\n"
                                             f"task: {{type: classification}}\n{model}", encoding="utf-8")
    (folder / "tags.yaml").write_text("data: {type: files, train: train.conll, validation: train.conll}\ntask: {type: tagging}\n"
                                      "model: {type: most_frequent_tag}", encoding="utf-8")
    for name in (*RECIPES, "tags"):
        nlp("train", "--config", f"{name}.yaml", cwd=folder)
    return folder


def predicted(folder: Path, run: str, name: str, content: str, *more: str, output: str | None = None) -> str:
    """What `--output` holds, unpacked."""
    path = folder / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    output = output or f"predicted-{name}"
    nlp("predict", run, "--input", name, "--output", output, *more, cwd=folder)
    written = (folder / output).read_bytes()
    return (gzip.decompress(written) if output.endswith(".gz") else written).decode("utf-8")


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_csv_gets_two_columns_and_keeps_the_others_as_they_were(folder, line_end):
    rows = [("id", "review"), *((f"0{number}", text) for number, (text, _) in enumerate(ROWS))]
    before = quoted(rows, line_end=line_end).replace("01,", '"01",')
    after = predicted(folder, "naive_bayes", "new.csv", before, output="out.csv")
    assert [line.rsplit(",", 2)[0] for line in after.split(line_end)[:-1]] == before.split(line_end)[:-1]
    table = read_table(after.encode(), "out", Form("csv"))
    assert list(table.columns) == ["id", "review", "prediction", "probability"]
    assert list(table.columns["prediction"])[-2:] == ["pos", "neg"]
    assert all(0.5 <= float(share) <= 1 for share in table.columns["probability"])


def test_other_forms_are_written_as_they_are_read(folder):
    assert predicted(folder, "rules", "new.tsv", "review\tid\ngood \"day\tA\nbad\tB").startswith(
        "review\tid\tprediction\tprobability\ngood \"day\tA\tpos\t0.9\nbad\tB\tneg\t")
    jsonl = predicted(folder, "rules", "new.jsonl", '{"n": 1.50, "review": "good", "x": [null]}\n\n {"review": "bad"} \n')
    assert jsonl.startswith('{"n": 1.50, "review": "good", "x": [null], "prediction": "pos", "probability": 0.9}\n\n {"review": "bad", ')
    assert predicted(folder, "rules", "new.csv.gz", "review;id\ngood, very;1\n").splitlines()[1] == "good, very;1;pos;0.9"
    assert predicted(folder, "rules", "new.csv", "review\ngood\n", output="new-out.csv.gz").splitlines()[1].startswith("good,pos")
    assert predicted(folder, "rules", "mark.csv", "\ufeffreview\ngood\n").startswith("\ufeffreview,prediction")


def test_a_tag_is_written_behind_each_token(folder):
    words = "-DOCSTART- x\n\nthe X\ndog X\n\n# a comment of words\ndogs X\nbark X\n"
    assert predicted(folder, "tags", "new.conll", words) == (
        "-DOCSTART- x\n\nthe X DET\ndog X NOUN\n\n# a comment of words\ndogs X NOUN\nbark X VERB\n")
    assert predicted(folder, "tags", "tabs.conll", "the\tX\r\ndog\tX\r\n") == "the\tX\tDET\r\ndog\tX\tNOUN\r\n"
    assert predicted(folder, "tags", "tags.jsonl", '{"tokens": "the dog"}') == '{"tokens": "the dog", "prediction": "DET NOUN"}'


def test_both_commands_say_which_columns_they_take(folder):
    (folder / "other.csv").write_text(quoted([("id", "says", "kind"), ("1", "good", "pos"), ("2", "bad", "neg")]), encoding="utf-8")
    done = nlp("predict", "rules", "--input", "other.csv", "--text", "says", cwd=folder)
    assert "Notice: other.csv: texts from column `says`.\n" in done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")] == ["pos", "neg"]
    done = nlp("eval", "rules", "--data", "other.csv", "--text", "says", "--label", "kind", cwd=folder)
    assert "Notice: other.csv: texts from column `says` and labels from column `kind`.\n" in done.stderr
    assert "1.0000" in done.stdout
    (folder / "other.jsonl").write_text('{"review": "good", "stars": "pos"}\n{"review": "bad", "stars": "neg"}\n', encoding="utf-8")
    assert "`review` and labels" in nlp("eval", "rules", "--data", "other.jsonl", cwd=folder).stderr
    (folder / "other2.csv").write_text("review\tstars\ngood\tpos\nbad\tneg\n", encoding="utf-8")
    assert "separated by '\\t'" in nlp("eval", "rules", "--data", "other2.csv", cwd=folder).stderr


def test_a_file_without_header_is_read_by_position_where_the_recipe_does(folder):
    recipe = (folder / "rules.yaml").read_text(encoding="utf-8")
    (folder / "bare.csv").write_text(quoted(ROWS), encoding="utf-8")
    (folder / "bare.yaml").write_text(recipe.replace("train.csv", "bare.csv, header: false").replace("review", "0").replace("stars", "1"),
                                      encoding="utf-8")
    nlp("train", "--config", "bare.yaml", cwd=folder)
    assert "column 0 (the first is 0)" in nlp("predict", "bare", "--input", "bare.csv", cwd=folder).stderr
    assert predicted(folder, "bare", "turned.csv", "1,good\n2,bad\n", "--text", "1").startswith("1,good,pos,0.9\n2,bad,neg")
    assert predicted(folder, "bare", "head.csv", "n,says\n2,good\n", "--text", "says") == "n,says,prediction,probability\n2,good,pos,0.9\n"


def test_columns_without_names_are_named_by_position(folder):
    (folder / "turned.conll").write_text("X\tthe\tDET\nX\tdog\tNOUN\n", encoding="utf-8")
    assert "1.0000" in nlp("eval", "tags", "--data", "turned.conll", "--text", "1", "--label", "2", cwd=folder).stdout
    for column, problem in (("form", "none is called `form`; they are numbered from 0"), ("3", "position 3 is out of range")):
        done = nlp("eval", "tags", "--data", "turned.conll", "--text", column, cwd=folder, code=2).stderr
        assert problem in done and done.endswith("Name the columns with --text and --label.\n") and "data.columns" not in done


def test_lines_stay_texts(folder):
    (folder / "lines.txt").write_text("review,stars\ngood,1\n", encoding="utf-8")
    done = nlp("predict", "rules", "--input", "lines.txt", cwd=folder)
    assert "review,stars" in done.stdout and done.stderr == ""
    (folder / "lines.txt.gz").write_bytes(gzip.compress(b"good\n"))
    assert "pos" in nlp("predict", "rules", "--input", "lines.txt.gz", cwd=folder).stdout


@pytest.mark.parametrize(("arguments", "printed"), [
    (("--input", "says.csv"), "says.csv has no column `review`; it has `says`. Name the column with the texts with --text."),
    (("--input", "says.csv", "--text", "sais"), "no column `sais`; it has `says`. Did you mean `says`?"),
    (("--input", "train.csv", "--output", "train.csv"), "is the --input file"),
    (("--input", "train.csv", "--output", "hard.csv"), "is the --input file"),
    (("--input", "train.csv", "--output", "out.tsv"), "give a name that ends in .csv"),
    (("--input", "train.csv", "--output", "nowhere/out.csv"), "there is no folder"),
    (("--input", "train.csv", "--output", "x.csv", "--json"), "leave one of them out"),
    (("--input", "gone.csv"), "There is no file gone.csv"),
    (("--input", "done.csv", "--output", "x.csv"), "done.csv already has a column `prediction`"),
    (("--input", "done.jsonl", "--output", "x.jsonl"), "done.jsonl:1 already has a column `probability`"),
    (("--output", "x.csv", "good"), "--output writes the --input table"),
    (("--text", "review", "good"), "--text names a column of the --input file"),
    (("--input", "null.jsonl"), "null.jsonl:1: the value of the JSON key `review` is null, not text or a number"),
])
def test_what_cannot_be_read_or_written_is_one_paragraph(folder, arguments, printed):
    (folder / "says.csv").write_text("says\ngood\n", encoding="utf-8")
    (folder / "done.csv").write_text('review,"prediction"\ngood,pos\n', encoding="utf-8")
    (folder / "done.jsonl").write_text('{"review": "good", "probability": 1}\n', encoding="utf-8")
    (folder / "null.jsonl").write_text('{"review": null}\n', encoding="utf-8")
    if not (folder / "hard.csv").exists():
        (folder / "hard.csv").hardlink_to(folder / "train.csv")
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    done = nlp("predict", "rules", *arguments, cwd=folder, code=2)
    assert printed in done.stderr and done.stderr.count("Error:") == 1 and done.stdout == ""
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_columns_of_a_file_to_be_scored_need_the_file(folder):
    assert "Add --data" in nlp("eval", "rules", "--text", "review", cwd=folder, code=2).stderr
    (folder / "some.csv").write_text("review,kind\ngood,pos\n", encoding="utf-8")
    assert "no column `stars`; it has `review`, `kind`. Name the columns with --text and --label." in \
        nlp("eval", "rules", "--data", "some.csv", cwd=folder, code=2).stderr


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
TABLES = st.integers(1, 3).flatmap(lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=5))


@settings(deadline=None)
@given(TABLES, st.sampled_from(DELIMITERS), st.booleans(), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.data())
def test_appended_columns_come_back_and_nothing_else_changes(rows, delimiter, quoting, line_end, ends, data):
    form = Form("csv", header=False, quoting=quoting, delimiter=delimiter)
    if quoting:
        written = io.StringIO(newline="")
        csv.writer(written, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(rows)
        text = written.getvalue()
    else:
        marks = str.maketrans("", "", f"{delimiter}\n\r")
        text = "".join(delimiter.join(cell.translate(marks) for cell in row) + line_end for row in rows)
    text = text if ends else text.removesuffix(line_end)
    try:
        before = read_table(text.encode(), "file", form)
    except DataError:  # nothing but blank lines
        return
    added = data.draw(st.lists(CELL, min_size=len(before), max_size=len(before)))
    after = read_table(append_columns(text.encode(), "file", form, {"new": added}), "file", form)
    width = len(before.columns)
    assert [list(column) for column in after.columns.values()][:width] == [list(column) for column in before.columns.values()]
    marks = str.maketrans({delimiter: " ", "\n": " ", "\r": " "})
    assert list(after.columns[str(width)]) == (added if quoting else [cell.translate(marks) for cell in added])


@settings(deadline=None)
@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=5), st.booleans())
def test_keys_come_back_behind_those_of_jsonl(rows, ascii_only):
    text = "\n".join(json.dumps({"a": a, "b": [b]}, ensure_ascii=ascii_only) for a, b, _ in rows)
    after = append_columns(text.encode(), "file", Form("jsonl"), {"new": [new for *_, new in rows], "share": [0.5] * len(rows)})
    assert [json.loads(line) for line in after.decode().split("\n")] == [{"a": a, "b": [b], "new": new, "share": 0.5} for a, b, new in rows]


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text("a;,|\t\n\r\" ", max_size=40).map(str.encode)), st.sampled_from(["csv", "tsv"]))
def test_any_bytes_have_a_form_or_are_refused(content, kind):
    try:
        form, _ = readable_table(content, "file", Form(kind, header=False))
    except DataError:
        return
    table = read_table(content, "file", form)
    rows = [str(number) for number in range(len(table))]
    assert read_table(append_columns(content, "file", form, {"new": rows}), "file", form).columns[str(len(table.columns))] is not None


def test_a_table_is_parsed_once(tmp_path, monkeypatch):
    (tmp_path / "new.csv").write_text("text,label\na,b\n", encoding="utf-8")
    parsed = []

    def counted(text: str, source: str, form: Form):
        parsed.append(source)
        return separated_grid(text, source, form)

    for module in (guess, separated):
        monkeypatch.setattr(module, "separated_grid", counted)
    path = str(tmp_path / "new.csv")
    given = read_given(FileData(type="files", train=path), path, {}, ("text",), "")
    assert given.table.columns == {"text": ["a"]} and parsed == [path]


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_another_delimiter_is_found(delimiter, kind):
    rows = ROWS if kind == "csv" else [(text.replace('"', "").replace(",", " "), label) for text, label in ROWS]
    content = quoted([("text", "label"), *rows], delimiter).encode()
    form, _ = readable_table(content, "file", Form(kind))
    table = read_table(content, "file", form, ("text", "label"))
    assert list(zip(table.columns["text"], table.columns["label"], strict=True)) == rows
