"""Where a network runs: the device by name, the number of threads, and the seed of its first weights."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..configs.schema.recipe import Recipe
from ..errors import DeviceError
from .distributed import World
from .folder.environment import cores

if TYPE_CHECKING:
    from .log.display import Display

DEVICES = ("auto", "cpu", "cuda", "mps")
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Of `mallopt` in glibc's `malloc.h`."""
KEPT_BYTES = 256 << 20
"""The largest tensor whose memory is kept. It takes a few of similar size until one fits into the place of another, so what is held may
be several times as much."""


@dataclass(frozen=True)
class Setting:
    """Where and how a run goes: seed, device, threads, and its place among the processes that train together.

    `show` makes, of the number of steps and the first one, what displays the run; by default a display on this terminal.
    """

    seed: int
    device: str = "cpu"
    threads: int = 1
    world: World = field(default_factory=World)
    show: "Callable[[int | None, int], Display] | None" = None


def thread_count(recipe: Recipe, asked: int | None = None, processes: int = 1) -> int:
    """Threads of each process of a run on a CPU: the number given, or a fixed rule by class of model, at most its share of the cores."""
    if asked is not None:
        return asked
    rule = recipe.model.threads
    share = max(1, cores() // processes)
    return share if rule is None else min(rule, share)


def choose_device(recipe: Recipe, asked: str, processes: int = 1) -> str:
    """The device that a recipe's model runs on: `cpu` for all but networks. Torch is imported where it must be asked.

    Raises DeviceError where there is no such device, or not one for each of the processes.
    """
    if asked not in DEVICES:
        raise DeviceError(f"There is no device {asked!r}. --device takes {', '.join(DEVICES[:-1])} or {DEVICES[-1]}.")
    if asked == "cpu" or not recipe.model.runs_on_devices:
        return "cpu"
    import torch

    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    have = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if asked == "auto":
        asked = next(name for name, there in have.items() if there)
    if not have[asked]:
        there = ", ".join(name for name, is_there in have.items() if is_there)
        raise DeviceError(f"This machine, or its PyTorch, has no {asked} device; it has: {there}. Leave --device out for the best one.")
    if asked == "cuda":
        _refuse_more_processes_than_gpus(max(processes, local_rank + 1), torch.cuda.device_count())
        if "LOCAL_RANK" in os.environ:
            torch.cuda.set_device(local_rank)
    return asked


def _refuse_more_processes_than_gpus(processes: int, gpus: int) -> None:
    if processes > gpus:
        raise DeviceError(f"{processes} processes need a GPU each, and this machine has {gpus}. Use --processes {gpus}, or --device cpu.")


def has_bf16(device: str) -> bool:
    """Whether a device has matrix products in bfloat16. A CPU without takes ten times as long over them, and has no such LSTM at all."""
    import torch

    return device != "cpu" or (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def precision_notices(recipe: Recipe, device: str) -> list[str]:
    """A notice where a network trains in another precision than the recipe's."""
    asked = recipe.training is not None and recipe.training.precision == "bf16"
    return ["training.precision is bf16, but this processor has no matrix products in bfloat16; training runs in fp32."
            ] if asked and not has_bf16(device) else []


def keep_freed_memory() -> None:
    """Have glibc hold what is freed for the next tensor, where there is glibc.

    It gives tensors of more than 32 MB back to the system at once, and each new one is then filled with zeros page by page: with the
    scores of a vocabulary of 18,000 words that is a third of a step.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return
    for option, value in ((M_MMAP_THRESHOLD, KEPT_BYTES), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, 64 << 20)):
        mallopt(option, value)


def placed(recipe: Recipe, setting: Setting, build: Callable[[], Any]) -> Any:
    """Build a model; a network gets its initial weights from the seed, equal on every rank, and moves to the device."""
    if not recipe.model.runs_on_devices:
        return build()
    import torch

    keep_freed_memory()
    torch.set_num_threads(setting.threads)
    torch.set_flush_denormal(True)  # a processor takes many times as long over numbers below 1e-38, and they change nothing
    if setting.device == "cuda":
        tf32 = recipe.training is not None and recipe.training.tf32
        torch.set_float32_matmul_precision("high" if tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = tf32  # recurrent layers
    torch.manual_seed(setting.seed)
    return build().to(setting.device)
