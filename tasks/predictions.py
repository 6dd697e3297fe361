"""A model's predictions for some rows of a split; each task adds its own fields."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from ..datasets.arrays import IntArray


@dataclass(frozen=True)
class Predictions:
    """Every field is an array or list with one entry per row, or None. `rows` (rows,) are row numbers in the split."""

    rows: IntArray

    def take(self, places: IntArray) -> Self:
        """The predictions at these positions, which may repeat."""
        return replace(self, **{name: _at(values, places) for name, values in self._fields().items()})

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All parts joined, in the order of the split."""
        joined = cls(**{name: _concatenated([getattr(part, name) for part in parts]) for name in parts[0]._fields()})
        return joined.take(np.argsort(joined.rows, kind="stable"))

    def _fields(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _at(values: Any, places: IntArray) -> Any:
    return [values[place] for place in places.tolist()] if isinstance(values, list) else None if values is None else values[places]


def _concatenated(parts: Sequence[Any]) -> Any:
    if parts[0] is None:
        return None
    return [entry for part in parts for entry in part] if isinstance(parts[0], list) else np.concatenate(parts)
