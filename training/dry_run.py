"""Estimate the time and memory of a full run by building everything and taking a few steps."""

import time
from collections.abc import Iterator
from statistics import median

from ..configs.schema.recipe import Recipe
from ..configs.schema.training import BudgetConfig
from ..datasets.encoded.batching import TimedPlan, tokens_until
from . import description
from .devices import Setting
from .evaluate import predict
from .flops import training_flops_per_token
from .loop.trainer import window_batches
from .run import Run, build_run
from .session import peak_bytes
from .sources.start import pinned

ROUND_STEPS, LEAST_ROUNDS, MOST_ROUNDS = 20, 3, 9
SECONDS = 4.0
"""Time for all rounds; slow steps take longer."""
EVALUATED_ROWS = 300


def dry_run(recipe: Recipe, device: str, threads: int) -> Iterator[str]:
    """Yield lines on the size, time and memory of a run, without writing any file."""
    recipe, setting = pinned(recipe), Setting(recipe.seeds[0], device, threads)
    run = build_run(recipe, setting)
    yield from description.parts(recipe, run, setting)
    yield from (f"notice      {each}" for each in description.notices(recipe, run.data, run.learner))
    yield from _timed(recipe, run, setting)


def _timed(recipe: Recipe, run: Run, setting: Setting) -> Iterator[str]:
    if recipe.training is None:
        yield f"training    {recipe.model.type} has no steps to time"
        return
    rounds, plan = _rounds(recipe, run, setting), run.plan
    each, evaluation, seeds = median(rounds), _evaluation_seconds(run), len(recipe.seeds)
    n_steps = max(1, round(plan.seconds / each)) if isinstance(plan, TimedPlan) else plan.n_steps
    epochs = plan.epoch_of(n_steps) + 1
    n_evaluations = -(-n_steps // recipe.training.evaluate_every) if recipe.training.evaluate_every else epochs
    if recipe.training.budget is not None:
        yield f"budget      {_budget(recipe, recipe.training.budget, run, n_steps)}"
    yield (f"training    {n_steps:,} steps in {epochs} epochs, {1000 * each:.1f} ms per step "
           f"({1000 * min(rounds):.1f} to {1000 * max(rounds):.1f} in {len(rounds)} rounds)")
    searched = "; decoding is faster once it is trained" if "beam_size" in run.task.predict_options else ""
    yield f"evaluation  {n_evaluations} of validation, about {_duration(evaluation)} each{searched}"
    total = seeds * (each * n_steps + evaluation * n_evaluations)
    stops = ", or less with early stopping" if recipe.training.early_stopping else ""
    yield f"time        about {_duration(total)} for {seeds} seed{'s' if seeds > 1 else ''}{stops}"
    yield f"memory      {peak_bytes(setting.device) / 2**20:,.0f} MiB at most so far"


def _budget(recipe: Recipe, budget: BudgetConfig, run: Run, n_steps: int) -> str:
    """The budget, and how many steps it allows."""
    if budget.seconds is not None:
        return f"{budget.seconds:,g} seconds of steps: about {n_steps:,} steps on this machine"
    tokens = tokens_until(run.plan, n_steps, run.data.splits["train"].tokens_of)
    if budget.tokens is not None:
        return f"{budget.tokens:,} tokens; {n_steps:,} steps use {tokens:,}"
    each = training_flops_per_token(recipe, run.data)
    return f"{budget.flops:.4g} FLOPs at {each:,.0f} per token; {n_steps:,} steps use {tokens * each:.4g} for {tokens:,} tokens"


def _rounds(recipe: Recipe, run: Run, setting: Setting) -> list[float]:
    """Mean seconds per step of each round. Batches come as in training, so each round has the same mixture of lengths.

    The first round is discarded, since it allocates memory and chooses kernels for each new shape.
    """
    rounds, step, start =  [], 0, time.perf_counter()
    while len(rounds) < 1 + LEAST_ROUNDS or (time.perf_counter() - start < SECONDS and len(rounds) < 1 + MOST_ROUNDS):
        started, taken = time.perf_counter(), 0
        while taken == 0 or (taken < ROUND_STEPS and time.perf_counter() - started < SECONDS / LEAST_ROUNDS):
            number = step % run.plan.n_steps + 1
            batches = window_batches(run.data.splits["train"], run.plan.window(number), recipe.model.inputs, setting, number)
            run.learner.update(batches, number, watched=False)
            step, taken = step + 1, taken + 1
        run.learner.bad_step()  # waits until the device is done
        rounds.append((time.perf_counter() - started) / taken)
    return rounds[1:]


def _evaluation_seconds(run: Run) -> float:
    """Estimated seconds per validation, from the second of two evaluations of a sample."""
    validation, seconds = run.data.splits["validation"], 0.0
    for _ in range(2):
        started = time.perf_counter()
        with run.learner.evaluating() as model:
            rows = len(predict(run.task, model, validation, most=EVALUATED_ROWS).rows)
        seconds = (time.perf_counter() - started) * len(validation) / max(rows, 1)
    return seconds


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} seconds"
    return f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.0f} minutes"
