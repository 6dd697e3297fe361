"""`nlp count-params`: the exact figures, sums by hand that agree, memory and arithmetic, recipes of every generation."""

import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from command import NLP, nlp
from contracts import ENCODERS, NETWORKS, Case, chain, one_thread, parameters_by_hand, recurrent, tensors_for, transformer
from nlp.analysis.counting.cost import measure, state_size
from nlp.analysis.counting.model_size import Counted, count_recipe, needs_data
from nlp.analysis.counting.parameters import count_parameters
from nlp.analysis.counting.published_models import PUBLISHED, neighbours
from nlp.cli.count_params import count, in_bytes
from nlp.configs.load import load_recipe
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.recipe import Recipe
from nlp.configs.schema.training import Adagrad, Adam, RmsProp, Sgd, TrainingConfig
from nlp.errors import ConfigError
from nlp.models.forward_cost import Load, build_without_weights, forward_cost, whole_forward_cost
from nlp.models.head import Head
from torch import nn

__all__ = ["one_thread"]

FIGURES = {
    "shallow": 5_560,
    "deep": 69_418,
    "mnist": 235_146,
    "mini-lm": 143_017_808,
    "gpt2-small": 124_439_808,
    "transformer-base": 63_082_496,
    "bert-base": 109_482_240,
    "bert-large": 335_141_888,
    "roberta-base": 124_645_632,
    "distilbert": 66_362_880,
    "albert-base": 11_683_584,
    "gpt2-medium": 354_823_168,
    "gpt2-large": 774_030_080,
    "gpt2-xl": 1_557_611_200,
    "gpt3": 174_604_259_328,
    "llama-2-7b": 6_738_415_616,
    "mistral-7b": 7_241_732_096,
    "t5-small": 60_506_624,
}
SIZES = {"type": "sizes", "vocab_size": 1_000, "n_classes": 3}


def recipe(model: dict, **sections) -> Recipe:
    return Recipe.model_validate({"data": SIZES, "task": {"type": "classification"}, "model": model, **sections})


@pytest.mark.parametrize("name", FIGURES)
def test_exact_figures(name: str) -> None:
    assert count(f"counting/{name}").total == FIGURES[name]


@pytest.mark.parametrize("name", FIGURES)
def test_the_exact_figures_by_hand(name: str) -> None:
    loaded = load_recipe(f"counting/{name}")
    head = None
    if loaded.task is not None and loaded.task.type == "classification":
        head = Head("classes", loaded.data.n_classes)
    elif loaded.task is not None and loaded.task.type == "sequence_to_sequence":
        head = Head("sequence", loaded.data.vocab_size, tied=True, tied_source=True, bias=False)
    elif loaded.task is not None:
        head = Head("vocabulary", loaded.data.vocab_size, tied=loaded.task.tie_embeddings, bias=loaded.task.output_bias)
    assert parameters_by_hand(loaded.model, loaded.data, head) == FIGURES[name]


@pytest.mark.parametrize("name", FIGURES)
def test_the_sum_in_each_recipe_is_right(name: str) -> None:
    import nlp as package

    text = (Path(package.__file__).parent / "configs" / "counting" / f"{name}.yaml").read_text(encoding="utf-8")
    sums = re.findall(r"^# ([\d,x+ ]+) = ([\d,]+)$", text, re.MULTILINE)
    assert len(sums) == 1
    terms = [term.split(" x ") for term in sums[0][0].replace(",", "").split(" + ")]
    products = [int(term[0]) * int(term[1]) if len(term) == 2 else int(term[0]) for term in terms]
    assert sum(products) == int(sums[0][1].replace(",", "")) == FIGURES[name]


@pytest.mark.parametrize("case", [*NETWORKS, *ENCODERS], ids=lambda case: case.name)
def test_counted_without_weights_as_with_them(case: Case) -> None:
    bare = count_parameters(build_without_weights(case.config, case.sizes, case.head))
    real = count_parameters(case.build())
    assert bare == real
    assert bare.total == parameters_by_hand(case.config, case.sizes, case.head) == sum(layer.parameters for layer in bare.layers)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 9])
def test_depth_limits_the_table_and_not_the_sum(depth: int) -> None:
    case = next(case for case in NETWORKS if case.name == "transformer-bert")
    layers = count_parameters(case.build(), depth).layers
    assert sum(layer.parameters for layer in layers) == parameters_by_hand(case.config, case.sizes, case.head)
    assert all(layer.name.count(".") < depth for layer in layers)
    assert (len(layers) == 3) == (depth == 1)


def test_alike_layers_share_a_row_and_show_their_sum() -> None:
    parameters = count_parameters(Case("t", transformer(n_layers=3)).build())
    rows = {layer.name: layer for layer in parameters.layers}
    assert rows["hidden.blocks.0-2.feed_forward.wide"].sum == "3 x (16 x 8 + 16)"
    assert rows["hidden.blocks.0-2.feed_forward.wide"].parameters == 3 * (16 * 8 + 16)
    gru = count_parameters(Case("gru", recurrent("gru", n_layers=3)).build())
    assert [layer.name for layer in gru.layers] == ["embedding.tokens", "hidden.layers.0.ahead", "hidden.layers.1-2.ahead", "output.scores"]


def test_ties_are_counted_once_and_named() -> None:
    case = next(case for case in NETWORKS if case.name == "transformer-gpt")
    parameters = count_parameters(case.build())
    (tie,) = parameters.ties
    assert tie.names == ("embedding.words.tokens.weight", "output.scores.weight")
    assert tie.parameters == 40 * 8
    assert parameters.looked_up == 32 * 8  # positions alone: every token is multiplied with the shared matrix


def test_frozen_parameters_are_reported_apart() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    parameters = count_parameters(model)
    assert (parameters.trainable, parameters.frozen) == (chain([4, 2]), chain([3, 4]))


# Memory and arithmetic


def cost_of(case: Case, load: Load, training: TrainingConfig | None = None):
    model = build_without_weights(case.config, case.sizes, case.head)
    return measure(model, load, count_parameters(model), training)


def test_cost_of_dense_layers_by_hand() -> None:
    case = Case("mlp", load_recipe("counting/mnist").model, Head("classes", 10), sizes=SizesData(type="sizes", n_features=784))
    cost = cost_of(case, Load(5, 1))
    assert cost.flops_per_token == 2 * (784 * 256 + 256 * 128 + 128 * 10)
    assert cost.activations == 4 * 5 * (784 + 256 + 128)  # what each layer read; ReLU keeps its output, which is the same memory
    assert (cost.weights, cost.gradients, cost.optimizer) == (4 * 235_146, 4 * 235_146, 8 * 235_146)


def test_flops_of_a_transformer_by_hand() -> None:
    config = load_recipe("counting/gpt2-small").model
    sizes = SizesData(type="sizes", vocab_size=50_257)
    cost = cost_of(Case("gpt2", config, Head("vocabulary", 50_257, tied=True, bias=False), sizes=sizes), Load(2, 1024))
    attention = 2 * 1024 * 768 * 2  # queries with keys, weights with values
    assert cost.flops_per_token == 12 * (2 * (4 * 768**2 + 2 * 768 * 3072) + attention) + 2 * 768 * 50_257


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_flops_of_a_recurrent_layer_by_hand(cell, gates: int) -> None:
    cost = cost_of(Case(cell, recurrent(cell, bidirectional=True)), Load(3, 10))
    assert cost.flops_per_token == pytest.approx(2 * 2 * gates * (8 * 6 + 6 * 6) + 2 * 12 * 4 / 10)


def test_flops_of_a_bag_by_hand() -> None:
    case = next(case for case in NETWORKS if case.name == "mlp-sparse")
    assert cost_of(case, Load(4, 10)).flops_per_token == pytest.approx(2 * 16 + 2 * 16 * 4 / 10)


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_a_tall_stack_costs_what_all_its_blocks_cost(norm, dropout: float) -> None:
    case = Case("tall", transformer(n_layers=7, norm=norm, dropout=dropout))
    model = build_without_weights(case.config, case.sizes, case.head)
    assert forward_cost(model, Load(2, 9)) == whole_forward_cost(model, Load(2, 9))
    assert len(model.hidden.blocks) == 7


NOT_RECURRENT = [case for case in NETWORKS if case.config.type in ("mlp", "cnn", "transformer") and "characters" not in case.config.inputs]


@pytest.mark.parametrize("case", NOT_RECURRENT, ids=lambda case: case.name)
def test_activations_are_those_that_a_cpu_keeps(case: Case) -> None:
    texts = [[1 + place % 30 for place in range(8)]] * 3
    model = case.build()
    weights = {id(parameter.untyped_storage()) for parameter in model.parameters()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if id(storage) not in weights:
            kept[id(storage)] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        scores = model(**tensors_for(case, texts))
    load = Load(3, 8) if "vector" not in case.config.inputs else Load(3, 1)
    expected = sum(storage.nbytes() for storage in kept.values())
    assert cost_of(case, load).activations == pytest.approx(expected, rel=0.15, abs=100)  # the CPU's bags keep less of their bounds
    assert len(scores) == 3


@pytest.mark.parametrize(("optimizer", "numbers"), [
    (None, 2),
    (Adam(type="adamw", learning_rate=1.0), 2),
    (Sgd(type="sgd", learning_rate=1.0), 0),
    (Sgd(type="sgd", learning_rate=1.0, momentum=0.9), 1),
    (Adagrad(type="adagrad", learning_rate=1.0), 1),
    (RmsProp(type="rmsprop", learning_rate=1.0), 1),
    (RmsProp(type="rmsprop", learning_rate=1.0, momentum=0.9), 2),
])
def test_numbers_that_an_optimizer_keeps(optimizer, numbers: int) -> None:
    assert state_size(optimizer) == numbers
    if optimizer is not None:
        parameter = nn.Parameter(torch.ones(5))
        parameter.grad = torch.ones(5)
        settings = {"momentum": optimizer.momentum} if isinstance(optimizer, Sgd | RmsProp) else {}
        names = {"adamw": "AdamW", "sgd": "SGD", "adagrad": "Adagrad", "rmsprop": "RMSprop"}
        theirs = getattr(torch.optim, names[optimizer.type])([parameter], lr=1.0, **settings)
        theirs.step()
        kept = [value for value in theirs.state[parameter].values() if torch.is_tensor(value) and value.shape == parameter.shape]
        assert len(kept) == numbers


def test_averaged_weights_are_counted() -> None:
    training = TrainingConfig(epochs=1, optimizer=Sgd(type="sgd", learning_rate=0.1), ema=0.99)
    case = NETWORKS[0]
    assert cost_of(case, Load(1, 4), training).weights == 2 * cost_of(case, Load(1, 4)).weights


@pytest.mark.parametrize(("training", "texts"), [
    (None, 1), ({"batch_size": 12}, 12), ({"batch_tokens": 1_300}, 10), ({"batch_size": "full"}, 1),
])
def test_the_batch_is_the_recipes(training, texts: int) -> None:
    plain = {"epochs": 1, "optimizer": {"type": "sgd", "learning_rate": 0.1}}
    load = count_recipe(recipe({"type": "cnn"}, training=None if training is None else plain | training)).network.load
    assert (load.texts, load.tokens) == (texts, 128)


# Other generations, and sizes


@pytest.mark.parametrize(("model", "total"), [
    ({"type": "naive_bayes"}, 3_003), ({"type": "logistic_regression"}, 3_003), ({"type": "linear_svm"}, 3_003),
    ({"type": "decision_tree"}, None), ({"type": "random_forest"}, None), ({"type": "knn"}, None),
])
def test_classical_models(model, total) -> None:
    assert count_recipe(recipe(model)) == Counted(model["type"], total, {"features": 1_000, "classes": 3})


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("family", ["naive_bayes", "logistic_regression", "linear_svm"])
def test_classical_models_learn_as_many_numbers_as_were_counted(family: str, n_classes: int) -> None:
    import numpy as np
    from nlp.models.build import build_model

    made = recipe({"type": family}, data={"type": "sizes", "vocab_size": 7, "n_classes": n_classes})
    model = build_model(made.model, made.data, Head("classes", n_classes))
    n_texts = 6 * n_classes
    tokens, starts = np.arange(n_texts, dtype=np.int32) % 7, np.arange(n_texts, dtype=np.int32)
    targets = {"labels": (np.arange(n_texts) % n_classes, np.ones(n_texts, bool))}
    model.fit(tokens=tokens, starts=starts, weights=None, targets=targets, seed=1)
    assert model.describe()["coefficients"] == count_recipe(made).total


def test_rules_are_counted_without_data_or_torch(tmp_path: Path) -> None:
    rules = [{"label": "a", "keywords": ["x", "y"]}, {"label": "b", "pattern": "z"}]
    made = recipe({"type": "rules", "default": "a", "rules": rules})
    assert count_recipe(made) == Counted("rules", 0, {"rules": 2, "keywords": 2, "patterns": 1})
    assert not needs_data(load_recipe("names/rules"))
    done = nlp("count-params", "--config", "names/rules", cwd=tmp_path)
    assert "nothing is learned" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(("sections", "missing"), [
    ({}, "vocab_size"),
    ({"data": {"type": "sizes", "vocab_size": 3}}, "n_classes"),
    ({"model": {"type": "naive_bayes"}}, "vocab_size"),
    ({"model": {"type": "mlp", "input": "vector"}}, "n_features"),
    ({"model": {"type": "transformer"}, "task": {"type": "language_modeling"}}, "vocab_size"),
])
def test_a_missing_size_is_named(sections, missing: str) -> None:
    with pytest.raises(ConfigError, match=rf"data\.{missing} is missing"):
        count_recipe(recipe(**{"model": {"type": "lstm"}, "data": {"type": "sizes", "n_classes": 3}, **sections}))


def test_classes_may_be_declared_by_the_task() -> None:
    made = recipe({"type": "mlp"}, data={"type": "sizes", "vocab_size": 10}, task={"type": "classification", "labels": ["a", "b"]})
    assert count_recipe(made).total == chain([10, 2])


# The command


def test_json_of_a_network(tmp_path: Path) -> None:
    reported = json.loads(nlp("count-params", "--config", "counting/gpt2-small", "--format", "json", cwd=tmp_path).stdout)
    assert reported["total_parameters"] == reported["trainable_parameters"] == 124_439_808
    assert sum(layer["parameters"] for layer in reported["layers"]) == 124_439_808
    assert sum(layer["share"] for layer in reported["layers"]) == pytest.approx(1)
    assert reported["bytes"]["weights"] == 4 * 124_439_808
    assert reported["batch"] == {"texts": 1, "tokens": 1024}
    assert reported["flops_per_token"] > reported["flops_per_token_by_2n"] == 2 * (124_439_808 - 1024 * 768)


def test_the_table_of_a_network(tmp_path: Path) -> None:
    printed = nlp("count-params", "--config", "counting/shallow", cwd=tmp_path).stdout
    for words in ("50 x 100 + 50", "90.8%", "Trainable: 5,560; frozen: 0", "NETtalk", "Total: 5,560 parameters"):
        assert words in printed


def test_a_recipe_with_data_learns_its_sizes_from_it_and_reports_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    done = nlp("count-params", "--config", "names/lstm", "--format", "json", cwd=tmp_path)
    reported = json.loads(done.stdout)
    recipe_ = load_recipe("names/lstm")
    layers = {layer["name"]: layer for layer in reported["layers"]}
    (n_tokens, size), = layers["embedding.tokens"]["shapes"]
    assert size == recipe_.model.d_embedding
    sizes = SizesData(type="sizes", vocab_size=n_tokens)
    assert reported["total_parameters"] == parameters_by_hand(recipe_.model, sizes, Head("classes", 15))
    assert reported["batch"]["texts"] == recipe_.training.batch_size
    assert "read" in done.stderr


def test_sizes_can_be_put_in_place_of_data(tmp_path: Path) -> None:
    sizes = "data={type: sizes, vocab_size: 50, n_classes: 3}"
    done = nlp("count-params", "--config", "names/lstm", "--set", sizes, "--format", "json", cwd=tmp_path)
    assert done.stderr == ""
    assert json.loads(done.stdout)["batch"]["tokens"] == 128


@pytest.mark.skipif(sys.platform == "win32", reason="asks the system for the memory of a process that has ended")
def test_gpt3_takes_seconds_and_not_its_memory(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [NLP, "count-params", "--config", "counting/gpt3", "--format", "json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert json.loads(done.stdout)["total_parameters"] == 174_604_259_328
    assert after.ru_utime - before.ru_utime < 8  # about 3 alone; on a busy machine a second of work takes longer
    assert after.ru_maxrss < 2_000_000  # kB on Linux; its weights would be 698 GB


# Scale


def test_the_scale_is_sorted_and_finds_neighbours() -> None:
    sizes = [model.parameters for model in PUBLISHED]
    assert sizes == sorted(sizes)
    assert [model.name for model in neighbours(5)] == ["NETtalk"]
    assert [model.name for model in neighbours(124_439_808)] == ["GPT-2 small", "Transformer big"]
    assert [model.name for model in neighbours(10**13)] == ["PaLM"]


@pytest.mark.parametrize(("count_", "printed"), [
    (0, "0 B"), (999, "999 B"), (1_000, "1 kB"), (999_700, "1 MB"), (698_417_037_312, "698 GB"),
])
def test_bytes_in_words(count_: int, printed: str) -> None:
    assert in_bytes(count_) == printed
