"""Tagged sentences, parallel files and long texts: what is written comes back, what is wrong is reported, the named ones are complete."""

import gzip
import io
import json
import re
import zipfile
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.cli import data as data_command
from nlp.configs.schema.data import FileData, NamedData
from nlp.datasets.check import check_splits, find_leaks, tokens_as_texts
from nlp.datasets.files import data_folder, find_file, read_content, sha256
from nlp.datasets.formats.conll import CONLLU_COLUMNS, join_tokens, split_tokens
from nlp.datasets.formats.file_format import Form
from nlp.datasets.formats.lines import pair_lines, split_lines
from nlp.datasets.formats.table_reader import read_table
from nlp.datasets.named import published_formats
from nlp.datasets.named.catalog import DATASETS, is_here
from nlp.datasets.read import read_dataset, read_file
from nlp.datasets.splits import cut_end, split_at_words
from nlp.datasets.tables import Table
from nlp.errors import DataError
from typer.testing import CliRunner

NO_BREAK_SPACE = "\u00a0"
BLANKS = f" {NO_BREAK_SPACE}"
LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\ufeff"), max_size=12)
FIELD = (st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\ufeff"), min_size=1, max_size=8)
         .map(lambda text: text.strip(BLANKS)).filter(str.strip))
TOKEN = FIELD.map(lambda text: text.replace(" ", "").strip(BLANKS)).filter(str.strip)


def read(text: str, form: Form, *wanted: str) -> Table:
    return read_table(text.encode("utf-8"), "file", form, wanted)


def sentences_of(field: st.SearchStrategy[str], width: int) -> st.SearchStrategy[list[list[tuple[str, ...]]]]:
    row = st.tuples(*[field] * width)
    return st.lists(st.lists(row, min_size=1, max_size=5), min_size=1, max_size=4)


@settings(deadline=None)
@given(sentences_of(FIELD, 3), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", " ", "\t"]), st.integers(0, 2))
def test_conll_round_trip_with_tabs(sentences, line_end, blank, n_blank_lines):
    lines = [blank] * n_blank_lines
    for sentence in sentences:
        lines += ["\t".join(row) for row in sentence] + [blank] * (n_blank_lines + 1)
    table = read(line_end.join(lines), Form("conll", columns={"middle": 1}), "tokens", "middle", "tags")
    for place, name in enumerate(("tokens", "middle", "tags")):
        expected = [[row[place].replace(" ", NO_BREAK_SPACE) for row in sentence] for sentence in sentences]
        assert [split_tokens(cell) for cell in table.columns[name]] == expected


@settings(deadline=None)
@given(sentences_of(TOKEN, 2), st.integers(1, 3))
def test_conll_round_trip_with_spaces(sentences, n_spaces):
    text = "\n\n".join("\n".join((" " * n_spaces).join(row) for row in sentence) for sentence in sentences)
    table = read(text, Form("conll"))
    assert list(table.columns) == ["tokens", "tags"]
    assert [list(zip(*map(split_tokens, cells), strict=True)) for cells in zip(*table.columns.values(), strict=True)] == sentences


@pytest.mark.parametrize("blank", ["", " ", "  ", NO_BREAK_SPACE])
def test_blanks_around_the_fields_of_conll_files_do_not_count(blank):
    rows = [("John", "B-PER"), (f"New{NO_BREAK_SPACE}York", "B-LOC")]
    for between in ("\t", " "):
        table = read("\n".join(f"{token}{blank}{between}{tag}{blank}" for token, tag in rows), Form("conll"))
        assert (table.columns["tokens"], table.columns["tags"]) == ([" ".join(token for token, _ in rows)], ["B-PER B-LOC"])
    words = ["\t".join([str(number), token + blank, *(["_"] * 8)]) for number, (token, _) in enumerate(rows, start=1)]
    assert read("\n".join(words), Form("conllu"), "form").columns["form"] == [f"John New{NO_BREAK_SPACE}York"]


@settings(deadline=None)
@given(sentences_of(FIELD, 9), st.lists(LINE, min_size=4, max_size=4), st.booleans())
def test_conllu_round_trip(sentences, texts, more):
    lines = []
    for sentence, text in zip(sentences, texts, strict=False):
        lines += [f"# text = {text}", "# sent_id = 7"]
        for number, row in enumerate(sentence, start=1):
            lines += ["\t".join([f"{number}-{number + 1}", *"_" * 9])] * more
            lines += ["\t".join([str(number), *row])]
            lines += ["\t".join([f"{number}.1", *"_" * 9])] * more
        lines.append("")
    table = read("\n".join(lines), Form("conllu"))
    assert list(table.columns) == [*CONLLU_COLUMNS, "text"]
    assert table.columns["text"] == texts[:len(sentences)]
    assert table.columns["id"] == [" ".join(map(str, range(1, len(sentence) + 1))) for sentence in sentences]
    for place, name in enumerate(CONLLU_COLUMNS[1:]):
        assert table.columns[name] == [join_tokens(row[place] for row in sentence) for sentence in sentences]


@settings(deadline=None)
@given(st.lists(st.tuples(LINE, LINE), min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_parallel_lines_round_trip(pairs, line_end):
    written = ["".join(line + line_end for line in lines).encode("utf-8") for lines in zip(*pairs, strict=True)]
    table = pair_lines({"source": (written[0], "a"), "target": (written[1], "b")})
    assert list(zip(*table.columns.values(), strict=True)) == pairs
    assert list(table.lines) == list(range(1, len(pairs) + 1))


@settings(deadline=None)
@given(st.lists(LINE, max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_a_text_keeps_its_line_breaks(lines, line_end):
    text = line_end.join(["One.", *lines])
    assert read(text, Form("text")).columns == {"text": ["\n".join(["One.", *lines])]}
    assert split_lines(text + line_end) == ["One.", *lines]


@given(st.lists(FIELD))
def test_tokens_are_joined_and_split(tokens):
    assert split_tokens(join_tokens(tokens)) == [token.replace(" ", NO_BREAK_SPACE) for token in tokens]
    assert split_tokens("") == []


CONLL = """-DOCSTART- -X- O

West NNP B-MISC
Indian NNP I-MISC
\t
# a remark on what follows
# # B-NP
1.8 CD I-NP
-DOCSTART- -X- O
The  DT   O
"""
CONLLU = """# sent_id = 1
# text = He doesn't.
1\tHe\the\tPRON\tPRP\tCase=Nom\t2\tnsubj\t2:nsubj\t_
2-3\tdoesn't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdoes\tdo\tAUX\tVBZ\t_\t0\troot\t0:root\t_
3\tn't\tnot\tPART\tRB\t_\t2\tadvmod\t2:advmod\tSpaceAfter=No
3.1\twalk\twalk\tVERB\tVB\t_\t_\t_\t2:x\t_
4\t.\t.\tPUNCT\t.\t_\t2\tpunct\t2:punct\t_

# text = 20 000
1\t20 000\t20 000\tNUM\tCD\t_\t0\troot\t0:root\t_

"""


def test_conll_skips_documents_and_comments_and_cuts_at_white_space():
    table = read(CONLL, Form("conll"))
    assert table.columns == {"tokens": ["West Indian", "# 1.8", "The"], "tags": ["B-MISC I-MISC", "B-NP I-NP", "O"]}
    assert table.lines == [3, 7, 10]
    assert table.where(2) == "file:10"
    by_place = read(CONLL, Form("conll", columns={"tags": 1, "chunks": 2}))
    assert list(by_place.columns) == ["tokens", "tags", "chunks"]
    assert by_place.columns["tags"] == ["NNP NNP", "# CD", "DT"]
    assert read("good\nday\n\nbye", Form("conll")).columns == {"tokens": ["good day", "bye"]}


def test_conllu_leaves_out_multiword_tokens_and_empty_nodes():
    table = read(CONLLU, Form("conllu"), "form", "upos", "head", "text")
    assert table.columns["form"] == ["He does n't .", f"20{NO_BREAK_SPACE}000"]
    assert table.columns["upos"] == ["PRON AUX PART PUNCT", "NUM"]
    assert table.columns["head"] == ["2 0 2 2", "0"]
    assert table.columns["text"] == ["He doesn't.", "20 000"]
    assert table.lines == [3, 11]


def test_conllu_columns_under_other_names():
    form = Form("conllu", columns={"tokens": "form", "tags": 3})
    table = read(CONLLU, form, "tokens", "tags")
    assert table.columns == {"tokens": ["He does n't .", f"20{NO_BREAK_SPACE}000"], "tags": ["PRON AUX PART PUNCT", "NUM"]}
    everything = read(CONLLU, form).columns
    assert set(everything) == ({*CONLLU_COLUMNS, "text", "tokens", "tags"} - {"form", "upos"})
    assert "text" not in read(CONLLU.replace("# text = 20 000\n", ""), form).columns


def test_a_text_may_be_called_otherwise():
    assert read("To be", Form("text", columns={"play": "text"}), "play").columns == {"play": ["To be"]}


WORD = "1\ta\ta\tX\tX\t_\t0\troot\t_\t_\n"


@pytest.mark.parametrize(("form", "text", "wanted", "printed"), [
    (Form("conll"), "a\tX\tO\nb\tO\n", (), "file:2 has 2 columns where the first line of the file has 3 ('a\\tX\\tO'). Each line"),
    (Form("conll"), "a O\n\nb\n", (), "file:3 has 1 column where the first line of the file has 2"),
    (Form("conll"), "# a remark\na O\n# and one more\nb X O\n", (), "file:4 has 3 columns where the first line of the file has 2 ('a O')"),
    (Form("conll"), "a\tO\n\tO\n", (), "file:2 has an empty field in column 0 (the first is 0)"),
    (Form("conll"), "a\tO\nb\t\n", (), "file:2 has an empty field in column 1"),
    (Form("conll"), "a O\n", ("tokens", "pos"), "must give the position of `pos`, such as `data.columns: {pos: 1}`"),
    (Form("conll"), "a\nb\n", ("tokens", "tags"), "file has 1 column without names"),
    (Form("conll", columns={"tags": 2}), "a O\n", ("tags",), "file has 2 columns, so `data.columns.tags: 2` is out of range"),
    (Form("conll", columns={"tags": "ner"}), "a O\n", ("tags",), "positions, not names, so `data.columns.tags: ner` means nothing"),
    (Form("conll"), "-DOCSTART- O\n\n", (), "file has no sentence"),
    (Form("conll"), " \n", (), "file is empty"),
    (Form("conllu"), WORD + "2\tb\tb\n", (), "file:2 has 3 columns where CoNLL-U has 10"),
    (Form("conllu"), WORD.replace("\t", " "), (), "file:1 has 1 column where CoNLL-U has 10"),
    (Form("conllu"), WORD.replace("1", "one", 1), (), "file:1 starts with 'one', which is not an id"),
    (Form("conllu"), WORD + "\n" + WORD.replace("1", "2", 1), (), "file:3 has the id 2 where 1 is expected"),
    (Form("conllu"), WORD + WORD, (), "file:2 has the id 1 where 2 is expected"),
    (Form("conllu"), WORD.replace("X", "", 1), (), "file:1 has an empty field in the column `upos`. Write _"),
    (Form("conllu"), "# only a comment\n", (), "file has no sentence"),
    (Form("conllu"), WORD, ("tokens",), "file has no column `tokens`; it has `id`, `form`"),
    (Form("conllu"), "# text = a\n" + WORD + "\n" + WORD, ("text",), "file:4 starts a sentence without a comment such as `# text ="),
    (Form("text"), "a", ("document",), "file, read as one long text, has no column `document`; it has `text`"),
    (Form("text"), "\n", (), "file is empty"),
])
def test_what_is_wrong_is_reported_with_its_line(form, text, wanted, printed):
    with pytest.raises(DataError, match=re.escape(printed)):
        read(text, form, *wanted)


@pytest.mark.parametrize("kind", ["conll", "conllu", "text"])
def test_a_bad_byte_is_reported_with_its_line(kind):
    with pytest.raises(DataError, match=r"file:2 is not UTF-8: the byte 0xe9 at offset 7 "):
        read_table(b"ca O\nca\xe9 O\n", "file", Form(kind))


def test_parallel_files_of_unequal_length_are_reported():
    printed = r"train\.en has 3 lines and train\.de has 2, so train\.en:3 has no partner \('three'\)\. "
    with pytest.raises(DataError, match=printed):
        pair_lines({"en": (b"one\ntwo\nthree\n", "train.en"), "de": (b"eins\nzwei\n", "train.de")})
    with pytest.raises(DataError, match=r"so train\.de:2 has no partner \(''\)"):
        pair_lines({"en": (b"one\n", "train.en"), "de": (b"eins\n\n", "train.de")})
    with pytest.raises(DataError, match=r"train\.en is empty"):
        pair_lines({"en": (b"", "train.en"), "de": (b"", "train.de")})
    with pytest.raises(DataError, match=r"train\.de:2 is not UTF-8"):
        pair_lines({"en": (b"one\ntwo\n", "train.en"), "de": (b"eins\n\xff\n", "train.de")})


def files(folder, **settings) -> FileData:
    return FileData(type="files", **{key: str(folder / value) if key in ("train", "test") else value for key, value in settings.items()})


@pytest.mark.parametrize("name", ["a.conll", "a.conllu", "a.txt", "a.CONLL"])
def test_the_format_is_reported_from_the_name(tmp_path, name):
    content = {"conllu": CONLLU, "txt": "To be, or not to be."}.get(name[2:], CONLL).encode("utf-8")
    (tmp_path / name).write_bytes(content)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    plain, hashes = read_file(files(tmp_path, train=name), str(tmp_path / name))
    packed, _ = read_file(files(tmp_path, train=name), str(tmp_path / f"{name}.gz"))
    assert plain.columns == packed.columns
    assert next(iter(plain.columns)) in ("tokens", "id", "text")
    assert hashes == {str(tmp_path / name): sha256(content)}


@pytest.fixture
def parallel(tmp_path):
    for name, text in {"train.en": "one\n\nthree\n", "train.de": "eins\nzwei\ndrei\n", "test.en": "four\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "test.de.gz").write_bytes(gzip.compress(b"vier\n"))
    return tmp_path


def test_parallel_files_are_read_by_their_endings(parallel):
    config = files(parallel, train="train", test="test", format="parallel", columns={"source": "en", "target": "de"})
    dataset = read_dataset(config, ("source", "target"))
    assert dataset.splits["test"].columns == {"source": ["four"], "target": ["vier"]}
    pairs = {(source, target) for split in ("train", "validation") for source, target
             in zip(*dataset.splits[split].columns.values(), strict=True)}
    assert pairs == {("one", "eins"), ("", "zwei"), ("three", "drei")}
    assert dataset.hashes[str(parallel / "train.de")] == sha256(b"eins\nzwei\ndrei\n")
    assert set(dataset.hashes) == {str(parallel / name) for name in ("train.en", "train.de", "test.en", "test.de.gz")}


def test_endings_are_the_names_of_the_columns_unless_others_are_printed(parallel):
    config = files(parallel, train="train", format="parallel")
    assert list(read_file(config, config.train, ("de",))[0].columns) == ["de"]
    assert list(read_file(config, config.train)[0].columns) == ["de", "en"]
    renamed = files(parallel, train="train", format="parallel", columns={"source": "en"})
    assert list(read_file(renamed, config.train, ("source", "de"))[0].columns) == ["source", "de"]
    with pytest.raises(DataError, match=r"no file .*train\.source, plain or \.gz, for the column `source`.*`data\.columns: {source: EXT"):
        read_file(config, config.train, ("source", "target"))
    with pytest.raises(DataError, match=r"no parallel files .*trian\.\*, such as"):
        read_file(config, str(parallel / "trian"))
    with pytest.raises(DataError, match=r"no parallel files"):
        read_file(config, str(parallel / "nowhere" / "train"))


def test_a_text_without_validation_is_cut_at_its_end(tmp_path):
    (tmp_path / "book.txt").write_text("abcdefghi\nj" * 10, encoding="utf-8")
    splits = read_dataset(files(tmp_path, train="book.txt", validation_share=0.2)).splits
    assert splits["train"].columns["text"][0] + splits["validation"].columns["text"][0] == "abcdefghi\nj" * 10
    assert len(splits["validation"].columns["text"][0]) == 22
    assert splits["validation"].where(0).endswith("book.txt:9")
    (tmp_path / "one.txt").write_text("a", encoding="utf-8")
    with pytest.raises(DataError, match="holds 1 character, too few"):
        read_dataset(files(tmp_path, train="one.txt"))


@given(st.text(min_size=2), st.floats(0.001, 0.999))
def test_both_parts_of_a_cut_text_are_it(text, share):
    train, validation = cut_end(Table({"text": [text], "again": [text]}, "file", [1]), share)
    assert train.columns["text"][0] + validation.columns["text"][0] == text
    assert train.columns["text"] == train.columns["again"]
    assert min(map(len, (train.columns["text"][0], validation.columns["text"][0]))) >= 1


@given(st.lists(st.text("ab", min_size=1, max_size=3), min_size=1), st.integers(1, 5), st.integers(1, 5))
def test_a_text_is_cut_behind_so_many_words(words, n_train, n_validation):
    text = " ".join(words) + "\n"
    splits = split_at_words(Table({"text": [text]}, "file"), "text", n_train, n_validation)
    pieces = [table.columns["text"][0] for table in splits.values()]
    assert list(splits) == ["train", "validation", "test"]
    assert "".join(pieces) == text
    assert pieces[0].split() == words[:n_train]
    assert pieces[1].split() == words[n_train:n_train + n_validation]


# Named datasets


def real(name: str):
    """The splits of a real dataset; the test is skipped where its files are not there."""
    if not is_here(DATASETS[name]):
        pytest.skip(f"NLP_DATA does not hold {name}")
    return read_dataset(NamedData(type="named", name=name)).splits


@pytest.mark.parametrize(("name", "sentences", "tokens"), [
    pytest.param("ud_english_ewt", (12_544, 2_001, 2_077), (204_577, 25_147, 25_094), marks=pytest.mark.slow),
    ("wnut17", (3_394, 1_009, 1_287), (62_730, 15_733, 23_394)),
    pytest.param("conll2000", (8_042, 894, 2_012), (190_287, 21_440, 47_377), marks=pytest.mark.slow),
])
def test_sentences_and_tokens_of_tagged_datasets(name, sentences, tokens):
    splits, named = real(name), DATASETS[name]
    assert tuple(map(len, splits.values())) == sentences
    assert tuple(sum(len(split_tokens(row)) for row in each.columns[named.text]) for each in splits.values()) == tokens
    for table in splits.values():
        columns = [values for column, values in table.columns.items() if column != "text"]
        assert all(len({len(split_tokens(cell)) for cell in row}) == 1 for row in zip(*columns, strict=True))


def test_tags_of_wnut17_and_conll2000_start_as_in_iob2():
    for name in ("wnut17", "conll2000"):
        for table in real(name).values():
            for row in table.columns[DATASETS[name].label]:
                tags = ["O", *split_tokens(row)]
                assert all(tag[0] != "I" or before[1:] == tag[1:] for before, tag in pairwise(tags))


def test_words_of_brown_are_cut_as_bengio_did_it():
    texts = [table.columns["text"][0] for table in real("brown").values()]
    assert [len(text.split()) for text in texts] == [800_000, 200_000, 161_192]
    assert texts[0].startswith("The Fulton County Grand Jury said Friday an investigation of Atlanta's recent primary election produced")
    assert "".join(texts).count("\n") == 57_340
    assert texts[1].startswith(".\nPainters left less and less of a vase")


def test_shakespeare_is_cut_at_nine_tenths():
    texts = [table.columns["text"][0] for table in real("tinyshakespeare").values()]
    assert [len(text) for text in texts] == [int(1_115_394 * 0.9), 1_115_394 - int(1_115_394 * 0.9)]
    assert len(set("".join(texts))) == 65


def test_pronunciations_of_a_word_stay_together():
    splits = real("cmudict")
    assert sum(map(len, splits.values())) == 135_166
    words = {split: set(table.columns["word"]) for split, table in splits.items()}
    assert sum(map(len, words.values())) == len(set().union(*words.values())) == 135_166 - 9_114
    assert not any("#" in cell or "(" in cell for table in splits.values() for row in table.columns.values() for cell in row)
    phonemes = {phoneme for table in splits.values() for row in table.columns["phonemes"] for phoneme in row.split(" ")}
    assert len({phoneme.rstrip("012") for phoneme in phonemes}) == 39


def test_multi30k_has_a_second_test_split():
    splits = real("multi30k")
    assert {split: len(table) for split, table in splits.items()} == DATASETS["multi30k"].sizes
    assert list(splits) == ["train", "validation", "test", "test_2017"]
    assert splits["train"].columns["de"][0] == "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche."
    leaks = {(leak.split, leak.other): leak.rows for leak in find_leaks(splits, "en")}
    assert leaks == {("validation", "train"): 1, ("test", "train"): 0, ("test", "train or validation"): 0,
                     ("test_2017", "train"): 0, ("test_2017", "train or validation"): 0}


def test_pronunciations_without_variants_and_remarks():
    table = published_formats.pronunciations([b"a AH0\na(2) EY1\naachen AA1 K AH0 N # place, german\n#hash HH AE1 SH\n\n"], ["dict"])
    assert table.columns == {"word": ["a", "a", "aachen", "#hash"], "phonemes": ["AH0", "EY1", "AA1 K AH0 N", "HH AE1 SH"],
                             "phonemes_without_stress": ["AH", "EY", "AA K AH N", "HH AE SH"]}
    assert table.lines == [1, 2, 3, 4]
    with pytest.raises(DataError, match=r"dict:2 has a word but no phonemes: 'b'"):
        published_formats.pronunciations([b"a AH0\nb\n"], ["dict"])


def packed(contents: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        for name, content in contents.items():
            members.writestr(name, content)
    return archive.getvalue()


BROWN = {"brown/": b"", "brown/README": b"A corpus", "brown/cats.txt": b"cb01 editorial\nca01 news\n",
         "brown/cb01": b"\n\n\tAssembly/nn-hl\n\n", "brown/ca01": b"\n\tThe/at  caf\xe9/nn 1/2/cd ./.\n\n\n\tNo/at ./.\n"}


def test_brown_is_made_of_its_archive():
    made = published_formats.brown_from_archive(packed(BROWN))
    assert made == {"brown.jsonl": (
        '{"id": "ca01", "category": "news", "sentences": ["The/at café/nn 1/2/cd ./.", "No/at ./."]}\n'
        '{"id": "cb01", "category": "editorial", "sentences": ["Assembly/nn-hl"]}\n').encode()}
    table = published_formats.words_of_documents([made["brown.jsonl"]], ["brown.jsonl"])
    assert table.columns == {"text": ["The café 1/2 .\nNo .\nAssembly\n"]}
    for damaged in (b"{", b'{"id": 1}', b'{"sentences": [1]}', b"[1]"):
        with pytest.raises(DataError, match="not a file of documents"):
            published_formats.words_of_documents([damaged], ["brown.jsonl"])


def test_real_documents_of_brown_come_back_from_an_archive_made_of_them():
    real("brown")
    content = read_content(find_file(data_folder() / "brown" / "brown.jsonl"))
    documents = [json.loads(line) for line in content.decode("utf-8").splitlines()][::25]
    members = {f"brown/{each['id']}": "".join(f"\n\n\t{sentence}\n" for sentence in each["sentences"]).encode("latin-1")
               for each in documents}
    members["brown/cats.txt"] = "".join(f"{each['id']} {each['category']}\n" for each in documents).encode()
    lines = content.splitlines(keepends=True)[::25]
    assert published_formats.brown_from_archive(packed(members)) == {"brown.jsonl": b"".join(lines)}


def test_conll2000_is_taken_out_of_its_archive():
    members = {"conll2000/README": b"", "conll2000/test.txt": b"a DT B-NP\n", "conll2000/train.txt": b"b NN O\n"}
    assert published_formats.conll2000_from_archive(packed(members)) == {"train.txt": b"b NN O\n", "test.txt": b"a DT B-NP\n"}


# What `nlp data` makes of them


SPLITS = {
    "train": Table({"tokens": ["a b", "c", "c"], "tags": ["X O", "O", "X"]}, "file"),
    "validation": Table({"tokens": ["c"], "tags": ["X"]}, "file"),
    "test": Table({"tokens": [f"d{NO_BREAK_SPACE}e a"], "tags": ["Y O"]}, "file"),
}


def test_tags_are_counted_token_by_token():
    checks = check_splits(SPLITS, "tokens", "tags", tagged=True)
    assert checks["train"].labels == {"X": 2, "O": 2}
    assert (checks["train"].repeated, checks["train"].contradicting) == (1, 2)
    assert checks["test"].unseen_labels == ["Y"]
    assert checks["test"].words.maximum == 2
    assert tokens_as_texts(SPLITS, "tokens")["test"].columns == {"tokens": [f"d{NO_BREAK_SPACE}e", "a"]}


def test_texts_without_a_class_are_checked_all_the_same():
    checks = check_splits(SPLITS, "tokens")
    assert (checks["train"].labels, checks["train"].repeated, checks["train"].contradicting) == ({}, 1, 0)
    assert checks["test"].unseen_labels == []
    leaks = find_leaks(SPLITS, "tokens")
    assert [(leak.split, leak.rows, leak.contradicting) for leak in leaks] == [("validation", 1, 0), ("test", 0, 0), ("test", 0, 0)]


def run(*arguments: str) -> str:
    result = CliRunner().invoke(data_command.app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_show_and_check_of_texts_without_a_class():
    shown = run("show", "pydocs", "-n", "1")
    assert "columns: text, topic (text: text)" in shown
    assert " ..." in shown
    assert "class" not in run("check", "pydocs").replace("classes", "")
    reported = json.loads(run("check", "pydocs", "--json"))
    assert reported["splits"]["train"]["labels"] == {}
    assert json.loads(run("show", "pydocs", "--json", "-n", "0"))["labels"] == {"train": {}, "validation": {}, "test": {}}


def test_show_and_check_of_one_long_text():
    real("tinyshakespeare")
    shown = run("show", "tinyshakespeare", "-n", "1")
    assert "1,003,854" in shown
    assert len(shown) < 2_000
    checked = run("check", "tinyshakespeare")
    assert "111,540" in checked
    assert "occur in train" not in checked
    listed = next(line for line in run("list").splitlines() if line.startswith("tinyshakespeare"))
    assert listed.split()[1:4] == ["1,003,854", "111,540", "-"]
    assert "sizes in characters" in listed


def test_show_and_check_of_tagged_sentences():
    real("wnut17")
    shown = run("show", "wnut17", "-n", "1")
    assert "(tokens: tokens, tags: tags)" in shown
    assert "all 13 tags" in shown
    assert "sentences" in shown
    assert "have several tags" in run("check", "wnut17")


def test_check_of_a_tagging_recipe_looks_at_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.conll").write_text("the O\nold O\nman B-PER\n\n" * 5, encoding="utf-8")
    (tmp_path / "test.conll").write_text("the O\nsea B-LOC\n", encoding="utf-8")
    (tmp_path / "tags.yaml").write_text(
        "data: {type: files, train: train.conll, test: test.conll}\ntokenizer: {type: words}\n"
        "task: {type: tagging, scheme: IOB2}\nmodel: {type: lstm}\n"
        "training: {epochs: 1, optimizer: {type: adam, learning_rate: 1.0e-3}}\n", encoding="utf-8")
    reported = json.loads(run("check", "tags.yaml", "--json"))
    assert reported["splits"]["train"]["labels"] == {"O": 8, "B-PER": 4}
    assert reported["splits"]["test"]["unseen_labels"] == ["B-LOC"]
    assert reported["tokens"]["test"]["unknown"] == 0.5
    assert "test: train lacks the tags B-LOC; a model gets these tokens wrong." in run("check", "tags.yaml")
    assert "(tokens: tokens, tags: tags)" in run("show", "tags.yaml")
