"""Batches whose contents depend on the step, and targets that are numbers: on every rank, and after a resumption."""

import dataclasses

import numpy as np
import pytest
import torch
from command import TRAINING, failing_at, nlp, write_names, write_recipe
from nlp.configs.schema.tokenizer import UNK
from nlp.datasets.encoded.split import Batch, StepRandom, Target
from nlp.datasets.encoded.texts.labelled_texts import LabelledSplit
from nlp.training.devices import Setting
from nlp.training.distributed import World
from nlp.training.loop.trainer import window_batches
from torch.nn import functional

EMBEDDED = frozenset({"tokens"})


def test_random_numbers_are_a_function_of_seed_step_and_micro_batch():
    one = StepRandom(seed=1, step=5, micro_batch=0, n_rows=4).uniform(3)
    assert np.array_equal(one, StepRandom(1, 5, 0, 4).uniform(3))
    for other in (StepRandom(2, 5, 0, 4), StepRandom(1, 6, 0, 4), StepRandom(1, 5, 1, 4)):
        assert not np.array_equal(one, other.uniform(3))
    assert one.shape == (4, 3)
    assert ((one >= 0) & (one < 1)).all()


@pytest.mark.parametrize("world_size", [2, 3])
def test_each_row_keeps_its_numbers_on_any_number_of_ranks_and_at_any_width(world_size):
    alone = StepRandom(1, 5, 0, n_rows=7).uniform(6)
    for rank in range(world_size):
        share = StepRandom(1, 5, 0, 7, rank, world_size).uniform(4)
        assert np.array_equal(share, alone[rank::world_size, :4])


class Noisy(LabelledSplit):
    """Reads a third of the tokens as [UNK], other ones at each step."""

    def batch(self, rows, inputs, random=None):
        batch = super().batch(rows, inputs, random)
        if random is not None:
            dropped = random.uniform(batch.inputs["tokens"].shape[1]) < 1 / 3
            batch.inputs["tokens"] = np.where(dropped & (batch.inputs["tokens"] > UNK), UNK, batch.inputs["tokens"]).astype(np.int32)
        return batch


def test_a_run_with_noise_in_its_batches_resumes_bit_for_bit(tmp_path, monkeypatch):
    from nlp.datasets.encoded.texts import labelled_texts

    monkeypatch.setattr(labelled_texts, "LabelledSplit", Noisy)
    write_names(tmp_path)
    write_recipe(tmp_path, "lstm", TRAINING.replace("log_every: 5", "log_every: 5, checkpoints: {every_steps: 7}"))
    nlp("train", "--config", "lstm.yaml", "--name", "uninterrupted", cwd=tmp_path)
    with failing_at(17):
        nlp("train", "--config", "lstm.yaml", "--name", "stopped", cwd=tmp_path, code=1)
    nlp("train", "--resume", "lstm/stopped", cwd=tmp_path)
    one, other = (tmp_path / "runs" / "lstm" / name for name in ("uninterrupted", "stopped"))
    last = (one / "checkpoints" / "last").read_text()
    assert (other / "checkpoints" / "last").read_text() == last
    for file in ("model.safetensors", "state.safetensors"):
        assert (one / "checkpoints" / last.strip() / file).read_bytes() == (other / "checkpoints" / last.strip() / file).read_bytes()


@dataclasses.dataclass(frozen=True)
class Scored(LabelledSplit):
    """A number for each text in place of a class."""

    def batch(self, rows, inputs, random=None):
        numbers = self.labels[rows].astype(np.float32) + 0.5
        return dataclasses.replace(super().batch(rows, inputs, random), targets={"score": Target(numbers, np.ones(len(rows), bool))})


def squared_error(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum of squared errors of a constant prediction of 1, and how many rows it is of."""
    values, mask = (torch.from_numpy(array) for array in batch.targets["score"])
    return (functional.mse_loss(torch.ones_like(values), values, reduction="none") * mask).sum(), mask.sum()


def test_a_rank_without_a_row_adds_nothing_to_a_loss_over_numbers():
    from nlp.datasets.arrays import Ragged
    from nlp.datasets.tables import Table

    encoded = Ragged(np.arange(7, 10, dtype=np.int32), np.array([0, 1, 3]))
    split = Scored("train", Table({"text": ["a", "b c"]}, "here"), ["a", "b c"], ["", ""], np.array([0, 2]), encoded)
    window = [np.array([1]), np.array([0, 1])]
    ranks = [window_batches(split, window, EMBEDDED, Setting(1, world=World(rank, 3)), step=4) for rank in range(3)]
    assert [[len(batch) for batch in batches] for batches in ranks] == [[1, 1], [1, 1], [1, 1]], "every rank takes a batch"
    assert [[int(batch.targets["score"].mask.sum()) for batch in batches] for batches in ranks] == [[1, 1], [0, 1], [0, 0]]
    sums = [squared_error(batch) for batches in ranks for batch in batches]
    alone = [squared_error(batch) for batch in window_batches(split, window, EMBEDDED, Setting(1), step=4)]
    assert float(sum(loss for loss, _ in sums)) == float(sum(loss for loss, _ in alone))
    assert int(sum(count for _, count in sums)) == int(sum(count for _, count in alone)) == 3
