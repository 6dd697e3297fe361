"""Numbers that a model is given: less their mean in the training split, by their standard deviation there."""

from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from ....configs.schema.saved import Finite, Saved
from ...arrays import FloatArray

FARTHEST = 1e6
"""Standard deviations beyond which a number counts as this far, so that no number overflows in a network."""


class Scaling(Saved):
    """Mean and standard deviation of each column of numbers; of pictures one of each, over all pixels."""

    columns: list[str]
    means: list[Finite]
    spreads: list[Annotated[Finite, Field(gt=0)]]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not len(self.columns) == len(self.means) == len(self.spreads) > 0:
            raise ValueError("does not have one mean and one standard deviation for each column")
        return self

    @classmethod
    def of(cls, columns: Sequence[str], numbers: FloatArray) -> "Scaling":
        """Learned from numbers (rows, columns), of which NaN ones are missing; each column has one. A column that never changes is only
        moved to 0."""
        same = np.nanmin(numbers, axis=0) == np.nanmax(numbers, axis=0)
        means = np.where(same, np.nanmin(numbers, axis=0), np.nanmean(numbers, axis=0))
        return cls(columns=list(columns), means=means.tolist(), spreads=np.where(same, 1.0, np.nanstd(numbers, axis=0)).tolist())

    def apply(self, numbers: FloatArray) -> FloatArray:
        """(rows, columns) -> (rows, columns) float32, where missing numbers are the mean, 0."""
        scaled = (numbers - np.array(self.means)) / np.array(self.spreads)
        return np.clip(np.nan_to_num(scaled, nan=0.0), -FARTHEST, FARTHEST).astype(np.float32)
