"""A method: all runs of one recipe, which differ by seed, and what each test row adds to the metric in each run."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from ...datasets.arrays import BoolArray, FloatArray, IntArray
from ...tasks.scoring.row_scores import Keys, Kind, MetricRows, compact, ones
from ..statistics.influence import influences
from ..statistics.methods import compare_methods
from ..statistics.student import Difference
from ..statistics.sums import Metric, blocks, by_cluster

LOSSES: frozenset[Kind] = frozenset({"ratio", "rmse", "exp_ratio", "bits"})
"""Metrics for which each row has its own value: the first of its sums."""


@dataclass(frozen=True)
class MeasuredRows:
    """One metric of one run: its distinct rows (m, k), and the index of each row among them (rows,).

    Rows of a confusion matrix are mostly 0 and few are distinct, so computing with distinct rows saves time and memory.
    """

    kind: Kind
    figure: Metric
    different: FloatArray
    places: IntArray
    lower_is_better: bool

    @classmethod
    def of(cls, metric: MetricRows) -> Self:
        """Group equal rows of a confusion matrix; rows of other metrics have only a few numbers."""
        different, places = metric.grouped() if metric.kind == "macro_f1" else (metric.sums, np.arange(len(metric.sums)))
        return cls(metric.kind, metric.figure, np.asarray(different, dtype=np.float64), places, metric.lower_is_better)

    def __len__(self) -> int:
        return len(self.places)

    @property
    def sums(self) -> FloatArray:
        """(rows, k)."""
        return self.different[self.places]

    @property
    def firsts(self) -> FloatArray:
        """(rows,): the first of the sums of each row."""
        return self.different[self.places, 0]

    def value(self) -> float:
        """The metric of all rows."""
        return float(self.figure(self._counts @ self.different))

    def influences(self) -> FloatArray:
        """(rows,): as `influences` in statistics, computed once for equal rows."""
        if len(self.different) == len(self):
            return influences(self.figure, self.sums)
        total = self._counts @ self.different
        sizes = list(blocks(len(self.different), self.different.shape[1]))
        parts = np.split(self.different, np.cumsum(sizes)[:-1])
        without = np.concatenate([self.figure(total - part) for part in parts])
        return (float(self.figure(total)) + (len(self) - 1) * (self._counts @ without / len(self) - without))[self.places]

    def take(self, rows: npt.NDArray[np.intp] | BoolArray) -> Self:
        """Only these rows."""
        if len(self.different) == len(self):
            different = self.different[self.places[rows]]
            return replace(self, different=different, places=np.arange(len(different)))
        used, places = np.unique(self.places[rows], return_inverse=True)
        return replace(self, different=self.different[used], places=places)

    def clustered(self, clusters: IntArray) -> Self:
        """Sum the rows of each cluster into one row; a share of rows is then a ratio."""
        kind: Kind = "ratio" if self.kind == "share" else self.kind
        sums = by_cluster(self.sums, clusters)
        return replace(self, kind=kind, different=sums, places=np.arange(len(sums)))

    @cached_property
    def _counts(self) -> FloatArray:
        return np.bincount(self.places, minlength=len(self.different)).astype(np.float64)


@dataclass(frozen=True)
class MeasuredRun:
    """The data of one run for a comparison: the compared metric, which rows are right, and the values of all metrics."""

    address: str
    seed: int
    rows: MeasuredRows
    right: BoolArray
    predicted: Keys
    figures: Mapping[str, float]
    cost: Mapping[str, float] = field(default_factory=dict)
    headings: Mapping[str, str] = field(default_factory=dict)
    """Names of the metrics in tables: F1 is of classes or of spans."""

    def by_accuracy(self) -> Self:
        """The same run, measured by the share of rows that are right."""
        share = MetricRows("share", {"right": compact(self.right), "rows": ones(len(self.right))})
        return replace(self, rows=MeasuredRows.of(share))


@dataclass(frozen=True)
class Method:
    """Runs of one recipe, and whether the model depends on the seed."""

    name: str
    runs: tuple[MeasuredRun, ...]
    has_chance: bool = True
    recipe: str = ""

    def by_accuracy(self) -> Self:
        """The same runs, compared by the share of rows that are right."""
        return replace(self, runs=tuple(run.by_accuracy() for run in self.runs))

    @property
    def is_known(self) -> bool:
        """Whether its runs allow a verdict on the method, and not only on themselves."""
        return not self.has_chance or len(self.runs) > 1

    @property
    def rows(self) -> MeasuredRows:
        """The rows of its first run."""
        return self.runs[0].rows

    @cached_property
    def scores(self) -> FloatArray:
        """(runs, rows): what each row adds to the metric."""
        return np.stack([run.rows.influences() for run in self.runs])

    @cached_property
    def values(self) -> FloatArray:
        """(runs,): the metric of each run."""
        return np.array([run.rows.value() for run in self.runs])

    @property
    def value(self) -> float:
        """The metric, as the mean over runs."""
        return float(self.values.mean())

    @property
    def spread(self) -> float | None:
        """The standard deviation over seeds; None for one run."""
        return float(self.values.std(ddof=1)) if len(self.runs) > 1 else None

    @cached_property
    def right(self) -> FloatArray:
        """(rows,): the share of its runs that are right."""
        return np.mean([run.right for run in self.runs], axis=0)

    @cached_property
    def on_rows(self) -> FloatArray:
        """(runs, rows): how good each row is, higher is better: its own value if the metric has one, otherwise whether it is right."""
        if self.rows.kind != "share" and self.rows.kind not in LOSSES:
            return np.stack([run.right for run in self.runs]).astype(np.float64)
        return np.stack([run.rows.firsts for run in self.runs]) * (-1 if self.rows.lower_is_better else 1)

    @cached_property
    def itself(self) -> Difference:
        """The metric with its standard error from both rows and seeds, as the difference from a method that scores 0."""
        return compare_methods(self.scores, np.zeros(self.scores.shape[1])).difference

    def figure(self, name: str) -> float | None:
        """Another metric, as the mean over the runs that have it; None if none has."""
        values = [run.figures[name] for run in self.runs if name in run.figures]
        return float(np.mean(values)) if values else None

    def cost(self, name: str) -> float | None:
        """A cost, as the mean over the runs that state it; None if none does."""
        costs = [run.cost[name] for run in self.runs if name in run.cost]
        return float(np.mean(costs)) if costs else None

    def with_cost(self, more: Mapping[str, float]) -> Self:
        """The same method with further costs of its first run."""
        first, *others = self.runs
        return replace(self, runs=(replace(first, cost={**first.cost, **more}), *others))

    def take(self, rows: BoolArray) -> Self:
        """The same method on some rows."""
        runs = (replace(run, rows=run.rows.take(rows), right=run.right[rows], predicted=run.predicted[rows]) for run in self.runs)
        return replace(self, runs=tuple(runs))

    def clustered(self, clusters: IntArray | None) -> Self:
        """The same method, tested on clusters of rows; unchanged for None."""
        if clusters is None:
            return self
        return replace(self, runs=tuple(replace(run, rows=run.rows.clustered(clusters)) for run in self.runs))
