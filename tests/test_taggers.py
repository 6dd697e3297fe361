"""Taggers: against slow versions written from the papers, by hand, on real text, and as files that run no code."""

import gzip
import itertools
import math
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.configs.schema.models.classical import AveragedPerceptronConfig, HmmConfig, MostFrequentTagConfig
from nlp.errors import RunError, TrainingError
from nlp.models.classical import perceptron as perceptron_module
from nlp.models.classical import tag_features
from nlp.models.classical.hmm import Hmm
from nlp.models.classical.perceptron import AveragedPerceptron
from nlp.models.classical.taggers import MostFrequentTag

EWT = Path(os.environ.get("NLP_DATA", "not-set")) / "ud_english_ewt"


def hmm(n_tags, order=2):
    return Hmm(HmmConfig(type="hmm", order=order), n_tags)


def perceptron(n_tags, n_iterations=5):
    return AveragedPerceptron(AveragedPerceptronConfig(type="averaged_perceptron", n_iterations=n_iterations), n_tags)


def most_frequent(n_tags):
    return MostFrequentTag(MostFrequentTagConfig(type="most_frequent_tag"), n_tags)


def fit(tagger, sentences, tags, seed=0):
    """Tags come padded, as batches have them."""
    targets = np.full((len(tags), max(map(len, tags), default=0)), -1)
    for row, each in zip(targets, tags, strict=True):
        row[: len(each)] = each
    tagger.fit(sentences, {"tags": (targets, targets != -1)}, seed)
    return tagger


KINDS = {
    "most_frequent_tag": most_frequent,
    "hmm_bigram": lambda n_tags: hmm(n_tags, order=1),
    "hmm_trigram": hmm,
    "averaged_perceptron": perceptron,
}
WORDS = ["the", "The", "old", "man", "Man", "boats", "sail-1", "3", "", "\ud800"]

sentences_with_tags = st.lists(st.lists(st.tuples(st.sampled_from(WORDS), st.integers(-1, 2)), max_size=6), min_size=1, max_size=8)


def apart(pairs):
    return [[word for word, _ in sentence] for sentence in pairs], [[tag for _, tag in sentence] for sentence in pairs]


def corpus(n=120, seed=0):
    """Sentences whose tags follow from the word, its ending and the tag before: 0 noun, 1 verb (after a noun), 2 determiner."""
    random, stems = np.random.default_rng(seed), ["boat", "sail", "man", "walk", "fish", "talk", "cat", "Row", "Land", "post"]
    pairs = []
    for _ in range(n):
        sentence = []
        for _ in range(random.integers(1, 4)):
            noun, verb = random.choice(stems, 2)
            sentence += [(str(random.choice(["the", "The", "a"])), 2), (str(noun), 0), (str(verb) + str(random.choice(["s", "ed"])), 1)]
        pairs.append(sentence)
    return apart(pairs)


def fitted(kind, sentences, tags, n_tags=3, seed=0):
    model = KINDS[kind](n_tags)
    fit(model, sentences, tags, seed)
    return model


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(train=sentences_with_tags, unseen=sentences_with_tags)
def test_any_text_gets_one_tag_for_each_token(kind, train, unseen):
    model, (sentences, tags) = KINDS[kind](3), apart(train)
    if all(tag < 0 for each in tags for tag in each):
        with pytest.raises(TrainingError, match="none"):
            fit(model, sentences, tags, 0)
        return
    fit(model, sentences, tags, 0)
    printed = model.tag(apart(unseen)[0])
    assert [len(each) for each in printed] == [len(each) for each in unseen]
    assert all(type(tag) is int and 0 <= tag < 3 for each in printed for tag in each)
    assert printed == [model.tag([sentence])[0] for sentence in apart(unseen)[0]], "a sentence's tags do not depend on its neighbours"


@pytest.mark.parametrize("kind", KINDS)
def test_learns_what_is_there_to_learn(kind):
    sentences, tags = corpus()
    model = fitted(kind, sentences, tags)
    unseen, gold = corpus(40, seed=1)
    assert model.tag(unseen) == gold
    assert model.tag([]) == []
    assert model.tag([[], ["the"], []]) == [[], [2], []]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_bytes(kind, tmp_path):
    sentences, tags = corpus()
    noisy = [[tag if (place + number) % 7 else 0 for place, tag in enumerate(each)] for number, each in enumerate(tags)]
    files = []
    for seed in (5, 5, 6):
        fitted(kind, sentences, noisy, seed=seed).save(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]
        files.append((tmp_path / "model.npz").read_bytes())
    assert files[0] == files[1]
    assert (files[0] != files[2]) == (kind == "averaged_perceptron"), "only the perceptron draws lots"


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_tags_the_same(kind, tmp_path):
    model = fitted(kind, *corpus())
    model.save(tmp_path)
    loaded = KINDS[kind](3)
    loaded.load(tmp_path)
    unseen = [*corpus(20, seed=2)[0], ["Unheard", "of", "fishs", "3-4"]]
    assert loaded.tag(unseen) == model.tag(unseen)
    assert loaded.describe() == model.describe()
    assert loaded.describe()["tags"] == 3
    loaded.save(tmp_path)
    again = KINDS[kind](3)
    again.load(tmp_path)
    assert again.tag(unseen) == model.tag(unseen)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tags", [[[-1, 1]], [[-1, 1, -1]], [[1, 1], [1]]])
def test_hardly_anything_to_learn(kind, tags, tmp_path):
    model = fitted(kind, [["a", "b", "c"][: len(each)] for each in tags], tags)
    model.save(tmp_path)
    loaded = KINDS[kind](3)
    loaded.load(tmp_path)
    unseen = [["b"], ["c", "b", "D"], []]
    assert loaded.tag(unseen) == model.tag(unseen)
    assert kind == "averaged_perceptron" or model.tag(unseen) == [[1], [1, 1, 1], []]


@pytest.mark.parametrize("kind", KINDS)
def test_before_the_fit(kind, tmp_path):
    model = KINDS[kind](3)
    for use in (lambda: model.tag([["a"]]), lambda: model.save(tmp_path)):
        with pytest.raises(RunError, match="train it first"):
            use()
    assert model.describe()["tags"] == 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tags, message", [([[0, 3]], r"between 0 and 2; .* have \[0, 3\]"), ([[0, -2]], r"\[-2, 0\]"),
                                           ([[-1, -1]], "have none")])
def test_tags_that_do_not_fit(kind, tags, message):
    with pytest.raises(TrainingError, match=message):
        fit(KINDS[kind](3), [["a", "b"]], tags, 0)


@pytest.mark.parametrize("kind", ["most_frequent_tag", "hmm_bigram", "hmm_trigram"])
def test_nothing_is_learned_from_sentences_without_tags(kind, tmp_path):
    sentences, tags = corpus()
    files = []
    for more, theirs in (([], []), ([["boat", "Unseen", "the"]] * 9, [[-1, -1, -1]] * 9)):
        fitted(kind, sentences + more, tags + theirs).save(tmp_path)
        files.append((tmp_path / "model.npz").read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize("min_frequency", [1, 2, 3])
def test_the_perceptron_leaves_out_rare_features(min_frequency):
    config = AveragedPerceptronConfig(type="averaged_perceptron", min_frequency=min_frequency)
    model = AveragedPerceptron(config, 2)
    words, tags = ["red"] * 3 + ["blue"] * 2 + ["green"], [0, 1, 0, 1, 0, 1]
    fit(model, [[word] for word in words], [[tag] for tag in tags])
    suffixes = model._tokens.keys[tag_features.TOKEN_TEMPLATES.index(*tag_features._templates("suffix4"))]
    assert len(suffixes) <= {1: 3, 2: 2, 3: 1}[min_frequency], "a feature without a weight is left out too"
    assert len(suffixes) >= 1


def test_the_perceptron_learns_around_tokens_without_tags():
    sentences, tags = corpus()
    holes = [[tag if (place + number) % 3 else -1 for place, tag in enumerate(each)] for number, each in enumerate(tags)]
    unseen, gold = corpus(40, seed=1)
    assert fitted("averaged_perceptron", sentences, holes).tag(unseen) == gold


def test_most_frequent_tag_by_hand():
    model = fitted("most_frequent_tag", [["a", "a", "a", "b", "b", "c", "A"]], [[1, 2, 2, 2, 1, -1, 0]])
    assert model.tag([["a", "b", "c", "A", "d"]]) == [[2, 1, 2, 0, 2]]
    assert model.describe() == {"tags": 3, "words": 3}


class SlowHmm:
    """TnT by dictionaries, from Brants (2000), sections 2.1 to 2.4; a state is (tag, capital), EDGE both ends of a sentence.

    Its own additions are those of `Hmm`: one word more of each case, spread over the tags, and a floor of 1e-12.
    """

    EDGE = ("edge", None)

    def __init__(self, sentences, tags, n_tags, order):
        self.order, self.n_tags = order, n_tags
        pairs = [(word, tag) for sentence, each in zip(sentences, tags, strict=True) for word, tag in zip(sentence, each, strict=True)]
        self.lexicon, self.frequency = Counter(pairs), Counter(word for word, _ in pairs)
        self.states, self.n = Counter((tag, self.case(word)) for word, tag in pairs), len(pairs)
        self.tags = Counter(tag for _, tag in pairs)
        mean = 1 / n_tags
        self.theta = math.sqrt(sum((self.tags[tag] / self.n - mean) ** 2 for tag in range(n_tags)) / (n_tags - 1))
        self.grams = [Counter() for _ in range(order + 1)]
        for sentence, each in zip(sentences, tags, strict=True):
            path = [self.EDGE] * order + [(tag, self.case(word)) for word, tag in zip(sentence, each, strict=True)] + [self.EDGE]
            for end in range(order, len(path)) if sentence else []:
                for n in range(order + 1):
                    self.grams[n][tuple(path[end - n : end + 1])] += 1
        self.lambdas = self.deleted_interpolation()

    @staticmethod
    def case(word):
        return word[:1].isupper()

    def context(self, gram):
        return sum(count for other, count in self.grams[len(gram) - 1].items() if other[:-1] == gram[:-1])

    def deleted_interpolation(self):
        votes = [0] * (self.order + 1)
        for gram, count in self.grams[self.order].items():
            values = []
            for n in range(self.order + 1):
                part = gram[len(gram) - n - 1 :]
                rest = self.context(part) - 1
                values.append((self.grams[n][part] - 1) / rest if rest else 0)
            votes[max(range(self.order + 1), key=lambda n: (values[n], n))] += count
        return [vote / sum(votes) for vote in votes]

    def given_case(self, tag, case):
        in_case = sum(count for (_, other), count in self.states.items() if other == case)
        return (self.states[tag, case] + self.tags[tag] / self.n) / (in_case + 1)

    def transition(self, path):
        share = self.tags[path[-1][0]] / self.n if path[-1] != self.EDGE else 0
        p = self.lambdas[0] * (self.grams[0][path[-1:]] + share) / (sum(self.grams[0].values()) + 2)
        for n in range(1, self.order + 1):
            part = path[len(path) - n - 1 :]
            p += self.lambdas[n] * self.grams[n][part] / max(self.context(part), 1)
        return math.log(max(p, 1e-12))

    def suffix_model(self, tag, word):
        p = self.given_case(tag, self.case(word))
        for length in range(min(len(word), 10) + 1):
            ending = word[len(word) - length :]
            similar = [(other, count) for other, count in self.lexicon.items() if self.frequency[other[0]] <= 10
                     and other[0].endswith(ending) and self.case(other[0]) == self.case(word)]
            if not similar:
                break
            share = sum(count for (_, other), count in similar if other == tag) / sum(count for _, count in similar)
            p = (share + self.theta * p) / (1 + self.theta)
        return p

    def emission(self, tag, word):
        if word in self.frequency:
            count = self.lexicon[word, tag]
            return math.log(count / self.states[tag, self.case(word)]) if count else -math.inf
        return math.log(max(self.suffix_model(tag, word), 1e-12) / self.given_case(tag, self.case(word))) if self.tags[tag] else -math.inf

    def score(self, words, tags):
        path = [self.EDGE] * self.order + [(tag, self.case(word)) for word, tag in zip(words, tags, strict=True)] + [self.EDGE]
        transitions = sum(self.transition(tuple(path[end - self.order : end + 1])) for end in range(self.order, len(path)))
        return transitions + sum(self.emission(tag, word) for word, tag in zip(words, tags, strict=True))


@pytest.mark.parametrize("order", [1, 2])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_hmm_finds_the_best_path_of_the_slow_version(order, seed):
    random = np.random.default_rng(seed)
    words = ["the", "The", "old", "older", "fishing", "Fishing", "man", "human", "boat", "Boating"]
    pairs = [[(str(random.choice(words)), int(random.integers(3))) for _ in range(random.integers(0, 6))] for _ in range(12)]
    sentences, tags = apart([*pairs, [("the", 0), ("man", 1), ("sings", 2)]])
    slow, fast = SlowHmm(sentences, tags, 4, order), hmm(4, order)
    fast._BEAM = math.inf
    fit(fast, sentences, tags, 0)
    for sentence in (["the", "old", "manning", "boat"], ["Unheard", "er", "Fishing", "the"], ["man"]):
        scores = {path: slow.score(sentence, path) for path in itertools.product(range(4), repeat=len(sentence))}
        (printed,) = fast.tag([sentence])
        assert scores[tuple(printed)] == pytest.approx(max(scores.values()), rel=1e-9)


def test_the_beam_keeps_the_best_path_of_real_sentences():
    sentences, tags = corpus()
    model = fitted("hmm_trigram", sentences, tags)
    unseen = [*corpus(30, seed=3)[0], ["Ungraspable", "things", "sailed", "the", "land"]]
    within = model.tag(unseen)
    model._BEAM = math.inf
    assert model.tag(unseen) == within


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 4), seed=st.integers(0, 10_000))
def test_the_perceptrons_search_finds_the_best_path(n, seed):
    random = np.random.default_rng(seed)
    token_weights, pair_weights = random.normal(size=(9, 3)).astype(np.float32), random.normal(size=(5, 9)).astype(np.float32)
    token_ids, pair_ids = random.integers(9, size=(n, 4)), random.integers(5, size=(n, 2))

    def score(path):
        tokens = sum(token_weights[token_ids[place], tag].sum() for place, tag in enumerate(path))
        return tokens + sum(pair_weights[pair_ids[place], path[place - 1] * 3 + path[place]].sum() for place in range(1, n))

    printed = perceptron_module._best_path(token_weights, pair_weights, token_ids, pair_ids)
    assert score(printed) == pytest.approx(max(map(score, itertools.product(range(3), repeat=n))), abs=1e-4)


def test_the_average_is_that_of_the_weights_after_each_step():
    random, weights = np.random.default_rng(0), tag_features.Weights(6, 3)
    by_hand = np.zeros((7, 3))
    history = [by_hand.copy()]
    for _ in range(40):
        features, gold, predicted = random.integers(7, size=(2, 4)), random.integers(-1, 3, size=2), random.integers(3, size=2)
        weights.correct(features, gold, predicted)
        for row, right, printed in zip(features, gold, predicted, strict=True):
            for feature in row[row < 6] if right >= 0 and right != printed else []:
                by_hand[feature, right] += 1
                by_hand[feature, printed] -= 1
        assert np.array_equal(weights.now, by_hand)
        history.append(by_hand.copy())
    np.testing.assert_allclose(weights.average(), np.mean(history, axis=0), rtol=1e-6, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(sentences_with_tags, sentences_with_tags)
def test_features_are_the_same_where_what_they_look_at_is_the_same(train, unseen):
    """Against features as tuples of strings: two tokens have a feature in common exactly where its tuple is one seen twice."""
    (train, _), (unseen, _) = apart(train), apart(unseen)
    lexicon = tag_features.Lexicon(list(dict.fromkeys(word for sentence in train for word in sentence)))
    features = tag_features.Features.of(tag_features.TOKEN_TEMPLATES, lexicon.sizes, lexicon.read(train), 2)
    seen = Counter(each for token in by_strings(train) for each in token)
    assert features.unknown == sum(times >= 2 for times in seen.values())
    ids: dict[tuple, int] = {}
    for token, numbers in zip(by_strings(unseen), features.ids(*lexicon.read(unseen)).tolist(), strict=True):
        for feature, number in zip(token, numbers, strict=True):
            assert (number == features.unknown) == (seen[feature] < 2)
            assert seen[feature] < 2 or ids.setdefault(feature, number) == number
    assert len(set(ids.values())) == len(ids)


def by_strings(sentences):
    """For each token, its features as (template, attribute, ...); None is beyond the sentence."""
    for sentence in sentences:
        for place in range(len(sentence)):
            yield [(number, *(tag_features.attributes_of(sentence[place + offset])[kind] if 0 <= place + offset < len(sentence) else None
                              for kind, offset in template)) for number, template in enumerate(tag_features.TOKEN_TEMPLATES)]


def test_attributes_by_hand():
    expected = ("McDonald's-90", "mcdonald's-90", "m", "mc", "mcd", "mcdo", "0", "90", "-90", "s-90", "XxXxxxxx'x-00", "XxXx'x-0",
                "capital hyphen digit")
    assert tag_features.attributes_of("McDonald's-90") == expected
    assert tag_features.attributes_of("") == ("",) * 13


@pytest.fixture(scope="module")
def ewt():
    """The first sentences of EWT's train and dev parts with universal tags."""
    if not EWT.is_dir():
        pytest.skip("NLP_DATA does not hold ud_english_ewt")
    parts = []
    for part, most in (("train", 1500), ("dev", 400)):
        with gzip.open(EWT / f"en_ewt-ud-{part}.conllu.gz", "rt", encoding="utf-8") as file:
            blocks = file.read().split("\n\n")[:most]
        rows = [[line.split("\t") for line in block.splitlines() if line.split("\t")[0].isdigit()] for block in blocks]
        parts.append([[(row[1], row[3]) for row in sentence] for sentence in rows])
    ids = {tag: number for number, tag in enumerate(sorted({tag for part in parts for sentence in part for _, tag in sentence}))}
    return [apart([[(word, ids[tag]) for word, tag in sentence] for sentence in part]) for part in parts]


@pytest.mark.parametrize("kind, least", [("most_frequent_tag", 0.75), ("hmm_bigram", 0.845), ("hmm_trigram", 0.85),
                                         ("averaged_perceptron", 0.885)])
@pytest.mark.slow
def test_tags_real_text(kind, least, ewt):
    """With 1,500 of 12,544 sentences to learn from."""
    (sentences, tags), (unseen, gold) = ewt
    model = fitted(kind, sentences, tags, n_tags=17)
    printed = model.tag(unseen)
    right = [a == b for one, other in zip(printed, gold, strict=True) for a, b in zip(one, other, strict=True)]
    assert np.mean(right) > least


def test_a_file_of_another_tagger_or_size(tmp_path):
    fitted("hmm_trigram", *corpus()).save(tmp_path)
    for other, message in ((hmm(4), "type hmm, n_tags 3, order 2, and the recipe specifies type hmm, n_tags 4, order 2"),
                           (hmm(3, order=1), "specifies .* order 1"), (most_frequent(3), "most_frequent_tag"),
                           (perceptron(3), "averaged_perceptron")):
        with pytest.raises(RunError, match=message):
            other.load(tmp_path)
    (tmp_path / "model.npz").unlink()
    with pytest.raises(RunError, match="cannot be read"):
        hmm(3).load(tmp_path)


def set_first(value):
    def change(array):
        array = array.copy()
        array.reshape(-1)[0] = value
        return array

    return change


@pytest.mark.parametrize("kind, name, change", [
    ("most_frequent_tag", "tags", lambda array: array[:-1]),
    ("most_frequent_tag", "tags", set_first(3)),
    ("most_frequent_tag", "tags", set_first(-1)),
    ("most_frequent_tag", "tags", lambda array: array.astype(np.float64)),
    ("most_frequent_tag", "tags", lambda array: np.array([print] * len(array))),
    ("most_frequent_tag", "words", lambda array: array[:-1]),
    ("most_frequent_tag", "words", lambda array: np.frombuffer(b"[1, 2]", np.uint8)),
    ("most_frequent_tag", "words", lambda array: np.frombuffer(b'["a", "a"]', np.uint8)),
    ("most_frequent_tag", "words", None),
    ("hmm_trigram", "counts", lambda array: array[::-1]),
    ("hmm_trigram", "counts", lambda array: array[:0]),
    ("hmm_trigram", "counts", lambda array: array[:-1]),
    ("hmm_trigram", "counts", lambda array: array * [1, 1, 0]),
    ("hmm_trigram", "counts", lambda array: np.add(array, [0, 5, 0])),
    ("hmm_trigram", "counts", lambda array: np.subtract(array, [0, 5, 0])),
    ("hmm_trigram", "transitions", lambda array: array[:, 1:]),
    ("hmm_trigram", "transitions", set_first(7)),
    ("hmm_trigram", "transitions", set_first(-1)),
    ("averaged_perceptron", "token_weights", lambda array: array[1:]),
    ("averaged_perceptron", "token_weights", set_first(np.nan)),
    ("averaged_perceptron", "pair_weights", lambda array: array.astype(np.float64)),
    ("averaged_perceptron", "token_keys", lambda array: array[::-1]),
    ("averaged_perceptron", "token_sizes", lambda array: array + 1),
    ("averaged_perceptron", "token_sizes", lambda array: array[:-1]),
    ("averaged_perceptron", "pair_sizes", lambda array: array - [5, 0, -5]),
])
def test_arrays_that_do_not_go_together(kind, name, change, tmp_path):
    fitted(kind, *corpus()).save(tmp_path)
    with np.load(tmp_path / "model.npz") as file:
        arrays = dict(file)
    array = arrays.pop(name)
    np.savez(tmp_path / "model.npz", **arrays, **({name: change(array)} if change else {}))
    with pytest.raises(RunError, match=r"model\.npz is damaged"):
        KINDS[kind](3).load(tmp_path)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Each tagger, its folder, and a copy of its file."""
    found = {}
    for kind in KINDS:
        folder = tmp_path_factory.mktemp(kind)
        model = fitted(kind, *corpus(20))
        model.save(folder)
        found[kind] = model, folder, shutil.copy(folder / "model.npz", folder / "whole.npz")
    return found


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_a_flipped_bit_or_a_cut_is_reported_or_harmless(saved, kind, place, bit, cut):
    model, folder, complete = saved[kind]
    content = complete.read_bytes()
    spot = int(place * len(content))
    (folder / "model.npz").write_bytes(content[:spot] if cut else content[:spot] + bytes([content[spot] ^ 1 << bit]) + content[spot + 1 :])
    loaded = KINDS[kind](3)
    try:
        loaded.load(folder)
    except RunError as error:
        assert "model.npz" in str(error)
    else:
        assert loaded.tag(corpus(9, seed=4)[0]) == model.tag(corpus(9, seed=4)[0])
