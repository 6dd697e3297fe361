"""Sources and targets: how they become batches, which of them are refused, and how losses take them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.configs.schema.models.networks import RecurrentSeq2SeqConfig
from nlp.configs.schema.tasks.sequence_to_sequence import SequenceToSequenceConfig, TeacherForcingConfig
from nlp.configs.schema.tokenizer import BOS, EOS, PAD, CharacterTokenizer, WordTokenizer
from nlp.configs.schema.training import Sgd, TrainingConfig
from nlp.datasets.encoded.cache import Cache
from nlp.datasets.encoded.preparation import Tokenizers
from nlp.datasets.encoded.split import Target
from nlp.datasets.encoded.texts.text_pairs import EVALUATION_TOKENS, TextPairs
from nlp.datasets.tables import Table
from nlp.errors import DataError
from nlp.tasks.losses import SequenceLoss, teacher_forcing_share
from pydantic import ValidationError

CHARACTERS = CharacterTokenizer(type="characters")
FORCED = TeacherForcingConfig()
SGD = Sgd(type="sgd", learning_rate=0.1)
NETWORK = RecurrentSeq2SeqConfig(type="seq2seq")


def task(**settings) -> SequenceToSequenceConfig:
    return SequenceToSequenceConfig(type="sequence_to_sequence", **settings)


def table(sources, targets) -> Table:
    return Table({"source": sources, "target": targets}, "pairs.tsv", range(2, 2 + len(sources)))


def prepared(tmp_path, sources, targets, name="train", **settings):
    pairs, cache = TextPairs(task(**settings)), Cache(tmp_path)
    encoding = pairs.learn(table(sources, targets), Tokenizers(CHARACTERS, cache))
    return pairs.split(name, table(sources, targets), encoding, cache)[0], encoding, pairs


def test_a_batch_by_hand(tmp_path):
    split, encoding, _ = prepared(tmp_path, ["ab", "b"], ["c", "cdc"])
    source, target = encoding.tokenizers["text"], encoding.tokenizers["target"]
    a, b, c, d = (tokenizer.encode([letter]).ids[0] for tokenizer, letter in ((source, "a"), (source, "b"), (target, "c"), (target, "d")))
    batch = split.batch(np.array([1, 0]), {"tokens", "previous"})
    assert batch.inputs["tokens"].tolist() == [[b, EOS, PAD], [a, b, EOS]]
    assert batch.inputs["lengths"].tolist() == [2, 3]
    assert batch.inputs["previous"].tolist() == [[BOS, c, d, c], [BOS, c, PAD, PAD]]
    assert batch.targets["tokens"].filled(-1).tolist() == [[c, d, c, EOS], [c, EOS, -1, -1]]
    assert batch.n_tokens == 5 + 6
    assert [raw.references for raw in batch.gold] == [("cdc",), ("c",)]
    assert split.lengths.tolist() == [5, 6]


TEXTS = st.lists(st.tuples(st.text("abcd", min_size=1, max_size=9), st.text("efg", min_size=1, max_size=9)), min_size=1, max_size=12)


@settings(deadline=None, max_examples=50)
@given(TEXTS, st.booleans())
@pytest.mark.slow
def test_every_row_comes_back_complete_and_once(tmp_path_factory, pairs, shared):
    sources, targets = (list(texts) for texts in zip(*pairs, strict=True))
    folder = tmp_path_factory.mktemp("cache")
    split, encoding, _ = prepared(folder, sources, targets, name="validation", share_vocabulary=shared)
    seen = []
    for rows in split.evaluation_batches():
        batch = split.batch(rows, {"tokens", "previous"})
        gold = batch.targets["tokens"].filled(-1)
        for row, tokens, length, target in zip(rows, batch.inputs["tokens"], batch.inputs["lengths"], gold, strict=True):
            seen.append(int(row))
            assert tokens[length - 1] == EOS
            assert (tokens[length:] == PAD).all()
            assert encoding.tokenizer.decode(tokens[: length - 1]) == sources[row]
            written = target[target >= 0]
            assert written[-1] == EOS
            assert encoding.target_tokenizer.decode(written[:-1]) == targets[row]
    assert sorted(seen) == list(range(len(pairs)))
    assert (encoding.target_tokenizer is encoding.tokenizer) == shared


def test_neither_side_of_a_batch_that_is_scored_has_too_many_tokens(tmp_path):
    split, _, _ = prepared(tmp_path, ["a"] * 300, ["c", "d" * 900] * 150, name="validation")
    sizes = [split.batch(rows, {"tokens", "previous"}).targets["tokens"].mask.size for rows in split.evaluation_batches()]
    assert max(sizes) <= EVALUATION_TOKENS
    assert len(sizes) < 300


def test_buckets_leave_little_padding_on_either_side(tmp_path):
    generator = np.random.default_rng(0)
    read = generator.integers(5, 40, size=2_000)
    written = np.maximum(1, read + generator.integers(-5, 6, size=2_000))
    split, _, _ = prepared(tmp_path, ["a" * n for n in read], ["b" * n for n in written])

    def padding(bucketed: bool) -> list[float]:
        training = TrainingConfig(epochs=1, batch_size=16, bucket_by_length=bucketed, optimizer=SGD)
        batches = [split.batch(rows, {"tokens", "previous"}) for rows in split.order(training, NETWORK, seed=1).epoch(0)]
        return [sum(batch.inputs["tokens"].size for batch in batches) / (read + 1).sum(),
                sum(batch.targets["tokens"].filled(-1).size for batch in batches) / (written + 1).sum()]

    assert max(padding(True)) < 1.08 < 1.5 < min(padding(False))


def test_a_token_budget_holds_for_both_sides_with_padding_counted(tmp_path):
    split, _, _ = prepared(tmp_path, ["a" * (1 + n % 17) for n in range(300)], ["b" * (1 + n % 23) for n in range(300)])
    training = TrainingConfig(epochs=1, batch_tokens=200, optimizer=SGD)
    batches = [split.batch(rows, {"tokens", "previous"}) for rows in split.order(training, NETWORK, seed=1).epoch(0)]
    assert sum(map(len, batches)) == 300
    assert max(batch.inputs["tokens"].size + batch.targets["tokens"].mask.size for batch in batches) <= 200


def test_an_empty_side_is_refused_with_its_line(tmp_path):
    with pytest.raises(DataError, match=r"pairs\.tsv:3 has nothing in column `source`, as 1 more rows have"):
        prepared(tmp_path, ["a", " ", "b", ""], ["c", "c", "c", "c"])
    with pytest.raises(DataError, match=r"pairs\.tsv:4 has nothing in column `target`: "):
        prepared(tmp_path, ["a", "b", "a"], ["c", "c", "\t"])


def test_a_text_longer_than_the_positions_is_refused_with_its_line(tmp_path):
    split, _, _ = prepared(tmp_path, ["abc", "abab"], ["c", "c"])
    with pytest.raises(DataError, match=r"pairs\.tsv:3 has a source of 5 tokens including \[EOS\], but model\.max_positions is 4"):
        split.length_notices(4)
    split, _, _ = prepared(tmp_path, ["abc", "ab"], ["cdcd", "cdcdc"])
    with pytest.raises(DataError, match=r"pairs\.tsv:2 has a target of 5 tokens including \[EOS\], as 1 more rows have"):
        split.length_notices(4)


def test_a_word_with_several_pronunciations_is_asked_for_once(tmp_path):
    sources, targets = ["ab", "b", "ab", "ab"], ["c d", "d", "d d", "c d"]
    words = WordTokenizer(type="words", min_frequency=1)
    pairs, cache = TextPairs(task(scored_as="pronunciation", target_tokenizer=words)), Cache(tmp_path)
    encoding = pairs.learn(table(sources, targets), Tokenizers(CHARACTERS, cache))
    train, _ = pairs.split("train", table(sources, targets), encoding, cache)
    test, _ = pairs.split("test", table(sources, targets), encoding, cache)
    assert len(train) == 4
    assert [tuple(each) for each in test.raw] == [("ab", ("c d", "d d")), ("b", ("d",))]
    assert [test.example(row)["where"] for row in range(2)] == ["pairs.tsv:2", "pairs.tsv:3"]


def test_questions_have_no_targets(tmp_path):
    _, encoding, pairs = prepared(tmp_path, ["ab"], ["c"])
    split = pairs.unlabelled(["ba", "a"], encoding)
    batch = split.batch(np.arange(2), {"tokens", "previous"})
    assert batch.inputs["previous"].tolist() == [[BOS], [BOS]]
    assert not batch.targets["tokens"].mask.any()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_torchs_own(smoothing):
    torch.manual_seed(1)
    logits, tokens = torch.randn(2, 3, 5), torch.tensor([[1, 4, -1], [0, 2, 3]])
    targets = {"tokens": Target(tokens, tokens >= 0)}
    loss = SequenceLoss("tokens", smoothing, FORCED)
    count = loss.count(targets)
    sums = loss.sums(lambda tokens, teacher_forcing, asked: logits.flatten(0, 1)[asked], {"tokens": None}, targets, count, step=1)
    expected = torch.nn.CrossEntropyLoss(ignore_index=-1, label_smoothing=smoothing)(logits.flatten(0, 1), tokens.flatten())
    torch.testing.assert_close(sums["loss"][0] / sums["loss"][1], expected)
    right = int((logits.argmax(2) == tokens).sum())
    assert (int(sums["accuracy"][0]), int(sums["accuracy"][1])) == (right, 5)


def test_teacher_forcing_by_hand():
    linear = TeacherForcingConfig(type="linear", share=0.9, final_share=0.1, steps=8)
    assert [teacher_forcing_share(linear, step) for step in (1, 5, 9, 100)] == pytest.approx([0.9, 0.5, 0.1, 0.1])
    sigmoid = TeacherForcingConfig(type="inverse_sigmoid", k=10.0, final_share=0.2)
    expected = [10 / 11, 10 / (10 + math.e), max(0.2, 10 / (10 + math.exp(5))), 0.2]
    assert [teacher_forcing_share(sigmoid, step) for step in (1, 11, 51, 10**6)] == pytest.approx(expected)
    assert teacher_forcing_share(FORCED, 7) == 1.0


@pytest.mark.parametrize("wrong", [{"type": "linear"}, {"type": "inverse_sigmoid", "steps": 3}, {"k": 2.0}, {"share": 1.5}])
def test_a_schedule_of_teacher_forcing_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        TeacherForcingConfig(**wrong)
