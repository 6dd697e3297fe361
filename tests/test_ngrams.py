"""N-grams: equal to scikit-learn's own, saved without pickle, and shown by name."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nlp.configs.schema.tokenizer import NgramTokenizer
from nlp.datasets.tokenizers.ngrams import WORD, Ngrams
from nlp.datasets.tokenizers.tokenizer import load_tokenizer, train_and_encode, train_tokenizer
from nlp.errors import DataError, RunError
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.pipeline import FeatureUnion

TRAIN = [
    "The fox jumps over the lazy dog; the dog sleeps.",
    "A dog and a fox: a tale of the two",
    "영화 가 정말 재미 있다 a",
    "the the the the dog",
    "",
    "Over and over and OVER again, I say!",
]
NEW = ["the fox sleeps again and again", "nothing known: zzz qqq", "", "a dog a DOG", "영화 있다"]


def config(**keys):
    return NgramTokenizer(type="ngrams", **keys)


def dense(ragged, n_columns):
    return csr_array((ragged.weights, ragged.ids, ragged.offsets), shape=(len(ragged), n_columns)).toarray()


def assert_equal_to(vectorizer, settings):
    tokenizer, encoded = train_and_encode(settings, TRAIN)
    expected = vectorizer.fit_transform(TRAIN).toarray()
    np.testing.assert_allclose(dense(encoded, tokenizer.vocab_size), expected, atol=1e-6)
    np.testing.assert_allclose(dense(tokenizer.encode(NEW), tokenizer.vocab_size), vectorizer.transform(NEW).toarray(), atol=1e-6)
    return tokenizer


@pytest.mark.parametrize("keys", [
    {"words": [1, 1]},
    {"words": [1, 3], "sublinear": True},
    {"words": [2, 2], "min_frequency": 2},
    {"words": [1, 2], "max_features": 7},
    {"words": [1, 1], "lowercase": False},
    {"words": [1, 1], "stop_words": "english"},
])
def test_words_are_those_of_the_tfidf_vectorizer(keys):
    vectorizer = TfidfVectorizer(
        token_pattern=WORD,
        ngram_range=tuple(keys["words"]),
        sublinear_tf=keys.get("sublinear", False),
        min_df=keys.get("min_frequency", 1),
        max_features=keys.get("max_features"),
        lowercase=keys.get("lowercase", True),
        stop_words=keys.get("stop_words"),
    )
    tokenizer = assert_equal_to(vectorizer, config(**keys))
    assert tokenizer.tokens(range(tokenizer.vocab_size)) == vectorizer.get_feature_names_out().tolist()


@pytest.mark.parametrize("across", [True, False])
def test_characters_are_those_of_the_tfidf_vectorizer(across):
    vectorizer = TfidfVectorizer(analyzer="char" if across else "char_wb", ngram_range=(1, 4))
    tokenizer = assert_equal_to(vectorizer, config(characters=[1, 4], across_words=across))
    assert tokenizer.tokens(range(tokenizer.vocab_size)) == vectorizer.get_feature_names_out().tolist()


def test_both_kinds_are_joined_and_scaled_as_one():
    union = FeatureUnion([
        ("words", CountVectorizer(token_pattern=WORD, ngram_range=(1, 2))),
        ("characters", CountVectorizer(analyzer="char", ngram_range=(2, 3))),
    ])
    from sklearn.pipeline import make_pipeline

    tokenizer = assert_equal_to(make_pipeline(union, TfidfTransformer(sublinear_tf=True)),
                                config(words=[1, 2], characters=[2, 3], sublinear=True))
    assert tokenizer.vocab_size == len(union.get_feature_names_out())


@pytest.mark.parametrize("weighting", ["counts", "binary"])
def test_counts_and_binary(weighting):
    assert_equal_to(CountVectorizer(token_pattern=WORD, binary=weighting == "binary"), config(words=[1, 1], weighting=weighting))


def test_sublinear_counts():
    tokenizer, encoded = train_and_encode(config(words=[1, 1], weighting="counts", sublinear=True), ["a a a b", "b"])
    assert tokenizer.tokens([0, 1]) == ["a", "b"]
    assert encoded.weights.tolist() == pytest.approx([1 + np.log(3), 1, 1])


@given(st.lists(st.text("abc d", max_size=12), min_size=1, max_size=8))
def test_rows_are_sorted_and_of_length_one(texts):
    tokenizer = train_tokenizer(config(words=[1, 2], characters=[1, 2]), ["a b c d", "ab cd", *texts])
    encoded = tokenizer.encode(texts)
    assert (encoded.ids.dtype, encoded.offsets.dtype, encoded.weights.dtype) == (np.int32, np.int64, np.float32)
    for row, text in enumerate(texts):
        ids = encoded.ids[encoded.offsets[row] : encoded.offsets[row + 1]]
        weights = encoded.weights[encoded.offsets[row] : encoded.offsets[row + 1]]
        assert ids.tolist() == sorted(set(ids.tolist()))
        assert np.linalg.norm(weights) == pytest.approx(1 if text else 0, abs=1e-5)


def test_a_text_without_a_known_ngram_has_an_empty_row():
    tokenizer = train_tokenizer(config(words=[1, 1]), TRAIN)
    encoded = tokenizer.encode(["dog", "qqq", ""])
    assert encoded.lengths.tolist() == [1, 0, 0]
    assert tokenizer.unknown_share(encoded) == pytest.approx(2 / 3)
    assert len(tokenizer.encode([])) == 0


def test_short_texts_are_read_by_character():
    tokenizer = train_tokenizer(config(words=[1, 1], characters=[2, 2]), ["ab c"])
    assert tokenizer.tokens(np.arange(tokenizer.vocab_size)) == ["ab", "c", "' c'", "'ab'", "'b '"]


@pytest.mark.parametrize("keys", [
    {"words": [1, 2], "characters": [1, 3], "sublinear": True},
    {"characters": [2, 4], "across_words": False, "weighting": "counts"},
    {"words": [1, 1], "stop_words": "english", "weighting": "binary", "lowercase": False},
])
def test_saved_and_loaded_it_is_the_same(keys, tmp_path):
    tokenizer = train_tokenizer(config(**keys), TRAIN)
    tokenizer.save(tmp_path)
    loaded = load_tokenizer(tmp_path, vocab_size=tokenizer.vocab_size)
    for name in ("ids", "offsets", "weights"):
        np.testing.assert_array_equal(getattr(loaded.encode(NEW), name), getattr(tokenizer.encode(NEW), name))
    assert loaded.config == tokenizer.config
    assert loaded.fingerprint() == tokenizer.fingerprint() == train_tokenizer(config(**keys), TRAIN).fingerprint()
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"about.json", "ngrams.json"} | ({"idf.safetensors"} if keys.get("weighting", "tfidf") == "tfidf" else set())


def test_files_of_another_tokenizer_are_refused(tmp_path):
    train_tokenizer(config(words=[1, 1]), TRAIN).save(tmp_path)
    about = json.loads((tmp_path / "about.json").read_text(encoding="utf-8"))
    about["config"]["characters"] = [1, 2]
    (tmp_path / "about.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(RunError, match="has n-grams of words, not of words and characters"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(("content", "words"), [
    (b'{"words": ["a", "b"]}', "weights for 2 n-grams"),
    (b'{"words": ["a", "a"]}', "has an n-gram twice"),
    (b'{"words": []}', "has an n-gram twice, or none"),
    (b'{"words": "ab"}', "`words` should be a valid list"),
    (b'{"words": ["a", 3]}', "`words.1` should be a valid string"),
    (b'["words"]', "its content should be a mapping"),
])
def test_ngrams_that_cannot_be_are_refused(content, words):
    files = dict(train_tokenizer(config(words=[1, 1]), TRAIN).files())
    files["ngrams.json"] = content
    with pytest.raises(ValueError, match=words):
        Ngrams.from_files(config(words=[1, 1]), files)


@pytest.mark.parametrize("change", [lambda idf: idf.astype(np.float32), lambda idf: idf * np.nan, lambda idf: -idf])
def test_weights_that_cannot_be_are_refused(change):
    trained = train_tokenizer(config(words=[1, 1]), TRAIN)
    assert isinstance(trained, Ngrams) and trained.idf is not None
    files = dict(Ngrams(trained.config, trained.names, change(trained.idf)).files())
    with pytest.raises(ValueError, match="not inverse document frequencies"):
        Ngrams.from_files(config(words=[1, 1]), files)


@pytest.mark.parametrize(("keys", "texts"), [
    ({"words": [1, 1]}, ["", "  "]),
    ({"words": [1, 1], "min_frequency": 3}, ["a b", "c d", "e f"]),
    ({"words": [3, 3]}, ["a b", "c d"]),
    ({"words": [1, 1], "stop_words": "english"}, ["the", "and of"]),
    ({"words": [1, 1], "min_frequency": 9}, ["a", "b"]),
])
def test_no_ngram_left_is_reported(keys, texts):
    with pytest.raises(DataError, match=f"No n-gram is left of {len(texts)} training texts"):
        train_tokenizer(config(**keys), texts)


def test_half_a_surrogate_pair_is_survived(tmp_path):
    tokenizer = train_tokenizer(config(characters=[1, 2]), ["dog \ud83d fox"])
    tokenizer.save(tmp_path)
    assert load_tokenizer(tmp_path).encode(["\ud83d"]).lengths.tolist() == [1]
