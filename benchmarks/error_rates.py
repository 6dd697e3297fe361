"""How often two methods that are equally good are called different, by four ways of comparing them, and two tables more.

`--table rates`: McNemar's test of one run each, the bootstrap over examples, the bootstrap over seeds and examples, and components of
variance; the last also for seeds against a single run of a deterministic method; and how often its 95 % interval holds a real
difference. `--table families`: five equal methods, ten comparisons, after Holm's correction. `--table power`: whether McNemar's test
has the power for which `rows_needed` plans.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Annotated, Any, Literal

import numpy as np
import simulated
import typer
from nlp.analysis.statistics.influence import influences
from nlp.analysis.statistics.many import holm
from nlp.analysis.statistics.methods import Verdict, compare_methods
from nlp.analysis.statistics.power import rows_needed
from nlp.analysis.statistics.proportions import PairedCounts, mcnemar_p
from nlp.datasets.arrays import FloatArray
from simulated import Population

POPULATIONS: Mapping[str, Callable[[], Population]] = {
    "accuracy": simulated.accuracy, "f1": simulated.f1, "bleu": simulated.bleu,
    "high-accuracy": lambda: simulated.accuracy("high accuracy", base=6.0),
}
SEEDS = 2, 3, 5
WAYS = "McNemar", "examples", "crossed", "components", "alone", "covered"
DRAWS = 1_000
BETTER = 0.2
"""By how much, in log odds, a method is better where coverage is measured: about two points of accuracy."""
BOOTSTRAPS = 2
"""One in so many trials takes the bootstraps, which are slow."""


@dataclass(frozen=True)
class Case:
    """A test set, how much a metric varies between seeds, in points, and how much methods differ on single rows, in log odds."""

    population: Population
    rows: int
    noise: float
    own: float

    def runs(self, generator: np.random.Generator, *better: float) -> list[FloatArray]:
        """For each method that is so much better (5, rows, k), all on the same rows; last the only run of a method without seeds."""
        rows = self.population.rows(generator, self.rows)
        with_seeds = [self.population.runs(generator, rows, max(SEEDS), self.spread, self.own, each) for each in better]
        return [*with_seeds, self.population.runs(generator, rows, 1, own=self.own, better=self.lost)]

    @cached_property
    def spread(self) -> float:
        """The noise in log odds."""
        return self.noise / self.population.slope(self.own)

    @cached_property
    def lost(self) -> float:
        """How far above base a method without seeds is as good as one with seeds: the mean of a curve is not its value in the middle."""
        return (self.expected() - self.population.expected(0, self.own, 0)) / self.population.slope(self.own)

    @cached_property
    def gap(self) -> float:
        """By how much a method that is BETTER is better, in points."""
        return self.expected(BETTER) - self.expected()

    def expected(self, better: float = 0) -> float:
        """The metric on ever more rows with ever more seeds."""
        return self.population.expected(self.spread, self.own, better)

    @property
    def columns(self) -> dict[str, Any]:
        return {"metric": self.population.name, "rows": self.rows, "seed noise": self.noise}

    def scores(self, runs: FloatArray) -> FloatArray:
        """(runs, rows), whose means are the metric."""
        if "accuracy" in self.population.name:
            return 100 * runs[..., 0]
        return np.array([influences(self.population.figure, run) for run in runs])


def rates(case: Case, trials: int) -> dict[str, Any]:
    """Per cent of trials: for each way, with two, three and five seeds a side."""
    generator = np.random.default_rng([case.rows, int(10 * case.noise), int(10 * case.own)])
    found: dict[str, list[list[bool]]] = defaultdict(list)
    for number in range(trials):
        a, b, *others = case.runs(generator, 0, 0, BETTER)
        for way, flags in _components(case, a, b, *others).items():
            found[way].append(flags)
        if "accuracy" in case.population.name:
            found["McNemar"].append([mcnemar_p(PairedCounts.of(a[0, :, 0], b[0, :, 0])) < 0.05])
        if number % BOOTSTRAPS == 0:
            for way, flags in _bootstraps(case.population, generator, a, b).items():
                found[way].append(flags)
    return {**case.columns, "trials": trials, **{way: _per_cent(found[way]) for way in WAYS}}


def _per_cent(flags: list[list[bool]]) -> list[float]:
    return (100 * np.mean(flags, axis=0)).tolist() if flags else []


def _components(case: Case, *runs: FloatArray) -> dict[str, list[bool]]:
    """Whether methods that are equally good are called different, and whether the interval of the better one holds the truth."""
    a, b, better, alone = (case.scores(of_method) for of_method in runs)
    return {
        "components": [_different(compare_methods(a[:seeds], b[:seeds])) for seeds in SEEDS],
        "alone": [_different(compare_methods(a[:seeds], alone)) for seeds in SEEDS],
        "covered": [_holds(compare_methods(better[:seeds], a[:seeds]), case.gap) for seeds in SEEDS],
    }


def _different(verdict: Verdict) -> bool:
    return verdict.difference.p() < 0.05


def _holds(verdict: Verdict, truth: float) -> bool:
    low, high = verdict.difference.interval()
    return low <= truth <= high


def _bootstraps(population: Population, generator: np.random.Generator, a: FloatArray, b: FloatArray) -> dict[str, list[bool]]:
    """Whether 0 lies outside the percentile interval of the difference of means over seeds."""
    drawn = population.figure(resamples(np.concatenate([a, b]), generator))
    values_a, values_b = drawn[:, :len(a)], drawn[:, len(a):]
    examples = [_outside(values_a[:, :seeds].mean(axis=1) - values_b[:, :seeds].mean(axis=1)) for seeds in SEEDS]
    crossed = [_outside(_of_drawn_seeds(generator, values_a, seeds) - _of_drawn_seeds(generator, values_b, seeds)) for seeds in SEEDS]
    return {"examples": examples, "crossed": crossed}


def _of_drawn_seeds(generator: np.random.Generator, values: FloatArray, seeds: int) -> FloatArray:
    """(draws,): means over seeds that are drawn again in each resample."""
    return np.take_along_axis(values, generator.integers(seeds, size=(len(values), seeds)), axis=1).mean(axis=1)


def _outside(differences: FloatArray) -> bool:
    low, high = np.percentile(differences, [2.5, 97.5])
    return not low <= 0 <= high


def resamples(runs: FloatArray, generator: np.random.Generator, draws: int = DRAWS) -> FloatArray:
    """(draws, runs, k): sums of the statistics (runs, rows, k) over rows that are drawn again.

    They are drawn from the normal distribution with the means and covariances of such sums, which is theirs where rows are many, and takes
    a hundredth of the time.
    """
    statistics = runs.transpose(1, 0, 2).reshape(runs.shape[1], -1)
    total = statistics.sum(axis=0)
    deviations = statistics - total / len(statistics)
    variances, directions = np.linalg.eigh(deviations.T @ deviations)
    sums = total + generator.normal(size=(draws, len(total))) @ (directions * np.sqrt(variances.clip(0))).T
    return sums.reshape(draws, len(runs), -1)


def families(case: Case, trials: int) -> dict[str, Any]:
    """Per cent of families of ten pairs of five equal methods in which any pair is called different."""
    generator = np.random.default_rng(case.rows)
    found = {way: np.zeros(len(SEEDS)) for way in ("uncorrected", "holm")}
    for _ in range(trials):
        scores = [case.scores(runs) for runs in case.runs(generator, *[0.0] * 5)[:-1]]
        for place, seeds in enumerate(SEEDS):
            p = [compare_methods(one[:seeds], other[:seeds]).difference.p() for one, other in combinations(scores, 2)]
            found["uncorrected"][place] += 100 / trials * (min(p) < 0.05)
            found["holm"][place] += 100 / trials * (holm(p).min() < 0.05)
    return {**case.columns, "trials": trials, **{way: shares.tolist() for way, shares in found.items()}}


def power(disagreement: float, gap: float, trials: int) -> dict[str, Any]:
    """Per cent of trials in which McNemar's exact test shows the difference on as many rows as `rows_needed` asks for."""
    generator = np.random.default_rng(int(1000 * disagreement))
    gap = round(gap, 6)
    rows = int(rows_needed(disagreement, gap))
    towards = (disagreement + gap) / 2
    counts = generator.multinomial(rows, [1 - disagreement, towards, disagreement - towards], size=trials)
    shown = [mcnemar_p(PairedCounts(int(same), int(only_a), int(only_b), 0)) < 0.05 for same, only_a, only_b in counts]
    return {"disagreement": disagreement, "difference": gap, "rows": rows, "trials": trials, "shown": [100 * float(np.mean(shown))]}


def show(rows: Iterator[dict[str, Any]], as_json: bool) -> None:
    """A Markdown table whose rows appear as they are ready, or all of them as JSON."""
    if as_json:
        typer.echo(json.dumps(list(rows)))
        return
    for number, row in enumerate(rows):
        if not number:
            typer.echo(f"| {' | '.join(row)} |\n|{'---|' * len(row)}")
        typer.echo(f"| {' | '.join(_cell(value) for value in row.values())} |")
        sys.stdout.flush()


def _cell(value: object) -> str:
    if isinstance(value, list):
        return " / ".join(f"{share:.1f}" for share in value)
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def main(
    table: Annotated[Literal["rates", "families", "power"], typer.Option(help="What to simulate.")] = "rates",
    metric: Annotated[list[str] | None, typer.Option(help=f"{', '.join(POPULATIONS)}; may be repeated.")] = None,
    rows: Annotated[list[int] | None, typer.Option(help="Rows of the test set; may be repeated.")] = None,
    noise: Annotated[list[float] | None, typer.Option(help="Standard deviation between seeds, in points; may be repeated.")] = None,
    own: Annotated[float, typer.Option(help="How much methods differ on single rows; 0: one recipe under two names.")] = 0.7,
    trials: Annotated[int, typer.Option(min=1, help="Trials of each row of the table.")] = 2_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Simulate comparisons of methods whose true difference is known."""
    if table == "power":
        return show((power(share, share * part, trials) for share in (0.05, 0.1, 0.3) for part in (0.1, 0.2, 0.4)), as_json)
    simulate = rates if table == "rates" else families
    populations = [POPULATIONS[name]() for name in metric or ("accuracy", "f1", "bleu")]
    show((simulate(Case(population, count, deviation, own), trials) for population in populations for count in rows or (500, 5_000)
          for deviation in noise or (0, 1, 3)), as_json)


if __name__ == "__main__":
    typer.run(main)
