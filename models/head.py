"""The outputs that tasks need from models, in plain numbers; no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple


class TreeSizes(NamedTuple):
    """Sizes of the vectors that score heads and relations, and their dropout."""

    d_arc: int
    d_relation: int
    dropout: float


@dataclass(frozen=True)
class Head:
    """The output that a task needs.

    `classes`: one score for each class of a text or a pair of texts; `number`: one number for a text or pair; `ranking`: a vector for
    each text, and no output; `tags`: one score for each tag at each word, with `crf` from a conditional random field; `tree`: one score
    for each head and each relation of each word, with the sizes in `tree`; `vocabulary`: one score for each word at each position;
    `sequence`: one score for each word of the target vocabulary at each target position.
    `labels` are the names of the classes, if any: rules vote by name. `tied`: the output shares the embedding's matrix;
    `tied_source`: so does the source's embedding. `multiple`: the number of rows of vocabulary matrices is a multiple of this.
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
"""The output of a network, several outputs by name, or none for the bare encoder."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are sampled. A temperature of 0 takes the most probable token; `top_k` and `top_p` exclude improbable ones first."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 0

    @property
    def divisor(self) -> float:
        """The temperature, clamped to what single precision can divide by: beyond these limits samples no longer change."""
        return min(max(self.temperature, 1e-30), 1e30)
