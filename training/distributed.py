"""Several processes that train as one: torchrun's variables, DDP's process group, and the launcher behind `--processes`."""

import atexit
import gc
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ..configs.schema.recipe import Recipe
from ..errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The rank of this process, and the number of processes that train together."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def total(self, value: "Tensor") -> "Tensor":
        """The sum over all ranks; the value itself if there is only one."""
        if self.size > 1:
            import torch.distributed as dist

            dist.all_reduce(value)
        return value

    def from_main(self, make: Callable[[], T]) -> T:
        """The value that the first rank computes, on every rank."""
        return self.gathered(make() if self.is_main else None)[0]

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any rank; all ranks must call this at the same point."""
        if self.size == 1:
            return flag
        import torch

        return bool(self.total(torch.tensor(int(flag))).item())

    def gathered(self, value: Any) -> list[Any]:
        """Every rank's value, on every rank."""
        if self.size == 1:
            return [value]
        import torch.distributed as dist

        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def sum(self, value: float) -> float:
        """The sum of a number over all ranks."""
        return value if self.size == 1 else sum(self.gathered(value))

    def barrier(self) -> None:
        """Wait until every rank is here."""
        if self.size > 1:
            import torch.distributed as dist

            dist.barrier()


def join_world(device: str) -> World:
    """Join the processes that torchrun started, once; a world of one without torchrun."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World()
    import torch.distributed as dist

    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
        atexit.register(_leave_group)
    return World(dist.get_rank(), size)


def refuse_ranks(recipe: Recipe, size: int) -> None:
    """Raises ConfigError for several processes if the model has no steps to share, or if the task's loss compares all rows of a batch
    with each other, since each process has only some of them.
    """
    if size > 1 and recipe.task is not None and recipe.task.whole_batches:
        raise ConfigError(f"task.type {recipe.task.type} compares all rows of a batch with each other, but each of several processes has "
                          "only some of them, which would change the loss.  Leave --processes (or torchrun) out.")
    if size > 1 and recipe.model.learns_by != "gradient":
        raise ConfigError(f"model.type {recipe.model.type} has no steps to share, so one process trains it; leave --processes (or "
                          "torchrun) out. Train several seeds at the same time with --parallel-runs.")


def leave_world(world: World) -> None:
    """Leave the process group together after a successful run, since a rank whose peers are gone may abort at exit."""
    if world.size > 1:
        world.barrier()
        _leave_group()


def _leave_group() -> None:
    import torch.distributed as dist

    if dist.is_initialized():
        gc.collect()  # distributed models hold the group, and its threads, until they are deleted
        dist.destroy_process_group()
