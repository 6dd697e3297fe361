"""From a recipe's sections to splits: labels by name, unseen and undeclared ones, tokenizers of the training split alone."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from nlp.configs.schema.data import FileData, NamedData, SizesData
from nlp.configs.schema.tasks.classification import ClassificationConfig
from nlp.configs.schema.tokenizer import NgramTokenizer, WordTokenizer
from nlp.datasets.build import build_data, read_file_as_split, read_split, read_texts
from nlp.datasets.encoded.split import Encoding
from nlp.datasets.tokenizers.token_sequences import TokenSequences
from nlp.datasets.tokenizers.tokenizer import load_tokenizer
from nlp.errors import ConfigError, DataError
from nlp.tasks.build import preparation

TASK = ClassificationConfig(type="classification")
WORDS = WordTokenizer(type="words", min_frequency=1)
NO_YES = Encoding(SizesData(type="sizes", n_classes=2), ("no", "yes"))
TRAIN = [("good dog", "yes"), ("bad dog", "no"), ("good fox", "yes"), ("", "no")]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))


def write(folder, name, rows, header="text,label"):
    path = folder / f"{name}.csv"
    path.write_text("\n".join([header, *(f"{text},{label}" for text, label in rows)]) + "\n", encoding="utf-8")
    return str(path)


def files(folder, train=TRAIN, validation=(("good cat", "yes"),), test=(("bad cat", "no"),)):
    splits = {"train": train, "validation": validation, "test": test}
    return FileData(type="files", **{name: write(folder, name, rows) for name, rows in splits.items()})


def test_labels_are_sorted_and_texts_encoded(tmp_path):
    data = build_data(files(tmp_path), WORDS, preparation(TASK))
    assert data.encoding.labels == ("no", "yes")
    assert (data.encoding.spec.n_classes, data.encoding.spec.vocab_size) == (2, 7 + 4)
    train = data.splits["train"]
    assert train.labels.tolist() == [1, 0, 1, 0]
    assert train.labels.dtype == np.int64
    assert (train.texts[0], train.gold[0], train.name) == ("good dog", "yes", "train")
    assert train.encoded.lengths.tolist() == [2, 2, 2, 1]
    assert data.encoding.tokenizer.tokens(data.splits["test"].encoded.ids) == ["bad", "[UNK]"]  # `cat` is not in the training split
    assert list(data.splits) == ["train", "validation", "test"]
    assert set(data.hashes) == {str(tmp_path / f"{name}.csv") for name in data.splits}
    assert data.notices == []
    assert data.cache == tmp_path / "cache"


MISSING_LABELS = [("a", ""), ("good dog", "yes"), ("b", "  "), ("bad dog", "no"), ("c", "NaN"), ("d", "null"), ("good fox", "yes ")]


def test_rows_without_a_label_are_refused_with_their_lines(tmp_path):
    with pytest.raises(DataError, match=r"4 of 7 rows have no class in column `label` .*train.csv:2, .*:4, .*:6, .*:7. Fill them in"):
        build_data(files(tmp_path, train=MISSING_LABELS), WORDS, preparation(TASK))
    with pytest.raises(DataError, match=r"1 of 1 rows have no class.*test.csv:2"):
        build_data(files(tmp_path, test=[("x", "")]), WORDS, preparation(TASK))


def test_rows_without_a_label_are_left_out_or_kept_where_that_is_asked_for(tmp_path):
    dropped = build_data(files(tmp_path, train=MISSING_LABELS), WORDS, preparation(TASK.model_copy(update={"missing_labels": "drop"})))
    assert dropped.encoding.labels == ("no", "yes")
    assert dropped.splits["train"].texts == ["good dog", "bad dog", "good fox"]
    assert dropped.splits["train"].example(2)["where"].endswith("train.csv:8")
    assert len(dropped.notices) == 1 and "and are left out" in dropped.notices[0]
    kept = build_data(files(tmp_path, train=MISSING_LABELS), WORDS, preparation(TASK.model_copy(update={"missing_labels": "keep"})))
    assert kept.encoding.labels == ("", "NaN", "no", "null", "yes")
    named = TASK.model_copy(update={"labels": ["no", "yes", "null", "NaN"]})
    assert len(build_data(files(tmp_path, train=MISSING_LABELS[1:2] + MISSING_LABELS[3:]), WORDS, preparation(named)).splits["train"]) == 5


def test_texts_and_labels_are_read_in_one_unicode_form(tmp_path):
    rows = [("재미있는 영화", "긍정"), ("지루한 영화", "부정"), ("café", "긍정")]
    apart = [(normalize("NFD", text), normalize("NFD", label)) for text, label in rows]
    assert apart != rows
    data = build_data(files(tmp_path, train=rows, validation=apart, test=apart), WORDS, preparation(TASK))
    train, test = data.splits["train"], data.splits["test"]
    assert (test.texts, test.labels.tolist()) == (train.texts, train.labels.tolist())
    assert test.encoded.ids.tolist() == train.encoded.ids.tolist()
    as_written = files(tmp_path, train=rows, test=apart).model_copy(update={"normalization": "none"})
    assert build_data(as_written, WORDS, preparation(TASK)).splits["test"].texts == [text for text, _ in apart]
    scored, _ = read_file_as_split(files(tmp_path, test=apart), preparation(TASK), data.encoding, str(tmp_path / "test.csv"))
    assert scored.texts == train.texts


def test_without_a_tokenizer_texts_stay_texts(tmp_path):
    data = build_data(files(tmp_path), None, preparation(TASK))
    assert data.encoding.tokenizer is data.cache is data.encoding.spec.vocab_size is data.splits["train"].encoded is None
    assert not (tmp_path / "cache").exists()


def test_a_second_build_trains_and_encodes_nothing(tmp_path, monkeypatch):
    first = build_data(files(tmp_path), WORDS, preparation(TASK))
    monkeypatch.delattr(TokenSequences, "train")
    monkeypatch.setattr(TokenSequences, "encode", None)
    second = build_data(files(tmp_path), WORDS, preparation(TASK))
    for name, split in first.splits.items():
        assert second.splits[name].encoded.ids.tolist() == split.encoded.ids.tolist()


def test_ngrams_have_weights(tmp_path):
    data = build_data(files(tmp_path), NgramTokenizer(type="ngrams", words=[1, 1]), preparation(TASK))
    assert data.splits["train"].encoded.weights is not None
    assert data.splits["train"].encoded.lengths.tolist() == [2, 2, 2, 0]


def test_declared_labels_keep_their_order(tmp_path):
    task = TASK.model_copy(update={"labels": ["yes", "no", "maybe"]})
    data = build_data(files(tmp_path), None, preparation(task))
    assert data.encoding.labels == ("yes", "no", "maybe")
    assert data.encoding.spec.n_classes == 3
    assert data.splits["train"].labels.tolist() == [0, 1, 0, 1]


def test_a_label_outside_the_declared_list_is_an_error_with_its_line(tmp_path):
    task = TASK.model_copy(update={"labels": ["yes", "no"]})
    data = files(tmp_path, test=(("a", "yes"), ("b", "Yess")))
    with pytest.raises(DataError, match=r"test\.csv:3 has the label 'Yess'.* Did you mean `yes`\?") as error:
        build_data(data, None, preparation(task))
    assert "task.labels" in str(error.value)


def test_a_declared_label_twice_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="names 'no' twice"):
        build_data(files(tmp_path), None, preparation(TASK.model_copy(update={"labels": ["yes", "no", "no"]})))


def test_labels_that_training_does_not_have_are_noticed(tmp_path):
    test = [("a", "yes"), *((f"text {number}", f"new {number}") for number in range(6)), ("b", "new 0")]
    data = build_data(files(tmp_path, test=test), None, preparation(TASK))
    assert data.splits["test"].labels.tolist() == [1, -1, -1, -1, -1, -1, -1, -1]
    assert data.encoding.labels == ("no", "yes")
    named = ", ".join(f"`new {number}`" for number in range(5))
    assert data.notices == [f"7 of 8 test examples have a label that no training example has ({named}, ...); they count as wrong."]


@pytest.mark.parametrize("labels", [None, ["yes", "no"]])
def test_one_class_is_nothing_to_classify(labels, tmp_path):
    data = files(tmp_path, train=[("a", "yes"), ("b", "yes")])
    with pytest.raises(DataError, match=r"All 2 training examples of .*train\.csv have the same class, 'yes' in column `label`"):
        build_data(data, None, preparation(TASK.model_copy(update={"labels": labels})))
    with pytest.raises(DataError, match=r"train\.csv has a single training example, .* is data\.train_share or data\.train_rows"):
        build_data(data.model_copy(update={"train_rows": 1}), None, preparation(TASK.model_copy(update={"labels": labels})))


def test_no_training_example_is_an_error(tmp_path, monkeypatch):
    from nlp.datasets import build
    from nlp.datasets.tables import Dataset, Table

    nothing = Table({"text": [], "label": []}, "train.csv")
    monkeypatch.setattr(build, "read_dataset", lambda *_: Dataset("x", {"train": nothing, "validation": nothing}, {}))
    with pytest.raises(DataError, match=r"train\.csv has no training example"):
        build_data(files(tmp_path), None, preparation(TASK))


def test_a_missing_column_is_reported_with_those_that_are_there(tmp_path):
    with pytest.raises(DataError, match=r"no column `sentiment`.*`text`, `label`"):
        build_data(files(tmp_path), None, preparation(TASK.model_copy(update={"label": "sentiment"})))


def test_more_rows_than_there_are_is_noticed(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\n" + "".join(f"t{n},{n % 2}\n" for n in range(20)), encoding="utf-8")
    data = FileData(type="files", train=str(tmp_path / "train.csv"), train_rows=99)
    built = build_data(data, None, preparation(TASK))
    assert any("data.train_rows is 99, but the training split has 18 rows" in notice for notice in built.notices)


@pytest.mark.parametrize("size", [{"train_share": 0.5}, {"train_rows": 2}])
def test_a_part_of_the_training_rows_has_each_class_in_proportion_and_leaves_the_other_splits_whole(size, tmp_path):
    config = files(tmp_path).model_copy(update=size)
    data = build_data(config, None, preparation(TASK))
    assert sorted(data.splits["train"].gold) == ["no", "yes"]
    assert [len(data.splits[name]) for name in ("validation", "test")] == [1, 1]
    again, _ = read_split(config, preparation(TASK), data.encoding, "train", data.hashes)
    assert again.texts == data.splits["train"].texts
    one = build_data(files(tmp_path).model_copy(update={"train_rows": 3}), None, preparation(TASK))
    assert len(one.splits["train"]) == 3


def test_a_part_is_a_share_or_a_number_and_not_both():
    with pytest.raises(ValueError, match="leave one of them out"):
        NamedData(type="named", name="names", train_share=0.5, train_rows=10)


def test_what_cannot_be_trained_is_reported(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.type is `sizes`"):
        build_data(SizesData(type="sizes", n_classes=2), None, preparation(TASK))
    with pytest.raises(ConfigError, match="task: is missing"):
        build_data(files(tmp_path), None, preparation(None))


def test_a_cache_that_cannot_be_written_is_noticed_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "file"))
    data = build_data(files(tmp_path), WORDS, preparation(TASK))
    assert len(data.notices) == 1
    assert data.splits["test"].encoded is not None


def test_a_finished_run_reads_a_split_with_its_own_tokenizer_and_labels(tmp_path):
    data = files(tmp_path)
    built = build_data(data, WORDS, preparation(TASK))
    built.encoding.tokenizer.save(tmp_path / "run")
    encoding = replace(built.encoding, tokenizers={"text": load_tokenizer(tmp_path / "run")})
    split, notices = read_split(data, preparation(TASK), encoding, "test")
    assert split.labels.tolist() == [0]
    assert split.encoded.ids.tolist() == built.splits["test"].encoded.ids.tolist()
    assert list(notices) == []
    with pytest.raises(DataError, match="no split `dev`; it has train, validation, test"):
        read_split(data, preparation(TASK), encoding, "dev")


def test_a_finished_run_reads_a_new_file_without_its_training_data(tmp_path):
    data = files(tmp_path)
    built = build_data(data, WORDS, preparation(TASK))
    Path(data.train).unlink()
    new = write(tmp_path, "new", [("good dog", "yes"), ("odd", "other")])
    split, notices = read_file_as_split(data, preparation(TASK), built.encoding, new)
    assert split.name == "file-new"
    assert split.labels.tolist() == [1, -1]
    assert built.encoding.tokenizer.tokens(split.encoded.ids) == ["good", "dog", "[UNK]"]
    assert "texts from column `text` and labels from column `label`" in notices[0]
    assert "1 of 2 file-new examples" in notices[1]
    strict = TASK.model_copy(update={"labels": ["no", "yes"]})
    with pytest.raises(DataError, match=r"new\.csv:3 has the label 'other'"):
        read_file_as_split(data, preparation(strict), built.encoding, new)


def test_a_new_file_has_the_form_of_the_recipes_files_or_else_the_usual_one(tmp_path):
    form = FileData(type="files", train="gone.csv", columns={"text": "says", "label": "kind"})
    other = write(tmp_path, "other", TRAIN, header="says,kind")
    assert read_file_as_split(form, preparation(TASK), NO_YES, other)[0].texts[0] == "good dog"
    usual = write(tmp_path, "usual", TRAIN)
    named = NamedData(type="named", name="names")
    assert read_file_as_split(named, preparation(TASK), NO_YES, usual)[0].labels.tolist() == [1, 0, 1, 0]


def test_texts_to_predict_have_no_labels(tmp_path):
    built = build_data(files(tmp_path), WORDS, preparation(TASK))
    split = preparation(TASK).unlabelled(["good dog", ""], built.encoding)
    assert split.labels.tolist() == [-1, -1]
    assert split.encoded.lengths.tolist() == [2, 1]
    assert preparation(TASK).unlabelled(["good"], NO_YES).encoded is None
    assert len(preparation(TASK).unlabelled([], built.encoding)) == 0


def test_the_texts_of_all_splits(tmp_path):
    texts = read_texts(files(tmp_path), preparation(TASK))
    assert {name: len(each) for name, each in texts.items()} == {"train": 4, "validation": 1, "test": 1}


HEAVY = """
import sys
from nlp.configs.schema.data import FileData
from nlp.configs.schema.tasks.classification import ClassificationConfig
from nlp.datasets.build import build_data
from nlp.tasks.build import preparation
task = ClassificationConfig(type="classification")
data = build_data(FileData(type="files", train=sys.argv[1]), None, preparation(task))
preparation(task).unlabelled(["a"], data.encoding)
print(*(name for name in ("torch", "sklearn", "scipy", "tokenizers", "safetensors") if name in sys.modules))
"""


def test_a_given_tokenizer_is_used_as_it_is(tmp_path):
    first = build_data(files(tmp_path), WORDS, preparation(TASK))
    other = files(tmp_path, train=[("unheard words", "yes"), ("good dog", "no")])
    built = build_data(other, WORDS, preparation(TASK), given={"text": first.encoding.tokenizer})
    assert built.encoding.tokenizer is first.encoding.tokenizer
    assert built.encoding.spec.vocab_size == first.encoding.spec.vocab_size
    assert first.encoding.tokenizer.tokens(built.splits["train"].encoded.ids)[:2] == ["[UNK]", "[UNK]"], "nothing is learned from new texts"


def test_a_run_without_a_tokenizer_loads_nothing_heavy(tmp_path):
    arguments = [sys.executable, "-c", HEAVY, write(tmp_path, "train", TRAIN)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


DATA = os.environ.get("NLP_DATA", "")


@pytest.mark.skipif(not (Path(DATA) / "trec").is_dir(), reason="NLP_DATA does not name a folder with trec")
def test_trec_is_encoded_once(monkeypatch):
    data, task = NamedData(type="named", name="trec"), ClassificationConfig(type="classification", label="coarse")
    built = build_data(data, WORDS, preparation(task))
    assert built.encoding.labels == ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")
    assert (len(built.splits["train"]) + len(built.splits["validation"]), len(built.splits["test"])) == (5_452, 500)
    assert 0.05 < built.encoding.tokenizer.unknown_share(built.splits["validation"].encoded) < 0.15
    assert built.encoding.tokenizer.unknown_share(built.splits["train"].encoded) == 0.0
    monkeypatch.setattr(TokenSequences, "encode", None)
    again = build_data(data, WORDS, preparation(task))
    assert again.splits["train"].encoded.ids.tolist() == built.splits["train"].encoded.ids.tolist()
