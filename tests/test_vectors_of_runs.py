"""`model.vectors` and `clusters.vectors` that name a run of word vectors: what is taken, what is found, what is refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from command import nlp
from nlp.configs.load import load_recipe
from nlp.configs.schema.tokenizer import PAD
from nlp.datasets.encoded.texts.word_contexts import spelling_of
from nlp.datasets.word_vectors import read_word_vectors
from nlp.training.folder.checkpoints import checkpoint_path
from nlp.training.folder.run_directory import RunDirectory, find_run
from nlp.training.folder.tensors import load_tensors
from nlp.training.open_run import open_run
from nlp.training.sources.start import can_start
from nlp.training.sources.vectors import open_vectors
from nlp.training.study.address import method_address

VECTORS = """
data: {type: files, train: text.csv, columns: {text: text}, validation_share: 0.1}
tokenizer: {type: words, lowercase: true}
task: {type: word_vectors, window: 2, subsample: 0, block_size: 32, shared_negatives: 16}
model: {type: skip_gram, d_embedding: 8}
training: {epochs: 1, batch_size: 8, optimizer: {type: adam, learning_rate: 0.02}}
"""
CNN = """
data: {type: files, train: labelled.csv, validation_share: 0.25}
task: {type: classification}
tokenizer: {type: words, min_frequency: 1}
model: {type: cnn, d_embedding: 8, n_filters: 4, vectors: vectors}
training: {epochs: 1, batch_size: 8, optimizer: {type: adamw, learning_rate: 1.0e-30}}
"""
CLUSTERS = """
data: {type: files, train: labelled.csv, validation_share: 0.25}
task: {type: classification}
tokenizer: {type: ngrams, words: [1, 1], analysis: {meaning: {clusters: {vectors: vectors, n: 2}}}}
model: {type: naive_bayes}
"""
KEYS = {"cnn.yaml": "model.vectors", "clusters.yaml": "tokenizer.analysis.meaning.clusters.vectors"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Runs of word vectors, `vectors/first` and with n-grams `vectors/pieces`; recipes that name them, for texts with a word more."""
    folder = tmp_path_factory.mktemp("vectors")
    texts = ["the cat sleeps in its basket", "a red car drives down our street"]
    (folder / "text.csv").write_text("text\n" + "\n".join(texts * 40) + "\n", encoding="utf-8")
    rows = ["The cats,animal", "the Cat sleeps,animal", "a car,car", "a red car drives,car"] * 8
    (folder / "labelled.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    for name, content in (("vectors", VECTORS), ("cnn", CNN), ("clusters", CLUSTERS)):
        (folder / f"{name}.yaml").write_text(content, encoding="utf-8")
    pieces = "model.ngrams={min: 2, max: 3, buckets: 100}"
    nlp("train", "--config", "vectors.yaml", "--set", pieces, "--name", "pieces", cwd=folder)
    nlp("train", "--config", "vectors.yaml", "--name", "first", cwd=folder)
    nlp("export", "vectors", "--output", "vectors.txt", cwd=folder)
    return folder


@pytest.fixture
def here(trained, tmp_path, monkeypatch):
    folder = tmp_path / "here"
    shutil.copytree(trained, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    return folder


def train(name, key, value, *more, code=0):
    return nlp("train", "--config", f"{name}.yaml", "--set", f"{key}={value}", *more, cwd=Path(), code=code).stderr


def test_a_network_starts_from_a_run_as_from_its_exported_file(here):
    told = [train("cnn", "model.vectors", value, "--name", name) for name, value in (("run", "vectors"), ("file", "vectors.txt"))]
    assert "vectors of 8 of 9 words (88.9%) of vectors/first\n" in told[0] and "vectors of 8 of 9 words (88.9%)" in told[1]
    assert "vectors: vectors/first\n" in (here / "runs/cnn/run/config.yaml").read_text(encoding="utf-8")
    runs = [RunDirectory(here / "runs/cnn" / name, here / "runs") for name in ("run", "file")]
    first, second = (load_tensors(checkpoint_path(run, "best") / "model.safetensors")["embedding.tokens.weight"] for run in runs)
    assert np.allclose(first, second, atol=1e-6) and first.std() > 0
    shutil.rmtree(here / "runs/vectors")
    nlp("predict", "cnn/run", "the cat", cwd=here)


def test_words_as_a_file_has_them_and_unknown_ones_by_their_pieces(here):
    words = ["cat", "Cat", "cats", "zebra"]
    whole, pieces = (open_vectors(f"vectors/{name}", "model.vectors").read(words) for name in ("first", "pieces"))
    filed = read_word_vectors(here / "vectors.txt", words)
    assert whole.found.tolist() == filed.found.tolist() == [True, True, False, False]
    assert np.array_equal(whole.values, filed.values)
    assert pieces.found.all()
    assert np.array_equal(pieces.values[0], pieces.values[1])
    model = open_run(find_run("vectors/pieces"), "cpu").model
    assert np.array_equal(pieces.values[2:3], model.word_vectors(np.array([PAD]), spelling_of(["cats"])))


def test_an_unknown_word_is_looked_up_in_lower_case_where_the_run_knows_case(here):
    train("vectors", "tokenizer.lowercase", "false", "--name", "cased")
    found = open_vectors("vectors/cased", "model.vectors").read(["Cat", "cat", "Zebra"])
    assert found.found.tolist() == [True, True, False] and np.array_equal(found.values[0], found.values[1])


def test_words_are_clustered_by_a_run_as_by_its_exported_file(here):
    for name, value in (("run", "vectors"), ("file", "vectors.txt")):
        train("clusters", KEYS["clusters.yaml"], value, "--name", name)
    one, two = ((here / "runs/clusters" / name / "tokenizer/clusters.json").read_bytes() for name in ("run", "file"))
    assert one == two
    assert "vectors: vectors/first" in (here / "runs/clusters/run/config.yaml").read_text(encoding="utf-8")
    shutil.rmtree(here / "runs/vectors")
    nlp("predict", "clusters/run", "the cat", cwd=here)


@pytest.mark.parametrize("recipe", KEYS)
def test_the_content_of_the_run_counts_in_the_address(here, recipe):
    def address(name):
        return method_address(load_recipe(recipe, [f"{KEYS[recipe]}={name}"]))

    assert address("vectors") == address("vectors/first") == address(str(here / "runs/vectors/first")) != address("vectors/pieces")
    shutil.rmtree(here / "runs/vectors/pieces")
    shutil.copytree(here / "runs/vectors/first", here / "runs/vectors/pieces")
    assert address("vectors/pieces") == address("vectors/first")


def test_clusters_are_made_again_when_the_run_was_trained_again(here):
    def clusters(name):
        train("clusters", KEYS["clusters.yaml"], "vectors/first", "--name", name)
        return (here / "runs/clusters" / name / "tokenizer/clusters.json").read_bytes()

    before = clusters("one")
    shutil.rmtree(here / "runs/vectors/first")
    nlp("train", "--config", "vectors.yaml", "--name", "first", "--set", "seeds=[7]", "--set", "training.epochs=4", cwd=here)
    assert clusters("two") != before


@pytest.mark.parametrize(("name", "words"), [
    ("cnn/one", "cnn/one is a run of cnn for classification, which has no word vectors. Name a run"),
    ("vectors/first", "vectors/first is not finished, and its vectors may still change"),
    ("vectors/pieces", "vectors of size 8, but the embedding has size 5"),
    ("vectors/none", "There is no file vectors/none with word vectors, and no run"),
])
def test_runs_that_cannot_be_taken(here, name, words):
    (here / "runs/vectors/first/results.json").unlink()
    shutil.copytree(here / "runs/vectors/pieces", here / "runs/cnn/one")
    (here / "runs/cnn/one/config.yaml").write_text(CNN.replace("vectors: vectors", "vectors: v.txt"), encoding="utf-8")
    printed = train("cnn", "model.vectors", name, "--set", f"model.d_embedding={5 if 'pieces' in name else 8}", code=2)
    assert printed.splitlines()[-1].startswith("Error: model.vectors: ") and words in printed and "Traceback" not in printed
    assert can_start(load_recipe("cnn.yaml", [f"model.vectors={name}"])) == (name in ("vectors/pieces", "cnn/one"))
