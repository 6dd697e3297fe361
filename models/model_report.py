"""Reports of a model on its predictions for a split, in addition to the metrics of the task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ModelReport:
    """A table for people, the most important rows first, and all entries for programs."""

    name: str
    """Key of the report in JSON."""
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    entries: Sequence[Mapping[str, Any]]
    """All entries, in the model's own order."""
    dispensable: Sequence[str] = ()
    """Columns that may be dropped in a narrow terminal, in this order."""
    notes: Sequence[str] = ()
    """Sentences to show below the table."""

    def to_json(self) -> dict[str, Any]:
        """The report in JSON, for programs."""
        return {self.name: list(self.entries)}
