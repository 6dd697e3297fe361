"""Training steps as CUDA graphs: a recorded step is started by one call, where Python would start some hundred kernels one by one.

https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...datasets.encoded.split import Target
from ...errors import TrainingError
from ...tasks.losses import Ratio

Tensors = Sequence[tuple[dict[str, Any], dict[str, Target]]]
"""Inputs and targets of each micro-batch of a step, on the device."""
Ratios = dict[str, Ratio]
Step = Callable[[Tensors, int], Ratios]

MOST = 256
"""Graphs at a time; batches of further shapes take their steps without one."""
WARM_UPS = 3
"""Steps before a recording, so that memory is allocated, kernels are chosen and compiled code is ready."""


class Recorded(NamedTuple):
    """A step for one shape: what starts it, the tensors that it reads its batch from, and those that it leaves its sums in."""

    replay: Callable[[], None]
    tensors: Tensors
    ratios: Ratios


class StepGraphs:
    """Records the step at the first batch of each shape, and replays it for every batch of that shape.

    `changed` gives the tensors that a step changes in place, so that warming up leaves no trace: a run that is resumed records at other
    steps than one that never stopped, and both end with the same weights.
    """

    def __init__(self, step: Step, changed: Callable[[], list[Tensor]]) -> None:
        self.step, self.changed = step, changed
        self.graphs: dict[tuple[Any, ...], Recorded] = {}
        self.pool: Any = None

    def __call__(self, tensors: Tensors, step: int) -> Ratios:
        """One step with this batch; what it returns stays as it is at the next call."""
        shapes = tuple((tuple(leaf.shape), leaf.dtype) for leaf in leaves(tensors))
        if shapes not in self.graphs:
            if len(self.graphs) >= MOST:
                return self.step(tensors, step)
            self.graphs[shapes] = self._recorded(tensors, step)
        recorded = self.graphs[shapes]
        for held, given in zip(leaves(recorded.tensors), leaves(tensors), strict=True):
            held.copy_(given, non_blocking=True)
        recorded.replay()
        return {name: (top.clone(), bottom.clone()) for name, (top, bottom) in recorded.ratios.items()}

    def _recorded(self, tensors: Tensors, step: int) -> Recorded:
        held: Tensors = [({name: _copied(value) for name, value in inputs.items()},
                          {name: Target(_copied(values), _copied(mask)) for name, (values, mask) in targets.items()})
                         for inputs, targets in tensors]
        random = self.random_state()
        before = [(tensor, tensor.detach().clone()) for tensor in self.changed()]
        self.warm_up(lambda: self.step(held, step))
        with torch.no_grad():
            for tensor in self.changed():
                tensor.zero_()  # what the optimiser has made only now
            for tensor, value in before:
                tensor.copy_(value)
        replay, ratios = self.record(lambda: self.step(held, step))
        self.set_random_state(random)
        return Recorded(replay, held, ratios)

    def random_state(self) -> Tensor:
        """Of the generator that steps draw from."""
        return torch.cuda.get_rng_state()

    def set_random_state(self, state: Tensor) -> None:
        """What `random_state` gave."""
        torch.cuda.set_rng_state(state)

    def warm_up(self, step: Callable[[], Any]) -> None:
        """Take a few steps on a stream of their own, as recording needs it."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                step()
        torch.cuda.current_stream().wait_stream(stream)

    def record(self, step: Callable[[], Ratios]) -> tuple[Callable[[], None], Ratios]:
        """Record a step without taking it. Returns what takes it, and where it leaves its sums.

        Raises TrainingError for a step in which the program waits for the device.
        """
        self.pool = self.pool or torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self.pool):
                ratios = step()
        except RuntimeError as error:
            raise TrainingError(f"training.cuda_graphs: this model's step cannot be recorded ({str(error).splitlines()[0]}). "
                                "Leave the key out.") from error
        return graph.replay, ratios


def leaves(tensors: Tensors) -> Iterator[Tensor]:
    """All tensors of a window, in one order."""
    for inputs, targets in tensors:
        for value in (*inputs.values(), *(part for target in targets.values() for part in target)):
            if isinstance(value, Tensor):
                yield value


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
