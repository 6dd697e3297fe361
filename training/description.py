"""A summary of a run in a few lines, printed before its first step."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..configs.schema.recipe import Recipe
from ..datasets.encoded.batching import Plan, TimedPlan
from ..datasets.encoded.split import Data
from .devices import Setting

if TYPE_CHECKING:
    from .loop.learner import Learner
    from .run import Run


def parts(recipe: Recipe, run: "Run", setting: Setting) -> Iterator[str]:
    """The lines on data, model and device."""
    encoding = run.data.encoding
    sizes = ", ".join(f"{name} {len(split):,}" for name, split in run.data.splits.items())
    labels = f"; {len(encoding.labels)} classes" if encoding.labels else ""
    vocabulary = f"; vocabulary {encoding.spec.vocab_size:,}" if encoding.spec.vocab_size else ""
    yield f"data        {sizes} examples{labels}{vocabulary}"
    counts = ", ".join(f"{name} {value:,}" for name, value in run.model.describe().items() if value)  # words and weights come with fitting
    yield f"model       {recipe.model.type}" + (f": {counts}" if counts else "")
    if run.start is not None:
        yield f"start       {run.start}"
    if recipe.training is not None and recipe.training.fine_tune is not None:
        tuning = getattr(run.learner, "fine_tuning", None)
        if tuning is not None:
            yield f"learning    {tuning.n_first:,} of these parameters" + (" at first" if tuning.is_gradual else "")
    yield f"device      {setting.device}, {setting.threads} thread{'s' if setting.threads > 1 else ''}"


def notices(recipe: Recipe, data: Data, learner: "Learner") -> Iterator[str]:
    """Notices on texts that are longer than what the model reads, and on settings of fine-tuning that exceed what there is."""
    for split in data.splits.values():
        yield from split.length_notices(recipe.model.longest_input)
    if (tuning := getattr(learner, "fine_tuning", None)) is not None:
        yield from tuning.notices()


def steps(recipe: Recipe, plan: Plan) -> Iterator[str]:
    """The line on the number of steps or the kind of fit; none for rules."""
    if recipe.model.learns_by == "solver":
        yield f"training    {recipe.model.fitting}"
    if recipe.training is None:
        return
    if isinstance(plan, TimedPlan):
        yield f"training    for {plan.seconds:,g} seconds of steps"
        return
    epochs = plan.epoch_of(plan.n_steps) + 1
    stops = ", or fewer with early stopping" if recipe.training.early_stopping else ""
    yield f"training    {plan.n_steps:,} steps in {epochs:,} epoch{'s' if epochs > 1 else ''}{stops}"
