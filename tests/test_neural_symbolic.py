"""A network fused with rules: each fusion worked by hand, what each side says, and the command from training to explanations."""

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command import interrupted, nlp, nlp_process, results, timeless, weights
from contracts import one_thread
from nlp.analysis.explanations.gradients import ENOUGH, integrated_gradients
from nlp.configs.load import load_recipe
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.models.neural_symbolic import DistillationConfig, GateConfig, LogitsConfig, NeuralSymbolicConfig
from nlp.models.build import build_model
from nlp.models.forward_cost import Load, build_without_weights, forward_cost
from nlp.models.head import Head
from nlp.models.layers.fusion import AddedVotes, Distillation, Gate, JoinedFeatures
from nlp.models.networks.network import as_tensors
from nlp.models.networks.neural_symbolic import NeuralSymbolic
from nlp.tasks.losses import ClassificationLoss, ImitationLoss, Target
from nlp.training.folder.row_scores_file import read_row_scores
from nlp.training.study.address import method_address
from pydantic import ValidationError
from safetensors.torch import load
from tiny_runs import CLASSES, NGRAMS, STEPS, WORDS, write_data
from torch.nn import functional

__all__ = ["one_thread"]

LABELS = ("bad", "good", "other")
HEAD = Head("classes", 3, LABELS)
SIZES = SizesData(type="sizes", vocab_size=20, n_classes=3)
RULE_LIST: list[dict[str, Any]] = [
    {"label": "good", "keywords": ["not bad", "great film"]},
    {"label": "bad", "keywords": ["bad", "dull"]},
    {"label": "good", "pattern": "fine|great"},
]
AWFUL = {"label": "bad", "keywords": ["awful"], "weight": 2.0, "priority": 1}
ORDERED = {"default": "other", "rules": RULE_LIST}
WEIGHTED = {"default": "other", "mode": "weighted", "negation": {"factor": -1.0}, "rules": [*RULE_LIST, AWFUL]}
TEXTS = ["not bad at all", "so dull , but fine", "a great film", "nothing", "awful and great and fine", "never dull", "", "bad"]
NETWORKS = {
    "mlp": {"type": "mlp", "hidden_sizes": [8]}, "linear": {"type": "mlp"}, "fasttext": {"type": "mlp", "d_embedding": 6},
    "cnn": {"type": "cnn", "d_embedding": 6, "n_filters": 4, "hidden_sizes": [5]},
    "lstm": {"type": "lstm", "d_embedding": 6, "hidden_size": 5},
    "bigru": {"type": "gru", "d_embedding": 6, "hidden_size": 5, "bidirectional": True, "pooling": "attention"},
    "transformer": {"type": "transformer", "d_model": 8, "n_layers": 1, "n_heads": 2, "d_ff": 16},
}
FUSIONS = ("gate", "logits", "features", "distillation")
CASES = [(network, fusion) for network in NETWORKS for fusion in FUSIONS if network != "linear" or fusion in ("logits", "distillation")]


def config(network: Any = "mlp", fusion: Any = "gate", rules: Any = ORDERED, **more: Any) -> NeuralSymbolicConfig:
    sections = {"network": NETWORKS[network] if isinstance(network, str) else network, "rules": rules,
                "fusion": fusion if isinstance(fusion, dict) else {"type": fusion}}
    return NeuralSymbolicConfig.model_validate({"type": "neural_symbolic", **sections, **more})


def built(*arguments: Any, **more: Any) -> NeuralSymbolic:
    torch.manual_seed(1)
    model = build_model(config(*arguments, **more), SIZES, HEAD)
    assert isinstance(model, NeuralSymbolic)
    return model


def inputs(model: NeuralSymbolic, texts: list[str], padding: int = 0) -> dict[str, Any]:
    """The texts, and tokens of different lengths that have nothing to do with them."""
    ids = [np.random.default_rng(len(text)).integers(1, 20, 1 + len(text) % 7).astype(np.int32) for text in texts]
    lengths = np.array([len(each) for each in ids])
    if "bag" in model.config.inputs:
        starts = (np.cumsum(lengths) - lengths).astype(np.int32)
        counted = None if model.config.network.d_embedding else np.ones(lengths.sum(), np.float32)  # pyright: ignore
        return {"texts": texts, "tokens": np.concatenate(ids), "starts": starts, "weights": counted}
    tokens = np.zeros((len(texts), lengths.max() + padding), np.int32)
    for row, each in zip(tokens, ids, strict=True):
        row[: len(each)] = each
    return {"texts": texts, "tokens": tokens, "lengths": lengths}


def tensors(model: NeuralSymbolic, texts: list[str]) -> dict[str, Any]:
    return as_tensors(model.prepared(inputs(model, texts)), model.device)


# Each fusion by hand


def test_a_gate_mixes_probabilities():
    gate = Gate(GateConfig(type="gate", scale=2.0, network_share=0.8), 1, 2, 2)
    with torch.no_grad():
        gate.scores.weight.copy_(torch.tensor([[1.0], [0.0]]))
        gate.scores.bias.zero_()
    sides = gate(torch.tensor([[np.log(3.0)]], dtype=torch.float32), torch.zeros(1, 2), torch.tensor([[0.0, 0.5]]))
    rules = np.array([1, np.e]) / (1 + np.e)  # softmax of 2 (0, 0.5)
    expected = 0.8 * np.array([0.75, 0.25]) + 0.2 * rules
    assert sides.scores.exp().detach().numpy()[0] == pytest.approx(expected, rel=1e-5)
    assert sides.network_share.item() == pytest.approx(0.8)
    with torch.no_grad():
        gate.gate.weight.copy_(torch.tensor([[0.0, 1.0, 0.0]]))  # 1.0 for the first voter
    opened = gate(torch.zeros(1, 1), torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2)).network_share
    assert opened.item() == pytest.approx(4 * np.e / (1 + 4 * np.e))


def test_a_gate_survives_a_side_that_is_sure():
    gate = Gate(GateConfig(type="gate"), 1, 1, 2)
    scores = gate(torch.tensor([[500.0]]), torch.zeros(1, 1), torch.tensor([[0.0, 900.0]])).scores
    assert torch.isfinite(scores).all()
    assert scores.exp().sum().item() == pytest.approx(1)


def test_votes_are_added_to_the_scores():
    votes = AddedVotes(LogitsConfig(type="logits", scale=2.0), 2, 3)
    network, fired, sums = torch.tensor([[1.0, 0.0, -1.0]]), torch.tensor([[1.0, 0.5]]), torch.tensor([[0.0, 1.0, 0.5]])
    assert votes(network, fired, sums).scores.tolist() == [[1.0, 2.0, 0.0]]
    with torch.no_grad():
        votes.votes.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))
    assert votes(network, fired, sums).scores.tolist() == [[2.0, 3.0, 0.0]]


def test_features_are_read_by_one_layer_with_the_state():
    layer = JoinedFeatures(2, 3, 2)
    state, fired = torch.randn(4, 2), torch.randn(4, 3)
    sides = layer(state, fired, torch.zeros(4, 2))
    torch.testing.assert_close(sides.scores, layer.scores(torch.cat([state, fired], dim=1)))
    torch.testing.assert_close(sides.network, layer(state, torch.zeros(4, 3), torch.zeros(4, 2)).scores)


def test_the_teacher_is_the_student_times_the_rules():
    distilled = Distillation(DistillationConfig(type="distillation", strength=2.0))
    sides = distilled(torch.tensor([[0.6, 0.4]]).log(), torch.zeros(1, 1), torch.tensor([[0.0, 0.5]]))
    assert sides.both.exp().numpy()[0] == pytest.approx(np.array([0.6, 0.4 * np.e]) / (0.6 + 0.4 * np.e))
    assert torch.equal(sides.scores, sides.network)
    teacher = Distillation(DistillationConfig(type="distillation", predict_with="teacher"))(*(torch.ones(1, 2),) * 3)
    assert torch.equal(teacher.scores, teacher.both)


@pytest.mark.parametrize(("ramp", "shares"), [(None, [0.6, 0.6, 0.6]), (0.7, [0.3, 0.51, 0.6])])
def test_the_teachers_share_rises_to_its_most(ramp, shares):
    distilled = Distillation(DistillationConfig(type="distillation", imitation=0.6, ramp=ramp))
    assert [distilled.share(step) for step in (1, 2, 3)] == pytest.approx(shares)


@pytest.mark.parametrize("class_weights", [None, [2.0, 1.0, 0.5]])
def test_the_loss_of_distillation_by_plain_numpy(class_weights):
    model = built("mlp", {"type": "distillation", "strength": 1.5, "imitation": 0.3})
    labels, known = np.array([0, 1, 2, 0, 1, 1, 2, 0]), np.array([True] * 7 + [False])
    targets = {"labels": Target(torch.from_numpy(labels), torch.from_numpy(known))}
    assert model.imitation is not None
    loss = ImitationLoss("labels", 0.0, class_weights, model.imitation)
    total, count = loss.sums(model.train(), tensors(model, TEXTS), targets, loss.count(targets), step=1)["loss"]
    logits, sums = model.outputs(**inputs(model, TEXTS))["without_rules"].astype(np.float64), model.rules.evidence(TEXTS).sums
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    q = p * np.exp(1.5 * sums)
    q /= q.sum(axis=1, keepdims=True)
    w = np.array(class_weights or [1.0, 1.0, 1.0])
    gold = -(w[labels] * np.log(p[np.arange(8), labels]))[known].sum()
    taught = -(w * q * np.log(p)).sum(axis=1)[known].sum()
    assert total.item() == pytest.approx(0.7 * gold + 0.3 * taught, rel=1e-5)
    assert count.item() == pytest.approx(w[labels][known].sum())


def test_without_a_teacher_the_loss_is_the_usual_one():
    assert all(built("mlp", fusion).imitation is None for fusion in ("gate", "logits", "features"))
    model = built("mlp", {"type": "distillation", "imitation": 0.0})
    targets = {"labels": Target(torch.arange(8) % 3, torch.ones(8, dtype=torch.bool))}
    given, usual = tensors(model, TEXTS), ClassificationLoss("labels", 0.1, None)
    assert model.imitation is not None
    own = ImitationLoss("labels", 0.1, None, model.imitation).sums(model.train(), given, targets, torch.tensor(8), 1)
    assert own["loss"][0].item() == pytest.approx(usual.sums(model.eval(), given, targets, torch.tensor(8), 1)["loss"][0].item())


# The model


@pytest.mark.parametrize("rules", [ORDERED, WEIGHTED], ids=["ordered", "weighted"])
def test_at_the_start_the_rules_decide_where_the_network_says_nothing(rules):
    model = built("mlp", "logits", rules)
    torch.nn.init.zeros_(model.network.output.weight)  # type: ignore[attr-defined]
    torch.nn.init.zeros_(model.network.output.bias)  # type: ignore[attr-defined]
    assert model.scores(**inputs(model, TEXTS)).argmax(axis=1).tolist() == model.rules.scores(TEXTS).argmax(axis=1).tolist()


@pytest.mark.parametrize(("network", "fusion"), CASES)
def test_contract(network, fusion):
    """Scores do not depend on the batch or on padding, and both sides learn, enough for eight texts by heart."""
    model = built(network, fusion)
    whole = model.scores(**inputs(model, TEXTS))
    assert whole.shape == (8, 3)
    for row, text in enumerate(TEXTS):
        assert model.scores(**inputs(model, [text]))[0] == pytest.approx(whole[row], abs=1e-5)
    if "lengths" in inputs(model, TEXTS):
        assert model.scores(**inputs(model, TEXTS, padding=3)) == pytest.approx(whole, abs=1e-5)
    if fusion == "gate":
        assert np.exp(whole).sum(axis=1) == pytest.approx(np.ones(8))
    optimizer, given, gold = torch.optim.Adam(model.parameters(), 0.03), tensors(model, TEXTS), torch.arange(8) % 3
    for step in range(200):
        scores = model.train()(**given)
        loss = functional.cross_entropy(scores["scores"] if isinstance(scores, dict) else scores, gold)
        loss.backward()
        if not step:
            reached = {name.partition(".")[0] for name, each in model.named_parameters() if each.grad is not None and each.grad.any()}
            assert reached == ({"network"} if fusion == "distillation" else {"network", "fusion"})
        optimizer.step()
        optimizer.zero_grad()
        if loss < 0.1:
            break
    assert model.scores(**inputs(model, TEXTS)).argmax(axis=1).tolist() == gold.tolist()


def test_a_text_is_asked_of_the_rules_once(monkeypatch):
    model = built()
    asked: list[str] = []
    evidence = model.rules.evidence
    monkeypatch.setattr(model.rules, "evidence", lambda texts: asked.extend(texts) or evidence(texts))
    for _ in range(3):
        model.scores(**inputs(model, [*TEXTS, *TEXTS]))
    assert asked == TEXTS


def test_each_side_gives_its_probability_of_the_class():
    model = built("mlp", "gate")
    given = inputs(model, TEXTS)
    scores, sides = model.outputs(**given), model.sides(given)
    predicted = scores["scores"].argmax(axis=1)
    for row, why in enumerate(model.why(predicted, **given)):
        network, rules = why["sides"]["network"], why["sides"]["rules"]
        assert network["probability"] == pytest.approx(sides.network.exp()[row, predicted[row]].item(), abs=1e-6)
        mixed = network["share"] * network["probability"] + rules["share"] * rules["probability"]
        assert mixed == pytest.approx(np.exp(scores["scores"][row, predicted[row]]), abs=1e-5)
    assert [why["rule"] for why in model.why(predicted, **given)] == [1, 2, 1, None, 3, 2, None, 2]


@pytest.mark.parametrize("network", ["mlp", "fasttext", "lstm"])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_gradients_share_out_what_the_tokens_bring(network, fusion):
    model = built(network, fusion)
    found = integrated_gradients(model, inputs(model, ["so dull , but fine"]))
    assert found.completeness_error < ENOUGH


@pytest.mark.parametrize(("network", "fusion"), CASES)
def test_it_is_counted_without_weights(network, fusion):
    model = build_without_weights(config(network, fusion), SIZES, Head("classes", 3))
    flops, kept = forward_cost(model, Load(4, 6))
    assert flops > 0
    assert kept >= 0
    assert model.describe() == built(network, fusion).describe()


def test_parameters_by_hand():
    bare = 20 * 8 + 8
    assert built("mlp", "logits").describe()["parameters"] == bare + 8 * 3 + 3 + 1 + 3 * 3
    assert built("mlp", "gate").describe()["parameters"] == bare + 8 * 3 + 3 + (8 + 3) + 1 + 1
    assert built("mlp", "features").describe()["parameters"] == bare + (8 + 3) * 3 + 3
    assert built("mlp", "distillation").describe()["parameters"] == bare + 8 * 3 + 3


# Recipes


@pytest.mark.parametrize(("change", "message"), [
    ({"network": "linear", "fusion": "gate"}, "a linear mlp has none"),
    ({"network": "linear", "fusion": "features"}, "a linear mlp has none"),
    ({"dropout": 0.1}, "set network.dropout"),
    ({"vectors": "glove.txt"}, "vectors needs network.d_embedding"),
    ({"network": {"type": "cnn", "vectors": "glove.txt"}}, "set model.vectors"),
    ({"network": {"type": "cnn", "init_from": "names/lstm"}}, "set model.init_from"),
])
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        config(**change)


RULES = "rules: {default: dog, rules: [{label: cat, pattern: 'cat'}, {label: bird, keywords: [bird], weight: 2}], mode: weighted}"
MODEL = "model: {type: neural_symbolic, network: {type: mlp, hidden_sizes: [8], dropout: 0.2}, %s, fusion: {type: %s}}"


def write(folder: Path, fusion: str = "gate", *, task: str = CLASSES, tokenizer: str = NGRAMS, rules: str = RULES,
          steps: str = STEPS) -> Path:
    path = folder / f"{fusion}.yaml"
    path.write_text("\n".join([task, tokenizer, MODEL % (rules, fusion), steps]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("fused")
    write_data(path)
    for fusion in FUSIONS:
        write(path, fusion)
        nlp("train", "--config", f"{fusion}.yaml", "--name", "one", cwd=path)
    return path


STANDING = STEPS.replace("0.01", "1.0e-30")
"""Steps that leave the weights as they were."""
CNN = "{type: cnn, d_embedding: 3, n_filters: 4}"


def fused(tmp_path: Path, name: str, start: str, tokenizer: str = WORDS) -> tuple[str, Any]:
    """What a fused CNN that starts from something says of it, and its weights."""
    model = f"model: {{type: neural_symbolic, network: {CNN}, {RULES}, fusion: {{type: gate}}, {start}}}"
    (tmp_path / f"{name}.yaml").write_text("\n".join([CLASSES, tokenizer, model, STANDING]), encoding="utf-8")
    told = nlp("train", "--config", f"{name}.yaml", "--name", "one", cwd=tmp_path).stderr
    return told, load(weights(tmp_path / "runs" / name / "one"))


def test_its_network_starts_from_vectors_or_from_a_run_without_rules(tmp_path):
    write_data(tmp_path)
    (tmp_path / "v.txt").write_text("cat 1 0 0\ndog 0 2 0\n", encoding="utf-8")
    plain = f"{CNN[:-1]}, vectors: v.txt}}"
    (tmp_path / "plain.yaml").write_text("\n".join([CLASSES, WORDS, f"model: {plain}", STANDING]), encoding="utf-8")
    nlp("train", "--config", "plain.yaml", "--name", "one", cwd=tmp_path)
    earlier = load(weights(tmp_path / "runs/plain/one"))
    told, found = fused(tmp_path, "by-vectors", "vectors: v.txt")
    assert "vectors of 2 of" in told and "v.txt" in told
    table = found["network.embedding.tokens.weight"]
    assert sum(bool((row[1:].abs() < 1e-20).all() and row[0] > 0) for row in table) == 1, "the one row of `cat`"
    told, found = fused(tmp_path, "by-run", "init_from: plain/one", tokenizer="")
    assert "parameters of plain/one" in told and "new: fusion" in told
    taken = [name for name in found if name.startswith("network.")]
    assert taken and all(torch.allclose(found[name], earlier[name.removeprefix("network.")]) for name in taken)
    told, again = fused(tmp_path, "by-fused", "init_from: by-run/one", tokenizer="")
    assert "new: nothing" in told and all(torch.allclose(again[name], found[name]) for name in found)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_run_says_what_the_rules_bring(folder, fusion):
    """And is the same when it is opened again."""
    found = results(folder / "runs" / fusion / "one")["test"]
    assert 0 <= found["accuracy_without_rules"] <= 1
    if fusion == "distillation":
        assert found["accuracy_without_rules"] == found["accuracy"]
    scored = json.loads(nlp("eval", f"{fusion}/one", "--json", cwd=folder).stdout)["metrics"]
    assert {name: each["value"] for name, each in scored.items()} == pytest.approx(found)
    assert scored["accuracy_without_rules"]["interval"][0] <= found["accuracy_without_rules"]
    rows = read_row_scores(folder / "runs" / fusion / "one" / "predictions" / "test.safetensors")
    assert {name: rows.metrics[name].value() for name in ("accuracy", "accuracy_without_rules")} == pytest.approx(
        {name: found[name] for name in ("accuracy", "accuracy_without_rules")}), "as `nlp compare` reads them"


def test_a_prediction_says_what_came_from_which_side(folder):
    text = "the big bird runs"
    (fields,) = map(json.loads, nlp("predict", "gate/one", text, "--json", cwd=folder).stdout.splitlines())
    assert fields["why"]["matched"] == "bird"
    assert fields["why"]["sides"]["network"]["share"] + fields["why"]["sides"]["rules"]["share"] == pytest.approx(1)
    printed = nlp("predict", "gate/one", text, cwd=folder).stdout
    assert "rule 2 for bird, which found 'bird'" in printed
    assert f"rules {fields['why']['sides']['rules']['probability']:.3f} (share " in printed
    for method in ("auto", "gradient_input", "rules", "leave_one_out"):
        explained = nlp("predict", "gate/one", text, "--explain", method, "--json", cwd=folder)
        assert json.loads(explained.stdout)["explanation"]["tokens"]


@pytest.mark.parametrize("fusion", ["gate", "distillation"])
@pytest.mark.slow
def test_a_resumed_run_ends_as_one_that_never_stopped(folder, fusion):
    """Stopped in the middle of an epoch of 7 steps."""
    steps = STEPS.replace("epochs: 3", "epochs: 15, evaluate_every: 30").replace("every_steps: 3", "every_steps: 5")
    write(folder, fusion, steps=steps).rename(folder / f"{fusion}-long.yaml")
    write(folder, fusion)
    nlp("train", "--config", f"{fusion}-long.yaml", "--name", "full", cwd=folder)
    code, _ = interrupted(folder, f"{fusion}-long.yaml", "parts", signal.SIGINT, delay=0.0)
    assert code == 130
    nlp("train", "--resume", f"{fusion}-long/parts", cwd=folder)
    full, parts = (folder / "runs" / f"{fusion}-long" / name for name in ("full", "parts"))
    assert weights(parts) == weights(full)
    assert timeless(parts) == timeless(full)


def test_files_of_rules_are_looked_for_beside_the_recipe(tmp_path):
    inner = tmp_path / "recipes"
    inner.mkdir()
    write_data(inner)
    (inner / "own.yaml").write_text("- {label: cat, keywords: [cat]}\n", encoding="utf-8")
    (inner / "words.tsv").write_text("runs\t1.5\nsleeps\t-1\n", encoding="utf-8")
    files = "rules: {mode: weighted, default: dog, rules_file: own.yaml, lexicon: {file: words.tsv, positive: dog, negative: bird}}"
    write(inner, "logits", rules=files)
    recipe = load_recipe(str(inner / "logits.yaml"))
    assert isinstance(recipe.model, NeuralSymbolicConfig)
    assert recipe.model.rules.rules[0].keywords == ["cat"]
    assert recipe.model.rules.lexicon is not None
    assert recipe.model.rules.lexicon.file == str(inner / "words.tsv")
    before = method_address(recipe)
    nlp("train", "--config", "recipes/logits.yaml", "--name", "one", cwd=tmp_path)
    (inner / "words.tsv").write_text("runs\t2\nsleeps\t-1\n", encoding="utf-8")
    assert method_address(load_recipe(str(inner / "logits.yaml"))) != before
    write(inner, "gate", rules="rules: {default: dog, rules_file: missing.yaml}")
    assert "there is no file" in nlp("train", "--config", "recipes/gate.yaml", cwd=tmp_path, code=2).stderr


@pytest.mark.parametrize(("change", "message"), [
    ({"task": CLASSES.replace("classification", "tagging")}, "neural_symbolic does not support task.type tagging"),
    ({"rules": RULES.replace("label: bird", "label: horse")}, "votes for `horse`, which is not a class of this data"),
    ({"rules": "rules: {default: dog}"}, "give rules or rules_file, or a lexicon"),
    ({"tokenizer": ""}, "tokenizer: is missing"),
    ({"steps": ""}, "training: is missing"),
])
def test_bad_recipes_are_refused_in_one_paragraph(folder, change, message, tmp_path):
    write_data(tmp_path)
    write(tmp_path, **change)
    printed = nlp("train", "--config", "gate.yaml", cwd=tmp_path, code=2).stderr
    assert message in printed
    assert "Traceback" not in printed


def test_a_sequence_network_needs_an_ordered_tokenizer(tmp_path):
    write_data(tmp_path)
    path = write(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("type: mlp, hidden_sizes: [8]", "type: cnn"), encoding="utf-8")
    assert "n-grams have no order" in nlp("train", "--config", "gate.yaml", cwd=tmp_path, code=2).stderr
    path.write_text(path.read_text(encoding="utf-8").replace(NGRAMS, WORDS), encoding="utf-8")
    nlp("train", "--config", "gate.yaml", "--name", "one", cwd=tmp_path)


def test_a_ramp_is_not_recorded(tmp_path):
    write_data(tmp_path)
    recorded = STEPS.replace("clip_norm", "cuda_graphs: true, clip_norm")
    write(tmp_path, "distillation, ramp: 0.9", steps=recorded).rename(tmp_path / "ramp.yaml")
    assert "with model.fusion.ramp steps differ" in nlp("train", "--config", "ramp.yaml", cwd=tmp_path, code=2).stderr


@pytest.mark.slow
def test_two_processes_train_it(folder):
    nlp_process("train", "--config", "gate.yaml", "--name", "two", "--processes", "2", cwd=folder)
    assert results(folder / "runs" / "gate" / "two")["test"]["accuracy"] > 0


@pytest.mark.slow
def test_from_the_command_line_on_real_data(tmp_path):
    """A tenth of the surnames, fused with the rules of `names/rules`."""
    settings = ("--set", "data.train_share=0.1", "--set", "training.epochs=2")
    nlp_process("train", "--config", "names/neural-symbolic", "--name", "one", *settings, cwd=tmp_path, NLP_RUNS=str(tmp_path / "runs"))
    run = tmp_path / "runs" / "names" / "neural-symbolic" / "one"
    found = results(run)["test"]
    assert found["accuracy"] > found["accuracy_without_rules"]
    printed = nlp_process("predict", str(run), "Kowalski", cwd=tmp_path).stdout
    assert printed.startswith("Polish")
    assert "rules " in printed
