"""Encoded examples: splits, their batches, and what is needed to encode texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ...configs.schema.data import SizesData
from ...configs.schema.models.model_base import Inputs, ModelBase
from ...configs.schema.training import TrainingConfig
from ..arrays import FloatArray, IntArray
from .batching import Order

if TYPE_CHECKING:
    from ..tokenizers.tagger import Tagger
    from ..tokenizers.tokenizer import Tokenizer
    from .numbers.scaling import Scaling


class Target(NamedTuple):
    """One array of values to predict, and a mask of where there is something to predict.

    values: ids or numbers, (batch, ...); mask: bool, (batch,) or (batch, seq). Values are meaningless where the mask is false.
    """

    values: Any
    mask: Any

    def filled(self, filler: int) -> npt.NDArray[Any]:
        """The values, with `filler` where there is nothing to predict."""
        mask = self.mask.reshape(self.mask.shape + (1,) * (self.values.ndim - self.mask.ndim))
        return np.where(mask, self.values, filler)


@dataclass(frozen=True)
class Batch:
    """Some rows of a split.

    `inputs` are the model's arguments as numpy arrays, `targets` the values to predict, by name. `gold` is the same as text, or
    anything else that scoring needs.
    """

    rows: IntArray
    inputs: dict[str, Any]
    targets: Mapping[str, Target]
    gold: Sequence[Any] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def n_tokens(self) -> int:
        """Tokens of source and target without padding; if nothing is encoded, each text counts as one."""
        if "lengths" in self.inputs:
            target_tokens = sum(int(target.mask.sum()) for target in self.targets.values()) if "previous" in self.inputs else 0
            return sum(int(self.inputs[name].sum()) for name in ("lengths", "other_lengths") if name in self.inputs) + target_tokens
        return len(self.inputs.get("tokens", self.rows)) + len(self.inputs.get("other_tokens", ()))

    def without_targets(self) -> "Batch":
        """The same inputs with nothing to predict."""
        return replace(self, targets={name: Target(values, np.zeros_like(mask)) for name, (values, mask) in self.targets.items()})


@dataclass(frozen=True)
class StepRandom:
    """Random numbers of one micro-batch, a function of the seed, the step and the micro-batch's number in it.

    They are reproducible, so a resumed run draws the same ones, and each row keeps its own regardless of how many ranks share the
    micro-batch: a rank has the rows `rank`, `rank + world_size`, ... of its `n_rows`.
    """

    seed: int
    step: int
    micro_batch: int
    n_rows: int
    rank: int = 0
    world_size: int = 1

    def uniform(self, width: int) -> FloatArray:
        """(rows of this rank, width) numbers from 0 to 1; a row's first numbers do not depend on the width."""
        generator = np.random.default_rng((self.seed, self.step, self.micro_batch))
        return generator.random((width, self.n_rows)).T[self.rank :: self.world_size]


class Split(Protocol):
    """The interface of a split for batching, training and evaluation, whatever the task."""

    @property
    def name(self) -> str: ...

    @property
    def lengths(self) -> IntArray | None:
        """Tokens of each row; None if nothing is encoded."""
        ...

    def __len__(self) -> int: ...

    def tokens_of(self, rows: IntArray) -> IntArray:
        """Number of tokens of each of these rows that a network reads, as in `Batch.n_tokens`."""
        ...

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """The rows with the inputs that a model reads. `random` is given in training, for values that are redrawn at each step."""
        ...

    def order(self, training: TrainingConfig | None, model: ModelBase, seed: int) -> Order:
        """How the rows are split into training batches; without `training`, one batch with all rows."""
        ...

    def evaluation_batches(self, most: int | None = None) -> list[IntArray]:
        """Every row once, or at most `most` rows, spread over the split."""
        ...

    def length_notices(self, longest: int | None) -> list[str]:
        """Notices of how rows longer than a model's longest input are treated. Raises DataError for rows that it cannot read."""
        ...

    def example(self, row: int) -> dict[str, Any]:
        """A row for human readers: `where` it is in the data, its `text` and its `label`."""
        ...


def truncation_notices(split: str, lengths: IntArray | None, longest: int | None, treatment: str) -> list[str]:
    """A notice of rows, with lengths (rows,) in tokens, that are longer than a model's longest input, and how they are treated."""
    if longest is None or lengths is None:
        return []
    return longer_notices(split, int((lengths > longest).sum()), len(lengths), f"model.max_positions = {longest} tokens", treatment)


def longer_notices(split: str, longer: int, total: int, limit: str, treatment: str) -> list[str]:
    """A notice of the number of rows that are longer than what a model reads of each."""
    texts = "texts" if split == "texts" else f"{split} texts"
    return [f"{longer:,} of {total:,} {texts} have more than {limit}; the model reads {treatment}."] if longer else []


@dataclass(frozen=True)
class Standard:
    """Mean and scale of the numbers to predict in the training split; a model learns (number - mean) / scale."""

    mean: float
    scale: float


@dataclass(frozen=True)
class Encoding:
    """How examples are encoded: everything learned from the training split that a finished run needs.

    `spec`: the sizes that a model is built from; `labels` by name, and the count of each in training; tokenizers by role; the scaling of
    input numbers, and of predicted numbers (`standard`); `word_counts` (vocab_size,): frequencies in training, if words are sampled by
    frequency; `tagger`, if a task needs one, is opened with the run.
    """

    spec: SizesData
    labels: tuple[str, ...] = ()
    label_counts: tuple[int, ...] = ()
    tokenizers: "Mapping[str, Tokenizer]" = field(default_factory=dict)
    scaling: "Scaling | None" = None
    standard: Standard | None = None
    word_counts: tuple[int, ...] = ()
    tagger: "Tagger | None" = None

    @property
    def features(self) -> Sequence[str]:
        """The names of numeric features, which a model reads instead of tokens: columns, or pixels."""
        if self.spec.picture_size is not None:
            return [f"line {line}, pixel {column}" for line in range(1, self.spec.picture_size[0] + 1)
                    for column in range(1, self.spec.picture_size[1] + 1)]
        return self.scaling.columns if self.scaling is not None else ()

    @property
    def tokenizer(self) -> "Tokenizer | None":
        """The tokenizer of the text that the model reads."""
        return self.tokenizers.get("text")

    @property
    def target_tokenizer(self) -> "Tokenizer | None":
        """The tokenizer of the text that the model generates; by default the same."""
        return self.tokenizers.get("target", self.tokenizer)


@dataclass(frozen=True)
class Data:
    """All splits, their encoding, and their origin."""

    splits: Mapping[str, Split]
    encoding: Encoding
    hashes: Mapping[str, str] = field(default_factory=dict)
    notices: Sequence[str] = ()
    cache: Path | None = None
