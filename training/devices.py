"""Where a network runs: device, number of threads, and the seed of its initial weights."""

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
"""Options of `mallopt`, from glibc's `malloc.h`."""
KEPT_BYTES = 256 << 20
"""The largest tensor whose memory is kept. It takes a few tensors of similar size until one fits into freed memory, so several times
as much may be held."""


@dataclass(frozen=True)
class Setting:
    """How a run is executed: seed, device, threads, and its place among the processes that train together.

    `show` creates the display of the run from the number of steps and the first step; by default one on this terminal.
    """

    seed: int
    device: str = "cpu"
    threads: int = 1
    world: World = field(default_factory=World)
    show: "Callable[[int | None, int], Display] | None" = None


def thread_count(recipe: Recipe, requested: int | None = None, processes: int = 1) -> int:
    """Threads of each process of a run on a CPU: the given number, or a default by class of model, at most its share of the cores."""
    if requested is not None:
        return requested
    rule = recipe.model.threads
    share = max(1, cores() // processes)
    return share if rule is None else min(rule, share)


def choose_device(recipe: Recipe, requested: str, processes: int = 1) -> str:
    """The device that a recipe's model runs on: `cpu` for all but networks. Torch is imported only if needed.

    Raises DeviceError if there is no such device, or fewer devices than processes.
    """
    if requested not in DEVICES:
        raise DeviceError(f"There is no device {requested!r}. --device takes {', '.join(DEVICES[:-1])} or {DEVICES[-1]}.")
    if requested == "cpu" or not recipe.model.runs_on_devices:
        return "cpu"
    import torch

    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    have = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if requested == "auto":
        requested = next(name for name, available in have.items() if available)
    if not have[requested]:
        names = ", ".join(name for name, available in have.items() if available)
        raise DeviceError(f"This machine, or its PyTorch, has no {requested} device; it has: {names}. Leave --device out for the best one.")
    if requested == "cuda":
        _refuse_more_processes_than_gpus(max(processes, local_rank + 1), torch.cuda.device_count())
        if "LOCAL_RANK" in os.environ:
            torch.cuda.set_device(local_rank)
    return requested


def _refuse_more_processes_than_gpus(processes: int, gpus: int) -> None:
    if processes > gpus:
        raise DeviceError(f"{processes} processes need a GPU each, but this machine has {gpus}. Use --processes {gpus}, or --device cpu.")


def has_bf16(device: str) -> bool:
    """Whether a device has matrix products in bfloat16. A CPU without them is ten times slower, and has no bfloat16 LSTM at all."""
    import torch

    return device != "cpu" or (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def precision_notices(recipe: Recipe, device: str) -> list[str]:
    """A notice if a network trains in another precision than the recipe's."""
    wants_bf16 = recipe.training is not None and recipe.training.precision == "bf16"
    return ["training.precision is bf16, but this processor has no matrix products in bfloat16; training runs in fp32."
            ] if wants_bf16 and not has_bf16(device) else []


def keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next tensor; does nothing with another C library.

    By default it returns tensors of more than 32 MB to the system at once, and the pages of each new one are zeroed again: with logits
    over 18,000 words that is a third of the step time.
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
    torch.set_flush_denormal(True)  # CPUs are many times slower with numbers below 1e-38, which change nothing
    if setting.device == "cuda":
        tf32 = recipe.training is not None and recipe.training.tf32
        torch.set_float32_matmul_precision("high" if tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = tf32  # recurrent layers
    torch.manual_seed(setting.seed)
    return build().to(setting.device)
