"""What a run carries through training: where it writes, whom it tells, and when it must stop."""

import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

from ..configs.schema.recipe import Recipe
from ..configs.schema.training import EarlyStoppingConfig
from ..datasets.build import cut_notices
from ..datasets.encoded.batching import Plan
from ..datasets.encoded.split import Batch, Data
from ..errors import RunError
from .devices import Setting
from .distributed import World
from .folder.checkpoints import checkpoint_path, has_checkpoint
from .folder.files import checksum, read_json, write_json
from .folder.run_directory import DATA_FORMAT, RunDirectory
from .log.display import Display, announce
from .log.tracking import Tracker
from .loop.learner import Learner


@dataclass
class Progress:
    """How far a run has come; saved with each checkpoint, so that a resumed run goes on as if never stopped."""

    step: int = 0
    best_score: float | None = None
    best_step: int = 0
    waited: int = 0
    seconds: float = 0.0
    sums: dict[str, list[float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a dictionary for JSON."""
        return asdict(self)


class StopSignal:
    """SIGINT and SIGTERM ask for a stop at the end of the step; a second one ends the program at once."""

    def __init__(self) -> None:
        self.received: int | None = None

    @contextmanager
    def listening(self) -> "Iterator[StopSignal]":
        """Catch the signals inside the block, and leave them as they were after it."""
        kinds = (signal.SIGINT, signal.SIGTERM)
        before = {kind: signal.signal(kind, self._receive) for kind in kinds}
        try:
            yield self
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)

    def _receive(self, number: int, _frame: Any) -> None:
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number
        announce("Stopping as soon as this step is done; Ctrl-C again ends at once, without a checkpoint of it.")


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
        """The sums over all ranks as numbers."""
        return {name: [world.sum(float(top)), world.sum(float(bottom))] for name, (top, bottom) in self.sums.items()}

    def tokens_per_second(self, world: World) -> float:
        """Real tokens, padding not counted, that all ranks took in since the last reading."""
        return world.sum(self.tokens) / max(time.monotonic() - self.started, 1e-9)


@dataclass
class Session:
    """One run under way."""

    recipe: Recipe
    setting: Setting
    directory: RunDirectory
    tracker: Tracker | None
    display: Display
    stop: StopSignal
    progress: Progress = field(default_factory=Progress)
    started: float = field(default_factory=time.monotonic)

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
        return self.recipe.training.best_metric if self.recipe.training else "accuracy"

    @property
    def early_stopping(self) -> EarlyStoppingConfig | None:
        return self.recipe.training.early_stopping if self.recipe.training else None

    def tell(self, split: str, step: int, values: Mapping[str, float]) -> None:
        """Log values to TensorBoard and `metrics.jsonl`; only the first rank has a tracker."""
        if self.tracker is not None:
            self.tracker.scalars(split, step, values)


def peak_bytes(device: str) -> int:
    """The most memory held so far: by this process, or on a GPU by its tensors."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated()
    if sys.platform == "win32":
        return 0  # Windows tells no peak without a package for it
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextmanager
def open_session(
    recipe: Recipe, setting: Setting, directory: RunDirectory, data: Data, plan: Plan, learner: Learner
) -> Iterator[Session]:
    """Go on from the last checkpoint, or begin; then log, show and listen until the block ends."""
    main = setting.world.is_main
    notices = [*data.notices, *(said for split in data.splits.values() for said in cut_notices(split, recipe.model))]
    with directory.hold() if main else nullcontext(), StopSignal().listening() as stop:
        if main:
            _save_data(directory, data)  # first: another vocabulary would be told as weights that do not fit
        progress = _resumed(learner, directory)
        tracker = Tracker(directory, resume_step=progress.step) if main else None
        with tracker or nullcontext(), Display(plan.n_steps, progress.step, silent=not main, seed=directory.seed) as display:
            for notice in notices:
                display.line(f"Notice: {notice}")
            yield Session(recipe, setting, directory, tracker, display, stop, progress)


def _resumed(learner: Learner, directory: RunDirectory) -> Progress:
    """Bring the learner to where the last checkpoint was taken; to the very start where there is none."""
    if not has_checkpoint(directory):
        return Progress()
    folder = checkpoint_path(directory, "last")
    path = folder / "progress.json"
    try:
        saved = read_json(path)
        progress, state = Progress(**saved["progress"]), saved["learner"]
    except (KeyError, TypeError) as error:
        raise RunError(f"{path} is not what this version of nlp writes ({error!r}). "
                       "Take it from where the folder was copied, or train again.") from None
    learner.resume(folder, state)
    return progress


def _save_data(directory: RunDirectory, data: Data) -> None:
    """What evaluating and predicting need of the data: labels by name, sizes, the tokenizer; and what it was, by hash."""
    encoding = data.encoding
    about = {"format": DATA_FORMAT, "labels": list(encoding.labels), "label_counts": list(encoding.label_counts),
             "spec": encoding.spec.model_dump(), "hashes": dict(data.hashes),
             "tokenizers": {role: tokenizer.fingerprint() for role, tokenizer in encoding.tokenizers.items()}}
    about["checksum"] = checksum(about)
    if directory.data.exists() and read_json(directory.data) != about:
        raise RunError(f"The data is not what run {directory.path} was begun with (its hashes stand in {directory.data.name}). "
                       "Bring the old data back, or begin a new run with --config.")
    for role, tokenizer in encoding.tokenizers.items():
        tokenizer.save(directory.tokenizer(role))
    write_json(directory.data, about)
