"""A generator against a discriminator: losses and gradients by hand, what samples are like, who has won, and whole runs."""

import json
import math
import shutil
from dataclasses import replace
from math import exp

import numpy as np
import pytest
import torch
from command import failing_at, nlp, timeless, weights, write_names
from contracts import one_thread
from nlp.analysis.statistics.intervals import intervals
from nlp.cli.count_params import count
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.tasks.adversarial import AdversarialConfig, GanConfig
from nlp.configs.schema.training import TrainingConfig
from nlp.datasets.encoded.split import Batch, Encoding, Target
from nlp.datasets.encoded.texts.real_texts import RealSplit
from nlp.datasets.encoded.texts.text_pairs import Raw, TextSources
from nlp.datasets.tables import Table
from nlp.datasets.tokenizers.token_sequences import TokenSequences
from nlp.models.build import build_model
from nlp.models.networks.gan import CodeGan
from nlp.tasks.adversarial.character_ngrams import CharacterNgrams
from nlp.tasks.adversarial.losses import DiscriminatorLoss, GeneratorLoss
from nlp.tasks.adversarial.task import Adversarial, SamplePredictions, noise_of
from nlp.tasks.adversarial.trouble import IN_A_ROW, trouble_in
from nlp.training.distributed import World
from nlp.training.loop.gradient import GradientLearner
from nlp.training.loop.schedules import Schedule
from torch.nn import functional

__all__ = ["one_thread"]

D_CODE, D_NOISE, N_TOKENS = 4, 3, 20
SIZES = SizesData(type="sizes", vocab_size=N_TOKENS)
AUTOENCODER = {"type": "autoencoder", "d_embedding": 5, "hidden_size": 6, "d_code": D_CODE, "bidirectional": False}
STANDARD, WASSERSTEIN = {"type": "standard"}, {"type": "wasserstein", "gradient_penalty": 7.0}
RATE = {"discriminator": 0.1, "generator": 0.02}


def gan(**more) -> CodeGan:
    sgd = {name: {"type": "sgd", "learning_rate": rate} for name, rate in RATE.items()}
    players = {name: {"hidden_sizes": [5], "activation": "tanh", "optimizer": sgd[name]} for name in RATE}
    config = GanConfig.model_validate({"type": "gan", "architecture": {"autoencoder": AUTOENCODER}, "d_noise": D_NOISE, **players, **more})
    torch.manual_seed(3)
    model = build_model(config, SIZES, None)
    assert isinstance(model, CodeGan)
    return model


def task_of(loss: dict, every: int = 1) -> Adversarial:
    config = AdversarialConfig.model_validate({"type": "adversarial", "loss": loss, "generator_every": every, "max_length": 6})
    tokenizer = TokenSequences.train(_letters(), ["abcdefghijklm"])
    return Adversarial(config, Encoding(SIZES, tokenizers={"text": tokenizer}))


def _letters():
    from nlp.configs.schema.tokenizer import CharacterTokenizer

    return CharacterTokenizer(type="characters")


class Coded(CodeGan):
    """Reads codes as they are."""

    def prepared(self, inputs):
        return dict(inputs)


def code_batch(step: int, n: int = 4) -> Batch:
    codes = np.random.default_rng(step).normal(size=(n, D_CODE)).astype(np.float32)
    return Batch(np.arange(n), {"codes": codes}, {"real": Target(np.ones(n, np.float32), np.ones(n, bool))})


def learner_of(model: CodeGan, task: Adversarial) -> GradientLearner:
    model.__class__ = Coded
    config = TrainingConfig.model_validate({"steps": 9, "optimizer": {"type": "sgd", "learning_rate": 9.0}})
    return GradientLearner(model, task, config, Schedule(config.schedule, 9), seed=1, world=World())


def step_by_hand(module: torch.nn.Module, loss: torch.Tensor, rate: float) -> None:
    parameters = list(module.parameters())
    with torch.no_grad():
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.sub_(rate * gradient)


@pytest.mark.parametrize(("loss", "every"), [(STANDARD, 1), (WASSERSTEIN, 1), (WASSERSTEIN, 2)], ids=["standard", "wasserstein", "every-2"])
def test_each_player_takes_the_step_of_its_own_loss(loss, every):
    model, by_hand = gan(), gan()
    learner = learner_of(model, task_of(loss, every))
    for step in (1, 2, 3):
        ratios = learner.update([code_batch(step)], step, watched=True)
        assert ("generator_loss" in ratios) == (step % every == 0)
        real = torch.from_numpy(code_batch(step).inputs["codes"])
        learner.seed_torch(step)  # what is drawn depends on the step alone
        made = by_hand.generator(torch.randn(4, D_NOISE)).detach()
        score = by_hand.discriminator
        if loss is STANDARD:
            cost = -(score(real).sigmoid().log() + (1 - score(made).sigmoid()).log()).mean()
        else:
            share = torch.rand(4, 1)
            mixed = (share * real + (1 - share) * made).requires_grad_()
            slopes = torch.stack([torch.autograd.grad(score(row), row, create_graph=True)[0] for row in mixed.unbind()])
            cost = (score(made) - score(real)).mean() + 7 * ((slopes.square().sum(1).sqrt() - 1) ** 2).mean()
        assert float(ratios["discriminator_loss"][0] / 4) == pytest.approx(float(cost.detach()), abs=1e-5)
        step_by_hand(by_hand.discriminator, cost, RATE["discriminator"])
        if step % every == 0:
            scores = score(by_hand.generator(torch.randn(4, D_NOISE)))
            step_by_hand(by_hand.generator, (-scores if loss is WASSERSTEIN else -scores.sigmoid().log()).mean(), RATE["generator"])
        for (name, one), other in zip(model.named_parameters(), by_hand.parameters(), strict=True):
            torch.testing.assert_close(one, other, msg=lambda said, name=name: f"{name}: {said}")
    assert {name.partition(".")[0] for name in learner.gradient_norms()} == {"discriminator", "generator"}


def test_rows_without_a_text_teach_nothing():
    model, targets = gan(), {"real": Target(torch.ones(3), torch.tensor([True, False, True]))}
    codes = torch.randn(3, D_CODE)
    for config in (task_of(STANDARD).config.loss, task_of(WASSERSTEIN).config.loss):
        for player, forward in ((DiscriminatorLoss, model.discriminator), (GeneratorLoss, model.generator)):
            loss = player(model, config)
            assert loss.count(targets) == 2
            found = []
            for held in (codes, codes.clone().index_fill_(0, torch.tensor(1), 100.0)):
                torch.manual_seed(0)
                found.append(loss.sums(forward, {"codes": held}, targets, torch.tensor(2), 1)["loss"][0])
            torch.testing.assert_close(*found)


@pytest.mark.slow
def test_the_generator_learns_the_codes_of_three_texts():
    """Each code is three numbers that are far apart; the share of each in the samples is about a third."""
    adam = {"type": "adam", "learning_rate": 1e-3, "betas": [0.5, 0.9]}
    config = {"hidden_sizes": [32, 32], "activation": "leaky_relu", "optimizer": adam}
    model = gan(generator=config, discriminator=config)
    learner = learner_of(model, task_of({"type": "wasserstein"}, every=3))
    corners = 2 * np.eye(3, D_CODE, dtype=np.float32)
    for step in range(1, 2_001):
        rows = np.random.default_rng(step).integers(3, size=64)
        batch = code_batch(step, 64)
        learner.update([replace(batch, inputs={"codes": corners[rows]})], step, watched=False)
    noise = torch.from_numpy(noise_of(0, np.arange(300), D_NOISE))
    with torch.no_grad():
        distances = torch.cdist(model.generator(noise), torch.from_numpy(corners))
    near, which = distances.min(dim=1)
    assert (near < 0.7).float().mean() > 0.5
    assert all((which == corner).float().mean() > 0.15 for corner in range(3))


def split_of(texts: list[str], task: Adversarial, name: str = "validation") -> RealSplit:
    encoded = task.tokenizer.encode(texts)
    raw = [Raw(text, ()) for text in texts]
    return RealSplit(name, Table({"text": texts}, "here"), raw, TextSources(encoded), None, ["abc", "abd", "ga"])


def test_predictions_do_not_depend_on_the_batch():
    task, model = task_of(STANDARD), gan()
    split = split_of(["abc", "a", "bcdefg", "gfe", "cab"] * 3, task)
    rows = np.arange(len(split))
    whole = task.predict(model, split.batch(rows, model.config.inputs))
    single = SamplePredictions.joined([task.predict(model, split.batch(rows[at : at + 1], model.config.inputs)) for at in rows[::-1]])
    assert (whole.samples, whole.real) == (single.samples, single.real)
    for name in ("real_scores", "sample_scores", "real_nats", "sample_nats"):
        np.testing.assert_allclose(getattr(whole, name), getattr(single, name), rtol=1e-5, atol=1e-6)
    assert task.metrics(task.completed(whole)) == pytest.approx(task.metrics(task.completed(single)), rel=1e-5)
    other = task.predict(model, split_of(["abc"] * 15, task, "test").batch(rows, model.config.inputs))
    assert not np.allclose(other.sample_scores, whole.sample_scores), "each split has noise of its own"


def test_codes_are_those_of_the_autoencoder_and_stay():
    task, model = task_of(STANDARD), gan()
    split = split_of(["abc", "a", "bcdefg"], task)
    tokens, lengths = split.ended(np.array([2, 0]))
    with torch.no_grad():
        codes = model.autoencoder.codes(torch.from_numpy(tokens), torch.from_numpy(lengths))
    np.testing.assert_allclose(model.prepared({"texts": split, "rows": np.array([2, 0])})["codes"], codes, rtol=1e-5, atol=1e-6)
    assert not any(parameter.requires_grad for parameter in model.autoencoder.parameters())
    assert not model.train().autoencoder.training


def predictions_of(samples: list[str], real: list[str], real_scores: list[float], sample_scores: list[float]) -> SamplePredictions:
    ngrams = CharacterNgrams(["abc", "abd"], "abcd")
    return SamplePredictions(np.arange(len(real)), real, samples, np.array(real_scores), np.array(sample_scores), ngrams.nats(real),
                             ngrams.nats(samples), np.array([sample in ("abc", "abd") for sample in samples]))


@pytest.mark.parametrize("loss", [STANDARD, WASSERSTEIN], ids=["standard", "wasserstein"])
def test_metrics_by_hand(loss):
    task = task_of(loss)
    real, made = [2.0, -1.0, 0.5, 3.0], [1.0, 0.5, -2.0, -1.0]
    predictions = task.completed(predictions_of(["abc", "abc", "", "dd"], ["abd", "abz", "a", "bcd"], real, made))
    metrics = task.metrics(predictions)
    assert metrics["discriminator_accuracy"] == 3 / 4
    assert (metrics["different"], metrics["copied"]) == (3 / 4, 2 / 4)
    of_real, of_made = torch.tensor(real), torch.tensor(made)
    if loss is STANDARD:
        expected = functional.binary_cross_entropy_with_logits(of_real, torch.ones(4)) + functional.binary_cross_entropy_with_logits(
            of_made, torch.zeros(4))
        assert metrics["generator_loss"] == pytest.approx(float(functional.binary_cross_entropy_with_logits(of_made, torch.ones(4))))
        assert (metrics["discriminator_real_accuracy"], metrics["discriminator_generated_accuracy"]) == (3 / 4, 2 / 4)
    else:
        expected = (of_made - of_real).mean()
        assert metrics["generator_loss"] == pytest.approx(float(-of_made.mean()))
        assert "discriminator_real_accuracy" not in metrics
    assert metrics["discriminator_loss"] == pytest.approx(float(expected))
    assert metrics["perplexity"] == pytest.approx(exp(predictions.sample_nats.sum() / (4 + 4 + 1 + 3)))
    reverse = CharacterNgrams(["abc", "abc", "", "dd"], "abcdz").nats(predictions.real)
    assert metrics["reverse_perplexity"] == pytest.approx(exp(reverse.sum() / (4 + 4 + 2 + 4)))
    assert set(metrics) == set(task.metric_columns(predictions))


def test_ngrams_of_the_samples_are_counted_once(monkeypatch):
    task = task_of(STANDARD)
    rows = predictions_of(["abc", "abc", "", "dd"], ["abd", "abz", "a", "bcd"], [2.0] * 4, [1.0] * 4)
    predictions, counted = task.completed(rows), []
    monkeypatch.setattr("nlp.tasks.adversarial.task.CharacterNgrams", lambda *_: counted.append(1))
    found = intervals(task, predictions)
    assert not counted
    low, high = found["different"]
    assert low < 3 / 4 < high, "a row that is drawn twice is not a sample that was made twice"
    assert found["reverse_perplexity"][0] < task.metrics(predictions)["reverse_perplexity"] < found["reverse_perplexity"][1]


def test_ngrams_count_the_end_and_unknown_characters():
    ngrams = CharacterNgrams(["ab", "ab", "ab"], "ab")
    likely, unlikely, unknown, nothing = ngrams.nats(["ab", "ba", "ax", ""])
    assert likely < nothing < 20
    assert likely < unlikely < 30
    assert np.isfinite(unknown)
    assert unknown > likely
    assert ngrams.nats([]).shape == (0,)
    together = sum(exp(-nats) for nats in ngrams.nats(["", "a", "b", *(x + y for x in "ab" for y in "ab")]))
    assert 0.7 < together < 1


@pytest.mark.parametrize(("values", "said"), [
    ({"discriminator_accuracy": 0.99, "different": 0.9}, "the discriminator has won"),
    ({"discriminator_accuracy": 0.01, "different": 0.9}, "the generator has won"),
    ({"discriminator_accuracy": 0.7, "different": 0.3}, "the generator has collapsed"),
])
def test_who_has_won_is_said_after_some_evaluations(values, said):
    well = {"discriminator_accuracy": 0.7, "different": 0.9}
    evaluations = [(100, well), *((step, values) for step in range(200, 200 + 100 * IN_A_ROW, 100))]
    assert trouble_in(evaluations[:-1], "standard") is None
    found = trouble_in(evaluations, "standard")
    assert found is not None
    assert found.startswith(said)
    assert f"in {IN_A_ROW} evaluations in a row (steps 200 to {100 + 100 * IN_A_ROW})" in found
    assert trouble_in([*evaluations, (900, well)], "standard") == found, "it is said at the end too"
    assert trouble_in([], "standard") is None
    advice = trouble_in(evaluations, "wasserstein")
    assert advice is not None and "wasserstein" not in advice and advice.startswith(said), "that loss is no change"


# Runs

DATA = """
data: {type: files, train: train.csv, test: test.csv}
tokenizer: {type: characters}
"""
CODES = DATA + """
task: {type: autoencoding, text: name, decoding: {max_length: 12}}
model: {type: autoencoder, d_embedding: 8, hidden_size: 16, d_code: 6, bidirectional: false}
training: {epochs: 2, batch_size: 16, optimizer: {type: adamw, learning_rate: 0.01}}
"""
GAN = DATA + """
task: {type: adversarial, text: name, max_length: 12, LOSS}
model: {type: gan, codes: codes, d_noise: 5, generator: {hidden_sizes: [16]}, discriminator: {hidden_sizes: [16], dropout: 0.2}}
training: {steps: 20, evaluate_every: 5, batch_size: 16, log_every: 5, optimizer: {type: adam, learning_rate: 0.003}, PLUS}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory):
    """A folder with runs of an autoencoder and of a network over its codes."""
    folder = tmp_path_factory.mktemp("gan")
    write_names(folder)
    write(folder, "codes", CODES)
    nlp("train", "--config", "codes.yaml", cwd=folder)
    write(folder, "gan", GAN)
    write(folder, "wasserstein", GAN, loss="loss: {type: wasserstein}, generator_every: 2")
    return folder, nlp("train", "--config", "gan.yaml", cwd=folder)


def write(folder, name: str, recipe: str, loss: str = "loss: {type: standard}", more: str = "clip_norm: 1.0") -> None:
    (folder / f"{name}.yaml").write_text(recipe.replace("LOSS", loss).replace("PLUS", more), encoding="utf-8")


def test_a_run_shows_both_players_and_its_samples(trained):
    folder, done = trained
    assert "which are not trained; new: generator, discriminator" in done.stderr
    assert done.stderr.count("  samples   ") == 4
    (run,) = (folder / "runs" / "gan").iterdir()
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    for split in ("train", "validation"):
        logged = next(line for line in lines if line["split"] == split)
        assert {"discriminator_loss", "generator_loss", "discriminator_accuracy", "discriminator_real_accuracy",
                "discriminator_generated_accuracy"} <= logged.keys()
    assert "nlp predict gan --samples 10 --seed 1 " in done.stdout


def test_samples_are_those_of_the_seed_and_need_no_other_run(trained):
    folder, _ = trained

    def samples(*options: str) -> list[str]:
        return nlp("predict", "gan", *options, cwd=folder).stdout.splitlines()

    first = samples("--samples", "70", "--seed", "3")
    assert len(first) == 70
    (folder / "runs" / "codes").rename(folder / "elsewhere")
    try:
        assert samples("--samples", "7", "--seed", "3") == first[:7], "a run is whole without the one that it started from"
    finally:
        (folder / "elsewhere").rename(folder / "runs" / "codes")
    assert samples("--samples", "70", "--seed", "4") != first
    assert len(samples()) == 10
    answers = [json.loads(line) for line in samples("--samples", "2", "--seed", "3", "--json")]
    assert [answer["prediction"] for answer in answers] == first[:2]
    assert max(map(len, samples("--samples", "9", "--length", "2"))) <= 2


def test_evaluation_is_that_of_the_run(trained):
    folder, _ = trained
    (run,) = (folder / "runs" / "gan").iterdir()
    saved = json.loads((run / "results.json").read_text(encoding="utf-8"))["test"]
    found = json.loads(nlp("eval", "gan", "--json", cwd=folder).stdout)
    text = json.dumps(found)
    for name in ("perplexity", "reverse_perplexity", "different", "copied"):
        assert name in text
    assert "real texts" in text
    assert str(saved["perplexity"])[:8] in text
    from_file = nlp("eval", "gan", "--data", "test.csv", cwd=folder).stdout
    assert "copied" in from_file, "the training texts are those of the run, whatever is scored"


@pytest.mark.parametrize("recipe", ["gan", "wasserstein"])
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


def test_a_run_that_was_stopped_before_its_first_checkpoint_is_trained_by_the_same_command(trained):
    folder, _ = trained
    command = ("train", "--config", "gan.yaml", "--seeds", "1,", "--set", "training.steps=5", "--name", "early")
    nlp(*command, cwd=folder)
    run = folder / "runs" / "gan" / "early-seed-1"
    first = (run / "results.json").read_text(encoding="utf-8")
    shutil.rmtree(run / "checkpoints")
    (run / "results.json").unlink()
    nlp(*command, cwd=folder)
    assert json.loads((run / "results.json").read_text(encoding="utf-8"))["test"] == json.loads(first)["test"]


@pytest.mark.slow
def test_seeds_are_compared(trained):
    folder, _ = trained
    nlp("train", "--config", "gan.yaml", "--seeds", "2", "--set", "training.steps=5", "--name", "s", cwd=folder)
    nlp("train", "--config", "wasserstein.yaml", "--seeds", "2", "--set", "training.steps=5", "--name", "s", cwd=folder)
    assert "reverse_perplexity" in nlp("compare", "gan", "wasserstein", cwd=folder).stdout


def test_collapse_is_said_while_it_lasts_and_at_the_end(trained):
    folder, _ = trained
    still = ("--set", "model.generator.optimizer={type: sgd, learning_rate: 1e-9}")
    done = nlp("train", "--config", "gan.yaml", "--name", "collapsed", *still, "--set", "training.steps=25", cwd=folder)
    notices = [line for line in done.stderr.splitlines() if "has collapsed" in line or "has won" in line]
    assert len(notices) == 2
    assert "in 3 evaluations" in notices[0]
    assert "in 5 evaluations" in notices[1]


def test_the_sum_of_the_recipe_that_counts():
    assert count("counting/gan").total == 94_980 + (32 * 128 + 128 + 128 * 64 + 64) + (64 * 128 + 128 + 128 * 1 + 1) == 115_909


def test_count_and_check(trained):
    folder, _ = trained
    assert "autoencoder" in nlp("count-params", "gan.yaml", "--depth", "1", cwd=folder).stdout
    nlp("data", "check", "gan.yaml", cwd=folder)
    assert "steps" in nlp("train", "--config", "gan.yaml", "--dry-run", cwd=folder).stdout


@pytest.mark.parametrize(("recipe", "step", "players"), [
    ("gan", 1, ["discriminator", "generator"]), ("wasserstein", 2, ["discriminator", "generator"]), ("wasserstein", 3, ["discriminator"]),
])
def test_a_step_of_the_players_whose_turn_it_is(trained, recipe, step, players):
    folder, _ = trained
    shown = json.loads(nlp("explain-step", f"{recipe}.yaml", "--step", str(step), "--json", cwd=folder).stdout)
    assert [player["name"] for player in shown["players"]] == players
    for player in shown["players"]:
        norms = [layer["gradient_norm"] for layer in shown["layers"] if layer["layer"].startswith(player["name"])]
        assert math.hypot(*norms) == pytest.approx(player["gradient_norm"], rel=1e-5) and player["loss_after"] is None
    for figure in ("gradient_norm", "change_norm"):
        assert {layer["layer"].partition(".")[0] for layer in shown["layers"] if layer[figure] > 0} == set(players)


@pytest.mark.parametrize("recipe", ["gan", "wasserstein"])
def test_gradients_of_both_players_agree_with_finite_differences(trained, recipe):
    folder, _ = trained
    checked = json.loads(nlp("check-gradients", f"{recipe}.yaml", "--json", cwd=folder).stdout)
    assert {each["player"] for each in checked} == {"discriminator", "generator"} and all(each["agrees"] for each in checked)


@pytest.mark.parametrize(("settings", "said"), [
    (["model.codes=nowhere"], "nowhere"),
    (["model.codes=gan"], "codes come from an autoencoder"),
    (["model.codes=null"], "codes is missing"),
    (["model.codes=null"], "use model.type gumbel_gan, whose generator writes tokens itself"),
    (["model.init_from=codes"], "init_from does not apply to a gan as a whole"),
    (["model.dropout=0.1"], "model.generator.dropout"),
    (["tokenizer.lowercase=true"], "Leave this section out: the tokenizer comes with model.codes"),
    (["model.architecture={autoencoder: {type: autoencoder, d_embedding: 8, hidden_size: 16, d_code: 9, bidirectional: false}}"],
     "d_code is 9, but 6 in the run"),
    (["training.cuda_graphs=true"], "cuda_graphs"),
    (["training.best_metric=accuracy"], "is not a metric of adversarial"),
])
def test_bad_recipes_are_one_sentence(trained, settings, said):
    folder, _ = trained
    options = [part for setting in settings for part in ("--set", setting)]
    assert said in nlp("train", "--config", "gan.yaml", *options, cwd=folder, code=2).stderr


@pytest.mark.parametrize(("options", "said"), [
    (["Smith"], "generates texts from noise and reads none"), (["--temperature", "1"], "--temperature is for runs"),
    (["--explain", "auto"], "cannot be explained"), (["--samples", "0"], "samples"),
])
def test_bad_options_are_one_sentence(trained, options, said):
    folder, _ = trained
    assert said in nlp("predict", "gan", *options, cwd=folder, code=2).stderr
