"""Examples as numbers: splits, the batches that they are cut into, and what turned text into numbers."""

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
    """One array of what is to be predicted, and where there is something to predict.

    values: ids or numbers, (batch, ...); mask: bool, (batch,) or (batch, seq). What a value is where the mask is false has no meaning.
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

    `inputs` are the model's arguments as numpy arrays, `targets` what it should predict, by name. `gold` is the same as text, or what
    else scoring needs.
    """

    rows: IntArray
    inputs: dict[str, Any]
    targets: Mapping[str, Target]
    gold: Sequence[Any] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def n_tokens(self) -> int:
        """Tokens of source and target without padding; where nothing is encoded, each text counts as one."""
        if "lengths" in self.inputs:
            written = sum(int(target.mask.sum()) for target in self.targets.values()) if "previous" in self.inputs else 0
            return sum(int(self.inputs[name].sum()) for name in ("lengths", "other_lengths") if name in self.inputs) + written
        return len(self.inputs.get("tokens", self.rows)) + len(self.inputs.get("other_tokens", ()))

    def without_targets(self) -> "Batch":
        """The same inputs with nothing to predict."""
        return replace(self, targets={name: Target(values, np.zeros_like(mask)) for name, (values, mask) in self.targets.items()})


@dataclass(frozen=True)
class StepRandom:
    """Random numbers of one micro-batch, a function of the seed, the step and the micro-batch's number in it.

    They are the same whenever they are drawn, so a resumed run draws them again, and each row keeps its own however many ranks share
    the micro-batch: a rank has the rows `rank`, `rank + world_size`, ... of its `n_rows`.
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
    """What batching, training and evaluation know of a split, whatever the task."""

    @property
    def name(self) -> str: ...

    @property
    def lengths(self) -> IntArray | None:
        """Tokens of each row; None where nothing is encoded."""
        ...

    def __len__(self) -> int: ...

    def tokens_of(self, rows: IntArray) -> IntArray:
        """Tokens of each of these rows, as `Batch.n_tokens` counts those that a network reads."""
        ...

    def batch(self, rows: IntArray, inputs: Inputs, random: StepRandom | None = None) -> Batch:
        """The rows with the inputs that a model reads. `random` is given in training, for what is drawn again at each step."""
        ...

    def order(self, training: TrainingConfig | None, model: ModelBase, seed: int) -> Order:
        """How the rows are cut into training batches; without `training`, one batch with everything."""
        ...

    def evaluation_batches(self, most: int | None = None) -> list[IntArray]:
        """Every row once, or at most `most` rows, spread over the split."""
        ...

    def length_notices(self, longest: int | None) -> list[str]:
        """What becomes of rows that are longer than a model's longest input. Raises DataError for rows that it cannot read."""
        ...

    def example(self, row: int) -> dict[str, Any]:
        """A row for people: `where` it is in the data, its `text` and its `label`."""
        ...


def truncation_notices(split: str, lengths: IntArray | None, longest: int | None, treatment: str) -> list[str]:
    """A notice of rows of a split, lengths (rows,) in tokens, that are longer than a model's longest input, and what becomes of them."""
    if longest is None or lengths is None:
        return []
    return longer_notices(split, int((lengths > longest).sum()), len(lengths), f"model.max_positions = {longest} tokens", treatment)


def longer_notices(split: str, longer: int, total: int, limit: str, treatment: str) -> list[str]:
    """A notice of so many rows of a split that are longer than what a model reads of each."""
    what = "texts" if split == "texts" else f"{split} texts"
    return [f"{longer:,} of {total:,} {what} have more than {limit}; the model reads {treatment}."] if longer else []


@dataclass(frozen=True)
class Standard:
    """Mean and scale of the numbers to predict, of the training split; a model learns (number - mean) / scale."""

    mean: float
    scale: float


@dataclass(frozen=True)
class Encoding:
    """How examples become numbers: what was learned from the training split, and all of it that a finished run needs.

    `labels` by name, with the number of each in training; tokenizers by what they read; how numbers that are read are scaled, and
    those that are predicted (`standard`); `word_counts` (vocab_size,), where words are drawn by frequency: how often each is in training;
    `tagger`, where a task asks for one, is opened with the run; the sizes that a model is built from.
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
        """The names of the numbers that a model reads in place of tokens: columns, or pixels."""
        if self.spec.picture_size is not None:
            return [f"line {line}, pixel {place}" for line in range(1, self.spec.picture_size[0] + 1)
                    for place in range(1, self.spec.picture_size[1] + 1)]
        return self.scaling.columns if self.scaling is not None else ()

    @property
    def tokenizer(self) -> "Tokenizer | None":
        """The tokenizer of the text that the model reads."""
        return self.tokenizers.get("text")

    @property
    def target_tokenizer(self) -> "Tokenizer | None":
        """The tokenizer of the text that the model writes; by default the same."""
        return self.tokenizers.get("target", self.tokenizer)


@dataclass(frozen=True)
class Data:
    """All splits, what turned them into numbers, and where they came from."""

    splits: Mapping[str, Split]
    encoding: Encoding
    hashes: Mapping[str, str] = field(default_factory=dict)
    notices: Sequence[str] = ()
    cache: Path | None = None
