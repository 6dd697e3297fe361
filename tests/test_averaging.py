"""The mean of the last checkpoints: the arithmetic, when it becomes the best one, and what reads it then."""

import pytest
import torch
from command import nlp, results, weights, write_names, write_recipe
from nlp.configs.schema.training import CheckpointConfig
from nlp.training.averaging import mean_weights
from nlp.training.folder.tensors import load_tensors, save_tensors
from pydantic import ValidationError

TRAINING = ("training: {{epochs: 8, batch_size: 4, log_every: 5, optimizer: {{type: {optimizer}}}, "
            "checkpoints: {{keep: 3, average: 3}}, best_metric: loss}}")


def test_each_weight_is_the_mean_of_its_like(tmp_path):
    for number, value in enumerate((1.0, 2.0, 6.0)):
        (tmp_path / str(number)).mkdir()
        save_tensors(tmp_path / str(number) / "model.safetensors", {"w": torch.full((2,), value), "n": torch.tensor(number)})
    mean = mean_weights([tmp_path / str(number) for number in range(3)])
    assert mean["w"].tolist() == [3.0, 3.0]
    assert mean["w"].dtype == torch.float32
    assert mean["n"].item() == 2


@pytest.mark.parametrize(("optimizer", "wins"), [("sgd, learning_rate: 0.01", False), ("adamw, learning_rate: 0.05", True)])
def test_it_becomes_the_best_one_where_it_is_better(tmp_path, optimizer, wins):
    """Small steps make each checkpoint better than the mean with those before it; steps that are too large scatter them around it."""
    write_names(tmp_path)
    write_recipe(tmp_path, "mlp", training=TRAINING.format(optimizer=optimizer))
    printed = nlp("train", "--config", "mlp.yaml", "--name", "one", cwd=tmp_path).stderr
    run = tmp_path / "runs" / "mlp" / "one"
    best = (run / "checkpoints" / "best").read_text(encoding="utf-8").strip()
    assert ("it is the best" in printed, best == "averaged") == (wins, wins)
    if wins:
        last = sorted(run.glob("checkpoints/step-*"), key=lambda path: int(path.name[5:]))[-3:]
        mean, kept = mean_weights(last), load_tensors(run / "checkpoints" / "averaged" / "model.safetensors")
        assert all(torch.equal(mean[name], kept[name]) for name in mean)
        reported = nlp("eval", "mlp/one", "--split", "validation", cwd=tmp_path).stdout
        assert f"{results(run)['validation']['loss']:.4f}" in reported
        nlp("train", "--resume", "mlp/one", cwd=tmp_path)
        assert weights(run, "best")


def test_more_cannot_be_averaged_than_is_kept():
    with pytest.raises(ValidationError, match="keep is 2"):
        CheckpointConfig(average=5)
