"""Clusters of word vectors as features: what is learned, what is kept, and what is refused."""

import json

import numpy as np
import pytest
from command import nlp
from nlp.configs.load import load_recipe
from nlp.configs.schema.tokenizer import NgramTokenizer
from nlp.datasets.tokenizers import clusters as clusters_module
from nlp.datasets.tokenizers import ngrams as ngrams_module
from nlp.datasets.tokenizers.ngrams import Ngrams
from nlp.datasets.tokenizers.tokenizer import load_tokenizer, train_and_encode, train_tokenizer
from nlp.training.study.address import method_address
from scipy.sparse import csr_array

VECTORS = {"dog": (1, 0.1), "cat": (1, 0.2), "bird": (2, 0.1), "runs": (0.1, 1), "sings": (0.2, 3), "sleeps": (0.1, 2)}
TEXTS = ["the dog runs", "a cat sings", "the bird sleeps", "", "cat and dog"]
ANIMALS, VERBS = "cluster 1 (dog bird cat)", "cluster 2 (sings sleeps runs)"
RECIPE = """
data: {type: files, train: train.csv, validation_share: 0.25, columns: {text: text, label: label}}
task: {type: classification}
tokenizer: {type: ngrams, words: [1, 1], weighting: counts, analysis: {meaning: {clusters: {vectors: words.txt, n: 2}}}}
model: {type: naive_bayes}
"""


@pytest.fixture
def vectors(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("".join(f"{word} {' '.join(map(str, numbers))}\n" for word, numbers in VECTORS.items()), encoding="utf-8")
    return path


@pytest.fixture
def here(vectors, tmp_path, monkeypatch):
    """A folder with a recipe."""
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    rows = [("the dog", "x"), ("a cat", "x"), ("he runs", "y"), ("it sings", "y"), ("the bird", "x"), ("it sleeps", "y")] * 8
    (tmp_path / "train.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(RECIPE, encoding="utf-8")
    return tmp_path


def ngrams(vectors, n=2, **keys):
    meaning = {"clusters": {"vectors": str(vectors), "n": n}}
    config = {"type": "ngrams", "words": [1, 1], "analysis": {"meaning": meaning}, "weighting": "counts"}
    return NgramTokenizer.model_validate(config | keys)


def dense(ragged, n_columns):
    return csr_array((ragged.weights, ragged.ids, ragged.offsets), shape=(len(ragged), n_columns)).toarray()


def test_words_whose_vectors_are_alike_are_one_feature(vectors):
    tokenizer, encoded = train_and_encode(ngrams(vectors), TEXTS)
    names = tokenizer.tokens(range(tokenizer.vocab_size))
    assert names[-2:] == [f"<{ANIMALS}>", f"<{VERBS}>"]
    assert dense(encoded, len(names))[:, -2:].tolist() == [[1, 1], [1, 1], [1, 1], [0, 0], [2, 0]]
    assert dict(tokenizer.steps("A DOG sings"))["clusters"] == f"{ANIMALS}, {VERBS}"


def test_the_length_of_a_vector_does_not_count(vectors):
    tokenizer = train_tokenizer(ngrams(vectors), TEXTS)
    longer = {word: (100 * first, 100 * second) if word == "cat" else (first, second) for word, (first, second) in VECTORS.items()}
    vectors.write_text("".join(f"{word} {' '.join(map(str, numbers))}\n" for word, numbers in longer.items()), encoding="utf-8")
    assert train_tokenizer(ngrams(vectors), TEXTS).files() == tokenizer.files()


@pytest.mark.parametrize("keys", [{}, {"hash_bits": 8}, {"weighting": "tfidf", "characters": [1, 2]}], ids=["counts", "hashed", "tfidf"])
def test_saved_and_loaded_it_is_the_same_without_the_vectors(keys, vectors, tmp_path, monkeypatch):
    monkeypatch.setattr(ngrams_module, "BLOCK", 2)
    tokenizer, other = (train_tokenizer(ngrams(vectors, **keys), TEXTS) for _ in range(2))
    assert tokenizer.fingerprint() == other.fingerprint()
    tokenizer.save(tmp_path / "saved")
    vectors.unlink()
    loaded = load_tokenizer(tmp_path / "saved", tokenizer.vocab_size)
    assert loaded.fingerprint() == tokenizer.fingerprint()
    encoded = tokenizer.encode(TEXTS)
    np.testing.assert_array_equal(loaded.encode(TEXTS).weights, encoded.weights)
    np.testing.assert_array_equal(np.concatenate([loaded.encode([text]).ids for text in TEXTS]), encoded.ids)
    assert loaded.tokens([loaded.vocab_size - 2]) == [f"<{ANIMALS}>"]


@pytest.mark.slow
def test_words_are_looked_up_without_their_tags(vectors):
    pytest.importorskip("kiwipiepy")
    vectors.write_text("영화 1 0\n배우 1 0.1\n재미있 0 1\n없 0.1 1\n", encoding="utf-8")
    steps = {"morphology": {"type": "kiwi"}, "part_of_speech": {"attach": True},
             "meaning": {"clusters": {"vectors": str(vectors), "n": 2}}}
    tokenizer = train_tokenizer(ngrams(vectors, analysis=steps), ["영화 정말 재미있었어요", "배우가 재미 없다"])
    assert dict(tokenizer.steps("영화가 없다"))["clusters"].count("cluster") == 2


def test_a_run_is_trained_and_asked_without_the_vectors(here):
    nlp("train", "--config", "mine.yaml", "--name", "one", cwd=here)
    (here / "words.txt").unlink()
    printed = nlp("predict", "mine/one", "dog", "--explain", "auto", cwd=here).stdout
    assert printed.startswith("x") and "clusters: cluster 1 (" in printed and "'<cluster 1 (" in printed


def test_other_vectors_under_the_same_name_are_another_method_and_other_data(here):
    nlp("train", "--config", "mine.yaml", "--name", "one", cwd=here)
    before = method_address(load_recipe(str(here / "mine.yaml")))
    (here / "words.txt").write_text("dog 1 0\nruns 1 0\ncat 0 1\nsings 0 1\n", encoding="utf-8")
    assert method_address(load_recipe(str(here / "mine.yaml"))) != before
    nlp("train", "--config", "mine.yaml", "--name", "two", cwd=here)
    one, two = ((here / "runs" / "mine" / name / "tokenizer" / "clusters.json").read_bytes() for name in ("one", "two"))
    assert one != two


@pytest.mark.parametrize(("content", "n", "words"), [
    (None, 2, "There is no file"),
    ("no vectors here\nat all\n", 2, "is not a file of word vectors"),
    ("dog 1 0\ncat 1\n", 2, ":2: expected a word and 2 numbers"),
    ("Hund 1 0\nKatze 0 1\n", 2, "words of the training texts. Are they vectors"),
    ("dog 1 0\ncat 0 1\n", 3, "clusters.n is 3, but"),
])
def test_vectors_that_cannot_be_clustered(content, n, words, here):
    path = here / "words.txt"
    path.unlink() if content is None else path.write_text(content, encoding="utf-8")
    printed = nlp("train", "--config", "mine.yaml", "--set", f"tokenizer.analysis.meaning.clusters.n={n}", cwd=here, code=2).stderr
    assert words in printed and printed.count("\n") == 1 and "words.txt" in printed


@pytest.mark.parametrize("damage", [[["dog"], ["dog"]], [["dog"], []], {"dog": 1}])
def test_clusters_that_do_not_go_together_are_refused(damage, vectors):
    files = {**train_tokenizer(ngrams(vectors), TEXTS).files(), clusters_module.FILE: json.dumps(damage).encode()}
    with pytest.raises(ValueError, match=r"clusters\.json|list"):
        Ngrams.from_files(ngrams(vectors), files)


def test_tokenizers_with_other_steps_are_known_by_the_same_fingerprint_as_before_there_were_clusters():
    steps = {"stop_words": {"words": ["the"]}, "meaning": {"lexicon": {"good": ["good"]}}}
    texts = ["이 영화 정말 재미있었어요 ㅋㅋ", "영화가 재미 없다", "good film"]
    assert train_tokenizer(ngrams("", analysis=steps, weighting="tfidf"), texts).fingerprint() == \
        "b167b2cbcd725fd57a962ae5fce788e9ccc15e306470d3c6ea11bc6c14d52b80"
