"""One way to score a model: in training, after it, in `nlp eval` and in `nlp predict`."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..datasets.batching import evaluation_batches
from ..datasets.data import IntArray, Split
from ..tasks.predictions import Predictions
from ..tasks.task import Task
from .distributed import World

TRAIN_SAMPLE = 5_000
"""Training rows that a finished model is scored on, evenly spaced; enough for the gap between training and validation."""


def predict(task: Task, model: Any, split: Split, world: World = World(), rows: IntArray | None = None) -> Any:  # noqa: B008
    """What the model says of every row (or of `rows`), the same on every rank."""
    mine = list(_predictions(task, model, split, _batches(split, world, rows)))
    parts = [part for parts in world.gathered(mine) for part in parts]
    return type(parts[0]).joined(parts)


def _batches(split: Split, world: World, rows: IntArray | None) -> Iterable[IntArray]:
    if rows is None:
        return evaluation_batches(split, world.rank, world.size)
    wanted = np.zeros(len(split), dtype=bool)
    wanted[rows] = True
    batches = (batch[wanted[batch]] for batch in evaluation_batches(split, world.rank, world.size))
    return [batch for batch in batches if len(batch)]


def _predictions(task: Task, model: Any, split: Split, batches: Iterable[IntArray]) -> Iterator[Predictions]:
    for rows in batches:
        yield task.predict(model, split.batch(rows, model.config.takes))


def sample_rows(split: Split) -> IntArray:
    """At most `TRAIN_SAMPLE` rows, evenly spaced over the split."""
    return np.unique(np.linspace(0, len(split) - 1, min(len(split), TRAIN_SAMPLE)).astype(np.int64))
