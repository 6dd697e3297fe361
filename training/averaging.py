"""The mean of several checkpoints, which often generalises better than any of them (Vaswani et al. 2017; Izmailov et al. 2018)."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..datasets.encoded.split import Data
from ..tasks.task import Task
from ..terminal import figure
from .evaluate import predict
from .folder.checkpoints import latest_checkpoints, save_averaged
from .folder.tensors import load_merged, load_tensors, save_tensors
from .loop.learner import Learner
from .loop.trainer import loss_of, score_of
from .session import Session


def try_average(learner: Learner, task: Task, data: Data, session: Session, count: int) -> None:
    """Score the mean of the latest checkpoints on the validation split; if it is better than the best checkpoint, it replaces it."""
    folders, progress = latest_checkpoints(session.directory, count), session.progress
    weights = mean_weights(folders)
    load_merged(learner.model, weights)
    metrics = task.metrics(predict(task, learner.model, data.splits["validation"], session.world))
    score, name = score_of(metrics, session.recipe), session.best_metric
    is_best = progress.is_best(score, loss_of(metrics))
    verdict = "it is the best" if is_best else f"step {progress.best_step} is still the best"
    value = metrics.get(name, metrics["loss"])
    session.display.line(f"Mean of the last {len(folders)} checkpoints: validation {name} {figure(value)}; {verdict}")
    if is_best and session.world.is_main:
        save_averaged(session.directory, lambda folder: save_tensors(folder / "model.safetensors", weights))
    session.world.barrier()


def mean_weights(folders: Sequence[Path]) -> dict[str, Tensor]:
    """The mean of each tensor over the folders' weights, computed in double precision; integers are those of the last folder."""
    tensors = [load_tensors(folder / "model.safetensors") for folder in folders]
    return {name: torch.stack([each[name].double() for each in tensors]).mean(dim=0).to(last.dtype) if last.is_floating_point() else last
            for name, last in tensors[-1].items()}
