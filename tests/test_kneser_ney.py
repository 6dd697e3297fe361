"""Kneser-Ney against a slow dictionary version written from the paper's formulas; sums, files, and real text."""

import gzip
import json
import math
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.errors import RunError, TrainingError
from nlp.models.classical.kneser_ney import FALLBACK_DISCOUNTS, KneserNey

BEGIN = -1
BROWN = Path(os.environ.get("NLP_DATA", "not-set")) / "brown" / "brown.jsonl.gz"


class Slow:
    """Modified Kneser-Ney, interpolated, by Chen and Goodman (1999), section 3: one dictionary of n-grams for each order."""

    def __init__(self, streams, vocab_size, order, excluded=()):
        self.vocab_size, self.order, self.excluded = vocab_size, order, set(excluded)
        seen = {n: Counter() for n in range(1, order + 1)}
        for stream in streams:
            full = (BEGIN, *stream)
            for end in range(2, len(full) + 1):
                for n in range(1, min(order, end) + 1):
                    seen[n][full[end - n : end]] += 1
        self.counts = {order: seen[order]}
        for n in range(1, order):
            before = Counter(gram[1:] for gram in seen[n + 1])
            self.counts[n] = {gram: count if gram[0] == BEGIN else before[gram] for gram, count in seen[n].items()}
        self.discounts = {n: self.discount(Counter(self.counts[n].values())) for n in self.counts}

    @staticmethod
    def discount(of):
        n1, n2, n3, n4 = (of[count] for count in (1, 2, 3, 4))
        if 0 in (n1, n2, n3, n4):
            return FALLBACK_DISCOUNTS
        y = n1 / (n1 + 2 * n2)
        values = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        return FALLBACK_DISCOUNTS if min(values) < 0 else values

    def probability(self, token, history):
        context = (BEGIN, *history)
        p = 0 if token in self.excluded else 1 / (self.vocab_size - len(self.excluded))
        for n in range(1, min(self.order, len(context) + 1) + 1):
            h = context[len(context) - n + 1 :]
            after = {gram[-1]: count for gram, count in self.counts[n].items() if gram[:-1] == h}
            total = sum(after.values())
            if not total:
                continue
            discount = self.discounts[n]
            classes = Counter(min(count, 3) for count in after.values())
            rest = sum(discount[least - 1] * classes[least] for least in (1, 2, 3)) / total
            count = after.get(token, 0)
            p = (count - (discount[min(count, 3) - 1] if count else 0)) / total + rest * p
        return p


def flat(streams):
    starts = np.cumsum([0, *map(len, streams)])[:-1]
    return np.array([token for stream in streams for token in stream], dtype=np.int32), starts


def fitted(streams, vocab_size, order, excluded=()):
    model = KneserNey(vocab_size, order, excluded)
    model.fit(*flat(streams))
    return model


def zipfian(n, vocab_size, seed):
    """A text in which tokens depend on the one before, frequent and rare ones."""
    random = np.random.default_rng(seed)
    draws = np.minimum(random.zipf(1.4, n) - 1, vocab_size - 1)
    return (draws + np.where(random.random(n) < 0.7, np.roll(draws, 1), 0)) % vocab_size


@st.composite
def corpora(draw):
    vocab_size = draw(st.integers(2, 6))
    streams = st.lists(st.lists(st.integers(0, vocab_size - 2), max_size=25), min_size=1, max_size=4)
    return vocab_size, draw(streams), draw(st.lists(st.lists(st.integers(0, vocab_size - 1), max_size=6), min_size=1, max_size=3))


@settings(max_examples=150, deadline=None)
@given(corpus=corpora(), order=st.integers(1, 4), exclude=st.booleans())
def test_equals_the_slow_version(corpus, order, exclude):
    vocab_size, streams, unseen = corpus
    excluded = (vocab_size - 1,) if exclude else ()
    fast, slow = fitted(streams, vocab_size, order, excluded), Slow(streams, vocab_size, order, excluded)
    expected = [slow.probability(stream[place], stream[:place]) for stream in unseen for place in range(len(stream))]
    np.testing.assert_allclose(np.exp(fast.log_probabilities(*flat(unseen))), expected, rtol=1e-9, atol=0)
    for stream in unseen:
        expected = [slow.probability(token, stream) for token in range(vocab_size)]
        np.testing.assert_allclose(fast.next_probabilities(stream), expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_equals_the_slow_version_where_discounts_come_from_the_text(order):
    tokens = zipfian(3000, 150, seed=1).tolist()
    streams, unseen = [tokens[:1200], [], tokens[1200:2600]], [tokens[2600:2660], tokens[2660:2700]]
    fast, slow = fitted(streams, 150, order), Slow(streams, 150, order)
    assert slow.discounts[order] != FALLBACK_DISCOUNTS
    expected = [math.log(slow.probability(stream[place], stream[:place])) for stream in unseen for place in range(len(stream))]
    np.testing.assert_allclose(fast.log_probabilities(*flat(unseen)), expected, rtol=1e-9)


def test_a_bigram_by_hand():
    """0 1 0 1 0 2: bigrams (begin 0) 1, (0 1) 2, (1 0) 2, (0 2) 1; 0 follows two symbols, 1 and 2 follow one each."""
    model = fitted([[0, 1, 0, 1, 0, 2]], 4, 2)
    p0 = (2 - 1) / 4 + (0.5 + 0.5 + 1) / 4 / 4
    p1 = (1 - 0.5) / 4 + 2 / 4 / 4
    assert model.next_probabilities([0]) == pytest.approx([1.5 / 3 * p0, 1 / 3 + 1.5 / 3 * p1, 0.5 / 3 + 1.5 / 3 * p1, 1.5 / 3 / 8])
    assert model.next_probabilities([]) == pytest.approx([0.5 + 0.5 * p0, 0.5 * p1, 0.5 * p1, 0.5 / 8])
    assert model.next_probabilities([2]) == pytest.approx([p0, p1, p1, 1 / 8])


@pytest.mark.parametrize("excluded", [(), (0, 149)])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_sums_to_one_after_seen_and_unseen_contexts(order, excluded):
    tokens = zipfian(4000, 140, seed=2) + 1
    model = fitted([tokens[:3000].tolist()], 150, order, excluded)
    for context in ([], [5], [148, 147], tokens[:1].tolist(), tokens[:10].tolist(), tokens[3500:3510].tolist()):
        probabilities = model.next_probabilities(context)
        assert probabilities.shape == (150,)
        assert probabilities.sum() == pytest.approx(1, abs=1e-12)
        assert np.array_equal(np.flatnonzero(probabilities == 0), excluded)


def test_nothing_to_count_gives_equal_shares():
    model = fitted([], 4, 3, excluded=[3])
    assert model.next_probabilities([1, 2]).tolist() == [1 / 3, 1 / 3, 1 / 3, 0]
    assert model.log_probabilities(np.zeros(0, dtype=np.int64)).shape == (0,)
    assert model.log_probabilities(np.array([3])).tolist() == [-np.inf]


def test_streams_do_not_look_at_each_other():
    tokens = zipfian(600, 30, seed=3)
    model = fitted([tokens.tolist()], 30, 3)
    full = model.log_probabilities(tokens, np.array([0, 200, 200, 450]))
    apart = np.concatenate([model.log_probabilities(part) for part in (tokens[:200], tokens[200:450], tokens[450:])])
    assert np.array_equal(full, apart)
    assert not np.array_equal(full, model.log_probabilities(tokens))


def test_tokens_that_the_model_does_not_know():
    model = KneserNey(5, 2, excluded=[0])
    with pytest.raises(RunError, match="train it first"):
        model.log_probabilities(np.array([1]))
    with pytest.raises(TrainingError, match="exclude"):
        model.fit(np.array([1, 0, 2]))
    model.fit(np.array([1, 2, 3]))
    for token in (-1, 5):
        with pytest.raises(RunError, match=r"knows 0 to 4: the tokenizer and the model"):
            model.log_probabilities(np.array([1, token]))
        with pytest.raises(RunError, match="knows 0 to 4"):
            model.next_probabilities([1, token])


def test_saved_and_loaded_gives_the_same_to_the_bit(tmp_path):
    tokens = zipfian(3000, 90, seed=4)
    model = fitted([tokens.tolist()], 90, 4)
    model.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]
    first = (tmp_path / "model.npz").read_bytes()
    loaded = KneserNey(90, 4)
    loaded.load(tmp_path)
    unseen = zipfian(500, 90, seed=5)
    assert np.array_equal(model.log_probabilities(unseen), loaded.log_probabilities(unseen))
    assert loaded.describe() == model.describe()
    assert loaded.describe()["2-grams"] == len(set(zip([90, *tokens[:-1].tolist()], tokens.tolist(), strict=True)))
    loaded.save(tmp_path)
    assert (tmp_path / "model.npz").read_bytes() == first


@pytest.mark.parametrize("other, message", [
    (KneserNey(91, 3), "vocab_size 90, order 3.* the recipe specifies .*vocab_size 91, order 3"),
    (KneserNey(90, 4), "order 4"),
    (KneserNey(90, 3, [0]), r"excluded \[0\]"),
])
def test_a_model_of_other_sizes(other, message, tmp_path):
    fitted([zipfian(300, 90, seed=6).tolist()], 90, 3).save(tmp_path)
    with pytest.raises(RunError, match=message):
        other.load(tmp_path)


@pytest.mark.parametrize("name, change", [
    ("keys_2", lambda array: array[:-1]),
    ("keys_2", lambda array: array[::-1]),
    ("keys_2", lambda array: array.astype(np.float64)),
    ("keys_3", lambda array: array + 10**9),
    ("keys_3", lambda array: array - array[0] - 1),
    ("keys_2", lambda array: np.append(array[:-1], array[-1] // 91 * 91 + 90)),
    ("counts_2", lambda array: array * 0),
    ("counts_1", lambda array: array[:, None]),
    ("counts_1", lambda array: array - 100),
    ("counts_1", lambda array: np.array([object()] * len(array))),
    ("counts_3", None),
    ("about", lambda array: array[:-1]),
])
def test_arrays_that_do_not_go_together(name, change, tmp_path):
    fitted([zipfian(300, 90, seed=6).tolist()], 90, 3).save(tmp_path)
    with np.load(tmp_path / "model.npz") as file:
        arrays = dict(file)
    array = arrays.pop(name)
    np.savez(tmp_path / "model.npz", **arrays, **({name: change(array)} if change else {}))
    with pytest.raises(RunError, match=r"model\.npz is damaged"):
        KneserNey(90, 3).load(tmp_path)


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_a_flipped_bit_or_a_cut_is_reported_or_harmless(tmp_path_factory, place, bit, cut):
    folder, model, unseen = tmp_path_factory.mktemp("damaged"), fitted([zipfian(300, 90, seed=6).tolist()], 90, 3), zipfian(50, 90, seed=7)
    model.save(folder)
    content = (folder / "model.npz").read_bytes()
    spot = int(place * len(content))
    (folder / "model.npz").write_bytes(content[:spot] if cut else content[:spot] + bytes([content[spot] ^ 1 << bit]) + content[spot + 1 :])
    loaded = KneserNey(90, 3)
    try:
        loaded.load(folder)
    except RunError as error:
        assert "model.npz" in str(error)
    else:
        assert np.array_equal(model.log_probabilities(unseen), loaded.log_probabilities(unseen))


def test_a_missing_file_and_a_full_disk(tmp_path, monkeypatch):
    with pytest.raises(RunError, match="cannot be read"):
        KneserNey(90, 3).load(tmp_path)
    model = fitted([[1, 2, 3]], 90, 3)
    model.save(tmp_path)
    old = (tmp_path / "model.npz").read_bytes()

    def broken(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", broken)
    with pytest.raises(OSError, match="No space"):
        fitted([[3, 2, 1]], 90, 3).save(tmp_path)
    assert (tmp_path / "model.npz").read_bytes() == old


@pytest.mark.skipif(not BROWN.is_file(), reason="NLP_DATA does not hold brown")
def test_perplexity_falls_with_the_order_on_real_text():
    with gzip.open(BROWN, "rt", encoding="utf-8") as file:
        documents = [json.loads(line)["sentences"] for line, _ in zip(file, range(60), strict=False)]
    words = [token.rpartition("/")[0] for sentences in documents for sentence in sentences for token in sentence.split(" ")]
    train, unseen = words[:110_000], words[110_000:]
    ids = {word: number for number, (word, times) in enumerate(Counter(train).most_common(), start=1) if times > 3}
    encoded = [np.array([ids.get(word, 0) for word in part]) for part in (train, unseen)]
    perplexities = []
    for order in (1, 2, 3):
        model = KneserNey(len(ids) + 1, order)
        model.fit(encoded[0])
        perplexities.append(math.exp(-model.log_probabilities(encoded[1]).mean()))
    assert perplexities[0] > 1.5 * perplexities[1] > 1.5 * perplexities[2]
