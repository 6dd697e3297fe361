"""A run's row in TensorBoard's HParams table."""

from collections.abc import Mapping
from typing import Any

from ...configs.schema.recipe import Recipe
from ..folder.results_file import parameters_of

FLAGS = {"bidirectional", "causal", "gated", "share_layers"}
"""Boolean settings that are part of the architecture besides the sizes."""


def hyperparameters(recipe: Recipe, cost: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """A run's hyperparameters and model size. Data and task are left out, since comparable runs share them.

    By default TensorBoard shows the five alphabetically first columns in which runs differ. The less important names are therefore
    chosen to sort after `parameters`. The row is named after the recipe and the run.
    """
    model = recipe.model.model_dump()
    sizes = {name: value for name, value in model.items() if isinstance(value, bool | int | float)}
    parameters = parameters_of(cost)
    columns = {
        "architecture": _architecture(model),
        **_training(recipe),
        "model": recipe.model.type,
        "parameters": parameters,
        "run/seed": recipe.seeds[0],
        **{f"size/{name}": value for name, value in sizes.items()},
    }
    return {name: value for name, value in columns.items() if value not in (None, "")}


def _architecture(model: Mapping[str, Any]) -> str:
    """All sizes in one column, such as `hidden_size 128, n_layers 1, bidirectional`."""
    parts = []
    for name, value in model.items():
        if value is True and name in FLAGS:
            parts.append(name)
        elif isinstance(value, int) and not isinstance(value, bool) and value:
            parts.append(f"{name} {value}")
        elif isinstance(value, list) and value and all(isinstance(size, int) for size in value):
            parts.append(f"{name} {'-'.join(map(str, value))}")
    return ", ".join(parts)


def _training(recipe: Recipe) -> dict[str, Any]:
    training = recipe.training
    if training is None:
        return {}
    return {"epochs": training.epochs, "learning_rate": training.optimizer.learning_rate, "training/batch_size": training.batch_size,
            "training/optimizer": training.optimizer.type, "training/steps": training.steps}
