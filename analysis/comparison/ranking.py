"""Rank many methods: from best to worst, which cannot be told apart, and which are worth their cost."""

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

from ..statistics.many import holm, letters
from .methods import Method
from .verdicts import Pair, judge


def ranked(methods: Sequence[Method]) -> list[Method]:
    """The methods from best to worst."""
    sign = 1 if methods[0].rows.lower_is_better else -1
    return sorted(methods, key=lambda method: (sign * method.value, method.name))


def judged(methods: Sequence[Method], confidence: float) -> list[Pair]:
    """All pairs of methods, the better one first if they are ranked, with Holm's correction over all pairs."""
    pairs = [judge(a, b, confidence) for a, b in combinations(methods, 2)]
    return [pair.with_adjusted(p) for pair, p in zip(pairs, holm([pair.p for pair in pairs]).tolist(), strict=True)]


def groups(methods: Sequence[Method], pairs: Sequence[Pair], alpha: float) -> list[str]:
    """Letters for each method; methods that share a letter cannot be told apart."""
    place = {method.name: number for number, method in enumerate(methods)}
    different = np.zeros((len(methods), len(methods)), dtype=bool)
    for pair in pairs:
        different[place[pair.first], place[pair.second]] = pair.is_different(alpha)
    return letters(different)


class Offer(NamedTuple):
    """A method on the front: nothing cheaper is as good. `of_a_point`: extra cost per point over the previous one; None for the first."""

    name: str
    cost: float
    of_a_point: float | None


def front(methods: Sequence[Method], cost: str, point: float) -> list[Offer]:
    """The Pareto front of ranked methods, cheapest first: no cheaper method is as good. `point`: the size of a point in the metric."""
    known = [(method, price) for method in methods if (price := method.cost(cost)) is not None]
    best: list[tuple[Method, float]] = []
    for method, price in known:  # the best first
        if not best or price < best[-1][1]:
            best.append((method, price))
    best.reverse()
    offers = [Offer(method.name, price, None) for method, price in best[:1]]
    for (cheaper, less), (better, more) in pairwise(best):
        gained = abs(better.value - cheaper.value) / point
        offers.append(Offer(better.name, more, (more - less) / gained if gained else None))
    return offers
