"""A generator that writes tokens by Gumbel-softmax: its rows, what the discriminator reads of them, losses by hand, and whole runs."""

import json
from math import exp, log

import numpy as np
import pytest
import torch
from command import failing_at, nlp, timeless, weights, write_names
from contracts import one_thread
from nlp.api import load
from nlp.cli.count_params import count
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.tasks.adversarial import AdversarialConfig, GumbelGanConfig, WriterConfig
from nlp.configs.schema.tokenizer import BOS, EOS, UNK, CharacterTokenizer
from nlp.datasets.encoded.split import Encoding, Target
from nlp.datasets.encoded.texts.real_texts import RealSplit
from nlp.datasets.encoded.texts.text_pairs import Raw, TextSources
from nlp.datasets.tables import Table
from nlp.datasets.tokenizers.token_sequences import TokenSequences
from nlp.errors import ConfigError
from nlp.models.build import build_model
from nlp.models.networks.gumbel_gan import NEVER_WRITTEN, GumbelGan, Reader, Writer
from nlp.tasks.adversarial.losses import DiscriminatorLoss, GeneratorLoss
from nlp.tasks.adversarial.task import Adversarial, SamplePredictions, noise_of
from nlp.training.folder.checkpoints import checkpoint_path
from nlp.training.folder.run_directory import RunDirectory
from nlp.training.folder.tensors import load_tensors
from torch.nn import functional

__all__ = ["one_thread"]

N_TOKENS, D_NOISE = 20, 3
SIZES = SizesData(type="sizes", vocab_size=N_TOKENS)
STANDARD, WASSERSTEIN = {"type": "standard"}, {"type": "wasserstein", "gradient_penalty": 7.0}


def gan(**generator) -> GumbelGan:
    config = GumbelGanConfig.model_validate({
        "type": "gumbel_gan", "d_noise": D_NOISE, "generator": {"d_embedding": 5, "hidden_size": 6, **generator},
        "discriminator": {"d_embedding": 5, "filter_widths": [2, 3], "n_filters": 4, "hidden_sizes": [5], "activation": "tanh"}})
    torch.manual_seed(3)
    model = build_model(config, SIZES, None)
    assert isinstance(model, GumbelGan)
    for parameter in model.parameters():  # so that nothing is nearly 0
        torch.nn.init.normal_(parameter, std=0.5)
    return model


def parts(model: GumbelGan) -> tuple[Writer, Reader]:
    assert isinstance(model.generator, Writer)
    assert isinstance(model.discriminator, Reader)
    return model.generator, model.discriminator


def task_of(loss: dict) -> Adversarial:
    config = AdversarialConfig.model_validate({"type": "adversarial", "loss": loss, "max_length": 6})
    tokenizer = TokenSequences.train(CharacterTokenizer(type="characters"), ["abcdefghijklm"])
    return Adversarial(config, Encoding(SIZES, tokenizers={"text": tokenizer}))


def split_of(texts: list[str], task: Adversarial) -> RealSplit:
    sources = TextSources(task.tokenizer.encode(texts))
    return RealSplit("validation", Table({"text": texts}, "here"), [Raw(text, ()) for text in texts], sources, None, ["abc", "abd"])


def real_rows(model: GumbelGan, texts: list[str]) -> torch.Tensor:
    tokens, lengths = split_of(texts, task_of(STANDARD)).ended(np.arange(len(texts)))
    return model.real({"tokens": torch.from_numpy(tokens), "lengths": torch.from_numpy(lengths)})


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_rows_fade_by_the_share_of_the_end(cell):
    writer, _ = parts(gan(cell=cell, n_layers=2))
    seen = []

    def choose(scores, place):
        seen.append(scores)
        return functional.gumbel_softmax(scores, 0.7)

    rows = writer.write(torch.randn(4, D_NOISE), 5, choose)
    assert rows.shape == (4, 5, N_TOKENS)
    left = torch.ones(4)
    for row in rows.unbind(dim=1):
        torch.testing.assert_close(row.sum(dim=1), left)
        left = left - row[:, EOS]
    assert not rows[:, :, NEVER_WRITTEN].any()
    assert all(scores[:, [UNK, EOS]].isfinite().all() for scores in seen)


def test_each_place_reads_the_mean_embedding_of_the_row_before():
    writer, _ = parts(gan())
    noise, rows, seen = torch.randn(2, D_NOISE), torch.rand(2, 3, N_TOKENS).softmax(dim=2).requires_grad_(), []

    def choose(scores, place):
        seen.append(scores)
        return rows[:, place]

    writer.write(noise, 3, choose)
    memory, state = writer.decoder.initial_state(noise, [noise], noise)
    table = writer.target_embedding.weight
    for place, x in enumerate([table[BOS].expand(2, -1), rows[:, 0] @ table, rows[:, 1] @ table]):
        states, _, state = writer.decoder.read(x.unsqueeze(1), memory, state)
        expected = writer.output.scores(writer.decoder.vectors(states)).squeeze(1) + writer.barred
        torch.testing.assert_close(seen[place], expected)
    (gradient,) = torch.autograd.grad(seen[2][:, UNK].sum(), rows)
    assert gradient[:, :2].abs().min() > 0, "of both rows before, the first through the state"
    assert not gradient[:, 2].any()


def test_hard_rows_are_single_tokens_with_the_gradient_of_the_shares():
    soft, hard = gan(hard=False), gan(hard=True)
    noise = torch.randn(3, D_NOISE)
    found = []
    for model in (soft, hard):
        torch.manual_seed(5)
        row = model.generator(noise, 1, 0.8)
        (row * torch.arange(N_TOKENS)).sum().backward()
        found.append(row.detach())
    assert ((found[1] - functional.one_hot(found[0].argmax(dim=2), N_TOKENS)).abs() < 1e-6).all()
    for one, other in zip(soft.generator.parameters(), hard.generator.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        if one.grad is not None and other.grad is not None:
            torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize("n_filled", [1, 9])
def test_scores_do_not_depend_on_how_far_texts_are_filled_up(n_filled):
    model = gan()
    rows = real_rows(model, ["abc", "a", "bcdefg"])
    relaxed = model.generator(*model.drawn(rows, 1))
    for each in (rows, relaxed):
        filled = functional.pad(each, (0, 0, 0, n_filled))
        torch.testing.assert_close(model.discriminator(filled), model.discriminator(each))
    torch.testing.assert_close(model.discriminator(rows[1:2, :2]), model.discriminator(rows)[1:2])


def test_the_temperature_falls_by_the_same_factor_at_each_step():
    config = WriterConfig(temperature=2.0, final_temperature=0.5, annealing_steps=100)
    assert config.temperature_at(50) == pytest.approx(1.0)
    assert config.temperature_at(1) == pytest.approx(2 * exp(log(1 / 4) / 100))
    assert (config.temperature_at(100), config.temperature_at(900)) == (0.5, 0.5)
    assert WriterConfig(temperature=2.0).temperature_at(900) == 2
    model = gan(temperature=2.0, final_temperature=0.5, annealing_steps=100)
    noise, length, temperature = model.drawn(torch.zeros(4, 7, N_TOKENS), 50)
    assert (noise.shape, length, temperature) == ((4, D_NOISE), 7, pytest.approx(1.0))


@pytest.mark.parametrize("loss", [STANDARD, WASSERSTEIN], ids=["standard", "wasserstein"])
def test_losses_by_hand(loss):
    model, config = gan(), task_of(loss).config.loss
    tokens, lengths = split_of(["abc", "a", "bcdefg"], task_of(loss)).ended(np.arange(3))
    inputs = {"tokens": torch.from_numpy(tokens), "lengths": torch.from_numpy(lengths)}
    targets = {"real": Target(torch.ones(3), torch.ones(3, dtype=torch.bool))}
    torch.manual_seed(0)
    found = DiscriminatorLoss(model, config).sums(model.discriminator, inputs, targets, torch.tensor(3), 1)["loss"][0]
    of_generator = GeneratorLoss(model, config).sums(model.generator, inputs, targets, torch.tensor(3), 1)["loss"][0]
    torch.manual_seed(0)
    real, score = model.real(inputs), model.discriminator
    made = model.generator(*model.drawn(real, 1)).detach()
    if loss is STANDARD:
        cost = -(score(real).sigmoid().log() + (1 - score(made).sigmoid()).log()).sum()
    else:
        cost = (score(made) - score(real)).sum()
        for share, one, other in zip(torch.rand(3), real, made, strict=True):
            mixed = (share * one + (1 - share) * other).unsqueeze(0).requires_grad_()
            (slopes,) = torch.autograd.grad(score(mixed).sum(), mixed, create_graph=True)
            cost = cost + 7 * (slopes.square().sum().sqrt() - 1) ** 2
    torch.testing.assert_close(found, cost)
    scores = score(model.generator(*model.drawn(real, 1)))
    torch.testing.assert_close(of_generator, (-scores if loss is WASSERSTEIN else -scores.sigmoid().log()).sum())
    found.backward()
    gradients = [parameter.grad.clone() for parameter in model.discriminator.parameters() if parameter.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)
    model.zero_grad()
    cost.backward()
    torch.testing.assert_close(gradients, [parameter.grad for parameter in model.discriminator.parameters() if parameter.grad is not None])


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_tokens_are_drawn_by_their_probabilities(temperature):
    model = gan(sampling_temperature=temperature)
    noise = noise_of(1, np.arange(4_000), model.n_noise(1))
    noise[:, :D_NOISE] = 0.5
    texts, _ = model.written(torch.from_numpy(noise), 1)
    expected = parts(model)[0].write(torch.full((1, D_NOISE), 0.5), 1, lambda scores, _: (scores / temperature).softmax(dim=1))[0, 0]
    found = np.bincount([text[0] if text else EOS for text in texts], minlength=N_TOKENS) / len(texts)
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=0.03)


def test_predictions_do_not_depend_on_the_batch():
    task, model = task_of(STANDARD), gan(dropout=0.5)
    split = split_of(["abc", "a", "bcdefg", "gfe", "cab"] * 3, task)
    rows = np.arange(len(split))
    whole = task.predict(model, split.batch(rows, model.config.inputs))
    single = SamplePredictions.joined([task.predict(model, split.batch(rows[at : at + 1], model.config.inputs)) for at in rows[::-1]])
    assert whole.samples == single.samples
    assert len(set(whole.samples)) > 5
    for name in ("real_scores", "sample_scores", "real_nats", "sample_nats"):
        np.testing.assert_allclose(getattr(whole, name), getattr(single, name), rtol=1e-5)
    assert model.training


def test_the_sum_of_the_recipe_that_counts():
    assert count("counting/gan-gumbel").total == 37_909


# Runs

DATA = """
data: {type: files, train: train.csv, test: test.csv}
tokenizer: {type: characters}
"""
CODES = DATA + """
task: {type: autoencoding, text: name, decoding: {max_length: 12}, TIED}
model: {type: autoencoder, d_embedding: 8, hidden_size: 16, d_code: 6, bidirectional: false}
training: {epochs: 2, batch_size: 16, optimizer: {type: adamw, learning_rate: 0.01}}
"""
GUMBEL = DATA + """
task: {type: adversarial, text: name, max_length: 12, LOSS}
model:
  type: gumbel_gan
  d_noise: 6
  generator: {d_embedding: 8, hidden_size: 16, dropout: 0.1, temperature: 1.0, final_temperature: 0.5, annealing_steps: 15}
  discriminator: {d_embedding: 8, filter_widths: [2, 3], n_filters: 4, hidden_sizes: [8], dropout: 0.2}
training: {steps: 20, evaluate_every: 5, batch_size: 16, log_every: 5, clip_norm: 1.0, optimizer: {type: adam, learning_rate: 0.003}}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory):
    """A folder with a run for each loss."""
    folder = tmp_path_factory.mktemp("gumbel")
    write_names(folder)
    for name, loss in (("gumbel", "loss: {type: standard}"), ("wasserstein", "loss: {type: wasserstein}, generator_every: 2")):
        (folder / f"{name}.yaml").write_text(GUMBEL.replace("LOSS", loss), encoding="utf-8")
    return folder, nlp("train", "--config", "gumbel.yaml", cwd=folder)


def test_a_run_shows_both_players_and_its_samples(trained):
    folder, done = trained
    assert done.stderr.count("  samples   ") == 4
    (run,) = (folder / "runs" / "gumbel").glob("2*")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    for split in ("train", "validation"):
        logged = next(line for line in lines if line["split"] == split)
        assert {"discriminator_loss", "generator_loss", "discriminator_accuracy", "discriminator_real_accuracy",
                "discriminator_generated_accuracy"} <= logged.keys()
    assert "copied" in nlp("eval", "gumbel", cwd=folder).stdout


def test_samples_are_those_of_the_seed(trained):
    folder, _ = trained

    def samples(*options: str) -> list[str]:
        return nlp("predict", "gumbel", *options, cwd=folder).stdout.splitlines()

    first = samples("--samples", "70", "--seed", "3")
    assert len(first) == 70
    assert samples("--samples", "7", "--seed", "3") == first[:7]
    assert samples("--samples", "70", "--seed", "4") != first
    short = samples("--samples", "7", "--seed", "3", "--length", "2")
    assert all(text.startswith(beginning.rstrip()) for text, beginning in zip(first, short, strict=False))
    assert len("".join(short).replace("[UNK]", "?")) <= 14


def test_samples_from_python_are_those_of_the_command(trained):
    folder, _ = trained
    run = load(folder / "runs" / "gumbel")
    printed = nlp("predict", "gumbel", "--samples", "5", "--seed", "3", "--json", cwd=folder).stdout.splitlines()
    assert run.predict(samples=5, seed=3) == [json.loads(line) for line in printed]
    with pytest.raises(ConfigError, match="generates texts from noise and reads none"):
        run.predict("Smith")


@pytest.mark.parametrize("recipe", ["gumbel", "wasserstein"])
def test_a_stopped_run_goes_on_bit_for_bit(trained, recipe):
    folder, _ = trained
    each = ("--set", "training.checkpoints.every_steps=4")
    nlp("train", "--config", f"{recipe}.yaml", "--name", "whole", *each, cwd=folder)
    with failing_at(14):
        nlp("train", "--config", f"{recipe}.yaml", "--name", "stopped", *each, cwd=folder, code=1)
    nlp("train", "--resume", f"{recipe}/stopped", cwd=folder)
    whole, stopped = (folder / "runs" / recipe / name for name in ("whole", "stopped"))
    assert weights(whole) == weights(stopped)
    assert timeless(whole) == timeless(stopped)


@pytest.mark.parametrize("tied", ["none", "output"])
def test_a_generator_starts_as_the_decoder_of_an_autoencoder(trained, tied):
    folder, _ = trained
    (folder / f"codes-{tied}.yaml").write_text(CODES.replace("TIED", f"tie_embeddings: {tied}"), encoding="utf-8")
    nlp("train", "--config", f"codes-{tied}.yaml", cwd=folder)
    start = ("--set", "tokenizer=null", "--set", f"model.init_from=codes-{tied}", "--set", "training.steps=1")
    still = ("--set", "model.generator.optimizer={type: sgd, learning_rate: 1e-12}")
    done = nlp("train", "--config", "gumbel.yaml", "--name", f"from-{tied}", *start, *still, cwd=folder)
    assert "the decoder; new: discriminator" in done.stderr
    (source,), run = (folder / "runs" / f"codes-{tied}").iterdir(), folder / "runs" / "gumbel" / f"from-{tied}"
    places = [checkpoint_path(RunDirectory(each, folder / "runs"), "best") for each in (source, run)]
    theirs, mine = (load_tensors(place / "model.safetensors") for place in places)
    for name, tensor in mine.items():
        if name.startswith("generator."):
            torch.testing.assert_close(tensor, theirs[name.removeprefix("generator.")])


def test_one_run_goes_on_from_another(trained):
    folder, _ = trained
    (run,) = (folder / "runs" / "gumbel").glob("2*")
    start = ("--set", "tokenizer=null", "--set", f"model.init_from=gumbel/{run.name}", "--set", "training.steps=1",
             "--set", "model.generator.hard=true")
    assert "new: nothing" in nlp("train", "--config", "gumbel.yaml", "--name", "more", *start, cwd=folder).stderr


def test_count_and_check(trained):
    folder, _ = trained
    assert "generator" in nlp("count-params", "gumbel.yaml", "--depth", "1", cwd=folder).stdout
    nlp("data", "check", "gumbel.yaml", cwd=folder)
    assert "steps" in nlp("train", "--config", "gumbel.yaml", "--dry-run", cwd=folder).stdout


@pytest.mark.parametrize(("settings", "said"), [
    (["model.codes=gumbel"], "unknown key 'codes'"),
    (["model.dropout=0.1"], "set model.generator.dropout or model.discriminator.dropout"),
    (["model.vectors=x.txt"], "vectors does not apply to a gumbel_gan as a whole"),
    (["model.generator.annealing_steps=null"], "final_temperature and annealing_steps go together"),
    (["model.generator.temperature=0"], "greater than 0"),
    (["model.init_from=nowhere", "tokenizer=null"], "nowhere"),
    (["tokenizer=null"], "tokenizer: is missing"),
    (["tokenizer={type: ngrams, words: [1, 2]}"], "n-grams have no order"),
])
def test_bad_recipes_are_one_sentence(trained, settings, said):
    folder, _ = trained
    options = [part for setting in settings for part in ("--set", setting)]
    assert said in nlp("train", "--config", "gumbel.yaml", *options, cwd=folder, code=2).stderr


def test_a_decoder_that_does_not_fit_is_refused(trained):
    folder, _ = trained
    (folder / "codes.yaml").write_text(CODES.replace("TIED", "tie_embeddings: none"), encoding="utf-8")
    nlp("train", "--config", "codes.yaml", "--set", "training.epochs=1", cwd=folder)
    start = ("--set", "tokenizer=null", "--set", "model.init_from=codes")
    said = nlp("train", "--config", "gumbel.yaml", *start, "--set", "model.d_noise=5", "--set", "model.generator.hidden_size=20",
               cwd=folder, code=2).stderr
    assert "model.d_noise is 5, but 6 in the run; model.generator.hidden_size is 20, but 16 in the run" in said
