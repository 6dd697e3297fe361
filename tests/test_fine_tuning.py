"""Fine-tuning: which layers learn at which step, how fast, and that a resumed run goes on as it would have."""

import numpy as np
import pytest
import torch
from contracts import N_CLASSES, N_TOKENS, SIZES, one_thread, recurrent, transformer
from nlp.configs.schema.models.networks import CnnConfig, RecurrentSeq2SeqConfig
from nlp.configs.schema.models.transformers import TransformerSeq2SeqConfig
from nlp.configs.schema.tasks.classification import ClassificationConfig
from nlp.configs.schema.training import FineTuneConfig, LoraConfig, TrainingConfig
from nlp.datasets.encoded.batching import Plan, RowOrder, TimedPlan
from nlp.datasets.encoded.split import Batch, Encoding, Target
from nlp.errors import ConfigError, TrainingError
from nlp.models.build import build_model
from nlp.models.head import Head
from nlp.models.layers.lora import LoraLinear
from nlp.models.networks.network import Network
from nlp.tasks.classification import Classification
from nlp.training.distributed import World
from nlp.training.folder.tensors import load_into, load_tensors
from nlp.training.loop.fine_tuning import FineTuning
from nlp.training.loop.gradient import GradientLearner
from nlp.training.loop.schedules import Schedule
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

__all__ = ["one_thread"]

TASK = Classification(ClassificationConfig(type="classification"), Encoding(SIZES, tuple("abcd"), (1,) * N_CLASSES))
PLAN = Plan(RowOrder(n_rows=12, batch_size=4, seed=1), epochs=6, steps=None)  # three steps an epoch
D_MODEL = transformer().d_model
LAYERS = "embedding", "hidden.blocks.0", "hidden.blocks.1", "output"


def learner(optimizer: str = "adamw", **fine_tune) -> GradientLearner:
    config = TrainingConfig.model_validate({"epochs": 6, "optimizer": {"type": optimizer, "learning_rate": 0.01, "weight_decay": 0.1},
                                            "fine_tune": fine_tune})
    torch.manual_seed(2)
    model = build_model(transformer(positions="learned"), SIZES, TASK.head)
    assert config.fine_tune is not None
    tuning = FineTuning(config.fine_tune, model, PLAN)
    return GradientLearner(model, TASK, config, Schedule(config.schedule, PLAN.n_steps), seed=1, world=World(), fine_tuning=tuning)


def batch(step: int) -> Batch:
    generator = np.random.default_rng(step)
    tokens = generator.integers(7, N_TOKENS, (4, 6)).astype(np.int32)
    labels = Target(generator.integers(N_CLASSES, size=4), np.ones(4, dtype=bool))
    return Batch(np.arange(4), {"tokens": tokens, "lengths": np.full(4, 6)}, {"labels": labels})


def changed(of: GradientLearner, step: int) -> set[str]:
    """The layers whose weights a step changes."""
    before = {name: value.clone() for name, value in of.model.state_dict().items()}
    of.update([batch(step)], step, watched=False)
    names = [name for name, value in of.model.state_dict().items() if not torch.equal(value, before[name])]
    return {next(layer for layer in (*LAYERS, "hidden.norm") if name.startswith(layer)) for name in names} - {"hidden.norm"}


@pytest.mark.parametrize(("last_layers", "learning"), [(0, LAYERS[3:]), (1, LAYERS[2:]), (2, LAYERS[1:]), (9, LAYERS), (None, LAYERS)])
def test_only_the_last_layers_learn(last_layers, learning):
    assert changed(learner(last_layers=last_layers), 1) == set(learning)


@pytest.mark.parametrize(("settings", "notice"), [
    ({"last_layers": 3}, None), ({"last_layers": 4}, "last_layers is 4, but the network has 3 layers below the output, which are all"),
    ({"last_layers": 2, "lora": {"rank": 8}}, None), ({"last_layers": 3, "lora": {}}, "has 2 layers below the output with adapters"),
    ({"unfreeze_every": 1}, None), ({"unfreeze_every": 2, "last_layers": 2}, None),
    ({"unfreeze_every": 2}, "unfreeze_every is 2, so the run ends before all layers are unfrozen: only the last 3 of 4 are trained."),
    ({"lora": {"rank": D_MODEL}}, None), ({"lora": {"rank": D_MODEL + 1}}, f"smallest adapted matrix has rank {D_MODEL} at most"),
    ({"lora": {"rank": 99, "matrices": ["feed_forward"]}}, f"smallest adapted matrix has rank {D_MODEL} at most"),
])
def test_numbers_above_what_there_is_are_noticed(settings, notice):
    """Of six epochs and two blocks of width D_MODEL below the output and above the embedding."""
    notices = list(learner(**settings).fine_tuning.notices())
    assert len(notices) == (notice is not None)
    assert all(notice in each for each in notices)


def test_a_run_of_unknown_length_may_unfreeze_all_layers():
    plan = TimedPlan(RowOrder(n_rows=12, batch_size=4, seed=1), seconds=1.0)
    tuning = FineTuning(FineTuneConfig(unfreeze_every=100), build_model(transformer(), SIZES, TASK.head), plan)
    assert not list(tuning.notices())


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "adagrad", "rmsprop"])
def test_one_more_layer_learns_after_each_two_epochs(optimizer):
    ours = learner(optimizer, unfreeze_every=2)
    found = [changed(ours, step) for step in range(1, PLAN.n_steps + 1)]
    assert found == [set(LAYERS[3:])] * 6 + [set(LAYERS[2:])] * 6 + [set(LAYERS[1:])] * 6


def test_of_layers_that_are_unfrozen_only_the_last_ones_learn():
    ours = learner(unfreeze_every=1, last_layers=1)
    assert [changed(ours, step) for step in (3, 4, 15)] == [{"output"}, {"hidden.blocks.1", "output"}, {"hidden.blocks.1", "output"}]


def test_what_learns_at_first_is_counted_before_the_first_step():
    gradual, whole = learner(unfreeze_every=2), learner(last_layers=1)
    for each in (gradual, whole):
        counted = each.fine_tuning.n_first
        each.update([batch(1)], 1, watched=False)
        assert counted == sum(parameter.numel() for parameter in each.model.parameters() if parameter.requires_grad)
    assert gradual.fine_tuning.n_first < whole.fine_tuning.n_first


def test_each_layer_learns_at_its_own_rate():
    """Of plain gradient descent: the step of each layer is its gradient times its own rate."""
    ours = learner("sgd", layer_decay=0.5)
    weights = {name: parameter.detach().clone() for name, parameter in ours.model.named_parameters()}
    reference = build_model(transformer(positions="learned"), SIZES, TASK.head)
    assert isinstance(reference, nn.Module)
    reference.load_state_dict(weights, strict=False)
    inputs = batch(1).inputs
    logits = reference(tokens=torch.from_numpy(inputs["tokens"]), lengths=torch.from_numpy(inputs["lengths"]))
    functional.cross_entropy(logits, torch.from_numpy(batch(1).targets["labels"].values)).backward()
    gradients = {name: parameter.grad for name, parameter in reference.named_parameters()}
    ours.update([batch(1)], 1, watched=False)
    for name, parameter in ours.model.named_parameters():
        depth = 3 - next(place for place, layer in enumerate((*LAYERS[:2], "hidden", "output")) if name.startswith(layer))
        decayed = gradients[name] + (0.1 * weights[name] if parameter.ndim > 1 else 0)
        torch.testing.assert_close(parameter.detach(), weights[name] - 0.01 * 0.5**depth * decayed, rtol=1e-4, atol=1e-7)
    assert ours.figures()["learning_rate"] == 0.01


def test_a_resumed_run_unfreezes_as_one_that_never_stopped(tmp_path):
    straight, first, second = (learner(unfreeze_every=2, layer_decay=0.7) for _ in range(3))
    for step in range(1, PLAN.n_steps + 1):
        straight.update([batch(step)], step, watched=False)
    for step in range(1, 9):
        first.update([batch(step)], step, watched=False)
    first.save(tmp_path)
    second.resume(tmp_path, first.state())
    for step in range(9, PLAN.n_steps + 1):
        second.update([batch(step)], step, watched=False)
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name


LORA = {"rank": 2, "alpha": 4.0, "matrices": ["attention", "feed_forward"]}


def test_an_adapter_is_the_product_of_two_narrow_matrices():
    torch.manual_seed(1)
    linear, x = nn.Linear(5, 3), torch.randn(4, 5)
    layer = LoraLinear(linear, rank=2, alpha=6.0)
    assert torch.equal(layer(x), linear(x))
    nn.init.normal_(layer.lora_b)
    by_hand = linear(x) + 3.0 * x @ layer.lora_a.T @ layer.lora_b.T
    torch.testing.assert_close(layer(x), by_hand)
    torch.testing.assert_close(functional.linear(x, layer.merged(), linear.bias), by_hand)


@pytest.mark.parametrize(("matrices", "count"), [(["attention"], 4), (["feed_forward"], 4), (["attention", "feed_forward"], 8)])
def test_only_adapters_and_the_output_learn(matrices, count):
    ours = learner(lora={**LORA, "matrices": matrices})
    before = {name: value.clone() for name, value in ours.model.state_dict().items()}
    for step in (1, 2):
        ours.update([batch(step)], step, watched=False)
    learned = {name for name, value in ours.model.state_dict().items() if not torch.equal(value, before[name])}
    assert learned == {name for name in before if "lora" in name or name.startswith("output.")}
    assert len([name for name in learned if name.endswith("lora_a")]) == count


def test_a_checkpoint_has_the_sum_and_the_adapters_alone(tmp_path):
    ours = learner(lora=LORA)
    for step in range(1, 6):
        ours.update([batch(step)], step, watched=False)
    ours.save(tmp_path)
    plain = build_model(transformer(positions="learned"), SIZES, TASK.head)
    assert isinstance(plain, Network)
    load_into(plain, load_tensors(tmp_path / "model.safetensors"))
    inputs = batch(9).inputs
    np.testing.assert_allclose(plain.scores(**inputs), ours.model.scores(**inputs), rtol=1e-4, atol=1e-6)
    assert all("lora" in name for name in load_tensors(tmp_path / "adapter.safetensors"))
    ours.load(tmp_path)  # as it is done before the test split is scored
    np.testing.assert_allclose(ours.model.scores(**inputs), plain.scores(**inputs), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("more", [{}, {"unfreeze_every": 1, "layer_decay": 0.5}])
def test_a_resumed_run_with_adapters_ends_as_one_that_never_stopped(more, tmp_path):
    straight, first, second = (learner(lora=LORA, **more) for _ in range(3))
    for step in range(1, 11):
        straight.update([batch(step)], step, watched=False)
        if step <= 5:
            first.update([batch(step)], step, watched=False)
    first.save(tmp_path)
    second.resume(tmp_path, first.state())
    for step in range(6, 11):
        second.update([batch(step)], step, watched=False)
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name


@pytest.mark.parametrize(("config", "head", "starts"), [
    (transformer(pooler=True), TASK.head, ["embedding", "hidden.blocks.0", "hidden.blocks.1", "output"]),
    (transformer(share_layers=True, causal=True), Head("vocabulary", N_TOKENS, tied=True, bias=False), ["embedding", "hidden.blocks.0"]),
    (recurrent("lstm", n_layers=2), TASK.head, ["embedding", "hidden.layers.0", "hidden.layers.1", "output"]),
    (CnnConfig(type="cnn"), TASK.head, ["embedding", "hidden", "output"]),
    (RecurrentSeq2SeqConfig(type="seq2seq"), Head("sequence", N_TOKENS),
     ["source_embedding", "encoder.layers.0", "decoder.start", "decoder.layers.layers.0", "output"]),
    (TransformerSeq2SeqConfig(type="transformer_seq2seq", n_encoder_layers=1, n_decoder_layers=1, d_model=8, n_heads=2),
     Head("sequence", N_TOKENS), ["source_embedding", "encoder.blocks.0", "decoder.blocks.0", "output"]),
])
def test_the_layers_of_networks(config, head, starts):
    model = build_model(config, SIZES, head)
    assert isinstance(model, Network)
    layers = model.layers()
    assert [name for layer in layers for name in layer] == [name for name, _ in model.named_parameters()]
    assert [layer[0].startswith(start) for layer, start in zip(layers, starts, strict=True)] == [True] * len(starts)


def test_settings_that_cannot_work():
    with pytest.raises(ValidationError, match="averages the two factors"):
        TrainingConfig.model_validate({"epochs": 1, "optimizer": {"type": "sgd", "learning_rate": 1.0}, "ema": 0.9,
                                       "fine_tune": {"lora": {}}})
    lstm = build_model(recurrent("lstm"), SIZES, TASK.head)
    with pytest.raises(ConfigError, match="this Recurrent has no attention matrices to adapt"):
        FineTuning(FineTuneConfig(lora=LoraConfig()), lstm, PLAN)
    with pytest.raises(ValidationError, match="cuda_graphs records one step"):
        TrainingConfig.model_validate({"epochs": 1, "optimizer": {"type": "adamw", "learning_rate": 1.0}, "cuda_graphs": True,
                                       "fine_tune": {"unfreeze_every": 1}})
    config = TrainingConfig.model_validate({"epochs": 1, "optimizer": {"type": "sgd", "learning_rate": 1.0},
                                            "fine_tune": {"unfreeze_every": 1}})
    model = build_model(transformer(), SIZES, TASK.head)
    assert config.fine_tune is not None
    with pytest.raises(TrainingError, match="in one process only"):
        GradientLearner(model, TASK, config, Schedule(config.schedule, 3), 1, World(0, 2), FineTuning(config.fine_tune, model, PLAN))
