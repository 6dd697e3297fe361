"""Standardised numbers: minus their mean and divided by their standard deviation, both in the training split."""

from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from ....configs.schema.saved import Finite, Saved
from ...arrays import FloatArray

FARTHEST = 1e6
"""Scaled numbers are clipped to this many standard deviations, so that they do not overflow in a network."""


class Scaling(Saved):
    """Mean and standard deviation of each column of numbers; for pictures one mean and one standard deviation over all pixels."""

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
        """Learned from numbers (rows, columns), NaN where missing; each column has at least one. A constant column is only shifted to
        0."""
        constant = np.nanmin(numbers, axis=0) == np.nanmax(numbers, axis=0)
        means = np.where(constant, np.nanmin(numbers, axis=0), np.nanmean(numbers, axis=0))
        return cls(columns=list(columns), means=means.tolist(), spreads=np.where(constant, 1.0, np.nanstd(numbers, axis=0)).tolist())

    def apply(self, numbers: FloatArray) -> FloatArray:
        """(rows, columns) -> (rows, columns) float32; missing numbers become the mean, 0."""
        scaled = (numbers - np.array(self.means)) / np.array(self.spreads)
        return np.clip(np.nan_to_num(scaled, nan=0.0), -FARTHEST, FARTHEST).astype(np.float32)
