"""Autoencoders: noise, codes that are drawn, the loss and its parts, and the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_runs
import torch
from command import failing_at, nlp, results, timeless, weights
from nlp.configs.load import load_recipe
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.tasks.autoencoding import AutoencoderConfig, NoiseConfig, VariationalConfig
from nlp.configs.schema.tasks.sequence_to_sequence import DecodingConfig, TeacherForcingConfig
from nlp.configs.schema.tokenizer import BOS, EOS, MASK, PAD
from nlp.datasets.encoded.split import StepRandom, Target
from nlp.datasets.encoded.texts.rebuilt_texts import noised
from nlp.models.build import build_model
from nlp.models.decoding import search_by
from nlp.models.head import Head
from nlp.models.networks.autoencoder import Autoencoder, CodeClassifier, divergence
from nlp.tasks.autoencoding import CharacterAccuracy
from nlp.tasks.losses import VariationalLoss, kl_weight
from nlp.training.devices import Setting
from nlp.training.run import build_run
from torch.distributions import Normal, kl_divergence

SIZES = SizesData(type="sizes", vocab_size=30)
TEXTS = [[11, 12, 13, 14, EOS], [20, 21, EOS, PAD, PAD], [EOS, PAD, PAD, PAD, PAD]]


def autoencoder(head: Head | None = None, **settings: Any) -> Any:
    torch.manual_seed(1)
    config = AutoencoderConfig(type="autoencoder", **{"d_embedding": 12, "hidden_size": 24, "d_code": 10, **settings})
    return build_model(config, SIZES, head or Head("sequence", 30))


def batch_of(texts: list[list[int]]) -> dict[str, torch.Tensor]:
    ids = torch.tensor(texts)
    previous = torch.cat([torch.full((len(ids), 1), BOS), ids[:, :-1]], dim=1)
    return {"tokens": ids, "lengths": (ids != PAD).sum(dim=1), "previous": previous}


# Noise


def after(noise: NoiseConfig, step: int = 1, seed: int = 1, n_texts: int = 200) -> tuple[np.ndarray, np.ndarray]:
    ids = np.tile(np.array([*range(10, 20), EOS, PAD], np.int32), (n_texts, 1))
    numbers = StepRandom(seed, step, 0, n_texts).uniform(3 * ids.shape[1]).reshape(n_texts, -1, 3)
    return noised(ids, np.full(n_texts, 11), noise, numbers)


def test_noise_is_a_function_of_seed_and_step():
    noise = NoiseConfig(drop=0.2, swap=0.2, mask=0.2)
    for first, again in zip(after(noise), after(noise), strict=True):
        assert np.array_equal(first, again)
    assert not np.array_equal(after(noise)[0], after(noise, step=2)[0])
    assert not np.array_equal(after(noise)[0], after(noise, seed=2)[0])


def test_what_noise_does():
    dropped, lengths = after(NoiseConfig(drop=0.3))
    assert 0.25 < 1 - (lengths - 1).mean() / 10 < 0.35
    for ids, length in zip(dropped, lengths, strict=True):
        assert ids[length - 1] == EOS
        assert (ids[length:] == PAD).all()
        assert (np.diff(ids[: length - 1]) > 0).all(), "the others keep their order"
    swapped, lengths = after(NoiseConfig(swap=0.3))
    assert (np.sort(swapped[:, :10]) == np.arange(10, 20)).all()
    assert (swapped[:, 10] == EOS).all()
    assert (lengths == 11).all()
    assert 0.2 < (swapped[:, :10] != np.arange(10, 20)).mean() < 0.6
    masked, _ = after(NoiseConfig(mask=0.3))
    assert 0.25 < (masked[:, :10] == MASK).mean() < 0.35
    assert (masked[:, 10] == EOS).all()


def test_noise_is_for_training_alone_and_leaves_the_target(tmp_path, monkeypatch):
    run = tiny_run(tmp_path, monkeypatch)
    split, rows = run.data.splits["train"], np.arange(12)
    clean, noisy = split.batch(rows, frozenset({"tokens"})), split.batch(rows, frozenset({"tokens"}), StepRandom(1, 1, 0, 12))
    assert not np.array_equal(clean.inputs["lengths"], noisy.inputs["lengths"])
    assert np.array_equal(clean.targets["tokens"].values, noisy.targets["tokens"].values)
    assert np.array_equal(clean.inputs["previous"], noisy.inputs["previous"])


def tiny_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("NLP_CACHE", str(folder / "cache"))
    tiny_runs.write_data(folder)
    return build_run(load_recipe(str(tiny_runs.write_recipe(folder, "autoencoder"))), Setting(1))


# The network


def test_divergence_is_that_of_torch():
    mean, log_variance = torch.randn(5, 7), torch.randn(5, 7)
    reference = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(torch.tensor(0.0), torch.tensor(1.0)))
    torch.testing.assert_close(divergence(mean, log_variance), reference)


@pytest.mark.parametrize("settings", [{}, {"cell": "lstm", "n_layers": 2}, {"variational": VariationalConfig(kl_weight=0.01)}])
def test_a_small_batch_is_learned_by_heart(settings):
    model, given = autoencoder(**settings), batch_of(TEXTS)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    loss = VariationalLoss("tokens", 0.0, TeacherForcingConfig(), VariationalConfig(kl_weight=0.01))
    for step in range(1, 200):
        optimizer.zero_grad()
        target = Target(given["tokens"], given["tokens"] != PAD)
        if model.config.variational is None:
            scores = model(**given)
            value = torch.nn.functional.cross_entropy(scores.flatten(0, 1), given["tokens"].flatten(), ignore_index=PAD)
        else:
            top, count = loss.sums(model, given, {"tokens": target}, target.mask.sum(), step)["loss"]
            value = top / count
        value.backward()
        optimizer.step()
    search = search_by(DecodingConfig(max_length=8))
    found = [best[0].tokens for best in model.decode(model.codes(given["tokens"], given["lengths"]), search)]
    assert found == [[each for each in text if each not in (EOS, PAD)] for text in TEXTS]


def test_texts_are_written_from_their_codes_as_from_themselves():
    model, given, search = autoencoder().eval(), batch_of(TEXTS), search_by(DecodingConfig(max_length=8, beam_size=3))
    codes = model.codes(given["tokens"], given["lengths"])
    assert codes.shape == (3, 10)
    assert codes.requires_grad
    by_codes = model.decode(codes, search)
    assert by_codes == model.search(search, given["tokens"].numpy(), given["lengths"].numpy())
    assert by_codes == model.decode(codes.detach().numpy(), search)
    for row, text in enumerate(TEXTS):  # alone, without padding
        alone = torch.tensor([[each for each in text if each != PAD]])
        torch.testing.assert_close(model.codes(alone, torch.tensor([alone.shape[1]]))[0], codes[row])


def test_codes_are_drawn_in_training_and_are_means_otherwise():
    model, given = autoencoder(variational=VariationalConfig()), batch_of(TEXTS)
    torch.manual_seed(5)
    first = model(**given)["scores"]
    assert not torch.equal(first, model(**given)["scores"])
    torch.manual_seed(5)
    assert torch.equal(first, model(**given)["scores"])
    model.eval()
    assert torch.equal(model(**given), model(**given))
    codes, nats = model.coded(given["tokens"].numpy(), given["lengths"].numpy())
    mean, log_variance = model.encoder.codes(model.source_embedding(given["tokens"]), given["lengths"])
    np.testing.assert_allclose(codes, mean.detach().numpy())
    np.testing.assert_allclose(nats, divergence(mean, log_variance).sum(dim=1).detach().numpy(), rtol=1e-4)


@pytest.mark.parametrize("free_bits", [0.0, 0.05])
def test_the_loss_is_the_sum_of_its_parts(free_bits):
    config = VariationalConfig(kl_weight=0.5, kl_annealing_steps=10, free_bits=free_bits)
    model, given = autoencoder(variational=config), batch_of([*TEXTS, TEXTS[0]])
    mask = given["tokens"] != PAD
    mask[3] = False  # a text without a target, as a rank without a row has
    loss, count = VariationalLoss("tokens", 0.0, TeacherForcingConfig(), config), mask.sum()
    torch.manual_seed(3)
    sums = loss.sums(model, given, {"tokens": Target(given["tokens"], mask)}, count, step=4)
    torch.manual_seed(3)
    found = model(**given)
    rebuilt = torch.nn.functional.cross_entropy(found["scores"][mask], given["tokens"][mask], reduction="sum")
    nats = found["divergence"][:3]
    assert sums["reconstruction_loss"][0].item() == pytest.approx(rebuilt.item(), rel=1e-5)
    assert sums["kl"][0].item() == pytest.approx(nats.sum().item(), rel=1e-5)
    assert sums["kl"][1] == 3
    assert sums["loss"][0].item() == pytest.approx(rebuilt.item() + 0.5 * 0.4 * nats.clamp(min=free_bits).sum().item(), rel=1e-5)


def test_the_weight_of_the_divergence_rises():
    config = VariationalConfig(kl_weight=0.4, kl_annealing_steps=10)
    assert [kl_weight(config, step) for step in (1, 5, 10, 30)] == pytest.approx([0.04, 0.2, 0.4, 0.4])
    assert kl_weight(VariationalConfig(), 1) == 1


def test_a_classifier_reads_the_same_codes():
    writer = autoencoder(variational=VariationalConfig()).eval()
    reader = autoencoder(Head("classes", 3), variational=VariationalConfig()).eval()
    assert isinstance(writer, Autoencoder)
    assert isinstance(reader, CodeClassifier)
    reader.load_state_dict({name: each for name, each in writer.state_dict().items() if name in reader.state_dict()
                            and not name.startswith("output")}, strict=False)
    given = batch_of(TEXTS)
    codes = writer.codes(given["tokens"], given["lengths"])
    without_end = given["tokens"].masked_fill(given["tokens"] == EOS, PAD)[:, :4]
    torch.testing.assert_close(reader(without_end, given["lengths"] - 1), reader.output.scores(codes))


# Figures


def test_character_accuracy():
    scores = CharacterAccuracy()
    sums = scores.sums(["Garcia", "Gracia", "x"], [["Garcia"], ["Garcia"], ["Lee"]])
    assert sums[:, 0].tolist() == [0, 2, 3]
    assert scores.figures(sums.sum(axis=0)) == {"character_accuracy": pytest.approx(1 - 5 / 15)}


def test_figures_do_not_depend_on_the_batch(tmp_path, monkeypatch):
    run = tiny_run(tmp_path, monkeypatch)
    split, inputs = run.data.splits["train"], frozenset({"tokens"})
    whole = run.task.predict(run.model, split.batch(np.arange(len(split)), inputs))
    alone = [run.task.predict(run.model, split.batch(np.array([row]), inputs)) for row in range(len(split))]
    assert run.task.metrics(type(whole).joined(alone)) == pytest.approx(run.task.metrics(whole), rel=1e-5)
    columns = run.task.row_scores(whole, split).metrics
    assert {name: each.value() for name, each in columns.items()} == pytest.approx(run.task.metrics(whole), rel=1e-6)


# The command line


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    tiny_runs.write_data(folder)
    changed = ["training.epochs=40", "training.optimizer.learning_rate=0.03", "model.hidden_size=24", "model.d_code=8",
               "model.variational.kl_weight=0.001", "model.dropout=0", "task.noise=null", "training.best_metric=exact_match"]
    nlp("train", "--config", tiny_runs.write_recipe(folder, "autoencoder"), "--name", "one",
        *(each for key in changed for each in ("--set", key)), *tiny_runs.SELDOM, cwd=folder)
    return folder


def test_a_small_language_is_learned(trained):
    run = trained / "runs" / "autoencoder" / "one"
    figures = results(run)["validation"]
    assert set(figures) == {"loss", "accuracy", "exact_match", "character_accuracy", "perplexity", "kl"}
    assert figures["perplexity"] == pytest.approx(np.exp(figures["loss"]))
    logged = [line for line in timeless(run) if line["split"] == "train" and "kl" in line]
    assert {"loss", "reconstruction_loss", "kl"} <= logged[0].keys()
    assert logged[-1]["reconstruction_loss"] < logged[0]["reconstruction_loss"] / 2


def test_texts_between_two(trained):
    ends = nlp("predict", "autoencoder", "the big dog runs", "the old cat sings", cwd=trained).stdout.splitlines()
    printed = nlp("predict", "autoencoder", "the big dog runs", "the old cat sings", "--interpolate", "3", cwd=trained).stdout.splitlines()
    assert [line[:4] for line in printed] == ["0.00", "0.25", "0.50", "0.75", "1.00"]
    assert [printed[0], printed[-1]] == [f"0.00  {ends[0]}", f"1.00  {ends[1]}"]
    lines = nlp("predict", "autoencoder", "the big dog runs", "the old cat sings", "--interpolate", "1", "--json", cwd=trained).stdout
    assert [json.loads(line)["share"] for line in lines.splitlines()] == [0, 0.5, 1]


def test_texts_that_are_drawn_are_repeated_by_their_seed(trained):
    one, again, other = (nlp("predict", "autoencoder", "--samples", "5", "--seed", seed, cwd=trained).stdout for seed in "112")
    assert one == again != other
    assert len(one.splitlines()) == 5


def test_codes_are_written_as_a_matrix_and_as_lines(trained):
    texts = ["the big dog runs", "the old cat sings", "the"]
    for name in ("codes.npy", "codes.jsonl"):
        assert f"Wrote 3 codes of size 8 to {name}" in nlp("predict", "autoencoder", *texts, "--codes", name, cwd=trained).stdout
    matrix = np.load(trained / "codes.npy")
    assert matrix.dtype == np.float32
    lines = [json.loads(line) for line in (trained / "codes.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["text"] for line in lines] == texts
    assert np.array_equal(np.array([line["code"] for line in lines], np.float32), matrix)


def test_the_projector_finds_the_codes(trained):
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig  # pyright: ignore[reportMissingImports]

    folder = trained / "runs" / "autoencoder" / "one" / "validation"
    config = text_format.Parse((folder / "projector_config.pbtxt").read_text(encoding="utf-8"), ProjectorConfig())
    tensors = np.loadtxt(folder / config.embeddings[0].tensor_path, delimiter="\t")
    words = (folder / config.embeddings[0].metadata_path).read_text(encoding="utf-8").splitlines()
    assert tensors.shape == (9, 8)
    assert len(words) in (9, 10)


@pytest.mark.parametrize(("arguments", "reported"), [
    (["the dog", "--interpolate", "3"], "takes exactly two texts, but 1 are given"),
    (["the dog", "--codes", "codes.txt"], "must end in .npy"),
    (["the dog", "--codes", "no/such/codes.npy"], "cannot be written"),
    (["--samples", "3", "--interpolate", "2"], "--interpolate and --samples cannot be combined"),
    (["the big old dog runs and the small bird sings"], "add --length 11"),
])
def test_what_cannot_be_done_is_reported(trained, arguments, reported):
    assert reported in nlp("predict", "autoencoder", *arguments, cwd=trained, code=2).stderr


def test_a_long_text_is_rebuilt_where_more_may_be_written(trained):
    text = "the big old dog runs and the small bird sings"
    assert nlp("predict", "autoencoder", text, "--length", "11", cwd=trained).stdout.strip()


def test_stopped_inside_an_epoch_and_resumed_it_ends_with_the_same_bytes(tmp_path):
    tiny_runs.write_data(tmp_path)
    recipe = tiny_runs.write_recipe(tmp_path, "autoencoder")
    nlp("train", "--config", recipe, "--name", "whole", cwd=tmp_path)
    with failing_at(10, KeyboardInterrupt):
        nlp("train", "--config", recipe, "--name", "stopped", cwd=tmp_path, code=130)
    nlp("train", "--resume", "autoencoder/stopped", cwd=tmp_path)
    whole, stopped = (tmp_path / "runs" / "autoencoder" / name for name in ("whole", "stopped"))
    assert weights(stopped) == weights(whole)
    assert results(stopped)["test"] == results(whole)["test"]
    assert timeless(stopped) == timeless(whole)


def test_a_classifier_starts_from_frozen_codes(trained):
    (trained / "coded.yaml").write_text("""
data: {type: files, train: texts.csv, test: texts.csv, validation_share: 0.25, columns: {text: line, label: animal}}
task: {type: classification}
model: {type: autoencoder, d_embedding: 8, hidden_size: 24, d_code: 8, variational: {}, init_from: autoencoder}
training: {epochs: 20, batch_size: 4, optimizer: {type: adamw, learning_rate: 0.05}, fine_tune: {last_layers: 0}}
""", encoding="utf-8")
    printed = nlp("train", "--config", "coded.yaml", "--name", "one", cwd=trained)
    assert "new: output" in printed.stderr + printed.stdout
    assert results(trained / "runs" / "coded" / "one")["train"]["accuracy"] > 0.8
    from safetensors.numpy import load

    before, after_ = load(weights(trained / "runs" / "autoencoder" / "one", "best")), load(weights(trained / "runs" / "coded" / "one"))
    assert np.array_equal(before["encoder.code.weight"], after_["encoder.code.weight"])


@pytest.mark.parametrize(("changed", "reported"), [
    ("task.noise={drop: 0, swap: 0, mask: 0}", "noise needs `drop`, `swap` or `mask` above 0"),
    ("task.noise={drop: 1.5}", "task.noise.drop"),
    ("model={type: seq2seq}", "use one of autoencoder"),
    ("model.d_code=0", "model.d_code"),
    ("model.variational.free_bits=-1", "free_bits"),
])
def test_a_recipe_that_cannot_be_is_reported(tmp_path, changed, reported):
    tiny_runs.write_data(tmp_path)
    recipe = tiny_runs.write_recipe(tmp_path, "autoencoder")
    assert reported in nlp("train", "--config", recipe, "--set", changed, cwd=tmp_path, code=2).stderr


def test_an_empty_text_is_named(tmp_path):
    tiny_runs.write_data(tmp_path)
    with (tmp_path / "texts.csv").open("a", encoding="utf-8") as file:
        file.write('" ",dog\n')
    recipe = tiny_runs.write_recipe(tmp_path, "autoencoder")
    assert "nothing in column `text`" in nlp("train", "--config", recipe, cwd=tmp_path, code=2).stderr
