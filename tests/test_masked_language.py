"""Masked language models: which tokens are hidden and how, the same ones whenever a step is repeated, figures, and texts filled in."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from command import nlp
from contracts import N_TOKENS, one_thread, transformer
from hypothesis import given
from hypothesis import strategies as st
from nlp.configs.load import load_recipe
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.tasks.language_modeling import MaskedLanguageModelingConfig
from nlp.configs.schema.tokenizer import CLS, MASK, PAD, SEP, SPECIAL_TOKENS, UNK, SubwordTokenizer, WordTokenizer
from nlp.configs.schema.training import TrainingConfig
from nlp.datasets.arrays import Ragged
from nlp.datasets.encoded.split import Encoding, StepRandom
from nlp.datasets.encoded.texts.masked_texts import MaskedSplit, Masking, cut, joined, with_masks
from nlp.datasets.encoded.texts.text_parts import TextParts
from nlp.datasets.tables import Table
from nlp.datasets.tokenizers.token_sequences import TokenSequences
from nlp.datasets.tokenizers.tokenizer import train_tokenizer
from nlp.errors import ConfigError
from nlp.models.build import build_model
from nlp.tasks.losses import TokenLoss
from nlp.tasks.masked_language_modeling import MaskedLanguageModeling, MaskedPredictions
from nlp.tasks.task import PredictOptions
from nlp.training.distributed import World
from nlp.training.loop.gradient import GradientLearner, to_tensors
from nlp.training.loop.schedules import Schedule
from torch.nn.functional import cross_entropy

__all__ = ["one_thread"]

TASK = MaskedLanguageModelingConfig(type="masked_language_modeling")
FIRST = len(SPECIAL_TOKENS)
INPUTS = frozenset({"tokens"})


def task_of(**settings) -> MaskedLanguageModelingConfig:
    return MaskedLanguageModelingConfig.model_validate({"type": "masked_language_modeling", **settings})


def split_of(rows, config: MaskedLanguageModelingConfig = TASK, word_starts=None) -> MaskedSplit:
    ids = np.concatenate([np.array(row, dtype=np.int32) for row in rows])
    blocks = Ragged(ids, np.cumsum([0, *map(len, rows)]))
    texts = Table({config.text: [f"text {number}" for number in range(len(rows))]}, "here")
    return MaskedSplit("train", texts, blocks, np.arange(len(rows)), Masking(config, N_TOKENS, word_starts))


def random_rows(n_rows: int, seed: int = 0, longest: int = 30):
    generator = np.random.default_rng(seed)
    return [generator.integers(FIRST, N_TOKENS, generator.integers(1, longest)).tolist() for _ in range(n_rows)]


rows_of_ids = st.lists(st.lists(st.integers(0, N_TOKENS - 1).filter(lambda number: number != PAD), min_size=1, max_size=12), min_size=1,
                       max_size=6)


@given(rows_of_ids, st.floats(0.05, 0.95), st.booleans(), st.integers(0, 1_000))
def test_the_share_is_hidden_and_nothing_else_is_changed(rows, share, in_training, step):
    split = split_of(rows, task_of(mask_probability=share))
    batch = split.batch(np.arange(len(rows)), INPUTS, StepRandom(1, step, 0, len(rows)) if in_training else None)
    ids, _ = split.blocks.padded(np.arange(len(rows)), PAD)
    hidden = np.zeros(ids.size, dtype=bool)
    hidden[batch.inputs["asked"]] = True
    assert batch.targets["tokens"].values.tolist() == ids.ravel()[hidden].tolist()
    assert np.array_equal(batch.inputs["tokens"].ravel()[~hidden], ids.ravel()[~hidden])
    for row, found in zip(rows, hidden.reshape(ids.shape), strict=True):
        candidates = sum(number >= FIRST or number == UNK for number in row)
        assert found.sum() == (max(1, round(share * candidates)) if candidates else 0)


def test_hidden_tokens_are_seen_as_masks_as_other_tokens_and_as_they_are():
    rows = [[FIRST + 5] * 1_000 for _ in range(40)]
    batch = split_of(rows).batch(np.arange(40), INPUTS, StepRandom(1, 1, 0, 40))
    seen = batch.inputs["tokens"].ravel()[batch.inputs["asked"]]
    assert len(seen) == 40 * 150
    assert np.mean(seen == MASK) == pytest.approx(0.8, abs=0.02)
    others = seen[(seen != MASK) & (seen != FIRST + 5)]
    assert len(others) / len(seen) == pytest.approx(0.1 * (1 - 1 / (N_TOKENS - FIRST)), abs=0.015)
    assert set(others) == set(range(FIRST, N_TOKENS)) - {FIRST + 5}


def test_a_step_can_be_repeated_and_the_next_one_hides_others():
    rows = random_rows(20)
    first, again, other = (split_of(rows).batch(np.arange(20), INPUTS, StepRandom(3, step, 0, 20)).inputs for step in (7, 7, 8))
    assert np.array_equal(first["tokens"], again["tokens"])
    assert not np.array_equal(first["asked"], other["asked"])


def test_ranks_hide_what_one_process_hides():
    split, rows = split_of(random_rows(9)), np.arange(9)
    whole = split.batch(rows, INPUTS, StepRandom(3, 5, 0, 9))
    for rank in range(2):
        share = split.batch(rows[rank::2], INPUTS, StepRandom(3, 5, 0, 9, rank, 2))
        width = share.inputs["tokens"].shape[1]
        assert np.array_equal(share.inputs["tokens"], whole.inputs["tokens"][rank::2, :width])


def test_an_evaluation_hides_the_same_tokens_whatever_the_batch():
    split = split_of(random_rows(9))
    whole = split.batch(np.arange(9), INPUTS).inputs
    for row in range(9):
        alone = split.batch(np.array([row]), INPUTS).inputs
        assert np.array_equal(alone["tokens"][0], whole["tokens"][row, : alone["tokens"].shape[1]])


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=15), min_size=1, max_size=5), st.integers(0, 1_000))
def test_words_are_hidden_as_a_whole(rows, step):
    begins, goes_on = FIRST, FIRST + 1
    ids = [[begins if each else goes_on for each in row] for row in rows]
    starts = np.array([number != goes_on for number in range(N_TOKENS)])
    split = split_of(ids, task_of(mask_probability=0.3, whole_words=True), starts)
    batch = split.batch(np.arange(len(rows)), INPUTS, StepRandom(1, step, 0, len(rows)))
    hidden = np.zeros(batch.inputs["tokens"].shape, dtype=bool)
    hidden.ravel()[batch.inputs["asked"]] = True
    for row, found in zip(rows, hidden, strict=True):
        words = np.cumsum([False, *row[1:]])
        shares = {word: set(found[: len(row)][words == word].tolist()) for word in set(words.tolist())}
        assert all(len(share) == 1 for share in shares.values())
        assert any(share == {True} for share in shares.values())
        assert found.sum() <= max(1, round(0.3 * len(row))) or sum(share == {True} for share in shares.values()) == 1


@pytest.mark.parametrize(("kind", "pieces", "starts"), [
    ("wordpiece", ["un", "##til", "now", "."], [True, False, True, True]),
    ("bpe", [" un", "til", " now", "."], [True, False, True, True]),
    ("unigram", ["▁un", "til", "▁now", "."], [True, False, True, True]),
    ("words", ["until", "now", "."], [True, True, True]),
])
def test_where_words_begin(kind, pieces, starts, monkeypatch):
    tokenizer = train_tokenizer(WordTokenizer(type="words", min_frequency=1), ["a"])
    assert isinstance(tokenizer, TokenSequences)
    config = WordTokenizer(type="words") if kind == "words" else SubwordTokenizer(type=kind)
    monkeypatch.setattr(TokenSequences, "tokens", lambda self, ids: pieces)
    assert TokenSequences(config, tokenizer.library).word_starts().tolist() == starts


def test_texts_are_cut_into_blocks_or_joined_first():
    texts = Ragged(np.arange(10, 21, dtype=np.int32), np.array([0, 5, 5, 11]))
    blocks, source = cut(texts, 4)
    assert [blocks.ids[start:end].tolist() for start, end in zip(blocks.offsets, blocks.offsets[1:], strict=False)] == [
        [10, 11, 12, 13], [14], [15, 16, 17, 18], [19, 20]]
    assert source.tolist() == [0, 0, 2, 2]
    assert joined(texts).ids.tolist() == [10, 11, 12, 13, 14, SEP, SEP, 15, 16, 17, 18, 19, 20]


def model_and_task(config: MaskedLanguageModelingConfig = TASK):
    task = MaskedLanguageModeling(config, Encoding(SizesData(type="sizes", vocab_size=N_TOKENS)))
    torch.manual_seed(1)
    return build_model(transformer(d_model=32, d_ff=64, dropout=0.0), SizesData(type="sizes", vocab_size=N_TOKENS), task.head), task


def test_scores_are_those_of_all_tokens_where_they_are_asked_for():
    model, _ = model_and_task()
    batch = split_of(random_rows(5)).batch(np.arange(5), INPUTS)
    tokens, lengths = (torch.from_numpy(batch.inputs[name]) for name in ("tokens", "lengths"))
    everywhere = model(tokens, lengths).flatten(0, 1)
    asked = torch.from_numpy(batch.inputs["asked"])
    torch.testing.assert_close(model(tokens, lengths, asked=asked), everywhere[asked])


def test_figures_are_those_of_torch_and_no_batch_changes_them():
    model, task = model_and_task()
    split = split_of(random_rows(12))
    batch = split.batch(np.arange(12), INPUTS)
    whole = task.predict(model, batch)
    parts = MaskedPredictions.joined([task.predict(model, split.batch(np.array(rows), INPUTS)) for rows in ([3, 0], [1], range(2, 12, 9),
                                                                                                        range(4, 11))])
    figures = task.metrics(whole)
    assert task.metrics(parts) == pytest.approx(figures, rel=1e-5)
    inputs = {name: torch.from_numpy(value) for name, value in batch.inputs.items()}
    gold = torch.from_numpy(batch.targets["tokens"].values)
    logits = model(**inputs)
    assert figures["loss"] == pytest.approx(cross_entropy(logits, gold).item(), rel=1e-5)
    assert figures["perplexity"] == pytest.approx(np.exp(figures["loss"]))
    assert figures["accuracy"] == pytest.approx((logits.argmax(dim=1) == gold).float().mean().item())


def test_one_small_batch_is_learned_by_heart():
    model, task = model_and_task()
    assert isinstance(model, torch.nn.Module)
    batch = split_of(random_rows(6, longest=12)).batch(np.arange(6), INPUTS)
    inputs = {name: torch.from_numpy(value) for name, value in batch.inputs.items()}
    targets = {name: type(each)(*map(torch.from_numpy, each)) for name, each in batch.targets.items()}
    optimizer, loss = torch.optim.Adam(model.parameters(), lr=0.01), TokenLoss("tokens")
    for step in range(150):
        optimizer.zero_grad()
        total, count = loss.sums(model, inputs, targets, loss.count(targets), step)["loss"]
        (total / count).backward()
        optimizer.step()
    assert task.metrics(task.predict(model, batch))["accuracy"] == 1.0


def parts_of(n_texts: int, config: MaskedLanguageModelingConfig, seed: int = 0) -> TextParts:
    """Texts of three parts each; the first token of a part is its number."""
    generator = np.random.default_rng(seed)
    parts = [[FIRST + number, *generator.integers(FIRST, N_TOKENS, generator.integers(1, 6)).tolist()] for number in range(3 * n_texts)]
    blocks = Ragged(np.concatenate([np.array(part, dtype=np.int32) for part in parts]), np.cumsum([0, *map(len, parts)]))
    source = np.repeat(np.arange(n_texts), 3)
    texts = Table({config.text: [f"text {number}" for number in range(n_texts)]}, "here")
    firsts = np.flatnonzero(source[:-1] == source[1:])
    return TextParts("train", texts, blocks, source, Masking(config, N_TOKENS), firsts)


ALONE, TOGETHER = task_of(next_sentence=True, mask_probability=0), task_of(next_sentence=True)
WITH_SEGMENTS = frozenset({"tokens", "segments"})


@given(st.integers(0, 500), st.booleans())
def test_the_second_part_follows_the_first_or_is_any_other(step, in_training):
    split = parts_of(10, ALONE)
    rows = np.arange(len(split))
    batch = split.batch(rows, WITH_SEGMENTS, StepRandom(1, step, 0, len(rows)) if in_training else None)
    for row, first in enumerate(split.firsts.tolist()):
        length = int(batch.inputs["lengths"][row])
        tokens, segments = batch.inputs["tokens"][row, :length].tolist(), batch.inputs["segments"][row, :length].tolist()
        own = split.blocks.ids[split.blocks.offsets[first] : split.blocks.offsets[first + 1]].tolist()
        assert tokens[: len(own) + 2] == [CLS, *own, SEP]
        assert segments == [0] * (len(own) + 2) + [1] * (length - len(own) - 2)
        second = tokens[len(own) + 2 : -1]
        assert bool(batch.targets["next"].values[row]) == (second[0] - FIRST == first + 1)
        assert tokens[-1] == SEP


def test_half_of_the_pairs_follow_each_other():
    split = parts_of(10, ALONE)
    rows = np.zeros(2_000, dtype=np.int64)
    batch = split.batch(rows, WITH_SEGMENTS, StepRandom(1, 1, 0, 2_000))
    follows = batch.targets["next"].values.astype(bool)
    assert follows.mean() == pytest.approx(0.5, abs=0.03)
    first = 2 + int(split.blocks.lengths[0])  # behind [CLS], the first part and [SEP]
    others = {int(each[first]) - FIRST for each in batch.inputs["tokens"][~follows]}
    assert others == set(range(30)) - {1}


def test_pairs_hide_the_same_tokens_whatever_the_batch():
    split = parts_of(8, TOGETHER)
    for random in (None, StepRandom(3, 5, 0, 16)):
        whole = split.batch(np.arange(16), WITH_SEGMENTS, random).inputs
        for row in range(16):
            own = None if random is None else replace(random, rank=row, world_size=16)
            alone = split.batch(np.array([row]), WITH_SEGMENTS, own).inputs
            width = alone["tokens"].shape[1]
            assert np.array_equal(alone["tokens"][0], whole["tokens"][row, :width])


@pytest.mark.parametrize("config", [ALONE, TOGETHER], ids=["alone", "together"])
def test_figures_and_losses_of_pairs(config):
    task = MaskedLanguageModeling(config, Encoding(SizesData(type="sizes", vocab_size=N_TOKENS)))
    torch.manual_seed(1)
    model = build_model(transformer(d_model=32, d_ff=64, dropout=0.0, n_segments=2, pooler=True, pooling="cls"),
                        SizesData(type="sizes", vocab_size=N_TOKENS), task.head)
    assert isinstance(model, torch.nn.Module)
    split = parts_of(10, config)
    batch = split.batch(np.arange(20), WITH_SEGMENTS)
    inputs, targets = to_tensors(batch, torch.device("cpu"))
    (objective,) = task.objectives(model)
    sums = objective.loss.sums(model, inputs, targets, objective.loss.count(targets), 1)
    figures, logits = task.metrics(task.predict(model, batch)), model(**inputs)
    logits = logits if config is TOGETHER else {"next": logits}
    prefix = "next_" if config is TOGETHER else ""
    by_hand = {f"{prefix}loss": cross_entropy(logits["next"], targets["next"].values).item()}
    if config is TOGETHER:
        by_hand["loss"] = cross_entropy(logits["tokens"], targets["tokens"].values).item()
    for name, value in by_hand.items():
        assert figures[name] == pytest.approx(value, rel=1e-5)
        assert (sums[name][0] / sums[name][1]).item() == pytest.approx(value, rel=1e-5)
    parts = [task.predict(model, split.batch(np.array(rows), WITH_SEGMENTS)) for rows in (range(12, 20), [11, 0], range(1, 11))]
    assert task.metrics(MaskedPredictions.joined(parts)) == pytest.approx(figures, rel=1e-5)


def test_a_step_adds_both_losses_each_divided_by_its_own_count():
    """Two micro-batches with other numbers of hidden tokens and pairs are one step: the gradient of both means, added up."""
    task = MaskedLanguageModeling(TOGETHER, Encoding(SizesData(type="sizes", vocab_size=N_TOKENS)))
    sizes, config = SizesData(type="sizes", vocab_size=N_TOKENS), transformer(d_model=16, d_ff=32, dropout=0.0, n_segments=2)
    models = []
    for _ in range(2):
        torch.manual_seed(1)
        models.append(build_model(config, sizes, task.head))
    split = parts_of(10, TOGETHER)
    window = [split.batch(np.array(rows), WITH_SEGMENTS) for rows in ([0, 1, 2], range(3, 18))]
    training = TrainingConfig.model_validate({"steps": 1, "optimizer": {"type": "sgd", "learning_rate": 0.5}})
    GradientLearner(models[0], task, training, Schedule(training.schedule, 1), 1, World()).update(window, 1, watched=False)
    scores = [(models[1](**inputs), targets) for inputs, targets in (to_tensors(each, torch.device("cpu")) for each in window)]
    total = sum(cross_entropy(torch.cat([logits[name] for logits, _ in scores]), torch.cat([targets[name].values for _, targets in scores]))
                for name in ("tokens", "next"))
    assert isinstance(total, torch.Tensor)
    total.backward()
    for mine, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(mine.detach(), other.detach() - 0.5 * other.grad, rtol=1e-4, atol=1e-6)


def test_a_mask_brings_its_own_space():
    texts = ["the film was good .", "the film, was bad!", "a good film"]
    for config in (WordTokenizer(type="words", min_frequency=1, add_cls=True), SubwordTokenizer(type="bpe", vocab_size=300),
                   SubwordTokenizer(type="unigram", vocab_size=60), SubwordTokenizer(type="wordpiece", vocab_size=200, min_frequency=1)):
        tokenizer = train_tokenizer(config, texts)
        assert isinstance(tokenizer, TokenSequences)
        whole = tokenizer.encode(["the film, was bad!"]).ids.tolist()
        for word in ("film", "was", "bad"):
            piece = tokenizer.encode([f"the {word}"]).ids.tolist()[len(tokenizer.encode(["the"]).ids) :]
            place = next(start for start in range(len(whole)) if whole[start : start + len(piece)] == piece)
            expected = [*whole[:place], MASK, *whole[place + len(piece) :]]
            assert with_masks(tokenizer, "the film, was bad!".replace(word, "[MASK]")) == expected, config.type


def test_masks_are_filled_in():
    texts = ["the cat sleeps", "the dog runs"]
    tokenizer = train_tokenizer(WordTokenizer(type="words", min_frequency=1, add_cls=True), texts)
    assert isinstance(tokenizer, TokenSequences)
    sizes = SizesData(type="sizes", vocab_size=tokenizer.vocab_size)
    task = MaskedLanguageModeling(TASK, Encoding(sizes, tokenizers={"text": tokenizer}))

    class Knows:
        """Gives the word `cat` the most, [EOS] more, and [MASK] what it is asked for."""

        config = transformer(max_positions=6)

        def outputs(self, tokens, lengths, asked):
            assert tokens[0, 0] == CLS
            assert tokens.ravel()[asked].tolist() == [MASK] * len(asked)
            scores = np.zeros((len(asked), tokenizer.vocab_size))
            scores[:, tokenizer.encode(["cat"]).ids[-1]], scores[:, MASK - 1] = 5.0, 9.0
            return {"scores": scores}

    answers = list(task.answers(Knows(), Encoding(sizes), [["the [MASK] sleeps", "no mask", "the cat sleeps " * 2 + "[MASK]"]],
                                PredictOptions()))
    assert answers[0].fields["prediction"] == "the cat sleeps"
    assert answers[0].fields["masks"][0][0]["token"] == "cat"
    assert len(answers[0].fields["masks"][0]) == 5
    problems = ["it contains no [MASK] to fill in", "it has 8 tokens, but the model reads at most 6"]
    assert [answer.problem for answer in answers[1:]] == problems


@pytest.mark.parametrize(("settings", "message"), [
    (["model.causal=true"], "must be false: a masked token is predicted from both sides"),
    (["task.block_size=100"], "is 100 tokens, but the model has 64 positions"),
    (["task.mask_token_share=0.95"], "add up to more than 1"),
    (["task.mask_probability=1"], "mask_probability"),
    (["task.mask_probability=0"], "with mask_probability 0 there is nothing to predict"),
    (["task.next_sentence=true", "task.block_size=4"], "must be 5 or more"),
    (["model={type: lstm}"], "lstm does not support task.type masked_language_modeling; use one of transformer"),
    (["task.whole_words=true", "tokenizer={type: characters}"], "characters do not mark the start of a word"),
])
def test_settings_that_do_not_fit(settings, message):
    with pytest.raises(ConfigError, match="masked_language|" + message):
        load_recipe("brown/masked-lm", settings)


RECIPE = """
data: {type: files, train: train.csv, test: train.csv, validation_share: 0.2}
tokenizer: {type: words, min_frequency: 1}
task: {type: masked_language_modeling, block_size: 12}
model: {type: transformer, d_model: 16, n_layers: 1, n_heads: 2, d_ff: 32, max_positions: 16}
training: {epochs: 40, batch_size: 8, optimizer: {type: adamw, learning_rate: 0.01}}
"""


def test_the_command_from_training_to_filled_in_masks(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    lines = [f"the {size} {animal} {verb}\n" for size in ("big", "small", "old") for animal, verb in (
        ("dog", "barks"), ("cat", "meows"), ("bird", "sings"))]
    (tmp_path / "train.csv").write_text("text\n" + "".join(4 * lines), encoding="utf-8")
    (tmp_path / "masked.yaml").write_text(RECIPE, encoding="utf-8")
    trained = json.loads(nlp("train", "--config", "masked.yaml", "--name", "first", "--json", cwd=tmp_path).stdout)[0]
    reported = json.loads(nlp("eval", "masked/first", "--json", cwd=tmp_path).stdout)
    assert reported["metrics"]["loss"]["value"] == pytest.approx(trained["test"]["loss"])
    printed = nlp("predict", "masked/first", "the big dog [MASK]", "the old [MASK] meows", cwd=tmp_path).stdout.splitlines()
    assert [printed[0], printed[2]] == ["the big dog barks", "the old cat meows"]
    assert printed[1].startswith("    [MASK] barks 0.")


def test_the_command_trains_both_objectives_of_bert(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    lines = [f"{' '.join(f'{word}{number % 7}' for word in 'abcdefgh')}\n" for number in range(40)]
    (tmp_path / "train.csv").write_text("text\n" + "".join(lines), encoding="utf-8")
    (tmp_path / "bert.yaml").write_text("""
data: {type: files, train: train.csv, test: train.csv}
tokenizer: {type: words, min_frequency: 1, add_cls: true}
task: {type: masked_language_modeling, text: text, block_size: 11, next_sentence: true}
model: {type: transformer, d_model: 16, n_layers: 1, n_heads: 2, d_ff: 16, n_segments: 2, pooling: cls, pooler: true, max_positions: 11}
training: {epochs: 1, batch_size: 8, optimizer: {type: adamw, learning_rate: 0.01}}
""", encoding="utf-8")
    trained = json.loads(nlp("train", "bert.yaml", "--name", "first", "--json", cwd=tmp_path).stdout)[0]
    reported = json.loads(nlp("eval", "bert/first", "--json", cwd=tmp_path).stdout)["metrics"]
    assert reported.keys() == trained["test"].keys() == {"loss", "perplexity", "accuracy", "next_loss", "next_accuracy"}
    for name, value in trained["test"].items():
        assert reported[name]["value"] == pytest.approx(value), name
    assert reported["loss"]["value"] != reported["next_loss"]["value"]
    (tmp_path / "labelled.csv").write_text("text,label\n" + "".join(f"a{n % 7} b{n % 7},{n % 2}\n" for n in range(20)), encoding="utf-8")
    pretrained = (tmp_path / "bert.yaml").read_text(encoding="utf-8").replace("train.csv", "labelled.csv")
    head, rest = pretrained.split("tokenizer:")
    tuned = head + rest[rest.index("task:") :].replace("masked_language_modeling, text: text, block_size: 11, next_sentence: true",
                                                       "classification").replace("transformer,", "transformer, init_from: bert,")
    (tmp_path / "tuned.yaml").write_text(tuned, encoding="utf-8")
    nlp("train", "tuned.yaml", cwd=tmp_path)  # [CLS] comes with the tokenizer of the run
    nlp("train", "bert.yaml", "--name", "plain", "--set", "tokenizer.add_cls=false", "--set", "model.pooling=mean", cwd=tmp_path)
    assert "the tokenizer of bert/plain does not add" in nlp("train", "tuned.yaml", "--set", "model.init_from=bert/plain", cwd=tmp_path,
                                                             code=2).stderr
