"""Batches that are ready when a GPU asks for them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from ...datasets.encoded.split import Batch, Target

Made = TypeVar("Made")
READY = 2
"""Results that are made before they are asked for."""


def ahead(makers: Iterable[Callable[[], Made]]) -> Iterator[Made]:
    """What each maker makes, in order, made in a thread up to `READY` results ahead. A maker's error is raised in its turn."""
    with ThreadPoolExecutor(1, "batches") as thread:
        waiting: deque[Future[Made]] = deque()
        for make in makers:
            waiting.append(thread.submit(make))
            if len(waiting) > READY:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def in_pinned_memory(batch: Batch) -> Batch:
    """The same arrays in memory that is never paged out, from which a GPU copies while the processor goes on."""
    targets = {name: Target(_pinned(values), _pinned(mask)) for name, (values, mask) in batch.targets.items()}
    return replace(batch, inputs={name: _pinned(values) for name, values in batch.inputs.items()}, targets=targets)


def _pinned(values: Any) -> Any:
    import torch

    if not isinstance(values, np.ndarray):
        return values
    return torch.from_numpy(values if values.flags.writeable else values.copy()).pin_memory().numpy()
