"""What the rest of the program knows of data: tables of text, and the numbers made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ...configs.schema.data import SizesData
from ...configs.schema.model import ModelConfig
from ...configs.schema.model_base import Takes
from ...configs.schema.training import TrainingConfig
from ..arrays import IntArray
from .batching import Order

if TYPE_CHECKING:
    from ..tokenizers.tokenizer import Tokenizer


@dataclass(frozen=True)
class Batch:
    """Some rows of a split. `inputs` are the model's arguments as numpy arrays; `targets` what it shall say of each row, -1: nothing.

    Targets are (batch,) class ids, or (batch, seq) ids of tags or tokens. `gold` is the same by name, or what else scoring needs.
    """

    rows: IntArray
    inputs: dict[str, Any]
    targets: IntArray
    gold: Sequence[Any] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def n_tokens(self) -> int:
        """Real tokens in the batch, padding not counted, of source and target; texts count as one each where nothing is encoded."""
        if "lengths" in self.inputs:
            written = int((self.targets >= 0).sum()) if "previous" in self.inputs else 0
            return int(self.inputs["lengths"].sum()) + written
        return len(self.inputs.get("tokens", self.rows))


class Split(Protocol):
    """What batching, training and evaluation know of a split, whatever the task."""

    @property
    def name(self) -> str: ...

    @property
    def lengths(self) -> IntArray | None:
        """Tokens of each row; None where nothing is encoded."""
        ...

    def __len__(self) -> int: ...

    def batch(self, rows: IntArray, takes: Takes) -> Batch:
        """The rows in the form that a model takes."""
        ...

    def order(self, training: TrainingConfig | None, model: ModelConfig, seed: int) -> Order:
        """How the rows are cut into batches to train on; without `training`, one batch with everything."""
        ...

    def evaluation_batches(self, most: int | None = None) -> list[IntArray]:
        """Every row once, or at most so many, from all over the split."""
        ...

    def told(self, row: int) -> dict[str, Any]:
        """A row for people: `where` it stands, its text and what is right, by name."""
        ...


@dataclass(frozen=True)
class Encoding:
    """How examples become numbers: what the training split taught, and all of it that a finished run needs.

    `labels` by name with the number of each in training; tokenizers by what they read; the sizes that a model is built from.
    """

    spec: SizesData
    labels: tuple[str, ...] = ()
    label_counts: tuple[int, ...] = ()
    tokenizers: "Mapping[str, Tokenizer]" = field(default_factory=dict)

    @property
    def tokenizer(self) -> "Tokenizer | None":
        """That of the text which the model reads."""
        return self.tokenizers.get("text")

    @property
    def target_tokenizer(self) -> "Tokenizer | None":
        """That of the text which the model writes; by default the same."""
        return self.tokenizers.get("target", self.tokenizer)


@dataclass(frozen=True)
class Data:
    """All splits, what turned them into numbers, and where they came from."""

    splits: Mapping[str, Split]
    encoding: Encoding
    hashes: Mapping[str, str] = field(default_factory=dict)
    notices: Sequence[str] = ()
    cache: Path | None = None
