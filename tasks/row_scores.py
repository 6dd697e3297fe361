"""What a run predicted for each row of a split, and the sums that its metrics are made of: all that statistics need of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..datasets.arrays import FloatArray

Keys = npt.NDArray[np.uint64]
Kind = Literal["share", "ratio", "exp_ratio", "bits", "f1", "precision", "recall", "macro_f1", "bleu", "bleu_lowercase", "chrf", "ter"]
"""How a metric follows from sums over rows. `share`: of rows that are 1, not 0; `ratio`: first sum over second; `exp_ratio`: its
exponential; `bits`: the same over ln 2; `f1`, `precision`, `recall`: of (correct, predicted, gold) spans; `macro_f1`: of a confusion
matrix; the others as sacrebleu defines them."""


class MetricRows(NamedTuple):
    """One metric: `sums` (rows, k), and the function that takes their sums (..., k) over any rows to its values (...)."""

    kind: Kind
    sums: FloatArray
    figure: Callable[[FloatArray], FloatArray]
    lower_is_better: bool = False

    def value(self) -> float:
        """The metric of all rows."""
        return float(self.figure(self.sums.sum(axis=0)))


@dataclass(frozen=True)
class RowScores:
    """The rows of one run on one split, in the order of the split.

    keys, answers, predicted: (rows,) 64-bit hashes of what the model read, of the gold answer and of the prediction, as text; equal texts
    have equal hashes. `labels`: the names of the classes or tags, where there are some. `metrics` by name, all over the same rows.
    """

    task: str
    main_metric: str
    labels: tuple[str, ...]
    keys: Keys
    answers: Keys
    predicted: Keys
    metrics: Mapping[str, MetricRows]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """(rows,): whether the prediction is the gold answer."""
        return self.answers == self.predicted
