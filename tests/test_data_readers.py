"""CSV, TSV and JSONL: what is written comes back, and everything that would shift or lose a row is reported with its line."""

import csv
import gzip
import io
import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.datasets.files import read_content
from nlp.datasets.formats.file_format import Form, nearest
from nlp.datasets.formats.table_reader import read_table
from nlp.errors import DataError

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r"), max_size=12)


def rows_of(cell: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[str, str]]]:
    return st.lists(st.tuples(cell, cell), min_size=1, max_size=6)


def read(text: str, form: Form, *wanted: str):
    return read_table(text.encode("utf-8"), "file", form, wanted)


# Older versions of the csv module do not quote a carriage return without a line feed.
CSV_FILES = st.one_of(
    st.tuples(st.just(csv.QUOTE_ALL), rows_of(ANY)),
    st.tuples(st.just(csv.QUOTE_MINIMAL), rows_of(ANY.map(lambda text: text.replace("\r", "\n")))),
)


@settings(deadline=None)
@given(CSV_FILES, st.sampled_from(["\n", "\r\n"]))
def test_csv_round_trip(file, line_end):
    quoting, rows = file
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator=line_end, quoting=quoting)
    writer.writerows([("text", "label"), *rows])
    table = read(written.getvalue(), Form("csv"), "text", "label")
    assert list(zip(table.columns["text"], table.columns["label"], strict=True)) == rows


@settings(deadline=None)
@given(rows_of(PLAIN), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_tsv_round_trip(rows, line_end, ends_with_line_end):
    lines = ["\t".join(row) for row in [("text", "label"), *rows]]
    table = read(line_end.join(lines) + line_end * ends_with_line_end, Form("tsv"), "text", "label")
    assert list(zip(table.columns["text"], table.columns["label"], strict=True)) == rows
    assert list(table.lines) == list(range(2, len(rows) + 2))


@settings(deadline=None)
@given(rows_of(ANY), st.booleans())
def test_jsonl_round_trip(rows, ascii_only):
    lines = [json.dumps({"text": text, "label": label}, ensure_ascii=ascii_only) for text, label in rows]
    table = read("\n".join(lines), Form("jsonl"), "text", "label")
    assert list(zip(table.columns["text"], table.columns["label"], strict=True)) == rows


def test_all_columns_come_in_the_order_of_the_file():
    assert list(read("a,b,c\n1,2,3\n", Form("csv")).columns) == ["a", "b", "c"]
    assert list(read('{"a": "1", "b": null, "c": 2.50}\n', Form("jsonl")).columns) == ["a", "c"]


def test_lines_point_at_the_line_where_a_row_starts():
    table = read('text,label\n"one\ntwo",x\n\n"three",y\n', Form("csv"), "label")
    assert table.lines == [2, 5]
    assert table.where(1) == "file:5"
    assert read("a\tb\n\n1\t2\n", Form("tsv"), "a").lines == [3]
    assert read('\n{"a": "1"}\n\n{"a": "2"}', Form("jsonl"), "a").lines == [2, 4]


def test_columns_by_position_and_by_another_name():
    by_place = read("3,hello,x\n4,bye,y\n", Form("csv", header=False, columns={"label": 0, "text": 1}), "text", "label")
    assert by_place.columns == {"text": ("hello", "bye"), "label": ("3", "4")}
    renamed = Form("tsv", columns={"text": "review", "label": 2})
    assert read("id\treview\tstars\n7\tgood\t5\n", renamed, "label", "text").columns == {"label": ["5"], "text": ["good"]}
    assert read("id\treview\tstars\n7\tgood\t5\n", renamed).columns == {"id": ["7"], "text": ["good"], "label": ["5"]}
    assert read('{"review": "good"}', Form("jsonl", columns={"text": "review"}), "text").columns == {"text": ["good"]}
    assert list(read("a\tb\n", Form("tsv", header=False)).columns) == ["0", "1"]


def test_any_character_can_divide_fields():
    assert read("text;label\na, b;1\n", Form("csv", delimiter=";"), "text").columns["text"] == ("a, b",)
    assert read('text\tlabel\n"a\tb"\t1\n', Form("csv", delimiter="\t"), "text").columns["text"] == ("a\tb",)
    assert read("text|label\na\tb|1\n", Form("tsv", delimiter="|"), "text").columns["text"] == ["a\tb"]


def test_quotes_are_characters_in_tsv_unless_quoting_is_set():
    assert read('text\tlabel\n"a" b\t1\n', Form("tsv"), "text").columns["text"] == ['"a" b']
    assert read('text\tlabel\n"a\tb"\t1\n', Form("tsv", quoting=True), "text").columns["text"] == ("a\tb",)
    assert read('text,label\n"a" b,1\n', Form("csv", quoting=False), "text").columns["text"] == ['"a" b']


def test_a_byte_order_mark_is_no_part_of_the_first_column():
    for form, content in ((Form("csv"), "text,label\na,b\n"), (Form("jsonl"), '{"text": "a", "label": "b"}\n')):
        assert read_table(b"\xef\xbb\xbf" + content.encode(), "file", form, ("text",)).columns["text"][0] == "a"


def test_characters_that_other_tools_take_for_line_ends_stay_in_the_text():
    text = "one\x0btwo\x1cthree\x85four\u2028five"
    assert read(f"text\tlabel\n{text}\tx\n", Form("tsv"), "text").columns["text"] == [text]
    assert read(f"text,label\n{text},x\n", Form("csv"), "text").columns["text"] == (text,)
    assert read(json.dumps({"text": text}, ensure_ascii=False), Form("jsonl"), "text").columns["text"] == [text]


def test_a_field_longer_than_the_limit_of_the_csv_module():
    long, limit = "x" * 300_000, csv.field_size_limit()
    assert read(f'text,label\n"{long}",a\n', Form("csv"), "text").columns["text"] == (long,)
    assert csv.field_size_limit() == limit


def test_numbers_in_json_keep_their_spelling():
    table = read('{"text": 1.50, "label": true}\n{"text": 12345678901234567890123, "label": false}', Form("jsonl"), "text", "label")
    assert table.columns == {"text": ["1.50", "12345678901234567890123"], "label": ["true", "false"]}


@pytest.mark.parametrize(("form", "text", "printed"), [
    (Form("csv"), "", "file is empty"),
    (Form("jsonl"), "\n \n", "file is empty"),
    (Form("csv"), "text,label\n", "header line but no rows"),
    (Form("tsv"), "text\tlabel\n\n", "header line but no rows"),
    (Form("csv"), "text,label\na,b\nc\n", "file:3 has 1 field where the header names 2 (text, label)"),
    (Form("tsv"), "text\tlabel\na\tb\n\nc\td\te\n", "file:4 has 3 fields where the header names 2"),
    (Form("csv", header=False, columns={"text": 0, "label": 1}), "a,b\nc,d,e\n", "file:2 has 3 fields where the first line has 2"),
    (Form("csv"), 'text,label\na,b\n"never closed,c\nd,e\n', "file:3 starts a row whose quotes do not match"),
    (Form("csv"), 'text,label\n"a" b,c\n', "file:2 starts a row whose quotes do not match"),
    (Form("csv"), "text,lable\na,b\n", "no column `label`; it has `text`, `lable`. Did you mean `lable`?"),
    (Form("csv"), "text\tlabel\na\tb\n", "separated by another character"),
    (Form("csv", columns={"label": 5}), "text,label\na,b\n", "has 2 columns, so `data.columns.label: 5` is out of range"),
    (Form("csv", header=False), "a,b\n", "the file has 2 columns, 0 to 1. Set a position, such as `data.columns: {text: 0}`."),
    (Form("csv"), "text,label,label\na,b,c\n", "2 columns called `label`"),
    (Form("jsonl"), '{"text": "a", "label": "b"}\n{"text": "a", \n', "file:2 is not valid JSON"),
    (Form("jsonl"), '{"text": "a", "label": "b"}\n["a", "b"]\n', "file:2 is JSON, but not an object"),
    (Form("jsonl"), '{"text": "a", "label": null}\n', "file:1: the value of the JSON key `label` is null"),
    (Form("jsonl"), '{"text": "a", "label": {"b": 1}}\n', "file:1: the value of the JSON key `label` is an object"),
    (Form("jsonl"), '{"text": ["a"], "label": "b"}\n', "file:1: the value of the JSON key `text` is a list"),
    (Form("jsonl"), '{"text": "a", "label": NaN}\n', "file:1 is not valid JSON: NaN"),
    (Form("jsonl"), '{"text": "a", "label": "b"}\n{"text": "a"}\n', "file:2 has no column `label`"),
    (Form("jsonl"), '{"text": "\\ud83d", "label": "b"}\n', "file:1: `text` holds \\ud83d, half a character"),
    (Form("jsonl", columns={"label": 1}), '{"text": "a"}\n', "keys, not positions"),
    (Form("jsonl"), "[" * 100_000, "file:1 is not valid JSON"),
])
def test_what_is_wrong_is_reported_with_its_line(form, text, printed):
    with pytest.raises(DataError, match=re.escape(printed)):
        read(text, form, "text", "label")


def test_the_first_bad_byte_is_reported_with_line_and_offset():
    content = b"text,label\ngood,1\ncaf\xe9,1\n"
    with pytest.raises(DataError, match=r"file:3 is not UTF-8: the byte 0xe9 at offset 21 "):
        read_table(content, "file", Form("csv"))
    with pytest.raises(DataError, match=r"file:3 is not UTF-8: the byte 0xe9 at offset 24 "):
        read_table(b"\xef\xbb\xbf" + content, "file", Form("csv"))
    with pytest.raises(DataError, match="is UTF-16"):
        read_table("text,label\n".encode("utf-16"), "file", Form("csv"))


def test_gzip_is_unpacked_and_damage_is_reported(tmp_path):
    packed = gzip.compress(b"text,label\n" + b"abc,1\n" * 1000)
    (tmp_path / "good.csv.gz").write_bytes(packed)
    assert len(read_table(read_content(tmp_path / "good.csv.gz"), "good", Form("csv"))) == 1000
    (tmp_path / "cut.csv.gz").write_bytes(packed[:-10])
    (tmp_path / "plain.csv.gz").write_bytes(b"text,label\n")
    for name in ("cut.csv.gz", "plain.csv.gz"):
        with pytest.raises(DataError, match="not a complete gzip file"):
            read_content(tmp_path / name)


def test_a_missing_file_is_reported_with_what_is_there(tmp_path):
    (tmp_path / "train.csv").touch()
    with pytest.raises(DataError, match=r"There is no file .*trian\.csv\. The folder holds: train\.csv"):
        read_content(tmp_path / "trian.csv")
    with pytest.raises(DataError, match="does not exist either"):
        read_content(tmp_path / "nowhere" / "train.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_content(tmp_path)


def test_nearest_is_empty_where_nothing_is_near():
    assert nearest("Lable", ["text", "label"]) == " Did you mean `label`?"
    assert nearest("zzz", ["text", "label"]) == ""


def test_150_000_lines_are_read_in_well_under_a_second():
    content = ("id\tdocument\tlabel\n" + "9976970\t아 더빙.. 진짜 짜증나네요 목소리\t0\n" * 150_000).encode()
    started = time.process_time()
    table = read_table(content, "file", Form("tsv"), ("document", "label"))
    assert time.process_time() - started < 1.0
    assert len(table) == 150_000
