"""What a task asks of a model, in plain numbers; no torch."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Head:
    """The output that a task needs.

    `classes`: one score for each class of a text; `tags`: one for each tag at each word, with `crf` of a conditional random field;
    `vocabulary`: one for each word at each position.
    `labels` are the classes by name, where there are any: rules vote by name.
    """

    kind: Literal["classes", "tags", "vocabulary"]
    n_outputs: int
    labels: tuple[str, ...] = ()
    tied: bool = False
    bias: bool = True
    crf: bool = False
