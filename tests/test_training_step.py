"""A training step phase by phase, and gradients against finite differences."""

import json
import math
import re
from pathlib import Path

import pytest
import torch
from command import Done, metrics, nlp
from nlp.analysis.training_step.chain_rule import worked_example
from nlp.analysis.training_step.gradient_check import STEP_SIZE, Checked, central_difference, check_gradients
from nlp.analysis.training_step.layer_outputs import layer_outputs
from nlp.analysis.training_step.phases import Step, explain_step
from nlp.configs.load import load_recipe
from nlp.configs.schema.recipe import Recipe
from nlp.tasks import losses
from nlp.training.devices import Setting
from nlp.training.loop.gradient import GradientLearner, layer_of
from nlp.training.loop.trainer import window_batches
from nlp.training.run import build_run
from tiny_runs import RECIPES, write_data, write_recipe
from torch.nn import functional

NETWORKS = [family for family, sections in RECIPES.items() if "training:" in sections[-1]]
SILENT = lambda done, total: None  # noqa: E731


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("steps")
    write_data(place)
    for family in RECIPES:
        write_recipe(place, family)
    return place


def explained(folder: Path, family: str, *overrides: str, step: int = 1) -> Step:
    return explain_step(load_recipe(str(folder / f"{family}.yaml"), overrides), Setting(1), step, SILENT)


def checked(folder: Path, family: str, *overrides: str, examples: int = 4) -> list[Checked]:
    return check_gradients(load_recipe(str(folder / f"{family}.yaml"), overrides), Setting(1), examples, SILENT)


@pytest.mark.parametrize("family", ["cnn", "tagger", "language_lstm", "autoencoder"])
def test_a_step_is_that_of_training(folder, family):
    nlp("train", "--config", f"{family}.yaml", "--name", "logged", "--set", "training.log_every=1", "--set", "score_test=false", cwd=folder)
    logged = {line["step"]: line for line in metrics(folder / "runs" / family / "logged") if line["split"] == "train"}[4]
    shown = explained(folder, family, step=4)
    (player,) = shown.players
    assert player.losses == pytest.approx({name: logged[name] for name in player.losses}, rel=1e-6)
    assert player.loss_sum / player.loss_count == player.losses["loss"]
    assert player.learning_rate == logged["learning_rate"]
    for layer in shown.layers:
        assert layer.gradient_norm == pytest.approx(logged[f"gradient_norm/{layer.layer}"], rel=1e-6)
        assert layer.change_norm / max(layer.weight_norm, 1e-12) == pytest.approx(logged[f"update_ratio/{layer.layer}"], rel=1e-5)
    assert player.gradient_norm == pytest.approx(math.hypot(*(layer.gradient_norm for layer in shown.layers)), rel=1e-5)


def test_the_numbers_of_a_step_by_hand(folder):
    quiet = ("model.dropout=0", "training.optimizer={type: sgd, learning_rate: 0.5}", "training.clip_norm=0.01")
    recipe = load_recipe(str(folder / "cnn.yaml"), quiet)
    run = build_run(recipe, Setting(1))
    assert isinstance(run.learner, GradientLearner)
    (batch,) = window_batches(run.data.splits["train"], run.plan.window(1), recipe.model.inputs, Setting(1), 1)
    ((inputs, targets),) = run.learner.tensors([batch])
    before = functional.cross_entropy(run.model(**inputs), targets["labels"].values)
    gradients = torch.autograd.grad(before, list(run.model.parameters()))
    norm = torch.cat([gradient.flatten() for gradient in gradients]).norm().item()
    with torch.no_grad():
        for parameter, gradient in zip(run.model.parameters(), gradients, strict=True):
            parameter.sub_(0.5 * 0.01 / norm * gradient)
        after = functional.cross_entropy(run.model(**inputs), targets["labels"].values)
    shown = explained(folder, "cnn", *quiet)
    (player,) = shown.players
    assert player.losses["loss"] == pytest.approx(before.item())
    assert player.loss_after == pytest.approx(after.item()) and player.loss_after < player.losses["loss"]
    assert (player.gradient_norm, player.clip_factor) == pytest.approx((norm, 0.01 / norm))
    assert math.hypot(*(layer.change_norm for layer in shown.layers)) == pytest.approx(0.5 * 0.01)
    assert (player.n_outputs, player.guess) == (3, pytest.approx(math.log(3)))
    assert shown.batch.examples == 4 and shown.batch.inputs["tokens"] == tuple(batch.inputs["tokens"].shape)
    assert {layer.layer: layer.parameters for layer in shown.layers} == {
        layer: sum(each.numel() for name, each in run.model.named_parameters() if layer_of(name) == layer)
        for layer in dict.fromkeys(layer_of(name) for name, _ in run.model.named_parameters())}


def test_the_loss_afterwards_starts_from_the_state_that_the_step_started_from(folder):
    recipe = load_recipe(str(folder / "language_lstm.yaml"))
    run = build_run(recipe, Setting(1))
    learner = run.learner
    assert isinstance(learner, GradientLearner)
    first, second = (window_batches(run.data.splits["train"], run.plan.window(step), recipe.model.inputs, Setting(1), step)
                     for step in (1, 2))
    learner.update(first, 1, watched=False)
    state = {name: value.clone() for name, value in learner.model.carried_tensors().items()}
    learner.update(second, 2, watched=False)
    other_state = learner.loss_of(learner.players[0], learner.tensors(second), 2).item()
    learner.model.restore_carried(state)
    expected = learner.loss_of(learner.players[0], learner.tensors(second), 2).item()
    assert state and expected != other_state
    assert explained(folder, "language_lstm", step=2).players[0].loss_after == expected


def test_outputs_are_those_of_the_layers_in_their_order(folder):
    shown = explained(folder, "transformer", "model.dropout=0")
    run = build_run(load_recipe(str(folder / "transformer.yaml"), ["model.dropout=0"]), Setting(1))
    (batch,) = window_batches(run.data.splits["train"], run.plan.window(1), ("tokens", "lengths"), Setting(1), 1)
    ((inputs, _),) = run.learner.tensors([batch])
    embedded = run.model.embedding.words(inputs["tokens"]).detach()
    first, last = shown.outputs[0], shown.outputs[-1]
    assert (first.layer, first.shape) == ("embedding.words", tuple(embedded.shape))
    assert (first.mean, first.std) == pytest.approx((embedded.mean().item(), embedded.std(correction=0).item()), rel=1e-5)
    assert (last.layer, last.shape) == ("output.scores", (4, 3))
    assert last.mean == pytest.approx(run.model(**inputs).mean().item(), rel=1e-4)


def test_layers_are_listed_where_they_run_last_and_filters_as_one(folder):
    filters = [output for output in explained(folder, "cnn").outputs if output.layer.startswith("hidden")]
    assert [(output.layer, output.shape[2]) for output in filters] == [("hidden", 8)]
    order = [output.layer for output in explained(folder, "transformer_seq2seq").outputs]
    assert order.index("target_embedding.words") < order.index("decoder.blocks.0")  # whose attention to the source runs before it


def test_modules_in_evaluation_mode_are_left_out():
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 4))
    model[0].eval()
    with layer_outputs(model) as outputs:
        model(torch.zeros(1, 2))
    assert list(outputs) == ["1", ""]


def test_a_player_that_waits_has_no_layers_in_the_step(tmp_path):
    gan = explain_step(gan_recipe(tmp_path), Setting(1), 3, SILENT)
    assert [player.name for player in gan.players] == ["discriminator"]
    assert {layer.layer.partition(".")[0] for layer in gan.layers} == {"discriminator"}


def gan_recipe(folder: Path) -> Recipe:
    """Invents texts letter by letter; the generator learns in every second step."""
    (folder / "texts.csv").write_text("text\n" + "dog\ncat\nbird\n" * 8)
    (folder / "gan.yaml").write_text(
        "data: {type: files, train: texts.csv, test: texts.csv, validation_share: 0.25, columns: {text: text}}\n"
        "task: {type: adversarial, max_length: 8, loss: {type: standard}, generator_every: 2}\ntokenizer: {type: characters}\n"
        "model: {type: gumbel_gan, d_noise: 4, generator: {d_embedding: 4, hidden_size: 8},\n"
        "  discriminator: {d_embedding: 4, n_filters: 4}}\n"
        "training: {steps: 6, batch_size: 4, optimizer: {type: adam, learning_rate: 0.01}}\n")
    return load_recipe(str(folder / "gan.yaml"))


def test_lower_layers_have_lower_rates(folder):
    (player,) = explained(folder, "cnn", "training.fine_tune={layer_decay: 0.5}").players
    assert player.lowest_rate == pytest.approx(player.learning_rate / 4)
    printed = nlp("explain-step", "cnn.yaml", "--set", "training.fine_tune={layer_decay: 0.5}", cwd=folder).stdout
    assert f"(lower layers: down to {player.lowest_rate:.3g}, by training.fine_tune.layer_decay)" in printed


def test_the_printed_sum_and_count_give_the_printed_loss(folder):
    printed = nlp("explain-step", "cnn.yaml", "--set", "task.class_weights={dog: 0.3, cat: 0.7}", cwd=folder).stdout
    total, count, loss = re.search(r"Loss: ([\d.,]+) / ([\d.,]+) = ([\d.]+);", printed).groups()
    assert float(total.replace(",", "")) / float(count) == pytest.approx(float(loss), abs=1e-4)


@pytest.mark.parametrize(("change", "cause"), [("training.budget={seconds: 5}", "time that is used up"),
                                               ("training.schedule={type: plateau}", "validation scores")])
def test_a_rate_that_only_training_knows_is_noticed(folder, change, cause):
    done = nlp("explain-step", "cnn.yaml", "--set", change, cwd=folder)
    assert cause in done.stderr and "Step 1" in done.stdout


def test_frozen_layers_are_left_out(folder):
    shown = explained(folder, "cnn", "training.fine_tune={last_layers: 0}")
    assert [layer.layer for layer in shown.layers] == ["output.scores"]


@pytest.mark.parametrize("family", NETWORKS)
def test_every_network_is_explained_and_its_gradients_agree(folder, family):
    shown = explained(folder, family)
    assert shown.outputs[-1].layer in ("output", "output.scores", "logits")
    assert len(shown.outputs) == len({output.layer for output in shown.outputs}) > 1
    derivatives = checked(folder, family)
    assert derivatives and all(each.agrees for each in derivatives)
    assert any(abs(each.autograd) > 1e-6 for each in derivatives)
    assert torch.get_default_dtype() == torch.float32, "only the check itself is in float64"


def test_one_wrong_derivative_among_many_shows(folder, monkeypatch):
    loss_of = GradientLearner.loss_of

    def wrong(self, player, tensors, step):
        weight = player.parameters["hidden.filters.1.weight"][2, 3]
        return loss_of(self, player, tensors, step) + 0.001 * (weight - weight.detach())  # the same value, another derivative

    monkeypatch.setattr(GradientLearner, "loss_of", wrong)
    assert [each.name for each in checked(folder, "cnn") if not each.agrees] == ["hidden.filters.1.weight"]


def test_a_weight_without_dimensions_is_checked():
    found = check_gradients(load_recipe("names/neural-symbolic", ["data.train_rows=300"]), Setting(1), 4, SILENT)
    assert all(each.agrees for each in found) and () in [each.shape for each in found]


def test_class_weights_are_in_float64_too(folder):
    assert all(each.agrees for each in checked(folder, "cnn", "task.class_weights=balanced", "task.label_smoothing=0.1"))


def test_rounding_of_a_derivative_near_zero_is_no_error():
    rounded = Checked("", "key.bias", (8,), 1e-16, 1e-17, -3e-10)
    assert rounded.agrees and rounded.error < 1e-5
    assert not Checked("", "key.bias", (8,), 1e-3, 1e-3, 0.999e-3).agrees
    assert not Checked("", "key.bias", (8,), math.nan, math.nan, 0.0).agrees


def test_wrong_gradients_end_with_exit_code_1(folder, monkeypatch):
    cross_entropy = functional.cross_entropy

    def doubled(logits, *arguments, **more):
        loss = cross_entropy(logits, *arguments, **more)
        return 2 * loss - loss.detach()

    monkeypatch.setattr(losses.functional, "cross_entropy", doubled)
    done = nlp("check-gradients", "cnn.yaml", cwd=folder, code=1)
    assert "gradients differ from finite differences: embedding.tokens.weight" in done.stdout
    assert not any(each["agrees"] for each in told(nlp("check-gradients", "cnn.yaml", "--json", cwd=folder, code=1)))


def told(done: Done) -> list[dict]:
    return json.loads(done.stdout)


def test_a_central_difference_leaves_the_weight_as_it_was():
    weight = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    before, seen = weight.clone(), list[torch.Tensor]()

    def cubes():
        seen.append(weight.clone())
        return weight.pow(3).sum()

    direction = torch.tensor([0.0, 0.6, 0.8], dtype=torch.float64)
    assert central_difference(cubes, weight, direction) == pytest.approx(3 * (4 * 0.6 + 9 * 0.8), rel=1e-8)
    assert torch.equal(weight, before)
    torch.testing.assert_close(seen[0] - seen[1], 2 * STEP_SIZE * direction)


def test_the_chain_rule_by_hand(tmp_path):
    example = worked_example()
    assert [link.value for link in example.links] == [[5, 7], [25, 49], [37]]
    assert example.chain_rule == example.autograd == [10, 14]
    assert example.finite_differences == pytest.approx([10, 14], rel=1e-8)
    printed = nlp("check-gradients", cwd=tmp_path).stdout
    assert "df/dx = df/dv * dv/du * du/dx = [10, 14]" in printed and "Autograd: [10, 14]" in printed


def test_the_command_prints_the_phases_in_order(folder):
    printed = nlp("explain-step", "--config", "mlp.yaml", cwd=folder).stdout
    phases = ["Batch:", "Zero gradients:", "Forward:", "Loss:", "Backward:", "Clip:", "Step:", "Afterwards:"]
    assert sorted(phases, key=printed.index) == phases
    assert "8 of 27 training examples in 2 micro-batches" in printed
    assert "With equal probabilities for all 3 outputs it would be ln 3 = 1.0986." in printed
    shown = json.loads(nlp("explain-step", "mlp.yaml", "--step", "2", "--json", cwd=folder).stdout)
    assert shown["step"] == 2 and shown["players"][0]["optimizer"] == "adamw"
    assert not (folder / "runs" / "mlp").exists(), "nothing is saved"


@pytest.mark.parametrize(("family", "reason"), [("rules", "learns nothing from data"),
                                                ("naive_bayes", "is not trained by gradient descent")])
def test_a_model_without_steps_is_refused(folder, family, reason):
    for verb in ("explain-step", "check-gradients"):
        assert reason in nlp(verb, f"{family}.yaml", cwd=folder, code=2).stderr


def test_a_step_after_the_last_one_is_refused(folder):
    assert "has 21 steps" in nlp("explain-step", "cnn.yaml", "--step", "22", cwd=folder, code=2).stderr


def test_a_step_that_is_not_finite_is_an_error(folder):
    rate = "training.optimizer={type: sgd, learning_rate: 1e38}"
    done = nlp("explain-step", "cnn.yaml", "--step", "5", "--set", rate, "--set", "training.clip_norm=null", cwd=folder, code=1)
    assert "up to step 5 is not finite" in done.stderr
