"""`results.json`: the metrics and the cost of a finished run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import ConfigDict, model_validator

from ...configs.schema.base import Seed
from ...configs.schema.saved import NonNegative, Number, OpenSaved, Saved
from .files import read_saved


class SavedCost(Saved):
    """A run's cost: its training time, the sizes of its model and other counts."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, int | Number]  # pyright: ignore[reportIncompatibleVariableOverride]

    train_seconds: NonNegative


class SavedResults(OpenSaved):
    """The metrics of each split, and the cost."""

    train: dict[str, Number] | None = None
    validation: dict[str, Number]
    test: dict[str, Number] | None = None
    cost: SavedCost
    seed: Seed

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """The metrics by split, for splits that were scored."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: figures for name, figures in splits.items() if figures is not None}

    def to_json(self) -> dict[str, Any]:
        """The content of the file."""
        return {**self.metrics, "cost": self.cost.model_dump(), "seed": self.seed}

    @model_validator(mode="after")
    def _same_figures(self) -> Self:
        for split, figures in self.metrics.items():
            if missing := sorted(self.validation.keys() - figures.keys()):
                raise ValueError(f"lacks `{split}.{missing[0]}`, which `validation` has")
        return self


def parameters_of(cost: Mapping[str, Any]) -> Any:
    """The number of parameters as in `nlp count-params`, or of coefficients for linear models; None for models with neither."""
    return cost.get("parameters", cost.get("coefficients"))


def read_results(path: Path) -> SavedResults:
    """The results of a finished run. Raises RunError if they are damaged."""
    return read_saved(path, SavedResults)
