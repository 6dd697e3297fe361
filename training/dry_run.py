"""What a full run would need, told by building everything and taking a few steps."""

import time
from collections.abc import Iterator
from statistics import median

from ..configs.schema.recipe import Recipe
from ..datasets.build import build_data, cut_notices
from ..datasets.encoded.batching import Plan
from ..datasets.encoded.split import Split
from ..models.build import build_model
from ..tasks.build import build_task
from .devices import Setting, placed
from .loop.learner import Learner, build_learner, build_plan
from .session import peak_bytes

TIMED_STEPS = 5


def dry_run(recipe: Recipe, device: str, threads: int) -> Iterator[str]:
    """One line for each thing that a person wants to know before a long run; nothing is written."""
    setting = Setting(recipe.seeds[0], device, threads)
    data = build_data(recipe.data, recipe.tokenizer, recipe.task)
    sizes = ", ".join(f"{name} {len(split):,}" for name, split in data.splits.items())
    labels = f"; {len(data.encoding.labels)} classes" if data.encoding.labels else ""
    yield f"data        {sizes} examples{labels}; vocabulary {data.encoding.spec.vocab_size or 0:,}"
    yield from (f"notice      {said}" for split in data.splits.values() for said in cut_notices(split, recipe.model))
    task = build_task(recipe.task, data.encoding)
    model = placed(recipe, setting, lambda: build_model(recipe.model, data.encoding.spec, task.head))
    yield f"model       {recipe.model.type}: " + ", ".join(f"{name} {value:,}" for name, value in model.describe().items())
    plan = build_plan(recipe, data.splits["train"], setting.seed)
    learner = build_learner(recipe, task, model, plan, setting)
    yield f"device      {device}, {threads} thread{'s' if threads > 1 else ''}"
    yield from _timed(recipe, learner, plan, data.splits["train"], device)


def _timed(recipe: Recipe, learner: Learner, plan: Plan, split: Split, device: str) -> Iterator[str]:
    if recipe.model.learns_by != "gradient":
        yield f"training    {recipe.model.type} has no steps to time"
        return
    seconds = _seconds_per_step(recipe, learner, plan, split)
    seeds, whole = len(recipe.seeds), seconds * plan.n_steps * len(recipe.seeds)
    told = f"{whole:.0f} seconds" if whole < 100 else f"{whole / 60:.0f} minutes"
    yield f"training    {plan.n_steps:,} steps in {len(plan.epoch_ends)} epochs, {1000 * seconds:.1f} ms a step"
    yield f"time        about {told} for {seeds} seed{'s' if seeds > 1 else ''}, evaluations aside"
    yield f"memory      {peak_bytes(device) / 2**20:,.0f} MiB at most so far"


def _seconds_per_step(recipe: Recipe, learner: Learner, plan: Plan, split: Split) -> float:
    """The median of a few steps after a first one, which also pays for warming up."""
    seconds = []
    for step in range(1, min(TIMED_STEPS + 1, plan.n_steps) + 1):
        started = time.perf_counter()
        learner.update([split.batch(rows, recipe.model.takes) for rows in plan.window(step)], step, watched=False)
        learner.bad_step()  # waits until the device is done
        seconds.append(time.perf_counter() - started)
    return median(seconds[1:] or seconds)
