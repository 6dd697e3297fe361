"""Files that are not UTF-8: what they are found to be, how they are read and written, and what is said where that does not fit."""

from pathlib import Path

import pytest
from command import nlp
from hypothesis import given
from hypothesis import strategies as st
from nlp.cli.sample import look_at
from nlp.configs.schema.data import FileData
from nlp.datasets.formats.append import append_columns
from nlp.datasets.formats.encodings import decode, find_encoding, readable_by
from nlp.datasets.formats.file_format import Form
from nlp.datasets.formats.table_reader import read_table
from nlp.datasets.read import read_file
from nlp.errors import DataError

GERMAN = "text;label\nein schöner Film;gut\nÄrgerlich und öde;schlecht\n“Fußnoten”;schlecht\n"
FRENCH = "text,label\nle café était fermé;à côté,mal\nC’est très réussi — bravo,bien\n"
KOREAN = "text,label\n정말 재미있는 영화,1\n지루하고 KBS에서 본 듯한,0\n똠얌꿍 같은 맛,1\n"
RUSSIAN = "text,label\nхороший фильм,1\nужасно скучно,0\n"
JAPANESE = "text,label\nとても面白い映画でした,1\nつまらない,0\n"
CHINESE = "text,label\n这部电影很好看,1\n太无聊了,0\n"


@pytest.mark.parametrize(("text", "encoding", "found"), [
    (GERMAN, "utf-8", "utf-8"), (GERMAN, "cp1252", "cp1252"), (FRENCH, "cp1252", "cp1252"), (KOREAN, "cp949", "cp949"),
    (KOREAN.replace("똠얌꿍", "김치"), "euc-kr", "cp949"), (GERMAN, "utf-16", "utf-16"), (KOREAN, "utf-16", "utf-16"),
    (RUSSIAN, "cp1251", "cp1251"), (JAPANESE, "cp932", "cp932"), (CHINESE, "gb18030", "gb18030"),
    ("it’s “Hello”, don’t", "cp1252", "cp1252"), ("Änderung\nÜber Öl", "latin-1", "cp1252"), ("à la carte", "latin-1", "cp1252"),
    ("a\x81é", "latin-1", "latin-1"),
])
def test_the_encoding_of_a_text_is_found(text, encoding, found):
    content = text.encode(encoding)
    assert find_encoding(content, "file") == found
    assert decode(content, "file", found) == text


@given(st.binary(max_size=60), st.sampled_from(["utf-8", "cp1252", "cp949", "utf-16"]))
def test_any_bytes_are_read_or_refused(content, encoding):
    try:
        decode(content, "file", encoding)
    except DataError:
        assert all(decode(content, "file", each) is not None for each in readable_by(content))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1"])
def test_predictions_are_written_in_the_encoding_of_the_file(encoding):
    content = "text;label\nschön;gut\n".encode(encoding)
    form = Form("csv", delimiter=";", encoding="utf-8" if encoding == "utf-8-sig" else encoding)
    added = append_columns(content, "f", form, {"p": ["größer"]})
    assert added == "text;label;p\nschön;gut;größer\n".encode(encoding)
    big = b"\xfe\xff" + "text\nschön\n".encode("utf-16-be")
    assert append_columns(big, "f", Form("csv", encoding="utf-16"), {"p": ["é"]}) == b"\xfe\xff" + "text,p\nschön,é\n".encode("utf-16-be")
    if encoding == "cp1252":
        with pytest.raises(DataError, match="'한', which is to be written into a file like f, does not exist in its encoding, cp1252"):
            append_columns(content, "f", form, {"p": ["한"]})


@pytest.mark.parametrize(("content", "encoding", "printed"), [
    (GERMAN.encode("cp1252"), "utf-8", r"f:2 is not UTF-8: the byte 0xf6 at offset 18 belongs to no character\. Read as cp1252, the first "
     r"line beyond ASCII is 'ein schöner Film;gut'\. latin-1 would read it too\. Set `data\.encoding: cp1252` in the recipe, or convert "
     "the file: `iconv -f CP1252 -t UTF-8 FILE > NEW`"),
    (KOREAN.encode("cp949"), "utf-8", r"Read as cp949, the first line beyond ASCII is '정말 재미있는 영화,1'.*`data\.encoding: cp949`"),
    (GERMAN.encode("utf-16"), "utf-8", r"f is UTF-16, .* and not UTF-8\. Set `data\.encoding: utf-16`"),
    (GERMAN.encode("utf-8"), "cp949", "is not CP949: .*The file is UTF-8: remove `data.encoding`"),
    (GERMAN.encode("cp1252"), "utf-16", "is not UTF-16"),
    (b"\x89PNG\r\n\0\0", "utf-8", "It has zero bytes, so it is not a text file"),
])
def test_what_does_not_fit_is_one_paragraph(content, encoding, printed):
    with pytest.raises(DataError, match=printed):
        read_table(content, "f", Form("csv", encoding=encoding))


@pytest.mark.parametrize("encoding", ["rot13", "hex", "utf-9", "punycode", "unicode_escape", "", "a\0b"])
def test_only_encodings_of_files_are_accepted(encoding):
    with pytest.raises(ValueError, match="must be a text encoding that Python supports"):
        FileData(type="files", train="a.csv", encoding=encoding)


def write_folders(folder: Path) -> None:
    for label, text in (("gut", "schön"), ("schlecht", "öde"), ("schlecht", "plain")):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / text[-2:]).write_bytes(text.encode("latin-1"))


def test_folders_and_parallel_files_are_read_in_their_encoding(tmp_path):
    write_folders(tmp_path / "mails")
    sample = look_at(tmp_path / "mails")
    assert sample.settings()["encoding"] == "cp1252" and sorted(sample.texts) == ["plain", "schön", "öde"]
    for ending, text in (("de", "schön\n"), ("fr", "café\n")):
        (tmp_path / f"pairs.{ending}").write_bytes(text.encode("latin-1"))
    data = FileData(type="files", train="", format="parallel", encoding="latin-1")
    assert read_file(data, str(tmp_path / "pairs"), ("de", "fr"))[0].columns == {"de": ["schön"], "fr": ["café"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("encodings")
    rows = "".join(f"{text},{label}\n" for text, label in [("좋은 영화", "긍정"), ("나쁜 영화", "부정")] * 6)
    (folder / "train.csv").write_bytes(f"text,label\n{rows}".encode("cp949"))
    printed = nlp("config", "init", "train.csv", "--model", "naive_bayes", "-o", "films.yaml", cwd=folder).stdout
    assert "The file is read as cp949: '좋은 영화'. If that looks wrong, set --encoding." in printed
    assert "encoding: cp949\n" in (folder / "films.yaml").read_text(encoding="utf-8")
    nlp("train", "--config", "films.yaml", cwd=folder)
    return folder


def test_files_of_a_run_are_read_in_the_encoding_of_its_recipe(folder):
    content = "text,label\n좋은,긍정\n나쁜,부정\n"
    (folder / "new.csv").write_bytes(content.encode("cp949"))
    nlp("predict", "films", "--input", "new.csv", "--output", "out.csv", cwd=folder)
    assert (folder / "out.csv").read_text(encoding="cp949").startswith("text,label,prediction,probability\n좋은,긍정,긍정,")
    (folder / "utf8.csv").write_text(content, encoding="utf-8")
    done = nlp("eval", "films", "--data", "utf8.csv", cwd=folder)
    notice = "utf8.csv is UTF-8, and is read as UTF-8 although the recipe has `data.encoding: cp949`"
    assert notice in done.stderr and "1.0000" in done.stdout
    (folder / "odd.csv").write_bytes("text,label\nschöner,긍정\n".encode("utf-16"))
    assert "odd.csv is UTF-16" in nlp("predict", "films", "--input", "odd.csv", cwd=folder, code=2).stderr
    (folder / "lines.txt").write_bytes("좋은\n".encode("cp949"))
    assert "긍정" in nlp("predict", "films", "--input", "lines.txt", cwd=folder).stdout


def test_an_encoding_can_be_given_to_config_init(folder):
    assert "encoding: euc-kr\n" in written(folder, "--encoding", "euc-kr")
    for encoding, printed in (("rot13", "--encoding rot13: it must be a text encoding"), ("utf-8", "train.csv:2 is not UTF-8")):
        assert printed in nlp("config", "init", "train.csv", "--encoding", encoding, cwd=folder, code=2).stderr


def written(folder: Path, *options: str) -> str:
    nlp("config", "init", "train.csv", "-o", "other.yaml", "--force", *options, cwd=folder)
    return (folder / "other.yaml").read_text(encoding="utf-8")
