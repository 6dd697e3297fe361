"""The comparison of methods, with all results that are printed and saved."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from ...datasets.arrays import IntArray
from ..statistics.equivalence import Shares, equivalence_p, practical_shares
from .disagreement import Disagreement, disagreement
from .estimates import interval
from .methods import Method
from .ranking import Offer, front, groups, judged, ranked
from .slices import Slice, SliceVerdict, by_accuracy, judged_slices
from .units import Unit, unit_of
from .verdicts import Pair, detectable, rows_for

COSTS = {"parameters": "parameters", "train_seconds": "time", "peak_bytes": "memory", "checkpoint_bytes": "checkpoint",
         "latency_1": "1 text", "latency_64": "64 texts"}
"""The costs of a method, and their column heads."""


@dataclass(frozen=True)
class Settings:
    """Settings of the user: confidence, clusters of rows, and the margin in the metric's own unit."""

    confidence: float = 0.95
    clusters: IntArray | None = None
    margin: float | None = None


@dataclass(frozen=True)
class Standing:
    """A method in the ranking: its metric, and the letters of its groups."""

    method: Method
    interval: tuple[float, float]
    letters: str


@dataclass(frozen=True)
class Compared:
    """Two methods: the verdict, the smallest detectable difference, where they differ, and whether they are equal within a margin."""

    pair: Pair
    smallest: float
    rows_for_a_point: float
    disagreement: Disagreement
    equivalence: float | None
    practical: Shares | None


@dataclass(frozen=True)
class Comparison:
    """Methods from best to worst, all pairs of them, the Pareto front for each cost, and the two best methods on slices."""

    unit: Unit
    split: str
    n_rows: int
    lower_is_better: bool
    settings: Settings
    standings: list[Standing]
    pairs: list[Compared]
    fronts: dict[str, list[Offer]]
    slices: list[SliceVerdict]

    @property
    def alpha(self) -> float:
        """The level at which a difference is called real."""
        return 1 - self.settings.confidence

    @property
    def slice_metric(self) -> str:
        """The metric of the slices."""
        return "accuracy" if by_accuracy(self.methods[0]) else self.unit.metric

    @property
    def methods(self) -> list[Method]:
        """The methods from best to worst."""
        return [standing.method for standing in self.standings]


def compare(methods: Sequence[Method], metric: str, split: str, slices: Sequence[Slice] = (),
            settings: Settings = Settings()) -> Comparison:
    """Compare methods on the same rows."""
    unit, confidence = unit_of(metric, methods[0].rows.kind), settings.confidence
    plain = {method.name: method for method in methods}
    order = ranked([method.clustered(settings.clusters) for method in methods])
    pairs = judged(order, confidence)
    letters = groups(order, pairs, 1 - confidence)
    standings = [Standing(method, interval(method, confidence), group) for method, group in zip(order, letters, strict=True)]
    n_undecided = sum(not pair.is_different(1 - confidence) for pair in pairs)
    compared = [_compared(pair, plain, settings, n_undecided, unit) for pair in pairs]
    first_two = plain[order[0].name], plain[order[min(1, len(order) - 1)].name]
    sliced = judged_slices(slices, *first_two, settings.clusters, confidence) if pairs else []
    return Comparison(unit, split, len(methods[0].right), order[0].rows.lower_is_better, settings, standings, compared,
                      {cost: front(order, cost, unit.point) for cost in COSTS}, sliced)


def _compared(pair: Pair, methods: dict[str, Method], settings: Settings, n_undecided: int, unit: Unit) -> Compared:
    """Detectable differences are at the level that Holm's correction leaves to a pair among the undecided ones."""
    alpha, margin = (1 - settings.confidence) / max(n_undecided, 1), settings.margin
    smallest = detectable(pair, alpha)
    return Compared(pair, inf if unit.is_share and smallest > 1 else smallest, rows_for(pair, unit.point, alpha),
                    disagreement(methods[pair.first], methods[pair.second]),
                    None if margin is None else equivalence_p(pair.difference, margin),
                    None if margin is None else practical_shares(pair.difference, margin))
