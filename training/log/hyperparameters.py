"""The row of a run in TensorBoard's table of runs."""

from collections.abc import Mapping
from typing import Any

from ...configs.schema.recipe import Recipe
from ..folder.results_file import parameters_of
from ..folder.run_directory import RunDirectory


def hyperparameters(run: RunDirectory, recipe: Recipe, cost: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """Which run it is, what it was trained with, and how large its model is. Data and task are the same in a table of comparable runs."""
    model = recipe.model.model_dump()
    sizes = {name: value for name, value in model.items() if isinstance(value, bool | int | float)}
    columns = {"recipe": run.recipe, "run": run.name, "seed": recipe.seeds[0], "model": recipe.model.type, **sizes, **_training(recipe)}
    parameters = parameters_of(cost)
    return columns if parameters is None else {**columns, "parameters": parameters}


def _training(recipe: Recipe) -> dict[str, Any]:
    training = recipe.training
    if training is None:
        return {}
    columns = {"optimizer": training.optimizer.type, "learning_rate": training.optimizer.learning_rate, "batch_size": training.batch_size,
               "epochs": training.epochs, "steps": training.steps}
    return {name: value for name, value in columns.items() if value is not None}
