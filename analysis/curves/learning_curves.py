"""Learning curves of several methods, and where they cross."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from .behaviour import Trouble, trouble_after, trouble_before
from .crossing import Crossing, crossing
from .growth import time_exponent
from .noise import noise_of
from .points import Levels, Point, Scale, levels_of
from .power_law import DRAWS, Estimate, Fit, estimate, fit_levels


@dataclass(frozen=True)
class MethodCurve:
    """The curve of one method: its errors at each size, and either the fitted law or why there is none."""

    name: str
    levels: Levels
    fit: Fit | None
    trouble: Trouble | None
    time_exponent: float | None

    def more_examples(self, step: float) -> Estimate | None:
        """Examples beyond the largest size that lower the error by `step`; infinite if the law levels off before."""
        return None if self.fit is None else estimate(*(
            law.examples(law.errors(np.array([self.levels.largest]))[:, 0] - step) - self.levels.largest
            for law in (self.fit.law, self.fit.draws)))

    def gain_of_twice(self) -> Estimate | None:
        """Decrease of the error at twice the largest size."""
        sizes = np.array([1, 2]) * self.levels.largest
        return None if self.fit is None else estimate(*(-np.diff(law.errors(sizes))[:, 0] for law in (self.fit.law, self.fit.draws)))

    def floor(self) -> Estimate | None:
        """The error at which the law levels off."""
        return None if self.fit is None else estimate(self.fit.law.floor, self.fit.draws.floor)

    def now(self) -> float:
        """The fitted error at the largest size."""
        assert self.fit is not None
        return float(self.fit.errors(np.array([self.levels.largest]))[0])


@dataclass(frozen=True)
class LearningCurves:
    """The curves of all methods by one metric on one split."""

    scale: Scale
    split: str
    methods: Sequence[MethodCurve]

    @cached_property
    def crossings(self) -> list[tuple[str, str, Crossing]]:
        """(name of the method that gets ahead, name of the other, crossing)."""
        crossings = []
        for first, second in combinations([method for method in self.methods if method.fit], 2):
            assert first.fit is not None and second.fit is not None
            smallest = max(first.levels.examples[0], second.levels.examples[0])
            largest = max(first.levels.largest, second.levels.largest)
            if (each := crossing((first.fit, second.fit), float(smallest), largest)) is not None:
                names = (first.name, second.name)
                crossings.append((names[each.ahead], names[each.behind], each))
        return crossings

    @property
    def smallest(self) -> float:
        return min(float(method.levels.examples[0]) for method in self.methods if len(method.levels.examples))

    @property
    def largest(self) -> float:
        return max(method.levels.largest for method in self.methods if len(method.levels.examples))


def learning_curves(points: Mapping[str, Sequence[Point]], scale: Scale, split: str, draws: int = DRAWS, seed: int = 0) -> LearningCurves:
    """Fit a curve to each method, where possible. Each method is resampled with its own seed."""
    methods = [method_curve(name, levels_of(each, scale), draws, seed + place) for place, (name, each) in enumerate(points.items())]
    return LearningCurves(scale, split, methods)


def method_curve(name: str, levels: Levels, draws: int = DRAWS, seed: int = 0) -> MethodCurve:
    noise = noise_of(levels)
    trouble = trouble_before(levels, noise)
    fit = fit_levels(levels, noise, draws, seed) if trouble is None else None
    if fit is not None and (trouble := trouble_after(fit)) is not None:
        fit = None
    return MethodCurve(name, levels, fit, trouble, time_exponent(levels))
