"""What a model may report of its predictions for a split, beside the figures of the task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ModelReport:
    """A table for people, what matters most first, and all of it for programs."""

    name: str
    """Its key in JSON."""
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    entries: Sequence[Mapping[str, Any]]
    """The same in full, in the model's own order."""
    dispensable: Sequence[str] = ()
    """Columns that a narrow terminal may leave out, in this order."""
    notes: Sequence[str] = ()
    """Sentences for below the table."""

    def to_json(self) -> dict[str, Any]:
        """As programs read it."""
        return {self.name: list(self.entries)}
