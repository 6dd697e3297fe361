"""What a task asks of a model, in plain numbers; no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple


class TreeSizes(NamedTuple):
    """Sizes of the vectors that heads and relations are chosen by, and their dropout."""

    d_arc: int
    d_relation: int
    dropout: float


@dataclass(frozen=True)
class Head:
    """The output that a task needs.

    `classes`: one score for each class of a text, or of two; `number`: one number for them; `ranking`: a vector of each, and no output;
    `tags`: one score for each tag at each word, with `crf` of a conditional random field; `tree`: one for each head and each relation of
    each word, with the sizes in `tree`; `vocabulary`: one for each word at each position; `sequence`: one for each word of the target's
    vocabulary at each of its places.
    `labels` are the classes by name, where there are any: rules vote by name. `tied`: the output shares the embedding's matrix;
    `tied_source`: so does the source's embedding. `multiple`: the matrices of a vocabulary have a multiple of so many rows.
    """

    kind: Literal["classes", "number", "ranking", "tags", "tree", "vocabulary", "sequence"]
    n_outputs: int
    labels: tuple[str, ...] = ()
    tied: bool = False
    tied_source: bool = False
    bias: bool = True
    crf: bool = False
    multiple: int = 1
    tree: TreeSizes | None = None

    @property
    def is_of_texts(self) -> bool:
        """Whether the output is one row for each text, not one for each token."""
        return self.kind in ("classes", "number")

    @property
    def n_rows(self) -> int:
        """Rows of the output's matrix: `n_outputs`, rounded up to the multiple."""
        return -(-self.n_outputs // self.multiple) * self.multiple


Heads = Head | Mapping[str, Head] | None
"""The output of a network, several by name, or none: the bare encoder."""


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn. A temperature of 0 takes the most probable one; `top_k` and `top_p` leave out the others first."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 0

    @property
    def divisor(self) -> float:
        """The temperature, kept to what single precision can divide by: beyond these ends a draw no longer changes."""
        return min(max(self.temperature, 1e-30), 1e30)
