"""The state of a run during training: progress, log, display, and the signal to stop."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Annotated, Any

from pydantic import Field

from ..configs.schema.recipe import Recipe
from ..configs.schema.saved import Count, NonNegative, Number, Saved
from ..configs.schema.training import EarlyStoppingConfig
from ..datasets.encoded.batching import Plan, TimedPlan
from ..datasets.encoded.split import Batch, Data
from ..errors import RunError
from ..terminal import on_one_line, shortened
from . import description
from .devices import Setting, precision_notices
from .distributed import World
from .folder.checkpoints import checkpoint_path, has_checkpoint, restore_pointers
from .folder.data_file import save_data
from .folder.files import REMEDY, read_saved
from .folder.run_directory import RunDirectory
from .log.display import Display
from .log.tracking import Tracker, figures_of, literal, read_metrics
from .loop.learner import Learner, SolverLearner
from .stop_signal import StopSignal


@dataclass
class Progress:
    """The progress of a run; saved with each checkpoint, so that a resumed run continues as if it had never stopped."""

    step: int = 0
    best_score: float | None = None
    best_loss: float | None = None
    best_step: int = 0
    best_waited_for: float | None = None
    """The best score when early stopping last started to wait; an improvement of less than `min_delta` does not end the wait."""
    waited: int = 0
    seconds: float = 0.0
    step_seconds: float = 0.0
    """Seconds spent in steps; `seconds` includes evaluations and checkpoints."""
    sums: dict[str, list[float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a dictionary for JSON."""
        return asdict(self)

    def evaluated(self, score: float, loss: float, min_delta: float) -> None:
        """Record an evaluation of this step; `score` is better when larger, and of equal scores the one with the lower loss is best."""
        if self.is_best(score, loss):
            self.best_score, self.best_loss, self.best_step = score, loss, self.step
        if self.best_waited_for is None or score > self.best_waited_for + min_delta:
            self.best_waited_for, self.waited = score, 0
        else:
            self.waited += 1

    def is_best(self, score: float, loss: float) -> bool:
        """Whether this evaluation is better than all earlier ones."""
        if self.best_score is None or score != self.best_score:
            return self.best_score is None or score > self.best_score
        return self.best_loss is not None and loss < self.best_loss


class SavedProgress(Saved):
    """`Progress` as saved in a file."""

    step: Count
    best_score: Number | None
    best_loss: Number | None = None  # this and the next: older checkpoints lack them
    best_step: Count
    best_waited_for: Number | None = None
    waited: Count
    seconds: NonNegative
    step_seconds: NonNegative = 0.0  # older checkpoints lack it
    sums: dict[str, Annotated[list[Number], Field(min_length=2, max_length=2)]]


class SavedState(Saved):
    """`progress.json` of a checkpoint; the learner itself checks the content of `learner`."""

    progress: SavedProgress
    learner: dict[str, Any]


class Meter:
    """Running sums between two readings. They stay on the device until they are read."""

    def __init__(self, sums: Mapping[str, Sequence[float]]) -> None:
        self.sums: dict[str, tuple[Any, Any]] = {name: (top, bottom) for name, (top, bottom) in sums.items()}
        self.tokens, self.started = 0, time.monotonic()

    def add(self, ratios: Mapping[str, tuple[Any, Any]], batches: Sequence[Batch]) -> None:
        """Add one step's sums and count its tokens."""
        for name, (top, bottom) in ratios.items():
            held = self.sums.get(name)
            self.sums[name] = (top, bottom) if held is None else (held[0] + top, held[1] + bottom)
        self.tokens += sum(batch.n_tokens for batch in batches)

    def read(self, world: World) -> dict[str, list[float]]:
        """The sums over all ranks as numbers. Reads from the device."""
        return {name: [world.sum(float(top)), world.sum(float(bottom))] for name, (top, bottom) in self.sums.items()}

    def tokens_per_second(self, world: World) -> float:
        """Real tokens per second, without padding, over all ranks since the last reading."""
        return world.sum(self.tokens) / max(time.monotonic() - self.started, 1e-9)


@dataclass
class Session:
    """One run in progress."""

    recipe: Recipe
    setting: Setting
    directory: RunDirectory
    tracker: Tracker | None
    display: Display
    stop: StopSignal
    progress: Progress = field(default_factory=Progress)
    started: float = field(default_factory=time.monotonic)
    validations: list[tuple[int, Mapping[str, float]]] = field(default_factory=list)
    """The step and the metrics of each evaluation so far, over all resumptions."""

    def seconds(self) -> float:
        """Training time so far, in seconds, over all resumptions."""
        now = time.monotonic()
        self.progress.seconds, self.started = self.progress.seconds + now - self.started, now
        return self.progress.seconds

    @property
    def world(self) -> World:
        return self.setting.world

    @property
    def best_metric(self) -> str:
        """The validation metric that decides which checkpoint is the best."""
        return self.recipe.best_metric

    @property
    def early_stopping(self) -> EarlyStoppingConfig | None:
        return self.recipe.training.early_stopping if self.recipe.training else None

    def log(self, split: str, step: int, values: Mapping[str, float]) -> None:
        """Log values to TensorBoard and `metrics.jsonl`; only the first rank has a tracker."""
        if self.tracker is not None:
            self.tracker.scalars(split, step, values)

    def show_samples(self, texts: Sequence[str]) -> None:
        """Show generated texts on the display and in TensorBoard."""
        if texts and self.tracker is not None:
            self.display.line(f"  samples   {', '.join(on_one_line(shortened(text)) for text in texts)}")
            self.tracker.text("validation", "samples", self.progress.step, "\n".join(f"- {literal(text)}" for text in texts))


def peak_bytes(device: str) -> int:
    """Peak memory so far: of this process, or on a GPU of its tensors."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated()
    if sys.platform == "win32":
        return 0  # Windows reports no peak without another package
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextmanager
def open_session(
    recipe: Recipe, setting: Setting, directory: RunDirectory, data: Data, plan: Plan, learner: Learner
) -> Iterator[Session]:
    """Resume from the last checkpoint, or start; then log, display and listen for signals until the block ends."""
    main = setting.world.is_main
    notices = [*data.notices, *description.notices(recipe, data, learner), *precision_notices(recipe, setting.device)]
    with directory.hold() if main else nullcontext(), StopSignal(recipe.model.learns_by != "gradient").listening() as stop:
        if main:
            save_data(directory, data)  # first, or another vocabulary would be reported as weights that do not fit
        progress = _resumed(learner, directory, main)
        tracker = Tracker(directory, resume_step=progress.step) if main else None
        n_steps = None if isinstance(plan, TimedPlan) else plan.n_steps
        show = setting.show or partial(Display, silent=not main, seed=directory.seed)
        with tracker or nullcontext(), show(n_steps, progress.step) as display:
            if isinstance(learner, SolverLearner):
                learner.report = display.fitting
            for notice in notices:
                display.line(f"Notice: {shortened(notice)}")
            yield Session(recipe, setting, directory, tracker, display, stop, progress, validations=_validations(directory))


def _validations(directory: RunDirectory) -> list[tuple[int, Mapping[str, float]]]:
    """The validation metrics in the log, which is cut to the last checkpoint."""
    return [(line["step"], figures_of(line)) for line in read_metrics(directory) if line["split"] == "validation"]


def _resumed(learner: Learner, directory: RunDirectory, main: bool) -> Progress:
    """Restore the learner from the last checkpoint; without one, progress is at the start."""
    if not has_checkpoint(directory):
        return Progress()
    folder = checkpoint_path(directory, "last")
    saved = read_saved(folder / "progress.json", SavedState)
    if folder.name != f"step-{saved.progress.step}":
        raise RunError(f"{folder / 'progress.json'} is from step {saved.progress.step:,}, so it belongs to another checkpoint. {REMEDY}")
    learner.resume(folder, saved.learner)
    if main:
        restore_pointers(directory, saved.progress.step, saved.progress.best_step)
    return Progress(**saved.progress.model_dump())
