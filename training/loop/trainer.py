"""The training loop that every generation shares: it handles steps, not losses, optimisers or precision."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...configs.schema.models.model_base import Inputs
from ...configs.schema.recipe import Recipe
from ...datasets.arrays import IntArray
from ...datasets.encoded.batching import Plan, TimedPlan, share_of
from ...datasets.encoded.split import Batch, Data, Split, StepRandom
from ...errors import TrainingError
from ...tasks.task import Task
from ..devices import Setting
from ..evaluate import predict
from ..folder.checkpoints import has_checkpoint, save_checkpoint
from ..folder.files import write_json
from ..session import Meter, Session, peak_bytes
from .learner import Learner
from .prefetch import ahead, in_pinned_memory
from .stopwatch import Stopwatch


def fit(learner: Learner, task: Task, data: Data, plan: Plan, session: Session) -> bool:
    """Take every remaining step of the plan. Returns False if a signal stopped training early."""
    cadence, progress = Cadence(plan, session), session.progress
    meter = Meter(progress.sums if session.world.is_main else {})
    watch = Stopwatch(learner, plan, session)
    for step, batches in training_batches(data.splits["train"], plan, session):
        if _is_over(session, cadence):
            break
        meter.add(learner.update(batches, step, cadence.logs(step)), batches)
        progress.step = step
        watch.stop(wait=cadence.logs(step) or cadence.evaluates(step))
        if cadence.logs(step):
            meter = _log(learner, meter, data, plan, session)
        if cadence.evaluates(step):
            _evaluate(learner, task, data, session)
        if cadence.saves(step):
            _save(learner, meter, session)
        watch.start()
    if session.world.any(session.stop.received is not None):
        _save(learner, meter, session)
        return False
    return True


class Cadence:
    """When a run logs, evaluates and saves: functions of the step, except for `checkpoints.every_minutes`."""

    def __init__(self, plan: Plan, session: Session) -> None:
        training = session.recipe.training
        self.plan, self.world = plan, session.world
        self.log_every = training.log_every if training else 1
        self.evaluate_every = training.evaluate_every if training else None
        self.save_every = training.checkpoints.every_steps if training else None
        self.save_seconds = 60 * training.checkpoints.every_minutes if training and training.checkpoints.every_minutes else math.inf
        self.saved_at = time.monotonic()

    def logs(self, step: int) -> bool:
        """Whether training figures are logged after this step."""
        return step % self.log_every == 0 or step == self.plan.n_steps

    def evaluates(self, step: int) -> bool:
        """Whether the validation split is evaluated after this step."""
        if step == self.plan.n_steps:
            return True
        return step % self.evaluate_every == 0 if self.evaluate_every else self.plan.ends_epoch(step)

    def saves(self, step: int) -> bool:
        """Whether a checkpoint is saved after this step: at each evaluation, and in between by steps or minutes."""
        by_steps = self.save_every is not None and step % self.save_every == 0
        by_clock = self.world.size == 1 and time.monotonic() - self.saved_at > self.save_seconds
        due = self.evaluates(step) or by_steps or by_clock
        self.saved_at = time.monotonic() if due else self.saved_at
        return due


def training_batches(split: Split, plan: Plan, session: Session) -> Iterator[tuple[int, list[Batch]]]:
    """Every remaining step with this rank's micro-batches; for a GPU they are prefetched into pinned memory."""
    inputs, setting = session.recipe.model.inputs, session.setting

    def at(step: int, window: Sequence[IntArray]) -> tuple[int, list[Batch]]:
        batches = window_batches(split, window, inputs, setting, step)
        return step, [in_pinned_memory(batch) for batch in batches] if setting.device == "cuda" else batches

    steps = (partial(at, *window) for window in plan.windows(after=session.progress.step))
    return ahead(steps) if setting.device == "cuda" else (build() for build in steps)


def window_batches(split: Split, window: Sequence[IntArray], inputs: Inputs, setting: Setting, step: int) -> list[Batch]:
    """This rank's share of each micro-batch of a step. A rank without rows gets one row without targets."""
    world, batches = setting.world, []
    for place, rows in enumerate(window):
        random = StepRandom(setting.seed, step, place, len(rows), world.rank, world.size)
        share = share_of(rows, world.rank, world.size)
        batches.append(split.batch(share, inputs, random) if len(share) else _idle_batch(split, rows[:1], inputs, random))
    return batches


def _idle_batch(split: Split, row: IntArray, inputs: Inputs, random: StepRandom) -> Batch:
    return split.batch(row, inputs, replace(random, rank=0)).without_targets()


def _log(learner: Learner, meter: Meter, data: Data, plan: Plan, session: Session) -> Meter:
    """Read and log the running sums. Returns a new meter."""
    _stop_if_not_finite(learner, data, plan, session)
    values = _means(meter.read(session.world))
    rate = meter.tokens_per_second(session.world)
    values |= learner.figures()
    values |= {"throughput/tokens_per_second": rate, "memory/peak_bytes": float(peak_bytes(session.setting.device))}
    session.log("train", session.progress.step, values)
    session.display.step(session.progress.step, values)
    return Meter({})


def _means(sums: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: top / bottom if bottom else 0.0 for name, (top, bottom) in sums.items()}


def _evaluate(learner: Learner, task: Task, data: Data, session: Session) -> None:
    """Evaluate the validation split, and record whether it is the best so far."""
    progress = session.progress
    session.display.scoring("validation")
    with learner.evaluating() as model:
        predictions = predict(task, model, data.splits["validation"], session.world)
        metrics = task.metrics(predictions)
    session.log("validation", progress.step, metrics)
    score = score_of(metrics, session.recipe)
    learner.evaluated(score)
    progress.evaluated(score, loss_of(metrics), session.early_stopping.min_delta if session.early_stopping else 0.0)
    followed = dict.fromkeys((*task.key_metrics, followed_metric(metrics, session.recipe)))
    shown = {task.heading(name): metrics[name] for name in followed if name in metrics}
    session.display.evaluation(progress.step, shown, is_best=progress.best_step == progress.step)
    session.show_samples(task.sample_texts(predictions))
    before = task.trouble(session.validations)
    session.validations.append((progress.step, metrics))
    if before is None and (trouble := task.trouble(session.validations)) is not None:
        session.display.line(f"Notice: {trouble}")


def loss_of(metrics: Mapping[str, float]) -> float:
    """The tie-breaker between equal scores; 0 for models without a loss."""
    return metrics.get("loss", metrics.get("hinge_loss", 0.0))


def score_of(metrics: Mapping[str, float], recipe: Recipe) -> float:
    """The value of the metric that selects the best checkpoint, negated if lower is better."""
    name = followed_metric(metrics, recipe)
    return -metrics[name] if recipe.task is None or name in recipe.task.lower_is_better else metrics[name]


def followed_metric(metrics: Mapping[str, float], recipe: Recipe) -> str:
    """The name of the metric that selects the best checkpoint."""
    return recipe.best_metric if recipe.best_metric in metrics else "loss"  # n-gram models have no accuracy


def _save(learner: Learner, meter: Meter, session: Session) -> None:
    """Save a checkpoint; all ranks synchronise here, and the first one writes."""
    progress = session.progress
    progress.sums, progress.seconds = meter.read(session.world), session.seconds()
    if session.world.is_main:

        def write(folder: Path) -> None:
            learner.save(folder)
            write_json(folder / "progress.json", {"progress": progress.to_json(), "learner": learner.state()})
            if session.tracker is not None:
                session.tracker.save(folder)

        keep = session.recipe.training.checkpoints.keep if session.recipe.training else 1
        save_checkpoint(session.directory, progress.step, write, best=progress.best_step == progress.step, keep=keep)
    session.world.barrier()


def _is_over(session: Session, cadence: Cadence) -> bool:
    """Whether the time is used up, early stopping applies, or a signal arrived; ranks check for signals only at steps that log."""
    progress, stopping, plan = session.progress, session.early_stopping, cadence.plan
    if isinstance(plan, TimedPlan) and progress.step >= plan.n_steps:
        return True  # batches of later steps may have been prefetched
    if stopping is not None and progress.waited >= stopping.patience:
        evaluations = "1 evaluation" if progress.waited == 1 else f"{progress.waited} evaluations"
        session.display.line(f"no better {session.best_metric} for {evaluations}: stopped early")
        return True
    if session.world.size > 1 and not cadence.logs(progress.step):
        return False
    return session.world.any(session.stop.received is not None)


def _stop_if_not_finite(learner: Learner, data: Data, plan: Plan, session: Session) -> None:
    """Raises TrainingError for a non-finite loss or gradient; it names the step, layer and texts, and gives advice."""
    bad = learner.bad_step()
    if not bad:
        return
    window = plan.window(bad)
    train, inputs = data.splits["train"], session.recipe.model.inputs
    where = learner.explain_bad_step(window_batches(train, window, inputs, session.setting, bad), bad)
    texts = [{"row": int(row), **train.example(int(row))} for rows in window for row in rows]
    path = session.directory.folder / f"bad-batch-step-{bad}.json"
    write_json(path, texts)
    sample = "; ".join(repr(example["text"][:60]) for example in texts[:3])
    saved = "the last checkpoint is complete" if has_checkpoint(session.directory) else "no checkpoint had been saved"
    raise TrainingError(
        f"Step {bad}: the loss or its gradient is not a finite number; it first occurs in {where}. The step was not applied. "
        f"The batch ({len(texts)} texts, such as {sample}) is saved in {path}. Lower training.optimizer.learning_rate, "
        f"set training.clip_norm (1.0 is usual), or use precision fp32; {saved}."
    )
