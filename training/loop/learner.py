"""Learners behind one interface: rules learn nothing, a solver fits once, a network takes gradient steps."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ...configs.schema.models.classical import ClassicalConfig
from ...configs.schema.recipe import Recipe
from ...datasets.encoded.batching import Plan
from ...datasets.encoded.split import Batch, Data
from ...datasets.interruptible import interruptible
from ...models.classical.rounds import Report, silent
from ...tasks.task import Task
from ..devices import Setting
from .budget import plan_within

if TYPE_CHECKING:
    from ...models.classical.classifier import Classical
    from ...models.classical.ngram import NgramLanguageModel
    from ...models.classical.taggers import Tagger
    from ...models.rules import Rules

Window = Sequence[Batch]


class Learner(Protocol):
    """The interface between the trainer and a learner."""

    model: Any

    def update(self, window: Window, step: int, watched: bool) -> Mapping[str, Any]:
        """Learn from one window. Returns sums and counts by name, still on the device."""
        ...

    def figures(self) -> dict[str, float]:
        """Figures of the last watched step by tag, such as `learning_rate`. Reads from the device."""
        ...

    def bad_step(self) -> int:
        """The first step with a non-finite loss or gradient, or 0. Reads from the device."""
        ...

    def explain_bad_step(self, window: Window, step: int) -> str:
        """Where in the model the first non-finite number appears."""
        ...

    def evaluated(self, score: float) -> None:
        """Record a validation score; larger is better."""
        ...

    def evaluating(self) -> AbstractContextManager[Any]:
        """The model in the state in which it is evaluated."""
        ...

    def save(self, folder: Path) -> None:
        """Write the files for evaluating and resuming into a checkpoint folder."""
        ...

    def state(self) -> dict[str, Any]:
        """The state that resuming needs besides these files, for JSON."""
        ...

    def load(self, folder: Path) -> None:
        """Load the model for evaluation."""
        ...

    def resume(self, folder: Path, state: dict[str, Any]) -> None:
        """Load the model and the training state, to resume training."""
        ...


class FixedLearner:
    """Rules: nothing to learn and nothing to save."""

    def __init__(self, model: "Rules | Classical | Tagger | NgramLanguageModel") -> None:
        self.model = model

    def update(self, window: Window, step: int, watched: bool) -> Mapping[str, Any]:
        return {}

    def figures(self) -> dict[str, float]:
        return {}

    def bad_step(self) -> int:
        return 0

    def explain_bad_step(self, window: Window, step: int) -> str:
        return ""

    def evaluated(self, score: float) -> None:
        return

    @contextmanager
    def evaluating(self) -> "Iterator[Rules | Classical | Tagger | NgramLanguageModel]":
        yield self.model

    def save(self, folder: Path) -> None:
        return

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, folder: Path) -> None:
        return

    def resume(self, folder: Path, state: dict[str, Any]) -> None:
        self.load(folder)


class SolverLearner(FixedLearner):
    """Classical models and statistical taggers: a single update, which fits the solver to the whole training split."""

    model: "Classical | Tagger | NgramLanguageModel"

    def __init__(self, model: "Classical | Tagger | NgramLanguageModel", seed: int) -> None:
        super().__init__(model)
        self.seed = seed
        self.report: Report = silent
        """Receives the solver's progress."""

    def update(self, window: Window, step: int, watched: bool) -> Mapping[str, Any]:
        (batch,) = window
        self.report("", 0, None)
        interruptible(lambda: self._fit(batch))
        return {}

    def _fit(self, batch: Batch) -> None:
        self.model.fit(**batch.inputs, targets=batch.targets, seed=self.seed, report=self.report)

    def save(self, folder: Path) -> None:
        self.model.save(folder)

    def load(self, folder: Path) -> None:
        self.model.load(folder)


class ScikitLearner(SolverLearner):
    """scikit-learn's classifiers, limited to the run's number of threads; by default some libraries use every core."""

    def __init__(self, model: "Classical", seed: int, threads: int) -> None:
        super().__init__(model, seed)
        self.threads = threads

    def _fit(self, batch: Batch) -> None:
        import scipy.linalg  # noqa: F401  # pyright: ignore[reportUnusedImport]  # only loaded libraries can be limited
        import sklearn.utils  # noqa: F401  # pyright: ignore[reportUnusedImport]
        from joblib import parallel_config
        from threadpoolctl import threadpool_limits

        with threadpool_limits(self.threads), parallel_config("threading", n_jobs=self.threads):
            super()._fit(batch)


def build_learner(recipe: Recipe, task: Task, model: Any, plan: Plan, setting: Setting) -> Learner:
    """The learner for the recipe's model."""
    match recipe.model.learns_by:
        case "nothing":
            return FixedLearner(model)
        case "solver" if isinstance(recipe.model, ClassicalConfig):
            return ScikitLearner(model, setting.seed, setting.threads)
        case "solver":
            return SolverLearner(model, setting.seed)
        case "gradient":
            from .fine_tuning import FineTuning
            from .gradient import GradientLearner
            from .schedules import build_schedule

            assert recipe.training is not None
            schedule = build_schedule(recipe.training.schedule, plan)
            fine_tuning = None if recipe.training.fine_tune is None else FineTuning(recipe.training.fine_tune, model, plan)
            return GradientLearner(model, task, recipe.training, schedule, setting.seed, setting.world, fine_tuning)


def build_plan(recipe: Recipe, data: Data, seed: int) -> Plan:
    """All updates of the run: none for rules, one on the whole split for a solver, many for a network."""
    training, order = recipe.training, data.splits["train"].order(recipe.training, recipe.model, seed)
    if training is None:
        return Plan(order, 0 if recipe.model.learns_by == "nothing" else 1, None)
    if training.budget is not None:
        return plan_within(training.budget, recipe, data, order, training.accumulate)
    return Plan(order, training.epochs, training.steps, training.accumulate)
