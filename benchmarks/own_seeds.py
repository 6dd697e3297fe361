"""Runs of one recipe, drawn into two sides many times, are equal methods: how often they are called different."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np
import typer
from error_rates import show
from nlp.analysis.comparison.choice import choose
from nlp.analysis.comparison.methods import Method
from nlp.analysis.comparison.reading import read_methods
from nlp.analysis.statistics.methods import compare_methods
from nlp.analysis.statistics.proportions import PairedCounts, mcnemar_p


def called_different(recipe: str, sides: Sequence[int], times: int) -> Iterator[dict[str, Any]]:
    """Per cent of draws with p below 0.05: by components of variance for so many seeds a side, and by McNemar's test for one."""
    (method, *_), tested = read_methods(choose([recipe], "test").groups, [], "test", None)
    figures = {"recipe": recipe, "seeds": len(method.runs), "rows": tested.n_rows, "spread": f"{method.spread or 0:.4f}"}
    yield {**figures, "a side": 1, "called different": _per_cent(_mcnemar(method, times))}
    for side in sides:
        if 2 * side <= len(method.runs):
            yield {**figures, "a side": side, "called different": _per_cent(_components(method, side, times))}


def _components(method: Method, side: int, times: int) -> Iterator[float]:
    for drawn in _draws(len(method.runs), 2 * side, times):
        yield compare_methods(method.scores[drawn[:side]], method.scores[drawn[side:]]).difference.p()


def _mcnemar(method: Method, times: int) -> Iterator[float]:
    for one, other in _draws(len(method.runs), 2, times):
        yield mcnemar_p(PairedCounts.of(method.runs[one].right, method.runs[other].right))


def _draws(n_runs: int, count: int, times: int) -> Iterator[Any]:
    generator = np.random.default_rng(count)
    return (generator.permutation(n_runs)[:count] for _ in range(times))


def _per_cent(found: Iterator[float]) -> float:
    return round(100 * float(np.mean([p < 0.05 for p in found])), 1)


def main(
    recipes: Annotated[list[str], typer.Argument(help="Recipes with many finished seeds, such as those of `nlp train --seeds 16`.")],
    side: Annotated[list[int] | None, typer.Option(help="Seeds a side; may be repeated.")] = None,
    times: Annotated[int, typer.Option(min=1, help="How often sides are drawn.")] = 1_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare a recipe with itself."""
    show((row for recipe in recipes for row in called_different(recipe, side or (2, 3, 5, 8), times)), as_json)


if __name__ == "__main__":
    typer.run(main)
