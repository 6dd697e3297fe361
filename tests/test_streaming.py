"""Corpora larger than memory: hashed n-grams without a vocabulary, texts encoded and learned block by block."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nlp.configs.schema.linguistics import AnalysisConfig, MeaningConfig
from nlp.configs.schema.tokenizer import NgramTokenizer
from nlp.datasets.arrays import Ragged
from nlp.datasets.encoded import cache as cache_module
from nlp.datasets.encoded.cache import Cache
from nlp.datasets.encoded.growing_array import GrowingArray
from nlp.datasets.tokenizers import ngrams, tokenizer
from nlp.datasets.tokenizers.tokenizer import load_tokenizer, train_and_encode, train_tokenizer
from pydantic import ValidationError
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

TEXTS = ["The fox jumps over the lazy dog", "A dog and a fox", "", "over and over again", "zzz"] * 3
NEW = ["the fox sleeps", "", "nothing known"]


def config(**keys):
    return NgramTokenizer(type="ngrams", words=[1, 2], hash_bits=10, **keys)


def dense(ragged, n_columns):
    return csr_array((ragged.weights, ragged.ids, ragged.offsets), shape=(len(ragged), n_columns)).toarray()


@pytest.mark.parametrize("block", [4, 10_000])
def test_hashed_ngrams_are_those_of_the_hashing_vectorizer(block, monkeypatch):
    monkeypatch.setattr(ngrams, "BLOCK", block)
    hashed = HashingVectorizer(token_pattern=ngrams.WORD, ngram_range=(1, 2), n_features=2**10, alternate_sign=False, norm=None)
    weigh = TfidfTransformer().fit(hashed.transform(TEXTS))
    ours, encoded = train_and_encode(config(), TEXTS)
    assert encoded is None and ours.vocab_size == 1024
    np.testing.assert_allclose(dense(ours.encode(NEW), 1024), weigh.transform(hashed.transform(NEW)).toarray(), atol=1e-6)
    assert ours.tokens([7]) == ["#7"]


@pytest.mark.parametrize("keys", [
    {}, {"weighting": "binary", "characters": [1, 3]},
    {"analysis": AnalysisConfig(meaning=MeaningConfig(lexicon={"good": ["fox"]}, latent=2))},
])
def test_saved_and_loaded_it_is_the_same(keys, tmp_path):
    trained = train_tokenizer(config(**keys), TEXTS)
    trained.save(tmp_path)
    loaded = load_tokenizer(tmp_path, trained.vocab_size)
    assert loaded.fingerprint() == trained.fingerprint()
    for name in ("ids", "offsets", "weights"):
        np.testing.assert_array_equal(getattr(loaded.encode(NEW), name), getattr(trained.encode(NEW), name))
    assert len(loaded.tokens(range(loaded.vocab_size))) == loaded.vocab_size


@pytest.mark.parametrize("keys", [{"min_frequency": 2}, {"max_features": 10}])
def test_single_ngrams_are_not_counted(keys):
    with pytest.raises(ValidationError, match="single n-grams are not counted"):
        config(**keys)


@pytest.mark.parametrize("root", [True, False])
def test_blocks_on_disk_are_what_all_at_once_is(root, tmp_path, monkeypatch):
    monkeypatch.setattr(tokenizer, "BLOCK", 4)
    if not root:
        monkeypatch.setattr(cache_module, "cache_root", lambda: None)
    trained = train_tokenizer(config(), TEXTS)
    encoded, whole = Cache(tmp_path if root else None).encode(trained, TEXTS), trained.encode(TEXTS)
    for name in ("ids", "offsets", "weights"):
        np.testing.assert_array_equal(getattr(encoded, name), getattr(whole, name))
        assert getattr(encoded, name).dtype == getattr(whole, name).dtype
    assert encoded.ids.flags.writeable != root


@given(st.lists(st.lists(st.integers(-2**31, 2**31 - 1), max_size=20), max_size=30))
def test_a_growing_array_is_what_was_appended(tmp_path_factory, parts):
    path = tmp_path_factory.mktemp("array") / "ids.npy"
    with GrowingArray(path, np.int32) as array:
        for part in parts:
            array.append(np.array(part, dtype=np.int32))
    read = np.load(path, allow_pickle=False)
    assert read.dtype == np.int32 and read.tolist() == [value for part in parts for value in part]


def test_all_rows_in_order_are_not_copied():
    ragged = Ragged(np.arange(5, dtype=np.int32), np.array([0, 2, 2, 5]), np.ones(5, dtype=np.float32))
    ids, starts, weights = ragged.flat(np.arange(3))
    assert ids is ragged.ids and weights is ragged.weights and starts.tolist() == [0, 2, 2]
    assert ragged.flat(np.array([2, 0, 1]))[0].tolist() == [2, 3, 4, 0, 1]


MEASURED = """
import os, resource, sys
from pathlib import Path
import numpy as np
from nlp.configs.schema.models.classical import SgdConfig
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.tokenizer import NgramTokenizer
from nlp.datasets.encoded.cache import Cache
from nlp.models.classical.classifier import Bag, Classical
from nlp.models.head import Head

class Texts:
    def __init__(self, n): self.n = n
    def __len__(self): return self.n
    def __getitem__(self, key):
        if not isinstance(key, slice): raise TypeError
        return [f"text {i % 9973} of {i % 89} has {i % 7} words {i % 5} {i % 3} {i}" for i in range(*key.indices(self.n))]

def anonymous():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon"))

peak = 0
def note(*_):
    global peak
    peak = max(peak, anonymous())

texts = Texts(int(sys.argv[2]))
import nlp.datasets.encoded.cache as cache
cache._hash = lambda texts: str(len(texts))
cache.LONG = float("inf")
Cache._say = lambda self, what, texts: None
tokenizer = Cache(Path(sys.argv[1])).train(NgramTokenizer(type="ngrams", words=[1, 2], hash_bits=16), texts)
note()
block = type(tokenizer).encode
def encode(self, texts):
    note()
    return block(self, texts)
type(tokenizer).encode = encode
encoded = Cache(Path(sys.argv[1])).encode(tokenizer, texts)
note()
model = Classical(SgdConfig(type="sgd", n_iterations=1), SizesData(type="sizes", vocab_size=tokenizer.vocab_size), Head("classes", 2))
plain = Bag.matrix
def matrix(*parts):
    note()
    return plain(*parts)
Bag.matrix = matrix
tokens, starts, weights = encoded.flat(np.arange(len(texts)))
labels = np.arange(len(texts)) % 2
model.fit(tokens=tokens, starts=starts, weights=weights, targets={"labels": (labels, labels >= 0)}, seed=1, report=note)
print(peak)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ten_times_the_texts_take_hardly_more_memory(tmp_path):
    """Without the texts themselves, which a table holds: hashing, encoding and learning from texts that are made when they are read."""
    peaks = [int(subprocess.run([sys.executable, "-c", MEASURED, tmp_path / str(size), str(size)], capture_output=True, check=True).stdout)
             for size in (20_000, 200_000)]
    assert peaks[1] < 1.1 * peaks[0], peaks
