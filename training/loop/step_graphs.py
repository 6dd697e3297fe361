"""Training steps as CUDA graphs: one call launches a recorded step, instead of some hundred kernel launches from Python.

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
"""Maximum number of graphs; batches of further shapes run without one."""
WARM_UPS = 3
"""Steps before a recording, which allocate memory, select kernels and compile code."""


class Recorded(NamedTuple):
    """A recorded step for one shape: the call that replays it, its input tensors, and the tensors that receive its sums."""

    replay: Callable[[], None]
    tensors: Tensors
    ratios: Ratios


class StepGraphs:
    """Records a step at the first batch of each shape, and replays it for later batches of that shape.

    `changed` returns the tensors that a step modifies in place, so that warm-up steps can be undone: a resumed run records at other
    steps than an uninterrupted one, and both must end with the same weights.
    """

    def __init__(self, step: Step, changed: Callable[[], list[Tensor]]) -> None:
        self.step, self.changed = step, changed
        self.graphs: dict[tuple[Any, ...], Recorded] = {}
        self.pool: Any = None

    def __call__(self, tensors: Tensors, step: int) -> Ratios:
        """One step with this batch; the next call does not overwrite the returned sums."""
        shapes = tuple((tuple(leaf.shape), leaf.dtype) for leaf in leaves(tensors))
        if shapes not in self.graphs:
            if len(self.graphs) >= MOST:
                return self.step(tensors, step)
            self.graphs[shapes] = self._recorded(tensors, step)
        recorded = self.graphs[shapes]
        for static, current in zip(leaves(recorded.tensors), leaves(tensors), strict=True):
            static.copy_(current, non_blocking=True)
        recorded.replay()
        return {name: (top.clone(), bottom.clone()) for name, (top, bottom) in recorded.ratios.items()}

    def _recorded(self, tensors: Tensors, step: int) -> Recorded:
        static: Tensors = [({name: _copied(value) for name, value in inputs.items()},
                            {name: Target(_copied(values), _copied(mask)) for name, (values, mask) in targets.items()})
                           for inputs, targets in tensors]
        random = self.random_state()
        before = [(tensor, tensor.detach().clone()) for tensor in self.changed()]
        self.warm_up(lambda: self.step(static, step))
        with torch.no_grad():
            for tensor in self.changed():
                tensor.zero_()  # including state that the optimiser created during the warm-up
            for tensor, value in before:
                tensor.copy_(value)
        replay, ratios = self.record(lambda: self.step(static, step))
        self.set_random_state(random)
        return Recorded(replay, static, ratios)

    def random_state(self) -> Tensor:
        """The state of the random number generator that steps use."""
        return torch.cuda.get_rng_state()

    def set_random_state(self, state: Tensor) -> None:
        """Restore a `random_state`."""
        torch.cuda.set_rng_state(state)

    def warm_up(self, step: Callable[[], Any]) -> None:
        """Take a few steps on a side stream, as recording requires."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                step()
        torch.cuda.current_stream().wait_stream(stream)

    def record(self, step: Callable[[], Ratios]) -> tuple[Callable[[], None], Ratios]:
        """Record a step without running it. Returns the call that replays it, and the tensors that receive its sums.

        Raises TrainingError for a step that synchronises with the device.
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
    """All tensors of a window, in a fixed order."""
    for inputs, targets in tensors:
        for value in (*inputs.values(), *(part for target in targets.values() for part in target)):
            if isinstance(value, Tensor):
                yield value


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
