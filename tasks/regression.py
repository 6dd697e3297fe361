"""Regression: a number for each text or pair of texts. Numpy only; the loss of networks is in `losses.py`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..configs.schema.data import SizesData
from ..configs.schema.tasks.regression import RegressionConfig
from ..datasets.arrays import FloatArray
from ..datasets.encoded.split import Batch, Encoding
from ..datasets.encoded.texts.numbered_texts import NumberedTexts
from ..models.head import Head
from .predictions import Predictions
from .scoring.correlation import pearson, ranks, spearman
from .scoring.row_scores import MetricColumns, ones
from .task import Task

if TYPE_CHECKING:
    from torch import nn

    from .losses import Objective


@dataclass(frozen=True)
class NumberPredictions(Predictions):
    """`predicted` and `gold` (rows,) in the target's own units; `gold` is NaN if unknown."""

    predicted: FloatArray
    gold: FloatArray


class Regression(Task):
    """The task: its head, loss, predictions and metrics."""

    def __init__(self, config: RegressionConfig, encoding: Encoding) -> None:
        super().__init__(config, encoding)
        assert encoding.standard is not None, "learned from the training split"
        self.config, self.standard, self.head = config, encoding.standard, self.head_for(config, encoding.spec)

    @classmethod
    def prepare(cls, config: RegressionConfig) -> NumberedTexts:
        """Texts, each with a number."""
        return NumberedTexts(config)

    @classmethod
    def head_for(cls, config: RegressionConfig, sizes: SizesData, labels: tuple[str, ...] = ()) -> Head:
        """A single number."""
        return Head("number", 1)

    def objectives(self, model: "nn.Module") -> "list[Objective]":
        """Squared error."""
        from .losses import Objective, SquaredError

        return [Objective("", model, SquaredError("numbers"))]

    def predict(self, model: Any, batch: Batch) -> NumberPredictions:
        """The number for each row: the model's output, rescaled by the scale and mean of the training targets."""
        scores = model.scores(**batch.inputs)[:, 0].astype(np.float64)
        return NumberPredictions(batch.rows, scores * self.standard.scale + self.standard.mean, np.asarray(batch.gold, dtype=np.float64))

    def metrics(self, predictions: NumberPredictions) -> dict[str, float]:
        """`loss`: the mean squared error divided by the variance of the training targets; Pearson's and Spearman's correlation; `rmse` and
        `mae` in the target's units.
        """
        predicted, gold = predictions.predicted, predictions.gold
        return self._errors(predicted - gold) | {"pearson": pearson(predicted, gold), "spearman": spearman(predicted, gold)}

    def _errors(self, errors: FloatArray) -> dict[str, float]:
        mean_square = float((errors**2).mean()) if len(errors) else 0.0
        mean_absolute = float(np.abs(errors).mean()) if len(errors) else 0.0
        return {"loss": mean_square / self.standard.scale**2, "rmse": mean_square**0.5, "mae": mean_absolute}

    def metric_columns(self, predictions: NumberPredictions) -> MetricColumns:
        """The errors of each row, and the values for correlations: both numbers, and their ranks among all rows."""
        predicted, gold = predictions.predicted, predictions.gold
        errors, rows = predicted - gold, {"rows": ones(len(gold))}
        return {
            "loss": ("ratio", {"losses": (errors / self.standard.scale) ** 2, **rows}),
            "rmse": ("rmse", {"squared_errors": errors**2, **rows}),
            "mae": ("ratio", {"absolute_errors": np.abs(errors), **rows}),
            "pearson": ("correlation", {"predicted_numbers": self._standardized(predicted), "gold_numbers": self._standardized(gold)}),
            "spearman": ("correlation", {"predicted_ranks": ranks(predicted), "gold_ranks": ranks(gold)}),
        }

    def _standardized(self, numbers: FloatArray) -> FloatArray:
        """Numbers standardised by the mean and scale of the training targets, so that sums of squares stay small."""
        return (numbers - self.standard.mean) / self.standard.scale

    def baselines(self, predictions: NumberPredictions) -> Mapping[str, float]:
        """The error of always predicting the mean of the training targets."""
        return {"the mean of training": self._errors(self.standard.mean - predictions.gold)["rmse"]}

    @property
    def baseline_metric(self) -> str:
        """`rmse`, since a constant has no correlation."""
        return "rmse"

    def describe(self, predictions: NumberPredictions, place: int, full: bool = False) -> dict[str, Any]:
        """The number, rounded to seven significant digits."""
        return {"prediction": float(f"{predictions.predicted[place]:.7g}")}
