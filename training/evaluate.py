"""Predictions of a model for a split: during training, after it, and in `nlp eval`."""

from collections.abc import Iterator
from typing import Any

from ..datasets.encoded.batching import share_of
from ..datasets.encoded.split import Split
from ..tasks.predictions import Predictions
from ..tasks.task import Task
from .distributed import World


def predict(task: Task, model: Any, split: Split, world: World = World(), most: int | None = None) -> Any:  # noqa: B008
    """The model's predictions for every row (or for about `most`), the same on every rank."""
    mine = list(_predictions(task, model, split, world, most))
    parts = [part for parts in world.gathered(mine) for part in parts]
    return task.completed(type(parts[0]).joined(parts))


def _predictions(task: Task, model: Any, split: Split, world: World, most: int | None) -> Iterator[Predictions]:
    """Each rank predicts its share of each batch, without duplicates."""
    for rows in split.evaluation_batches(most):
        if len(share := share_of(rows, world.rank, world.size)):
            yield task.traced(model, split.batch(share, model.config.inputs))
