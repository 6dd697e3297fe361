"""The story of one run: data, task, model, plan, learner; then fit, and score what came of it."""

from ..configs.schema.recipe import Recipe
from ..datasets.build import build_data
from ..models.build import build_model
from ..tasks.build import build_task
from .devices import Setting, placed
from .finish import Results, conclude
from .folder.run_directory import RunDirectory
from .log.display import announce
from .loop.learner import build_learner, build_plan
from .loop.trainer import fit
from .session import open_session


def run_recipe(recipe: Recipe, setting: Setting, directory: RunDirectory) -> Results | None:
    """Train, evaluate and save one run, from its last checkpoint where it has one. Returns None where a signal stopped it."""
    data = build_data(recipe.data, recipe.tokenizer, recipe.task, tell=announce)
    task = build_task(recipe.task, data.encoding)
    model = placed(recipe, setting, lambda: build_model(recipe.model, data.encoding.spec, task.head))
    plan = build_plan(recipe, data.splits["train"], setting.seed)
    learner = build_learner(recipe, task, model, plan, setting)
    with open_session(recipe, setting, directory, data, plan, learner) as session:
        finished = fit(learner, task, data, plan, session)
        return conclude(learner, task, data, session) if finished else None
