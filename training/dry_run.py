"""What a full run needs, estimated by building everything and taking a few steps."""

import time
from collections.abc import Iterator
from statistics import median

from ..configs.schema.recipe import Recipe
from .devices import Setting
from .loop.trainer import window_batches
from .run import Run, build_run
from .session import peak_bytes

TIMED_STEPS = 5


def dry_run(recipe: Recipe, device: str, threads: int) -> Iterator[str]:
    """One line for each thing that a person wants to know before a long run; nothing is written."""
    setting = Setting(recipe.seeds[0], device, threads)
    run = build_run(recipe, setting)
    encoding, splits = run.data.encoding, run.data.splits
    sizes = ", ".join(f"{name} {len(split):,}" for name, split in splits.items())
    labels = f"; {len(encoding.labels)} classes" if encoding.labels else ""
    yield f"data        {sizes} examples{labels}; vocabulary {encoding.spec.vocab_size or 0:,}"
    yield from (f"notice      {each}" for split in splits.values() for each in split.length_notices(recipe.model.longest_input))
    yield f"model       {recipe.model.type}: " + ", ".join(f"{name} {value:,}" for name, value in run.model.describe().items())
    yield f"device      {device}, {threads} thread{'s' if threads > 1 else ''}"
    yield from _timed(recipe, run, setting)


def _timed(recipe: Recipe, run: Run, setting: Setting) -> Iterator[str]:
    if recipe.model.learns_by != "gradient":
        yield f"training    {recipe.model.type} has no steps to time"
        return
    seconds = _seconds_per_step(recipe, run, setting)
    seeds, total = len(recipe.seeds), seconds * run.plan.n_steps * len(recipe.seeds)
    duration = f"{total:.0f} seconds" if total < 100 else f"{total / 60:.0f} minutes"
    yield f"training    {run.plan.n_steps:,} steps in {len(run.plan.epoch_ends)} epochs, {1000 * seconds:.1f} ms per step"
    yield f"time        about {duration} for {seeds} seed{'s' if seeds > 1 else ''}, without evaluations"
    yield f"memory      {peak_bytes(setting.device) / 2**20:,.0f} MiB at most so far"


def _seconds_per_step(recipe: Recipe, run: Run, setting: Setting) -> float:
    """The median of a few steps after a first one, which also warms up."""
    seconds = []
    for step in range(1, min(TIMED_STEPS + 1, run.plan.n_steps) + 1):
        started = time.perf_counter()
        batches = window_batches(run.data.splits["train"], run.plan.window(step), recipe.model.inputs, setting, step)
        run.learner.update(batches, step, watched=False)
        run.learner.bad_step()  # waits until the device is done
        seconds.append(time.perf_counter() - started)
    return median(seconds[1:] or seconds)
