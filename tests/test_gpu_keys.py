"""What speeds up a GPU, tried on a CPU: batches made ahead, TF32, and recorded steps, with a list of operations for a recording."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from contracts import WORDS, Case, one_thread, transformer
from nlp.configs.load import load_recipe
from nlp.configs.schema.tasks.language_modeling import LanguageModelingConfig
from nlp.configs.schema.training import TrainingConfig
from nlp.datasets.encoded.split import Batch, Encoding, Target
from nlp.errors import ConfigError, TrainingError
from nlp.tasks.language_modeling import LanguageModeling
from nlp.training.devices import Setting, placed
from nlp.training.distributed import World
from nlp.training.loop import step_graphs
from nlp.training.loop.gradient import GradientLearner
from nlp.training.loop.prefetch import READY, ahead, in_pinned_memory
from nlp.training.loop.schedules import Schedule
from nlp.training.loop.step_graphs import StepGraphs
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["one_thread"]


# Batches made ahead


def test_results_come_in_order_and_are_made_a_little_ahead() -> None:
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    results = ahead(partial(make, number) for number in range(10))
    assert next(results) == 0
    deadline = time.monotonic() + 10
    while len(made) < READY + 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert made == list(range(READY + 1))
    assert list(results) == list(range(1, 10))


def test_an_error_is_raised_in_its_turn_and_the_thread_ends() -> None:
    def make(number: int) -> int:
        if number == 2:
            raise ValueError("no such batch")
        return number

    results = ahead(partial(make, number) for number in range(5))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="no such batch"):
        next(results)
    stopped = ahead(partial(make, number) for number in range(2))
    assert next(stopped) == 0
    stopped.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_pinned_batches_hold_the_same(monkeypatch) -> None:
    monkeypatch.setattr(torch.Tensor, "pin_memory", torch.Tensor.clone)  # there is no such memory without a GPU
    tokens = np.arange(6, dtype=np.int32).reshape(2, 3)
    tokens.flags.writeable = False
    batch = Batch(np.arange(2), {"tokens": tokens, "weights": None}, {"tokens": Target(tokens, tokens > 2)}, ["a", "b"])
    pinned = in_pinned_memory(batch)
    assert pinned.inputs["weights"] is None
    assert pinned.gold == batch.gold
    np.testing.assert_array_equal(pinned.inputs["tokens"], tokens)
    np.testing.assert_array_equal(pinned.targets["tokens"].mask, tokens > 2)
    assert not np.shares_memory(pinned.inputs["tokens"], tokens)


@pytest.mark.parametrize(("tf32", "precision"), [(True, "high"), (False, "highest")])
def test_tf32_is_for_gpus(monkeypatch, tf32: bool, precision: str) -> None:
    chosen: list[Any] = []
    monkeypatch.setattr(torch, "set_float32_matmul_precision", chosen.append)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", not tf32)
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, device: device)
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)
    recipe = load_recipe("names/lstm", [f"training.tf32={str(tf32).lower()}"])
    assert placed(recipe, Setting(1, "cpu"), torch.nn.Module) == "cpu"
    assert not chosen
    monkeypatch.setattr(torch, "manual_seed", lambda seed: None)
    assert placed(recipe, Setting(1, "cuda"), torch.nn.Module) == "cuda"
    assert chosen == [precision]
    assert torch.backends.cudnn.allow_tf32 is tf32


# Recorded steps


class Recorder(TorchDispatchMode):
    """Notes every operation, with the tensors that it reads and writes."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        found = func(*args, **(kwargs or {}))
        self.operations.append((func, args, kwargs or {}, found))
        return found


class Imitated(StepGraphs):
    """Records on a CPU as a GPU does: a replay repeats the operations on the same tensors, and no line of Python in between."""

    def random_state(self) -> torch.Tensor:
        return torch.get_rng_state()

    def set_random_state(self, state: torch.Tensor) -> None:
        torch.set_rng_state(state)

    def warm_up(self, step: Callable[[], Any]) -> None:
        step()

    def record(self, step: Callable[[], Any]) -> Any:
        held = [(tensor, tensor.detach().clone()) for tensor in self.changed()]
        with Recorder() as recorder:
            ratios = step()

        def replay() -> None:
            with torch.no_grad():
                for func, args, kwargs, found in recorder.operations:
                    again = tree_leaves(func(*args, **kwargs))
                    for old, new in zip(tree_leaves(found), again, strict=True):
                        if isinstance(old, torch.Tensor) and storage(old) != storage(new):
                            old.copy_(new)

        with torch.no_grad():
            for tensor, value in held:  # a recording takes no step
                tensor.copy_(value)
        return replay, ratios


def storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


CASE = Case("decoder", transformer(causal=True, dropout=0.2, attention_dropout=0.1, positions="learned"), WORDS)
TASK = LanguageModeling(LanguageModelingConfig(type="language_modeling"), Encoding(CASE.sizes, (), ()))
TRAINING = {"steps": 20, "optimizer": {"type": "adamw", "learning_rate": 0.02, "weight_decay": 0.1}, "clip_norm": 0.5,
            "schedule": {"type": "cosine", "warmup_steps": 4}}


def batch_of(step: int) -> Batch:
    """Blocks of running text, of two shapes in turns."""
    tokens = np.random.default_rng(step).integers(7, 40, (4 if step % 3 else 2, 9)).astype(np.int32)
    return Batch(np.arange(len(tokens)), {"tokens": tokens[:, :-1], "lengths": np.full(len(tokens), 8)},
                 {"tokens": Target(tokens[:, 1:].astype(np.int64), np.ones((len(tokens), 8), dtype=bool))})


def learner(recorded: bool, **more: Any) -> GradientLearner:
    training = TrainingConfig.model_validate({**TRAINING, **more})
    made = GradientLearner(CASE.build(), TASK, training, Schedule(training.schedule, 20), seed=1, world=World())
    for group in made.players[0].optimizer.param_groups:
        group["lr"] = torch.tensor(group["lr"])  # in fp32, as a recorded step reads it
    if recorded:
        made.graphs = Imitated(made._step, made._changed)
    return made


def steps(of: GradientLearner, first: int, last: int) -> list[dict[str, float]]:
    found = []
    for step in range(first, last + 1):
        ratios = of.update([batch_of(step), batch_of(step + 3)], step, watched=True)
        found.append({**{name: float(top) / float(bottom) for name, (top, bottom) in ratios.items()}, **of.figures()})
    return found


def weights(of: GradientLearner) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in of.model.parameters()]


@pytest.mark.parametrize("more", [{}, {"ema": 0.9}, {"clip_norm": None}], ids=["clipped", "averaged", "unclipped"])
def test_recorded_steps_are_the_steps_themselves(more) -> None:
    plain, recorded = learner(False, **more), learner(True, **more)
    expected, found = steps(plain, 1, 8), steps(recorded, 1, 8)
    assert recorded.graphs is not None
    assert len(recorded.graphs.graphs) == 2
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-6)
    for one, other in zip(weights(recorded), weights(plain), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_resumed_run_records_later_and_ends_with_the_same_weights(tmp_path) -> None:
    whole = learner(True)
    steps(whole, 1, 5)
    whole.save(tmp_path)
    state = whole.state()
    steps(whole, 6, 9)
    resumed = learner(True)
    resumed.resume(tmp_path, state)
    steps(resumed, 6, 9)
    for one, other in zip(weights(resumed), weights(whole), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_sums_of_a_step_outlive_the_next_one() -> None:
    recorded = learner(True)
    first = recorded.update([batch_of(1)], 1, watched=False)
    value = float(first["loss"][0])
    recorded.update([batch_of(2)], 2, watched=False)
    assert float(first["loss"][0]) == value


def test_further_shapes_take_their_steps_without_a_graph(monkeypatch) -> None:
    monkeypatch.setattr(step_graphs, "MOST", 1)
    plain, recorded = learner(False), learner(True)
    steps(plain, 1, 6)
    steps(recorded, 1, 6)
    assert recorded.graphs is not None
    assert len(recorded.graphs.graphs) == 1
    for one, other in zip(weights(recorded), weights(plain), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_recorded_step_that_is_not_finite_changes_nothing_and_is_remembered() -> None:
    recorded = learner(True)
    steps(recorded, 1, 3)
    before = weights(recorded)
    table = recorded.parameters[0].data
    held = table.clone()
    table.fill_(float("inf"))
    recorded.update([batch_of(4), batch_of(7)], 4, watched=False)
    table.copy_(held)
    assert recorded.bad_step() == 4
    recorded.update([batch_of(5), batch_of(8)], 5, watched=False)
    for one, other in zip(weights(recorded), before, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_step_that_waits_for_the_device_is_reported(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 0))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: None)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph, pool: Recorder())
    graphs = StepGraphs(lambda tensors, step: {}, list)
    with pytest.raises(TrainingError, match=r"training.cuda_graphs: this model's step cannot be recorded \(operation not permitted"):
        graphs.record(lambda: torch.ones(()).item())


@pytest.mark.parametrize(("recipe", "setting", "words"), [
    ("names/lstm", "training.optimizer={type: sgd, learning_rate: 0.1}", "cuda_graphs needs optimizer adam or adamw, not sgd"),
    ("pydocs/lstm", "training.cuda_graphs=true", "cannot record a recurrent language model"),
    ("dates/additive", "task.teacher_forcing={type: linear, steps: 5}", "cannot record teacher forcing that changes with the step"),
])
def test_what_cannot_be_recorded_is_refused(recipe: str, setting: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_recipe(recipe, ["training.cuda_graphs=true", setting])


def test_recording_takes_one_process() -> None:
    training = TrainingConfig.model_validate({**TRAINING, "cuda_graphs": True})
    with pytest.raises(TrainingError, match="one process only"):
        GradientLearner(CASE.build(), TASK, training, Schedule(training.schedule, 20), seed=1, world=World(0, 2))
