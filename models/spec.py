"""What a task asks of a model, in plain numbers; no torch."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Head:
    """The output that a task needs.

    `classes`: one score for each class of a text; `vocabulary`: one for each word at each position.
    `labels` are the classes by name, where there are any: rules vote by name.
    """

    kind: Literal["classes", "vocabulary"]
    n_outputs: int
    labels: tuple[str, ...] = ()
    tied: bool = False
    bias: bool = True
