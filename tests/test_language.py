"""Language models: every token once, states that are carried on, keys and values that are kept, figures, and the command end to end."""

import json
import math
import signal
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from command import interrupted, nlp, nlp_process, results, timeless, weights
from contracts import N_TOKENS, SIZES, one_thread, recurrent, transformer
from hypothesis import given
from hypothesis import strategies as st
from nlp.configs.schema.data import DataConfig, SizesData
from nlp.configs.schema.models.classical import NgramConfig
from nlp.configs.schema.tasks.language_modeling import LanguageModelingConfig
from nlp.configs.schema.tokenizer import BOS, EOS, UNK, TokenizerConfig
from nlp.datasets.build import build_data
from nlp.datasets.encoded.split import Encoding
from nlp.datasets.encoded.texts.token_stream import BlockOrder, TokenStream
from nlp.datasets.tokenizers.tokenizer import train_tokenizer
from nlp.errors import ConfigError
from nlp.models.build import build_model
from nlp.models.classical.ngram import NgramLanguageModel
from nlp.models.generation import choose, generate
from nlp.models.head import Head, Sampling
from nlp.tasks.build import preparation
from nlp.tasks.language_modeling import BlockPredictions, LanguageModeling, pieces
from nlp.tasks.task import PredictOptions
from pydantic import TypeAdapter
from torch.nn.functional import cross_entropy

__all__ = ["one_thread"]

TASK = LanguageModelingConfig(type="language_modeling")
UNTIED = Head("vocabulary", N_TOKENS)
CELLS = [recurrent("rnn"), recurrent("lstm", n_layers=2), recurrent("gru")]
MODERN = transformer(causal=True, max_positions=64, positions="relative", norm_type="rms_norm", gated=True, bias=False, n_kv_heads=1,
                     share_layers=True)
DECODERS = [transformer(causal=True, max_positions=64, norm=norm, positions=positions)
            for norm in ("pre", "post") for positions in ("sinusoidal", "learned", "rotary")] + [MODERN]


def stream(n_tokens: int, block_size: int, seed: int = 0) -> TokenStream:
    ids = np.random.default_rng(seed).integers(EOS, N_TOKENS, n_tokens).astype(np.int32)
    return TokenStream("test", "here", ids, block_size, 5 * n_tokens, n_tokens // 2)


def model_of(config, seed: int = 1):
    torch.manual_seed(seed)
    return build_model(config, SizesData(type="sizes", vocab_size=N_TOKENS), UNTIED)


def language_modeling(vocab_size: int) -> LanguageModeling:
    return LanguageModeling(TASK, Encoding(SizesData(type="sizes", vocab_size=vocab_size)))


@given(st.integers(2, 300), st.integers(1, 40))
def test_an_evaluation_scores_every_token_once_given_what_precedes_it(n_tokens, block_size):
    split, asked = stream(n_tokens, block_size), np.full(n_tokens, -1)
    for rows in split.evaluation_batches():
        batch = split.batch(rows, {"tokens"})
        targets = batch.targets["tokens"].filled(-1)
        for row, tokens, block, length in zip(rows, batch.inputs["tokens"], targets, batch.inputs["lengths"], strict=True):
            assert (asked[row : row + length] == -1).all()
            asked[row : row + length] = block[:length]
            assert (block[length:] == -1).all()
            before = [BOS, *split.ids.tolist()]
            assert tokens[:length].tolist() == before[row : row + length]
    assert asked.tolist() == split.ids.tolist()


STREAMS = (st.integers(2, 400), st.integers(1, 20), st.integers(1, 9), st.booleans())


@given(*STREAMS, st.integers(0, 3))
def test_blocks_depend_on_seed_and_epoch_alone_and_overlap_at_the_end_of_lanes_only(n_tokens, block_size, batch_size, contiguous, epoch):
    order = BlockOrder(n_tokens, block_size, batch_size, seed=3, contiguous=contiguous)
    batches = order.epoch(epoch)
    assert len(batches) == order.n_batches(epoch)
    assert all(0 < len(rows) <= batch_size for rows in batches)
    starts = np.concatenate(batches)
    assert starts.min() >= 0
    assert starts.max() + min(block_size, n_tokens) <= n_tokens
    if contiguous:
        assert all((other - one == block_size).all() for one, other in pairwise(batches[:-1]))
        starts = np.concatenate(batches[:-1]) if len(batches) > 1 else starts
    assert len(np.unique(starts)) == len(starts)
    assert (np.diff(np.sort(starts)) >= block_size).all()
    again = BlockOrder(n_tokens, block_size, batch_size, seed=3, contiguous=contiguous).epoch(epoch)
    assert [rows.tolist() for rows in batches] == [rows.tolist() for rows in again]


@given(*STREAMS)
def test_every_token_is_trained_on_in_some_epoch_and_few_are_left_out_of_each(n_tokens, block_size, batch_size, contiguous):
    order = BlockOrder(n_tokens, block_size, batch_size, seed=3, contiguous=contiguous)
    times = np.zeros(n_tokens, int)
    for epoch in range(40 * block_size):
        before = times.copy()
        for rows in order.epoch(epoch):
            for row in rows:
                times[row : row + block_size] += 1
        left_out = int((times == before).sum())
        if contiguous:
            assert left_out < batch_size + block_size
        else:
            assert left_out < 2 * block_size
        if times.all():
            return
    raise AssertionError(f"tokens {np.flatnonzero(times == 0)} were never trained on")


@pytest.mark.parametrize("config", CELLS, ids=lambda config: config.type)
@pytest.mark.parametrize("block_size", [1, 7, 50])
def test_recurrent_states_are_carried_so_that_blocks_change_nothing(config, block_size):
    task, model = language_modeling(N_TOKENS), model_of(config)
    split = stream(50, block_size)
    parts = [task.predict(model, split.batch(rows, {"tokens"})) for rows in np.arange(0, 50, block_size)[:, None]]
    loss = sum(float(part.losses.sum()) for part in parts)
    tokens = torch.tensor([[BOS, *split.ids[:-1].tolist()]])
    with torch.no_grad():
        complete = model_of(config).eval()(tokens, torch.tensor([50]), torch.tensor([0]))
    expected = cross_entropy(complete[0], torch.from_numpy(split.ids).long(), reduction="sum")
    assert loss == pytest.approx(expected.item(), rel=1e-5)


def test_a_lane_that_jumps_starts_again():
    model, split = model_of(CELLS[1]).eval(), stream(60, 10)
    first, jump = (split.batch(np.array([row]), {"tokens"}) for row in (0, 30))
    alone = model_of(CELLS[1]).scores(**jump.inputs)
    model.scores(**first.inputs)
    np.testing.assert_allclose(model.scores(**jump.inputs), alone, atol=1e-6)
    follows = split.batch(np.array([40]), {"tokens"})
    fresh = model_of(CELLS[1]).scores(**follows.inputs)
    assert np.abs(model.scores(**follows.inputs) - fresh).max() > 1e-3


@pytest.mark.parametrize("config", [*CELLS, *DECODERS], ids=lambda config: f"{config.type}-{getattr(config, 'positions', '')}")
def test_going_on_token_by_token_equals_reading_it_all_again(config):
    model, ids = model_of(config), [BOS, *stream(20, 5).ids.tolist()]
    complete = model.scores(tokens=np.array([ids], dtype=np.int32), lengths=np.array([len(ids)]), places=np.array([0]))[0]
    scores, past = model.next_scores(ids[:4], None)
    np.testing.assert_allclose(scores, complete[3], atol=1e-5)
    scores, past = model.next_scores(ids[4:6], past)
    np.testing.assert_allclose(scores, complete[5], atol=1e-5)
    for place in range(6, len(ids)):
        scores, past = model.next_scores(ids[place : place + 1], past)
        np.testing.assert_allclose(scores, complete[place], atol=1e-5)


@pytest.mark.parametrize("config", [CELLS[1], DECODERS[0]], ids=["lstm", "transformer"])
def test_rows_that_round_the_vocabulary_up_are_never_predicted(config):
    plain, padded = (build_model(config, SIZES, replace(UNTIED, multiple=multiple)).eval() for multiple in (1, 64))
    assert padded.output.scores.weight.shape[0] == 64
    assert plain.output.scores.weight.shape[0] == N_TOKENS
    weights = {name: value[: plain.state_dict()[name].shape[0]] if value.ndim else value for name, value in padded.state_dict().items()}
    plain.load_state_dict(weights)
    follows = {"tokens": np.array([[3, 9, 12]], dtype=np.int32), "lengths": np.array([3]), "places": np.array([0])}
    assert padded.scores(**follows).shape == (1, 3, N_TOKENS)
    np.testing.assert_allclose(padded.scores(**follows), plain.scores(**follows), atol=1e-6)
    assert padded.next_scores([3, 9], None)[0].shape == (N_TOKENS,)


@pytest.mark.parametrize("config", CELLS, ids=lambda config: config.type)
def test_recurrent_models_do_not_see_the_future(config):
    ids = stream(12, 12).ids
    other = ids.copy()
    other[6:] = EOS
    inputs = [{"tokens": each[None], "lengths": np.array([12]), "places": np.array([0])} for each in (ids, other)]
    one, two = (model_of(config).scores(**each)[0] for each in inputs)
    np.testing.assert_allclose(one[:6], two[:6], atol=1e-6)
    assert np.abs(one[6:] - two[6:]).max() > 1e-4


def test_blocks_of_an_ngram_model_are_scored_given_what_precedes_them():
    split, model = stream(200, 16), NgramLanguageModel(NgramConfig(type="ngram", order=3), N_TOKENS)
    everything = split.batch(split.starts, {"history"})
    model.fit(**everything.inputs, targets=everything.targets, seed=0)
    tokens, mask = everything.targets["tokens"]
    found = model.log_likelihoods(**everything.inputs, targets=tokens, mask=mask)
    assert found[mask] == pytest.approx(model.counts.log_probabilities(split.ids))
    assert (found[~mask] == 0).all()
    scores, past = model.next_scores([BOS, *split.ids[:5].tolist()], None)
    assert np.exp(scores).sum() == pytest.approx(1)
    assert scores[split.ids[5]] == pytest.approx(found[0, 5])
    assert past == split.ids[:5].tolist()


def test_figures_by_hand():
    task, split = language_modeling(4), TokenStream("test", "here", np.arange(6, 12), 4, characters=30, words=3)

    class Half:
        scores_are = "log_likelihoods"

        def log_likelihoods(self, histories, targets, mask):
            return np.where(mask, math.log(0.5), 0.0)

    parts = [task.predict(Half(), split.batch(rows, {"history"})) for rows in split.evaluation_batches()]
    figures = task.metrics(type(parts[0]).joined(parts))
    assert figures == {"loss": pytest.approx(math.log(2)), "perplexity": pytest.approx(2), "bits_per_character": pytest.approx(6 / 30),
                       "word_perplexity": pytest.approx(4)}


@pytest.mark.parametrize(("right", "accuracy"), [([3, 0], {"accuracy": 0.5}), ([0, 0], {"accuracy": 0.0}), ([-1, -1], {})])
def test_a_block_without_a_right_token_counts_and_uncounted_ones_have_no_accuracy(right, accuracy):
    ones = np.ones(2)
    figures = language_modeling(4).metrics(BlockPredictions(np.arange(2), ones, np.array(right), np.array([3, 3]), ones, ones))
    assert {name: value for name, value in figures.items() if name == "accuracy"} == accuracy


def test_choices_are_cut_as_asked_for():
    scores, generator = np.log([1e-9] * EOS + [0.1, 0.4, 0.3, 0.2]), np.random.default_rng(0)

    def drawn(**settings):
        return {choose(scores, Sampling(**settings), generator) for _ in range(200)}

    assert drawn(temperature=0.0) == {7}
    assert drawn(top_k=2) == {7, 8}
    assert drawn(top_p=0.75) == {7, 8, 9}
    assert drawn() == {6, 7, 8, 9}


@pytest.mark.parametrize("config", [CELLS[1], DECODERS[2]], ids=["lstm", "transformer"])
def test_a_seed_repeats_and_a_long_text_slides_through_the_positions(config):
    config = config.model_copy(update={"max_positions": 16}) if hasattr(config, "max_positions") else config
    model = model_of(config)
    one, two = (list(generate(model, [BOS], 60, Sampling(seed=4))) for _ in range(2))
    assert one == two
    assert list(generate(model, [BOS], 60, Sampling(temperature=0.0)))[:5] == list(generate(model, [BOS], 5, Sampling(temperature=0.0)))


SAID = ["The naïve fox can't jump — 영화가 정말 재미있었다!", "é\ufffd[UNK] the fox jumps  twice", "🦊🦊 foxes"]


def tokenizer_of(kind):
    sizes = {} if kind == "bytes" else {"vocab_size": 300, "min_frequency": 1}
    return train_tokenizer(TypeAdapter(TokenizerConfig).validate_python({"type": kind, **sizes}), SAID * 3)


TOKENIZERS = {kind: tokenizer_of(kind) for kind in ("words", "characters", "bytes", "bpe", "unigram", "wordpiece")}


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(data=st.data())
def test_pieces_joined_are_what_decoding_it_all_gives(kind, data):
    """Whatever a model generates: halves of characters, pieces of words that fit nothing, spaces alone."""
    tokenizer, printed = TOKENIZERS[kind], st.sampled_from(SAID).map(lambda text: TOKENIZERS[kind].encode([text]).ids.tolist())
    tokens = st.lists(st.sampled_from([UNK, *range(EOS + 1, tokenizer.vocab_size)]), max_size=20)
    before, ids = data.draw(st.just([]) | printed), data.draw(tokens | printed)
    complete = tokenizer.decode([*before, *ids])
    assert tokenizer.decode(before) + "".join(pieces(tokenizer.decode, before, ids)) == complete


def test_a_new_token_is_decoded_with_the_piece_before_it_alone():
    tokenizer, asked = TOKENIZERS["bytes"], []

    def decode(ids):
        asked.append(len(ids))
        return tokenizer.decode(ids)

    ids = tokenizer.encode(["naïve " * 50 + "🦊"]).ids.tolist()
    assert "".join(pieces(decode, ids, ids)) == "naïve " * 50 + "🦊"
    assert max(asked) <= 5


def test_words_are_counted_in_every_split_where_that_is_asked_for(tmp_path):
    for name, text in (("train", "a a b"), ("validation", "a c c"), ("test", "b d e")):
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    files = {name: str(tmp_path / f"{name}.txt") for name in ("train", "validation", "test")}

    def known(**keys):
        words = {"type": "words", "min_frequency": 2, **keys}
        data = {"type": "files", **files}
        tokenizer = TypeAdapter(TokenizerConfig).validate_python(words)
        built = build_data(TypeAdapter(DataConfig).validate_python(data), tokenizer, preparation(TASK))
        return set(built.encoding.tokenizer.tokens(range(EOS + 1, built.encoding.spec.vocab_size)))

    assert known() == {"a"}
    assert known(counted_in="all_splits") == {"a", "b", "c"}


def test_ties_need_equal_sizes():
    with pytest.raises(ConfigError, match=r"hidden_size \(6\) and model.d_embedding \(8\)"):
        build_model(CELLS[0], SizesData(type="sizes", vocab_size=N_TOKENS), Head("vocabulary", N_TOKENS, tied=True))


TEXT = "the cat sat on the mat and the dog sat on the log . " * 60
RECIPE = """
data: {{type: files, train: train.txt, validation: valid.txt, test: valid.txt}}
tokenizer: {{type: characters}}
task: {{type: language_modeling, block_size: 32, tie_embeddings: false}}
model: {model}
{training}
"""
TRAINING = "training: {epochs: 6, batch_size: 8, log_every: 5, optimizer: {type: adamw, learning_rate: 0.01}, best_metric: loss}"
MODELS = {
    "ngram": "{type: ngram, order: 5}",
    "lstm": "{type: lstm, d_embedding: 16, hidden_size: 32, dropout: 0.1}",
    "transformer": "{type: transformer, causal: true, d_model: 16, n_layers: 2, n_heads: 2, d_ff: 32, max_positions: 32, dropout: 0.1}",
}


def write(folder, model, training=TRAINING, name=None):
    (folder / "train.txt").write_text(TEXT, encoding="utf-8")
    (folder / "valid.txt").write_text(TEXT[:1000], encoding="utf-8")
    recipe = RECIPE.format(model=MODELS[model], training="" if model == "ngram" else training)
    (folder / f"{name or model}.yaml").write_text(recipe, encoding="utf-8")


@pytest.mark.parametrize("model", ["lstm", "transformer"])
def test_a_language_model_is_counted_and_tried_out_beforehand(tmp_path, monkeypatch, model):
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    write(tmp_path, model)
    counted = json.loads(nlp("count-params", "--config", f"{model}.yaml", "--format", "json", cwd=tmp_path).stdout)
    trained = nlp("train", "--config", f"{model}.yaml", "--set", "training.epochs=1", "--json", cwd=tmp_path).stdout
    assert counted["total_parameters"] == json.loads(trained)[0]["cost"]["parameters"]
    assert "ms per step" in nlp("train", "--config", f"{model}.yaml", "--dry-run", cwd=tmp_path).stdout


@pytest.mark.parametrize("model", MODELS)
def test_the_command_from_training_to_generation(tmp_path, monkeypatch, model):
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    write(tmp_path, model)
    trained = json.loads(nlp("train", "--config", f"{model}.yaml", "--name", "first", "--json", cwd=tmp_path).stdout)[0]
    assert trained["test"]["perplexity"] < 9
    assert trained["test"]["bits_per_character"] == pytest.approx(trained["test"]["loss"] / math.log(2))
    reported = json.loads(nlp("eval", f"{model}/first", "--json", cwd=tmp_path).stdout)
    assert reported["metrics"]["loss"]["value"] == pytest.approx(trained["test"]["loss"])
    options = ("--length", "30", "--seed", "3", "--temperature", "0.5")
    printed = [nlp("predict", f"{model}/first", "the c", *options, cwd=tmp_path).stdout for _ in range(2)]
    assert printed[0] == printed[1]
    assert printed[0].startswith("the c")
    assert len(printed[0]) == len("the c") + 30 + 1
    as_json = json.loads(nlp("predict", f"{model}/first", "the c", *options, "--json", cwd=tmp_path).stdout)
    assert as_json == {"text": "the c", "prediction": printed[0].removeprefix("the c").removesuffix("\n")}


def test_a_resumed_recurrent_run_continues_in_the_state_it_was_in(tmp_path, monkeypatch):
    from nlp.training.folder.tensors import load_tensors

    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    training = TRAINING.replace("epochs: 6", "steps: 20")
    write(tmp_path, "lstm", training, "whole")
    write(tmp_path, "lstm", training.replace("log_every", "checkpoints: {every_steps: 7}, log_every"), "cut")
    for name in ("whole", "cut"):
        nlp("train", "--config", f"{name}.yaml", "--name", "first", cwd=tmp_path)
    run = tmp_path / "runs/cut/first"
    kept = sorted(int(path.name.removeprefix("step-")) for path in (run / "checkpoints").glob("step-*"))
    assert 14 in kept
    (run / "checkpoints/last").write_text("step-14\n", encoding="utf-8")
    (run / "results.json").unlink()
    nlp("train", "--resume", "cut/first", cwd=tmp_path)
    ends = [load_tensors(tmp_path / f"runs/{name}/first/checkpoints/step-20/model.safetensors") for name in ("whole", "cut")]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


INSIDE = ("training: {steps: 150, batch_size: 8, log_every: 5, evaluate_every: 40, checkpoints: {every_steps: 7}, "
          "optimizer: {type: adamw, learning_rate: 0.01}, best_metric: loss}")


def write_long(folder, model):
    """A run that ends before its first epoch does, with dropout."""
    write(folder, model, INSIDE, f"long-{model}")
    (folder / "train.txt").write_text(TEXT * 20, encoding="utf-8")


def assert_equal(one, other, printed=""):
    for which in ("last", "best"):
        assert weights(one, which) == weights(other, which), printed
    assert results(one)["test"] == results(other)["test"], printed
    assert timeless(one) == timeless(other), printed


@pytest.mark.slow
@pytest.mark.parametrize("model", ["lstm", "transformer"])
def test_a_run_killed_inside_an_epoch_resumes_to_the_same_bytes(tmp_path, model):
    write_long(tmp_path, model)
    nlp("train", "--config", f"long-{model}.yaml", "--name", "whole", cwd=tmp_path)
    code, _ = interrupted(tmp_path, f"long-{model}.yaml", "killed", signal.SIGKILL, 0.1)
    assert code == -signal.SIGKILL
    runs = tmp_path / "runs" / f"long-{model}"
    assert not (runs / "killed/results.json").exists()
    nlp_process("train", "--resume", f"long-{model}/killed", cwd=tmp_path)
    assert_equal(runs / "killed", runs / "whole")


@pytest.mark.parametrize(("model", "settings", "words"), [
    ("transformer", "model.causal=false", "must be true"),
    ("transformer", "task.block_size=33", "task.block_size: is 33 tokens, but the model has 32 positions"),
    ("transformer", "model.max_positions=31", "task.block_size: is 32 tokens, but the model has 31 positions"),
    ("transformer", "model.d_embedding=8; task.tie_embeddings=true", "needs embeddings as wide as the model, but model.d_embedding is 8"),
    ("lstm", "model.bidirectional=true", "must be false"),
    ("lstm", "tokenizer.max_length=5", "leave it out"),
    ("lstm", "model={type: cnn}", "does not support task.type language_modeling; use one of ngram, rnn, lstm, gru, transformer"),
])
def test_settings_that_do_not_fit(tmp_path, model, settings, words):
    write(tmp_path, model)
    changes = [word for setting in settings.split("; ") for word in ("--set", setting)]
    assert words in nlp("config", "validate", f"{model}.yaml", *changes, cwd=tmp_path, code=2).stderr


def test_generation_starts_from_the_prompt():
    """The model reads [BOS] and the prompt, or [BOS] alone; then each token that was sampled."""
    tokenizer, asked = TOKENIZERS["bytes"], []
    following = tokenizer.encode(["!"]).ids.tolist()[0]

    def next_scores(ids, past):
        asked.append(list(ids))
        return np.where(np.arange(tokenizer.vocab_size) == following, 9.0, -9.0), past

    model = SimpleNamespace(next_scores=next_scores, config=SimpleNamespace(longest_input=None))
    encoding = Encoding(SizesData(type="sizes", vocab_size=tokenizer.vocab_size), tokenizers={"text": tokenizer})
    options = PredictOptions(length=2, temperature=0.0)
    answers = LanguageModeling(TASK, encoding).answers(model, encoding, [["ab", ""]], options)
    assert ["".join(answer.printed()).replace("\n", "") for answer in answers] == ["ab!!", "!!"]
    assert [ids for ids in asked if ids[0] == BOS] == [[BOS, *tokenizer.encode(["ab"]).ids.tolist()], [BOS]]
