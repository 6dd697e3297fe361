"""One optimiser step against torch by hand: accumulation, clipping, averaging, and what is not finite."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.models.networks import MlpConfig
from nlp.configs.schema.tasks.classification import ClassificationConfig
from nlp.configs.schema.training import TrainingConfig
from nlp.datasets.encoded.split import Batch, Encoding, Target
from nlp.models.build import build_model
from nlp.tasks.classification import Classification
from nlp.training.distributed import World
from nlp.training.loop.gradient import GradientLearner, layer_of, to_tensors
from nlp.training.loop.schedules import Schedule
from torch.nn import functional

CPU = torch.device("cpu")


def network(dropout: float = 0.0):
    torch.manual_seed(3)
    config = MlpConfig(type="mlp", d_embedding=6, hidden_sizes=[8], dropout=dropout)
    return build_model(config, SizesData(type="sizes", vocab_size=20, n_classes=3), TASK.head)


def known(labels: np.ndarray) -> dict[str, Target]:
    """Class ids as the targets of a batch in which each row has a label."""
    return {"labels": Target(labels, np.ones(len(labels), dtype=bool))}


def batch(rows: int, seed: int = 0) -> Batch:
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 5, size=rows)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int32)
    tokens = generator.integers(7, 20, size=lengths.sum()).astype(np.int32)
    return Batch(np.arange(rows), {"tokens": tokens, "starts": starts, "weights": None}, known(generator.integers(3, size=rows)))


def cut(full: Batch, pieces: int) -> list[Batch]:
    """The same rows as several micro-batches."""
    bounds = [*full.inputs["starts"], len(full.inputs["tokens"])]
    parts = []
    for rows in np.array_split(np.arange(len(full)), pieces):
        first, last = bounds[rows[0]], bounds[rows[-1] + 1]
        starts = (full.inputs["starts"][rows] - first).astype(np.int32)
        labels = full.targets["labels"].values[rows]
        parts.append(Batch(rows, {"tokens": full.inputs["tokens"][first:last], "starts": starts, "weights": None}, known(labels)))
    return parts


def classification(config: ClassificationConfig, counts: Sequence[int] = (1, 1, 1)) -> Classification:
    return Classification(config, Encoding(SizesData(type="sizes", n_classes=3), ("a", "b", "c"), tuple(counts)))


TASK = classification(ClassificationConfig(type="classification"))
WEIGHTED = ClassificationConfig(type="classification", label_smoothing=0.1, class_weights={"a": 3.0, "c": 0.5})


def training(optimizer: dict | None = None, **more) -> TrainingConfig:
    return TrainingConfig.model_validate({"steps": 100, "optimizer": optimizer or {"type": "adamw", "learning_rate": 0.01}, **more})


def learner(config: TrainingConfig, model=None, task=TASK, seed=1) -> GradientLearner:
    return GradientLearner(model or network(), task, config, Schedule(config.schedule, 100), seed=seed, world=World())


def weights(of: GradientLearner) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in of.model.state_dict().items()}


def assert_same(one, other, **tolerance):
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], **tolerance)


REFERENCES = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda groups: torch.optim.Adam(groups, lr=0.05),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.05),
    "adagrad": lambda groups: torch.optim.Adagrad(groups, lr=0.05),
    "rmsprop": lambda groups: torch.optim.RMSprop(groups, lr=0.05, momentum=0.5),
}
EXTRA = {"sgd": {"momentum": 0.9, "nesterov": True}, "rmsprop": {"momentum": 0.5}}


@pytest.mark.parametrize("kind", REFERENCES)
@pytest.mark.parametrize("clip_norm", [None, 0.05, 100.0], ids=["unclipped", "clipped", "below the norm"])
def test_steps_equal_a_loop_by_hand(kind, clip_norm):
    config = training({"type": kind, "learning_rate": 0.05, "weight_decay": 0.1, **EXTRA.get(kind, {})}, clip_norm=clip_norm)
    ours, model = learner(config), network()
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    reference = REFERENCES[kind]([{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}])
    for step in range(1, 6):
        ours.update([batch(8, step)], step, watched=False)
        inputs, targets = to_tensors(batch(8, step), CPU)
        functional.cross_entropy(model(**inputs), targets["labels"].values).backward()
        if clip_norm:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        reference.step()
        reference.zero_grad()
    assert_same(ours.model.state_dict(), model.state_dict(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("task", [TASK, classification(WEIGHTED)], ids=["plain", "weighted"])
def test_accumulated_micro_batches_equal_one_batch(task):
    full, pieces = learner(training(), task=task), learner(training(), task=task)
    for step in range(1, 5):
        once = full.update([batch(32, step)], step, watched=False)
        parts = pieces.update(cut(batch(32, step), 5), step, watched=False)
        for name in ("loss", "accuracy"):
            torch.testing.assert_close(once[name][0] / once[name][1], parts[name][0] / parts[name][1])
    assert_same(full.model.state_dict(), pieces.model.state_dict(), rtol=1e-4, atol=1e-6)


def test_class_weights_and_smoothing_equal_torchs():
    ours = learner(training(), task=classification(WEIGHTED))
    inputs, targets = to_tensors(batch(16), CPU)
    expected = functional.cross_entropy(ours.model(**inputs), targets["labels"].values, torch.tensor([3.0, 1.0, 0.5]), label_smoothing=0.1)
    loss = ours.update([batch(16)], 1, watched=False)["loss"]
    torch.testing.assert_close(loss[0] / loss[1], expected.detach())


def test_balanced_weights_equal_scikit_learns():
    from sklearn.utils.class_weight import compute_class_weight

    counts = np.array([10, 5, 1])
    task = classification(ClassificationConfig(type="classification", class_weights="balanced"), counts)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=np.repeat(np.arange(3), counts))
    assert task._class_weights() == pytest.approx(expected.tolist())


def test_watched_steps_log_rate_norms_and_update_ratios():
    ours = learner(training({"type": "sgd", "learning_rate": 0.5}))
    before = weights(ours)
    ours.update([batch(8)], 1, watched=True)
    figures = ours.figures()
    assert figures["learning_rate"] == 0.5
    model = network()
    inputs, targets = to_tensors(batch(8), CPU)
    functional.cross_entropy(model(**inputs), targets["labels"].values).backward()
    for layer in {layer_of(name) for name in before}:
        names = [name for name in before if layer_of(name) == layer]
        gradient = torch.cat([dict(model.named_parameters())[name].grad.flatten() for name in names]).norm()
        size = torch.cat([before[name].flatten() for name in names]).norm()
        assert figures[f"gradient_norm/{layer}"] == pytest.approx(gradient.item(), rel=1e-4)
        assert figures[f"update_ratio/{layer}"] == pytest.approx((0.5 * gradient / size).item(), rel=1e-3)


@pytest.mark.parametrize("kind", REFERENCES)
def test_a_step_that_is_not_finite_changes_nothing_from_then_on(kind):
    ours = learner(training({"type": kind, "learning_rate": 0.05}))
    ours.update([batch(8)], 1, watched=False)
    good = weights(ours)
    ours.model.embedding.bag.weight.data[9] = float("nan")
    broken = weights(ours)
    ours.update([batch(8)], 2, watched=False)
    ours.update([batch(8)], 3, watched=False)
    assert ours.bad_step() == 2
    assert_same(weights(ours), broken, equal_nan=True)
    assert any(not torch.equal(good[name], broken[name]) for name in good)
    assert "output" in ours.explain_bad_step([batch(8)], 2)


def test_a_gradient_with_one_number_that_is_not_finite_is_named():
    ours = learner(training({"type": "sgd", "learning_rate": 0.05}))
    name, parameter = next((name, each) for name, each in ours.model.named_parameters() if name.startswith("hidden") and each.ndim == 2)
    parameter.register_hook(lambda gradient: gradient.index_put((torch.tensor([0]), torch.tensor([1])), torch.tensor(float("inf"))))
    ours.update([batch(8)], 1, watched=False)
    assert ours.bad_step() == 1
    assert ours.explain_bad_step([batch(8)], 1) == f"the gradient of {name}"


def test_averages_follow_the_formula_and_are_what_is_evaluated():
    ours = learner(training({"type": "sgd", "learning_rate": 0.5}, ema=0.9))
    expected = weights(ours)
    for step in range(1, 4):
        ours.update([batch(8, step)], step, watched=False)
        now = weights(ours)
        expected = {name: 0.9 * expected[name] + 0.1 * now[name] for name in expected}
    raw = weights(ours)
    with ours.evaluating() as model:
        assert_same(model.state_dict(), expected)
    assert_same(weights(ours), raw, rtol=0, atol=0)


@pytest.mark.parametrize("more", [{}, {"ema": 0.9}, {"schedule": {"type": "plateau", "patience": 0}}])
@pytest.mark.parametrize("kind", REFERENCES)
def test_resumed_steps_equal_uninterrupted_ones_bit_for_bit(kind, more, tmp_path):
    config = training({"type": kind, "learning_rate": 0.05, **EXTRA.get(kind, {})}, **more)
    full = learner(config, network(dropout=0.5))
    for step in range(1, 11):
        if step == 6:
            full.evaluated(0.5)
            full.evaluated(0.4)
            full.save(tmp_path)
            state = full.state()
        full.update([batch(8, step)], step, watched=False)
    again = learner(config, network(dropout=0.5))
    again.resume(tmp_path, state)
    for step in range(6, 11):
        again.update([batch(8, step)], step, watched=False)
    assert_same(weights(again), weights(full), rtol=0, atol=0)
    with again.evaluating() as one, full.evaluating() as other:
        assert_same(one.state_dict(), other.state_dict(), rtol=0, atol=0)


def test_dropout_depends_on_seed_and_step_alone():
    def after(seed, noise):
        ours = learner(training(), network(dropout=0.5), seed=seed)
        torch.manual_seed(noise)
        ours.update([batch(8)], 1, watched=False)
        return weights(ours)

    assert_same(after(1, 0), after(1, 99), rtol=0, atol=0)
    assert any(not torch.equal(value, after(2, 0)[name]) for name, value in after(1, 0).items())


@pytest.mark.parametrize(("has_it", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_bf16_learns_too_and_is_fp32_on_a_processor_without(has_it, dtype, monkeypatch):
    monkeypatch.setattr("nlp.training.loop.gradient.has_bf16", lambda device: has_it)
    ours = learner(training(precision="bf16"))
    losses, seen = [], set()
    next(each for each in ours.model.modules() if isinstance(each, torch.nn.Linear)).register_forward_hook(
        lambda module, inputs, output: seen.add(output.dtype))
    for step in range(1, 61):
        loss = ours.update([batch(16)], step, watched=False)["loss"]
        losses.append((loss[0] / loss[1]).item())
    assert losses[-1] < 0.7 * losses[0]
    assert seen == {dtype}
    assert all(parameter.dtype == torch.float32 for parameter in ours.model.parameters())


@pytest.mark.parametrize(("weight", "layer"), [
    ("hidden.layers.0.attention.qkv.weight", "hidden.layers.0"), ("embedding.words.tokens.weight", "embedding.words"),
    ("output.weight", "output"), ("hidden.3.bias", "hidden.3"), ("embedding.words.weight", "embedding.words"),
])
def test_figures_are_reported_by_layer(weight, layer):
    assert layer_of(weight) == layer
