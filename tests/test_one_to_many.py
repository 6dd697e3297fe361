"""A label or a picture to a text: one vector conditions the decoder. Shapes and sums, what must not change, commands, and mistakes."""

import json
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tiny_runs
import torch
from command import Done, interrupted, nlp, results, timeless, weights
from contracts import one_thread
from nlp.analysis.generation import in_proportion
from nlp.api import load, read
from nlp.cli.count_params import count
from nlp.configs.load import load_recipe
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.models.networks import RecurrentSeq2SeqConfig
from nlp.configs.schema.models.transformers import TransformerSeq2SeqConfig
from nlp.configs.schema.tokenizer import BOS, EOS
from nlp.errors import ConfigError
from nlp.models.build import build_model
from nlp.models.decoding import greedy
from nlp.models.head import Head
from nlp.models.networks.encoder_decoder import EncoderDecoder
from nlp.training.devices import Setting
from nlp.training.run import build_run
from torch import Tensor
from torch.nn import functional

__all__ = ["one_thread"]

N_LABELS, N_WORDS, SIDE = 5, 12, 6
SIZES = SizesData(type="sizes", n_classes=N_LABELS, target_vocab_size=N_WORDS, picture_height=SIDE, picture_width=SIDE)
ENCODERS = {"label": {"type": "label", "d_embedding": 7}, "picture": {"type": "picture_cnn", "n_filters": [4], "hidden_sizes": [9]}}
DECODERS = {
    "lstm": (RecurrentSeq2SeqConfig, {"type": "seq2seq", "cell": "lstm", "d_embedding": 8, "hidden_size": 16, "n_layers": 2,
                                      "attention": "none"}),
    "gru": (RecurrentSeq2SeqConfig, {"type": "seq2seq", "d_embedding": 8, "hidden_size": 16, "attention": "none"}),
    "transformer": (TransformerSeq2SeqConfig, {"type": "transformer_seq2seq", "d_model": 16, "n_decoder_layers": 1, "n_heads": 2,
                                               "d_ff": 16, "max_positions": 16}),
}
CASES = [(encoder, decoder) for encoder in ENCODERS for decoder in DECODERS]
every_case = pytest.mark.parametrize(("encoder", "decoder"), CASES, ids=map("-".join, CASES))


def build(encoder: str, decoder: str) -> EncoderDecoder:
    torch.manual_seed(1)
    kind, settings = DECODERS[decoder]
    model = build_model(kind(**settings, encoder=ENCODERS[encoder]), SIZES, Head("sequence", N_WORDS))
    assert isinstance(model, EncoderDecoder)
    return model.eval()


def sources(encoder: str, n: int) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.arange(n).unsqueeze(1) % N_LABELS if encoder == "label" else torch.randn(n, SIDE, SIDE, generator=generator)


def inputs(encoder: str, n: int, n_targets: int = 4) -> dict[str, Tensor]:
    words = torch.randint(EOS + 1, N_WORDS, (n, n_targets), generator=torch.Generator().manual_seed(3))
    previous = torch.cat([torch.full((n, 1), BOS), words], dim=1)
    return {"tokens": sources(encoder, n), "lengths": torch.ones(n, dtype=torch.long), "previous": previous}


# Networks


@every_case
def test_a_row_alone_has_the_scores_that_it_has_among_others(encoder: str, decoder: str) -> None:
    model, given = build(encoder, decoder), inputs(encoder, 5)
    together = model(**given)
    assert together.shape == (5, 5, N_WORDS)
    for row in range(5):
        torch.testing.assert_close(model(**{name: value[row : row + 1] for name, value in given.items()})[0], together[row])
    padded = functional.pad(given["previous"], (0, 3))
    torch.testing.assert_close(model(given["tokens"], given["lengths"], padded)[:, :5], together)


@every_case
def test_no_place_sees_the_target_behind_it_but_each_sees_the_source(encoder: str, decoder: str) -> None:
    model, given = build(encoder, decoder), inputs(encoder, 2)
    before, changed = model(**given), given["previous"].clone()
    changed[:, 3] = (changed[:, 3] + 1) % N_WORDS
    after = model(given["tokens"], given["lengths"], changed)
    torch.testing.assert_close(after[:, :3], before[:, :3])
    assert not torch.isclose(after[:, 3], before[:, 3]).all()
    other = model(given["tokens"].flip(0), given["lengths"], given["previous"])
    assert (other - before).abs().amax(dim=2).min() > 0


@every_case
def test_a_search_sees_step_by_step_what_training_sees_at_once(encoder: str, decoder: str) -> None:
    model, given, steps = build(encoder, decoder), inputs(encoder, 3), []
    memory, state = model.encode(given["tokens"], given["lengths"])
    for previous in given["previous"].split(1, dim=1):
        scores, state = model.step(previous, memory, state)
        steps.append(scores)
    torch.testing.assert_close(torch.cat(steps, dim=1), model(**given), atol=1e-5, rtol=1e-4)


@every_case
def test_a_batch_is_learned_by_heart(encoder: str, decoder: str) -> None:
    model, given = build(encoder, decoder), inputs(encoder, 5)
    gold = functional.pad(given["previous"][:, 1:], (0, 1), value=EOS)
    optimizer, loss = torch.optim.Adam(model.parameters(), 0.01), torch.tensor(np.inf)
    for _ in range(250):
        loss = functional.cross_entropy(model(**given).flatten(0, 1), gold.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    assert [each.tokens for each in greedy(model, given["tokens"], given["lengths"], 8)] == given["previous"][:, 1:].tolist()


def test_parameters_by_hand() -> None:
    cnn = (32 * 9 + 32) + 2 * 32 + (64 * 32 * 9 + 64) + 2 * 64 + (64 * 7 * 7 * 128 + 128)
    gru = (128 * 64 + 64) + 3 * 64 * (16 + 128 + 64) + 2 * 3 * 64 + ((64 + 128) * 16 + 16)
    assert count("counting/captions").total == cnn + gru + 30 * 16 + (16 * 30 + 30) == 473_198
    attention, feed_forward, norm = 4 * (16 * 16 + 16), 2 * 16 * 16 + 2 * 16, 2 * 16
    transformer = 2 * attention + feed_forward + 3 * norm + norm
    by_hand = N_LABELS * 7 + (7 * 16 + 16) + N_WORDS * 16 + transformer + (16 * N_WORDS + N_WORDS)
    assert build("label", "transformer").describe()["parameters"] == by_hand


@pytest.mark.parametrize(("decoder", "settings", "said"), [
    ("gru", {"attention": "additive"}, "set `attention: none`"),
    ("gru", {"bidirectional": False}, "bidirectional is for an encoder of texts"),
    ("gru", {"token_dropout": 0.1}, "token_dropout is for an encoder"),
    ("transformer", {"n_encoder_layers": 1}, "n_encoder_layers is for an encoder"),
    ("gru", {"encoder": {"type": "picture_cnn", "init_from": "digits/cnn"}}, "encoder.init_from is not for a network inside another"),
])
def test_what_an_encoder_of_one_vector_has_no_use_for(decoder: str, settings: dict, said: str) -> None:
    kind, others = DECODERS[decoder]
    with pytest.raises(ValueError, match=said):
        kind(**others | {"encoder": ENCODERS["label"]} | settings)


# Labels, through the command line


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that makes sentences of an animal, and a classifier of sentences."""
    folder = tmp_path_factory.mktemp("labels")
    tiny_runs.write_data(folder)
    for family, more in (("label_seq2seq", ("training.epochs=25", "model.hidden_size=24", *tiny_runs.SELDOM[1::2])), ("naive_bayes", ())):
        changes = [each for key in more for each in ("--set", key)]
        nlp("train", "--config", tiny_runs.write_recipe(folder, family), "--name", "one", *changes, cwd=folder)
    return folder


def paragraph(done: Done) -> str:
    printed = done.stderr.rpartition("Error: ")[2].strip()
    assert printed and "\n" not in printed and "Traceback" not in done.stderr
    return printed


def test_a_label_makes_texts_that_have_it(labels: Path) -> None:
    figures = results(labels / "runs" / "label_seq2seq" / "one")["test"]
    assert set(figures) == {"loss", "accuracy", "exact_match", "perplexity"}
    assert figures["perplexity"] == pytest.approx(np.exp(figures["loss"])) and figures["perplexity"] < 3
    assert "dog" in nlp("predict", "label_seq2seq", "dog", cwd=labels).stdout
    printed = nlp("eval", "label_seq2seq", cwd=labels).stdout
    assert "uniform" in printed and "--attention" not in printed


def test_samples_are_repeated_by_their_seed_and_have_log_probabilities(labels: Path) -> None:
    def drawn(*options: str) -> list[dict]:
        first = json.loads(nlp("predict", "label_seq2seq", "dog", "--samples", "6", *options, "--json", cwd=labels).stdout)
        return [{key: first[key] for key in ("prediction", "log_probability")}, *first["others"]]

    one, again, other = drawn("--seed", "1"), drawn("--seed", "1"), drawn("--seed", "2")
    assert len(one) == 6 and one == again and one != other
    assert len({each["prediction"] for each in one}) > 1
    run = load(labels / "runs" / "label_seq2seq" / "one")
    (reported,) = run.predict("dog", samples=6, seed=1)
    assert [reported["prediction"], *(each["prediction"] for each in reported["others"])] == [each["prediction"] for each in one]
    cold = drawn("--temperature", "0")
    assert len({each["prediction"] for each in cold}) == 1
    lines = nlp("predict", "label_seq2seq", "dog", "--samples", "6", "--seed", "1", cwd=labels).stdout.splitlines()
    assert lines[0] == f"{one[0]['log_probability']:.3f}  {one[0]['prediction']}"


def test_the_log_probability_of_a_sample_is_that_of_the_model(labels: Path) -> None:
    run = load(labels / "runs" / "label_seq2seq" / "one")
    (reported,) = run.predict("cat", samples=3, temperature=2.0, seed=4)
    opened = run._opened
    tokenizer = opened.encoding.target_tokenizer
    assert tokenizer is not None
    for each in (reported, *reported["others"]):
        ids = tokenizer.encode([each["prediction"]]).ids
        gold = np.array([[*ids, EOS]])
        losses, _ = opened.model.score_targets(gold, gold > 0, tokens=np.array([[opened.encoding.labels.index("cat")]]),
                                               lengths=np.array([1]), previous=np.array([[BOS, *ids]]))
        if "[UNK]" not in each["prediction"] and len(ids) < 8:
            assert -losses.sum() == pytest.approx(each["log_probability"], abs=1e-3)


def test_the_temperature_is_that_of_the_recipe_unless_another_is_given(labels: Path) -> None:
    nlp("train", "--config", "label_seq2seq.yaml", "--set", "task.decoding.temperature=0", "--set", "training.epochs=1", "--name", "cold",
        cwd=labels)
    run = load(labels / "runs" / "label_seq2seq" / "cold")

    def made(temperature: float | None = None) -> set[str]:
        (found,) = run.predict("dog", samples=8, temperature=temperature)
        return {found["prediction"], *(each["prediction"] for each in found["others"])}

    assert len(made()) == 1
    assert len(made(temperature=3.0)) > 1


@pytest.mark.parametrize("label", ["horse", "", "Dog"])
def test_a_label_that_training_never_saw_is_one_paragraph_with_the_labels(labels: Path, label: str) -> None:
    said = paragraph(nlp("predict", "label_seq2seq", label, cwd=labels, code=2))
    assert f"{label!r} is not a label of the training split" in said and "bird, cat, dog" in said
    assert ("Did you mean `dog`?" in said) == (label == "Dog")


def test_such_a_label_in_a_file_is_named_with_its_line(labels: Path) -> None:
    (labels / "other.csv").write_text("line,animal\nthe big dog runs,dog\nthe big cow runs,cow\n", encoding="utf-8")
    assert "other.csv:3: 'cow' is not a label" in paragraph(nlp("eval", "label_seq2seq", "--data", "other.csv", cwd=labels, code=2))


def test_a_judge_counts_what_is_right_copied_and_different(labels: Path) -> None:
    arguments = ("eval", "label_seq2seq/one", "--generate", "50", "--judge", "naive_bayes", "--seed", "3")
    found = json.loads(nlp(*arguments, "--json", cwd=labels).stdout)
    texts = found["texts"]
    assert len(texts) == 50 and found["split"] == "test" and found["judge_accuracy"] == 1
    assert found["assigned"]["value"] == sum(each["assigned"] == each["label"] for each in texts) / 50
    assert found["different"]["value"] == len({each["text"] for each in texts}) / 50
    known = {line.split(",")[0] for line in (labels / "texts.csv").read_text(encoding="utf-8").splitlines()[1:]}
    assert all(each["text"] in known for each in texts if each["copied"])
    assert max(Counter(each["label"] for each in texts).values()) == 17
    assert found == json.loads(nlp(*arguments, "--json", cwd=labels).stdout)
    assert "assigned to their label by the judge" in nlp(*arguments, cwd=labels).stdout


@pytest.mark.parametrize(("arguments", "said"), [
    (("label_seq2seq/one", "--generate", "5"), "Name one run and its judge"),
    (("label_seq2seq/one", "--judge", "naive_bayes"), "Name one run and its judge"),
    (("label_seq2seq/one", "label_seq2seq/one", "--generate", "5", "--judge", "naive_bayes"), "Name one run and its judge"),
    (("naive_bayes", "--generate", "5", "--judge", "naive_bayes"), "does not. Leave it out"),
    (("label_seq2seq/one", "--generate", "5", "--judge", "label_seq2seq/one"), "classifies texts"),
])
def test_what_cannot_be_judged(labels: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in paragraph(nlp("eval", *arguments, cwd=labels, code=2))


def test_options_that_do_not_fit_samples(labels: Path) -> None:
    for options, said in ((("--samples", "3", "--beam-size", "2"), "--beam-size 2 is for a search"),
                          (("--samples", "3", "--n-best", "3"), "use --samples 3 to draw that many"),
                          (("--attention", "a.png"), "--attention is for runs that")):
        assert said in paragraph(nlp("predict", "label_seq2seq/one", "dog", *options, cwd=labels, code=2))
    assert "--samples is for runs that" in paragraph(nlp("predict", "naive_bayes", "a dog", "--samples", "3", cwd=labels, code=2))


def test_two_runs_are_compared_by_perplexity(labels: Path) -> None:
    nlp("train", "--config", "label_seq2seq.yaml", "--set", "training.epochs=1", "--name", "short", cwd=labels)
    compared = nlp("compare", "label_seq2seq/one", "label_seq2seq/short", "--metric", "perplexity", cwd=labels).stdout
    assert "perplexity" in compared
    assert "exact_match" in nlp("compare", "label_seq2seq/one", "label_seq2seq/short", "--metric", "exact_match", cwd=labels).stdout


def test_labels_are_asked_for_in_proportion() -> None:
    asked = in_proportion(["a"] * 5 + ["b"] * 3 + ["c"] * 2, 7)
    assert Counter(asked) == {"a": 4, "b": 2, "c": 1}  # 3.5, 2.1 and 1.4
    assert Counter(in_proportion(["a", "b"], 1)) == {"a": 1}


@pytest.mark.slow
def test_killed_inside_an_epoch_and_resumed_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    tiny_runs.write_data(tmp_path)
    recipe = tiny_runs.write_recipe(tmp_path, "label_seq2seq")
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("epochs: 3", "epochs: 30"), encoding="utf-8")
    nlp("train", "--config", recipe, "--name", "whole", cwd=tmp_path)
    code, _ = interrupted(tmp_path, recipe.name, "killed", signal.SIGKILL, 0.05)
    assert code == -signal.SIGKILL
    nlp("train", "--resume", "label_seq2seq/killed", cwd=tmp_path)
    full, killed = (tmp_path / "runs" / "label_seq2seq" / name for name in ("whole", "killed"))
    assert weights(killed, "last") == weights(full, "last")
    assert timeless(killed) == timeless(full)


# Pictures


PICTURES = """
data: {type: files, train: pictures.csv, folds: 3}
tokenizer: {type: characters}
task: {type: sequence_to_sequence, source: pixels, source_type: picture, target: word, scored_as: transduction, tie_embeddings: none}
model: {type: seq2seq, encoder: {type: picture_cnn, n_filters: [4], hidden_sizes: [8]}, d_embedding: 8, hidden_size: 16, attention: none}
training: {epochs: 30, batch_size: 8, optimizer: {type: adam, learning_rate: 0.02}, best_metric: exact_match}
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bright on the left or on the right, and the word for it."""
    folder, random, lines = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0), ["pixels,word"]
    for number in range(36):
        pixels = random.integers(0, 60, (4, 4))
        pixels[:, (number % 2) * 2 :][:, :2] += 150
        lines.append(f"{';'.join(' '.join(map(str, row)) for row in pixels.tolist())},{'right' if number % 2 else '왼쪽'}")
    (folder / "pictures.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "sides.yaml").write_text(PICTURES, encoding="utf-8")
    nlp("train", "--config", "sides.yaml", "--name", "one", cwd=folder)
    return folder


def test_a_picture_is_put_in_words(pictures: Path) -> None:
    figures = results(pictures / "runs" / "sides" / "one")["test"]
    assert figures["exact_match"] == 1 and figures["character_error_rate"] == 0
    bright, dark = "200 200 9 9;" * 3 + "200 200 9 9", "9 9 200 200;" * 3 + "9 9 200 200"
    assert nlp("predict", "sides", bright, dark, cwd=pictures).stdout.splitlines() == ["왼쪽", "right"]
    assert "the most frequent target" in nlp("eval", "sides", cwd=pictures).stdout


def test_a_picture_of_another_size_is_one_paragraph(pictures: Path) -> None:
    assert "those of the training split are 4 high and 4 wide" in paragraph(nlp("predict", "sides", "0 1;2 3", cwd=pictures, code=2))
    assert "there is no file" in paragraph(nlp("predict", "sides", "none.png", cwd=pictures, code=2))


@pytest.mark.parametrize(("change", "said"), [
    ("model.encoder=null", "needs `encoder: {type: picture_cnn}`"),
    ("model.encoder={type: label}", "needs `encoder: {type: picture_cnn}`"),
    ("task.source_type=text", "set task.source_type, or leave it out"),
    ("tokenizer=null", "tokenizer: is missing"),
    ("task.share_vocabulary=true", "share_vocabulary is only for text sources"),
])
def test_task_and_model_have_to_agree_on_the_source(pictures: Path, change: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("{", r"\{")):
        load_recipe(str(pictures / "sides.yaml"), [change])


@pytest.mark.parametrize("family", ["label_seq2seq", "sides"])
def test_figures_do_not_depend_on_the_batch(family: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    tiny_runs.write_data(tmp_path)
    recipe = pictures / "sides.yaml" if family == "sides" else tiny_runs.write_recipe(tmp_path, family)
    run = build_run(load_recipe(str(recipe)), Setting(1))
    split, reads = run.data.splits["train"], run.model.config.inputs
    whole = run.task.predict(run.model, split.batch(np.arange(len(split)), reads))
    parts = [run.task.predict(run.model, split.batch(np.array([row]), reads)) for row in range(len(split))]
    assert run.task.metrics(type(whole).joined(parts)) == pytest.approx(run.task.metrics(whole), rel=1e-5)


def test_digits_in_letters(tmp_path: Path) -> None:
    trained = nlp("train", "--config", "digits/captions-korean", "--set", "training.epochs=1", "--set", "score_test=false", cwd=tmp_path)
    assert "exact_match" in trained.stdout
    row = read("digits")["train"][0]
    assert (row["digit"], row["english"], row["korean"]) == ("0", "zero", "영")


def test_data_of_labels_and_pictures_is_looked_at_as_what_it_is(labels: Path, pictures: Path) -> None:
    checked = nlp("data", "check", "label_seq2seq.yaml", cwd=labels).stdout
    assert "repeat an earlier one" not in checked
    assert "██" in nlp("data", "show", "sides.yaml", "-n", "2", cwd=pictures).stdout
