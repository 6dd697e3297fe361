"""Prefetching: batches are built in a thread before the GPU needs them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from ...datasets.encoded.split import Batch, Target

Built = TypeVar("Built")
READY = 2
"""Number of results to build in advance."""


def ahead(builders: Iterable[Callable[[], Built]]) -> Iterator[Built]:
    """The results of the functions, in order, built in a thread up to `READY` ahead. Errors are raised in their turn."""
    with ThreadPoolExecutor(1, "batches") as thread:
        waiting: deque[Future[Built]] = deque()
        for build in builders:
            waiting.append(thread.submit(build))
            if len(waiting) > READY:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def in_pinned_memory(batch: Batch) -> Batch:
    """The batch in pinned memory, from which a GPU can copy asynchronously."""
    targets = {name: Target(_pinned(values), _pinned(mask)) for name, (values, mask) in batch.targets.items()}
    return replace(batch, inputs={name: _pinned(values) for name, values in batch.inputs.items()}, targets=targets)


def _pinned(values: Any) -> Any:
    import torch

    if not isinstance(values, np.ndarray):
        return values
    return torch.from_numpy(values if values.flags.writeable else values.copy()).pin_memory().numpy()
