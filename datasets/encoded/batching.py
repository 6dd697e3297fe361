"""Batches and their order: a pure function of the seed and the epoch."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

import numpy as np

from ...configs.schema.models.model_base import Inputs
from ...configs.schema.training import TrainingConfig
from ..arrays import IntArray

POOL_BATCHES = 100
"""Texts are sorted by length inside random pools of this many batches: little padding, and still a new shuffle each epoch."""
EVALUATION_TOKENS = 16_384
"""Padded tokens in one batch of an evaluation; bounds its memory whatever the length of the texts."""
EVALUATION_ROWS = 512
ENDLESS = 2**31 - 1
"""Steps of a run whose end is not known yet."""
TokensOf = Callable[[IntArray], IntArray]
"""From row numbers (rows,) to the number of tokens of each (rows,)."""


class Order(Protocol):
    """How a training split is cut into batches, epoch by epoch: a pure function of the epoch, counted from 0."""

    @property
    def even(self) -> bool:
        """Whether every epoch has the same number of batches."""
        ...

    def epoch(self, epoch: int) -> list[IntArray]:
        """The rows of each batch."""
        ...

    def n_batches(self, epoch: int) -> int:
        """How many batches an epoch has."""
        ...


@dataclass(frozen=True)
class RowOrder:
    """Rows in random order.

    `lengths` (rows,) is given if batches are bucketed by length or cut by `batch_tokens`; rows of equal length are sorted by `ties`
    (rows,).
    """

    n_rows: int
    batch_size: int
    seed: int
    lengths: IntArray | None = None
    batch_tokens: int | None = None
    ties: IntArray | None = None

    def epoch(self, epoch: int) -> list[IntArray]:
        """The batches of one epoch, counted from 0; they depend on nothing but the seed."""
        if self.batch_size >= self.n_rows and self.batch_tokens is None:
            return [np.arange(self.n_rows)]  # a single batch needs no random order
        generator = np.random.default_rng((self.seed, epoch))
        rows = generator.permutation(self.n_rows)
        if self.lengths is None:
            return self._cut(rows)
        pool = POOL_BATCHES * self.batch_size
        pools = [rows[start : start + pool] for start in range(0, self.n_rows, pool)]
        keys = (self.lengths,) if self.ties is None else (self.ties, self.lengths)
        batches = [batch for each in pools for batch in self._cut(each[np.lexsort([key[each] for key in keys])])]
        return [batches[index] for index in generator.permutation(len(batches))]

    @property
    def even(self) -> bool:
        """False only with `batch_tokens`."""
        return self.batch_tokens is None

    def n_batches(self, epoch: int) -> int:
        """The number of batches in an epoch."""
        return -(-self.n_rows // self.batch_size) if self.even else len(self.epoch(epoch))

    def _cut(self, rows: IntArray) -> list[IntArray]:
        if self.batch_tokens is None or self.lengths is None:
            return [rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)]
        return cut_by_tokens(rows, self.lengths[rows], self.batch_tokens)


def cut_by_tokens(rows: IntArray, lengths: IntArray, budget: int, most_rows: int | None = None) -> list[IntArray]:
    """Cut rows so that each batch holds at most `budget` tokens, including padding, but at least one row."""
    padded_lengths = np.maximum(lengths, 1)
    batches, start = [], 0
    while start < len(rows):
        padded = np.maximum.accumulate(padded_lengths[start : start + (most_rows or budget)])
        fits = int(np.searchsorted(padded * np.arange(1, len(padded) + 1), budget, side="right"))
        batches.append(rows[start : start + max(fits, 1)])
        start += max(fits, 1)
    return batches


class Plan:
    """All steps of a run, known in advance: step 1 to `n_steps`, each a window of micro-batches of row numbers."""

    def __init__(self, order: Order, epochs: int | None, steps: int | None, accumulate: int = 1) -> None:
        self.order, self.accumulate = order, accumulate
        self._cached_epoch: tuple[int, list[IntArray]] = (-1, [])
        self.epoch_ends = _ends(order, epochs, steps, accumulate)  # the last step of each epoch
        self.n_steps = self.epoch_ends[-1] if self.epoch_ends else 0
        if steps is not None:
            self.n_steps = min(self.n_steps, steps)

    def epoch_of(self, step: int) -> int:
        """The epoch, counted from 0, that a step belongs to."""
        return bisect_left(self.epoch_ends, step)

    def ends_epoch(self, step: int) -> bool:
        """Whether this step is the last of an epoch."""
        epoch = self.epoch_of(step)
        return step == self.n_steps or self.epoch_ends[epoch] == step

    def window(self, step: int) -> list[IntArray]:
        """The rows of one step's micro-batches."""
        epoch = self.epoch_of(step)
        first = (step - 1 - (self.epoch_ends[epoch - 1] if epoch else 0)) * self.accumulate
        return self._batches(epoch)[first : first + self.accumulate]

    def windows(self, after: int = 0) -> Iterator[tuple[int, list[IntArray]]]:
        """Every step after `after`, with its window."""
        for step in range(after + 1, self.n_steps + 1):
            yield step, self.window(step)

    def _batches(self, epoch: int) -> list[IntArray]:
        cached = self._cached_epoch  # a local copy, so that two threads that ask for different epochs each get their own
        if cached[0] != epoch:
            cached = self._cached_epoch = (epoch, self.order.epoch(epoch))
        return cached[1]


class TimedPlan(Plan):
    """Steps until a time budget is used up. Their number is known only then; before that, `n_steps` is `ENDLESS`."""

    def __init__(self, order: Order, seconds: float, accumulate: int = 1) -> None:
        super().__init__(order, 0, None, accumulate)
        self.n_steps, self.seconds, self.used = ENDLESS, seconds, 0.0
        self._ends: list[int] = []
        self.epoch_ends, self._extending = self._ends, Lock()

    def spend(self, step: int, used: float) -> None:
        """Record the seconds that the steps up to this one took; if none are left, this step is the last."""
        self.used = used
        if used >= self.seconds:
            self.n_steps = step

    def expected_steps(self, step: int) -> int:
        """The expected number of steps if the rest are as fast as those before `step`."""
        return max(step, round((step - 1) * self.seconds / self.used)) if self.used > 0 else ENDLESS

    def epoch_of(self, step: int) -> int:
        """The epoch, counted from 0; the ends of epochs are computed on demand, by whichever thread comes first."""
        with self._extending:
            while not self._ends or self._ends[-1] < step:
                before = self._ends[-1] if self._ends else 0
                self._ends.append(before + -(-self.order.n_batches(len(self._ends)) // self.accumulate))
        return super().epoch_of(step)


def steps_within(order: Order, tokens_of: TokensOf, most: int, accumulate: int = 1, most_epochs: int = 1_000_000) -> int:
    """The maximum number of steps within `most` tokens, but at least one. Every epoch has the same number of tokens.

    Raises ValueError if they exceed `most_epochs` epochs, as they always do for a split without tokens.
    """
    n_tokens = sum(_tokens_of_steps(order, 0, tokens_of, accumulate))
    epochs, remaining = divmod(most, n_tokens) if n_tokens else (most_epochs, 0)
    if epochs >= most_epochs:
        raise ValueError(f"an epoch has {n_tokens:,} tokens, so it would take more than {most_epochs:,} epochs")
    ends = _ends(order, epochs, None, accumulate)
    inside = np.cumsum(_tokens_of_steps(order, epochs, tokens_of, accumulate))
    return max(1, (ends[-1] if ends else 0) + int(np.searchsorted(inside, remaining, side="right")))


def tokens_until(plan: Plan, step: int, tokens_of: TokensOf) -> int:
    """Tokens of the steps up to this one, without padding."""
    if step == 0:
        return 0
    epoch = plan.epoch_of(step)
    before = plan.epoch_ends[epoch - 1] if epoch else 0
    per_epoch = sum(_tokens_of_steps(plan.order, 0, tokens_of, plan.accumulate)) if epoch else 0
    return epoch * per_epoch + sum(_tokens_of_steps(plan.order, epoch, tokens_of, plan.accumulate)[: step - before])


def _tokens_of_steps(order: Order, epoch: int, tokens_of: TokensOf, accumulate: int) -> list[int]:
    """Tokens of each step of an epoch."""
    batches = order.epoch(epoch)
    ends = np.cumsum([len(batch) for batch in batches])[accumulate - 1 :: accumulate].tolist()
    rows = np.concatenate(batches)
    ends += [len(rows)] if not ends or ends[-1] < len(rows) else []
    return np.diff(np.cumsum(np.append(0, tokens_of(rows)))[[0, *ends]]).tolist()


def _ends(order: Order, epochs: int | None, steps: int | None, accumulate: int) -> Sequence[int]:
    """The last step of each epoch; a range if all epochs have the same number of steps."""
    if order.even:
        per_epoch = -(-order.n_batches(0) // accumulate)
        count = epochs if epochs is not None else -(-(steps or 0) // per_epoch)
        return range(per_epoch, per_epoch * count + 1, per_epoch)
    ends: list[int] = []
    while (len(ends) < epochs) if epochs is not None else ((ends[-1] if ends else 0) < (steps or 0)):
        ends.append((ends[-1] if ends else 0) + -(-order.n_batches(len(ends)) // accumulate))
    return ends


def share_of(rows: IntArray, rank: int, world_size: int) -> IntArray:
    """One rank's share of a batch; may be empty if there are fewer rows than ranks."""
    return rows[rank::world_size]


def row_order(training: TrainingConfig | None, inputs: Inputs, lengths: IntArray | None, n_rows: int, seed: int,
              ties: IntArray | None = None) -> RowOrder:
    """The random order that the recipe specifies. Bags have no padding, so bucketing them by length would gain nothing."""
    if training is None:
        return RowOrder(n_rows, n_rows, seed)
    size = n_rows if training.batch_size == "full" else training.batch_size
    bucketed = training.batch_tokens is not None or (training.bucket_by_length and "tokens" in inputs)
    return RowOrder(n_rows, size, seed, lengths if bucketed else None, training.batch_tokens, ties)


def evenly_spaced(n_rows: int, most: int | None) -> IntArray:
    """Every row, or at most `most` rows spread over the split."""
    return np.arange(n_rows) if most is None else np.linspace(0, n_rows - 1, min(n_rows, most)).astype(np.int64)


def batches_by_length(lengths: IntArray | None, n_rows: int, most: int | None = None) -> list[IntArray]:
    """Every row once, or at most `most`, evenly spaced; texts of similar length together."""
    rows = evenly_spaced(n_rows, most)
    if lengths is None:
        return [rows]
    rows = rows[np.argsort(lengths[rows], kind="stable")]
    return cut_by_tokens(rows, lengths[rows], EVALUATION_TOKENS, EVALUATION_ROWS)
