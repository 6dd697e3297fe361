"""Static word vectors: the formats, which words are found, and embeddings that start from them."""

import gzip
import json
import re
import struct

import numpy as np
import pytest
from command import nlp
from nlp.configs.load import load_recipe
from nlp.datasets.word_vectors import read_word_vectors
from nlp.errors import DataError
from nlp.training.folder.checkpoints import checkpoint_path
from nlp.training.folder.run_directory import RunDirectory
from nlp.training.folder.tensors import load_tensors
from nlp.training.sources.start import can_start

VECTORS = {"the": [1.0, -2.0, 0.5], "Dog": [0.25, 3.0, -1.0], "cat": [-1.5, 0.0, 2.0], ". .": [9.0, 9.0, 9.0]}


def glove(vectors=VECTORS):
    return "".join(f"{word} {' '.join(map(str, numbers))}\n" for word, numbers in vectors.items()).encode("utf-8")


def binary(vectors=VECTORS, ending=b"\n"):
    records = (word.replace(" ", "_").encode("utf-8") + b" " + struct.pack("<3f", *numbers) + ending for word, numbers in vectors.items())
    return f"{len(vectors)} 3\n".encode() + b"".join(records)


@pytest.fixture(params=["glove", "word2vec", "binary", "binary without line feeds", "gzip"])
def file(request, tmp_path):
    path = tmp_path / ("vectors.txt.gz" if request.param == "gzip" else "vectors.bin")
    header = b"4 3\n"
    path.write_bytes({"glove": glove(), "word2vec": header + glove(), "binary": binary(), "binary without line feeds": binary(ending=b""),
                      "gzip": gzip.compress(glove())}[request.param])
    return path


def test_formats(file):
    found = read_word_vectors(file, ["cat", "mouse", "the", "Dog"])
    assert found.found.tolist() == [True, False, True, True]
    assert found.values.tolist() == [VECTORS["cat"], [0, 0, 0], VECTORS["the"], VECTORS["Dog"]]


def test_a_word_that_the_file_lacks_gets_the_vector_of_its_lower_case(tmp_path):
    (tmp_path / "v.txt").write_bytes(glove({"the": [1, 1, 1], "The": [2, 2, 2], "cat": [3, 3, 3]}))
    found = read_word_vectors(tmp_path / "v.txt", ["The", "CAT", "the", "dog"])
    assert found.values[:, 0].tolist() == [2, 3, 1, 0]
    (tmp_path / "v.txt").write_bytes(glove({"the": [1, 1, 1], "cat": [3, 3, 3], "cat ": [4, 4, 4]}))
    assert read_word_vectors(tmp_path / "v.txt", ["The", "cat"]).values[:, 0].tolist() == [1, 3]


@pytest.mark.parametrize(("content", "values"), [
    (b"3 5\nthe 7\n", [7, 5]), (b"3 0\nthe 7\n8 2\n9 1\n", [7, 0]), (b"3 200000\nthe 7\n", [7, 200_000]), (b"3 -5\nthe 7\n", [7, -5]),
    (b"2 1\nthe 7\n3 5\n", [7, 5]), (b"2 1\nthe " + struct.pack("<f", 7) + b"\n3 " + struct.pack("<f", 5) + b"\n", [7, 5]),
])
def test_numbers_in_the_first_line_are_a_header_if_they_state_the_size_of_the_lines_below(tmp_path, content, values):
    (tmp_path / "v.txt").write_bytes(content)
    found = read_word_vectors(tmp_path / "v.txt", ["the", "3", "2"])
    assert found.values[:2].tolist() == [[value] for value in values]
    assert found.found.tolist() == [True, True, False]


def test_a_table_of_pieces_gives_the_mean_of_a_words_pieces(tmp_path):
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models

    pieces = {"[UNK]": 0, "do": 1, "##g": 2, "cat": 3}
    Tokenizer(models.WordPiece(pieces, unk_token="[UNK]")).save(str(tmp_path / "tokenizer.json"))
    save_file({"embeddings": np.array([[9, 9], [1, 2], [3, 6], [5, 5]], dtype=np.float16)}, tmp_path / "model.safetensors")
    found = read_word_vectors(tmp_path, ["dog", "cat", "mouse"])
    assert found.values.tolist() == [[2, 4], [5, 5], [0, 0]]
    assert found.found.tolist() == [True, True, False]


@pytest.mark.parametrize(("content", "message"), [
    (b"", "not a file of word vectors"), (b"just a text\n", "not a file of word vectors"), (b"3 0\n", "vectors of 0 numbers"),
    (glove() + b"dog 1 2\n", ":5: expected a word and 3 numbers"), (glove({"the": [1, 1, 1]}) + b"cat 1 2 x\n", ":2: expected a word"),
    (binary()[:-9], "word 4 of 4 is incomplete"), (b"9 3\n" + binary().partition(b"\n")[2], "word 5 of 9 is incomplete"),
    (b"9 3\n" + glove(), "first line states 9 words, and it has 4"), (b"4 3\nthe 1\nDog 0.25 3.0 -1.0\n", "word 2 of 4 is incomplete"),
    (b"4 3\n", "word 1 of 4 is incomplete"), (b"1 " + b"9" * 5_000 + b"\n", "not a file of word vectors"),
    (glove({"the": [1, 1, 1]}) + b"cat 1 nan 2\n", "not finite"),
])
def test_damaged_files(tmp_path, content, message):
    (tmp_path / "v.bin").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_word_vectors(tmp_path / "v.bin", ["the", "cat", "dog"])


def test_damaged_folders(tmp_path):
    from safetensors.numpy import save_file

    with pytest.raises(DataError, match="0 safetensors files"):
        read_word_vectors(tmp_path, ["the"])
    save_file({"a": np.zeros((2, 2), np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(DataError, match=r"no tokenizer\.json"):
        read_word_vectors(tmp_path, ["the"])
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(DataError, match="cannot be read"):
        read_word_vectors(tmp_path, ["the"])
    (tmp_path / "model.safetensors").write_bytes((tmp_path / "model.safetensors").read_bytes()[:-3])
    with pytest.raises(DataError, match="damaged or cut short"):
        read_word_vectors(tmp_path, ["the"])


RECIPE = """
data: {type: files, train: train.csv, test: train.csv, validation_share: 0.2}
task: {type: classification}
tokenizer: {type: words, min_frequency: 1, lowercase: true}
model: MODEL
training: {epochs: 1, batch_size: 8, optimizer: {type: adamw, learning_rate: 1.0e-30}}
"""
MODELS = {
    "cnn": ("{type: cnn, d_embedding: 3, vectors: v.txt}", "embedding.tokens.weight"),
    "lstm": ("{type: lstm, d_embedding: 3, hidden_size: 4, vectors: v.txt}", "embedding.tokens.weight"),
    "mlp": ("{type: mlp, d_embedding: 3, vectors: v.txt}", "embedding.bag.weight"),
    "transformer": ("{type: transformer, d_embedding: 3, d_model: 8, n_heads: 2, d_ff: 8, vectors: v.txt}",
                    "embedding.words.tokens.weight"),
}
SPREAD = {"cnn": 0.1, "lstm": 0.1, "mlp": 0.1, "transformer": 3**-0.5}
"""Of a network's own first vectors."""


@pytest.fixture
def folder(tmp_path):
    rows = [f"{text},{label}\n" for text, label in (("the dog barks", "dog"), ("the cat meows", "cat")) for _ in range(10)]
    (tmp_path / "train.csv").write_text("text,label\n" + "".join(rows), encoding="utf-8")
    (tmp_path / "v.txt").write_bytes(glove({word.lower(): vector for word, vector in VECTORS.items()}))
    return tmp_path


@pytest.mark.parametrize("name", MODELS)
def test_an_embedding_starts_from_vectors(folder, name):
    model, table = MODELS[name]
    (folder / "r.yaml").write_text(RECIPE.replace("MODEL", model), encoding="utf-8")
    told = nlp("train", "--config", "r.yaml", "--name", "x", cwd=folder).stderr
    assert re.search(r"vectors of 3 of 5 words \(60.0%\) of \S*v\.txt", told)
    run = RunDirectory(folder / "runs/r/x", folder / "runs")
    weights = load_tensors(checkpoint_path(run, "best") / "model.safetensors")[table].numpy()
    words = json.loads((run.folder / "tokenizer/tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    taken = np.stack([weights[words[word]] for word in ("the", "dog", "cat")])
    given = np.array([VECTORS["the"], VECTORS["Dog"], VECTORS["cat"]])
    assert taken / taken[0, 0] == pytest.approx(given / given[0, 0], abs=1e-5)
    assert taken.std() == pytest.approx(SPREAD[name], rel=0.5)


def test_a_run_needs_its_vectors_no_longer_once_it_has_a_checkpoint(folder):
    (folder / "r.yaml").write_text(RECIPE.replace("MODEL", MODELS["cnn"][0]), encoding="utf-8")
    nlp("train", "--config", "r.yaml", "--name", "x", cwd=folder)
    (folder / "v.txt").unlink()
    nlp("predict", "r/x", "the dog", cwd=folder)
    assert "no file" in nlp("train", "--config", "r.yaml", "--name", "y", cwd=folder, code=2).stderr


@pytest.mark.parametrize(("settings", "message"), [
    (["model.d_embedding=4"], "has vectors of size 3, but the embedding has size 4"),
    (["tokenizer.type=bpe"], "model.vectors: are of words, but tokenizer.type is bpe"),
    (["model.type=mlp"], "needs d_embedding"),
    (["model.init_from=r/x"], "the embedding comes from model.init_from already"),
    (["model.vectors=none.txt"], "There is no file"),
    (["model.vectors=wordllama-256"], "nlp data get wordllama-256"),
])
def test_vectors_that_do_not_fit(folder, settings, message, monkeypatch):
    monkeypatch.setenv("NLP_WEIGHTS", str(folder))
    (folder / "r.yaml").write_text(RECIPE.replace("MODEL", MODELS["cnn"][0]), encoding="utf-8")
    if settings == ["model.type=mlp"]:
        (folder / "r.yaml").write_text(RECIPE.replace("MODEL", "{type: mlp, hidden_sizes: [4], vectors: v.txt}"), encoding="utf-8")
    changes = [word for setting in settings for word in ("--set", setting)]
    assert message in nlp("train", "--config", "r.yaml", *changes, cwd=folder, code=2).stderr


def test_patterns_leave_out_recipes_whose_vectors_are_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("NLP_WEIGHTS", str(tmp_path))
    assert not can_start(load_recipe("sst2/cnn-word-vectors"))
    assert can_start(load_recipe("sst2/cnn"))


def test_vectors_of_other_words(folder):
    (folder / "v.txt").write_bytes(glove({"le": [1, 2, 3]}))
    (folder / "r.yaml").write_text(RECIPE.replace("MODEL", MODELS["cnn"][0]), encoding="utf-8")
    assert "has none of the 5 words of the vocabulary" in nlp("train", "--config", "r.yaml", cwd=folder, code=2).stderr
