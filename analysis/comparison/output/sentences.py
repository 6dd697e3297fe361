"""The results of a comparison as sentences that can be quoted."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isfinite

from ..comparison import Compared, Comparison, Standing
from ..units import percent, probability
from ..verdicts import Pair

FEW_UNITS = 30
"""With fewer texts or clusters, Student's t and the bootstrap do not hold their level."""
FEW = 3
"""Up to this number of methods, each is compared with the next; with more, only the best with the others."""


def headline(result: Comparison) -> str:
    """The verdict in one sentence."""
    if len(result.standings) == 1:
        return _alone(result)
    text = "; ".join(_clauses(result))
    starts_with_name = not text.startswith(("of these two", "these two runs of ", "this run of "))
    return f"{text}." if starts_with_name else f"{text[0].upper()}{text[1:]}."


def _alone(result: Comparison) -> str:
    standing = result.standings[0]
    runs = standing.method.runs
    over = f"{len(runs)} seeds" if len(runs) > 1 else "one run"
    return (f"{standing.method.name} reaches {result.unit.heading} {result.unit.value(standing.method.value)} on {result.split} "
            f"({_confidence(result)} interval {result.unit.interval(standing.interval)}, {over}); there is nothing to compare it with.")


def _clauses(result: Comparison) -> Iterator[str]:
    pairs, names = _by_names(result), [standing.method.name for standing in result.standings]
    if len(names) <= FEW:
        neighbours = [pairs[couple] for couple in pairwise(names)]
        ends = pairs[names[0], names[-1]]
        if ends.pair.is_different(result.alpha) and not any(each.pair.is_different(result.alpha) for each in neighbours):
            neighbours.insert(0, ends)
        yield from (_clause(each, result) for each in neighbours)
        return
    best, others = names[0], names[1:]
    beaten = [name for name in others if pairs[best, name].pair.is_different(result.alpha)]
    level = [name for name in others if name not in beaten]
    if beaten:
        yield _clause(pairs[best, beaten[0]], result)
    if beaten[1:]:
        yield f"it also beats {_listed(beaten[1:])}"
    if level:
        weakest = max((pairs[best, name] for name in level), key=lambda each: each.smallest)
        yield f"{best} and {_listed(level)} cannot be told apart{_smallest(weakest, result)}"


def _by_names(result: Comparison) -> dict[tuple[str, str], Compared]:
    return {(each.pair.first, each.pair.second): each for each in result.pairs}


def _clause(each: Compared, result: Comparison) -> str:
    pair = each.pair
    if not pair.is_different(result.alpha):
        return _undecided(each, result)
    first, second = _called(pair.first, pair), _called(pair.second, pair)
    return (f"{'of these two runs, ' * (len(pair.only_run) == 2)}{first} beats {second} by {result.unit.difference(pair.value)} "
            f"({_confidence(result)} interval {result.unit.interval(pair.interval)}, {probability(pair.adjusted)}{_after(result.pairs)})")


def _called(name: str, pair: Pair) -> str:
    """A method, or its only run if the verdict is limited to it."""
    return f"this run of {name}" if pair.only_run == (name,) else name


def _undecided(each: Compared, result: Comparison) -> str:
    pair = each.pair
    names = f"{_called(pair.first, pair)} and {_called(pair.second, pair)}"
    names = f"these two runs of {names}" if len(pair.only_run) == 2 else names
    if pair.difference.standard_error == 0 and pair.value == 0:
        return f"{names} score the same on every row"
    if each.equivalence is not None and each.equivalence <= result.alpha and result.settings.margin is not None:
        return f"{names} are the same in practice: they differ by less than {result.unit.difference(result.settings.margin)}"
    return f"{names} cannot be told apart{_smallest(each, result)}"


def _smallest(each: Compared, result: Comparison) -> str:
    if isfinite(each.smallest):
        return f": this test set shows nothing under {result.unit.difference(each.smallest)}"
    what = "texts" if result.settings.clusters is None else "clusters"
    few = "disagreements" if each.pair.counts is not None or not each.pair.difference.standard_error else "seeds"
    return f": {result.n_rows:,} {what} and so few {few} could not show any difference"


def _after(pairs: Sequence[Compared]) -> str:
    return f" after Holm over {len(pairs)} pairs" if len(pairs) > 1 else ""


def _confidence(result: Comparison) -> str:
    return f"{100 * result.settings.confidence:.10g} %"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def cautions(result: Comparison) -> list[str]:
    """Caveats on the verdicts: single runs, only two seeds, few texts."""
    texts = [_single_runs([s for s in result.standings if not s.method.is_known])] if len(result.standings) > 1 else []
    for each in result.pairs:
        if each.pair.two_seeds and each.pair.seed_share > 0.5:
            texts.append(f"{each.pair.first} and {each.pair.second}: only one side has several seeds, namely two, and most of the variance "
                         "comes from them: up to 8 % of equal methods would be called different at 5 %. Train three seeds, better five.")
    units = len(result.methods[0].rows)
    if units < FEW_UNITS:
        texts.append(f"{units} {'clusters' if result.settings.clusters is not None else 'texts'} are few: intervals and p are approximate.")
    return [text for text in texts if text]


def _single_runs(alone: Sequence[Standing]) -> str:
    if not alone:
        return ""
    names = _listed([standing.method.name for standing in alone])
    one = len(alone) == 1
    what = "has one run, so verdicts are on that run" if one else "have one run each, so verdicts are on those runs"
    return f"{names} {what}. Other seeds may differ: train several (`seeds: [1, 2, 3]`) for verdicts on methods."


def agreement(each: Compared, result: Comparison) -> list[str]:
    """Sentences about where two methods differ."""
    first, second, parts = each.pair.first, each.pair.second, each.disagreement
    lines = []
    if parts.better != parts.only_first or not parts.oracle:
        lines.append(f"{first} does better than {second} on {percent(parts.better)} of the texts and worse on "
                     f"{percent(parts.worse)}, {_odds(parts.odds)}; the probability that it does better, ties counted half, is "
                     f"{percent(parts.superiority)}.")
    if parts.oracle:
        odds = f" ({_odds(parts.odds)})" if not lines and parts.better + parts.worse else ""
        lines.append(f"Only {first} is right on {percent(parts.only_first)} of the texts, only {second} on {percent(parts.only_second)}"
                     f"{odds}; at least one on {percent(parts.oracle)}, which an oracle over both would reach. They give the same answer "
                     f"to {percent(parts.agreement)}.")
    if each.pair.of_methods and (each.pair.seed_share or each.pair.test_set_share):
        lines.append(f"Of the variance of the difference, {percent(each.pair.test_set_share)} comes from the test texts and "
                     f"{percent(each.pair.seed_share)} from the seeds.")
    lines.append(power(each, result))
    if each.practical is not None and result.settings.margin is not None:
        margin = result.unit.difference(result.settings.margin)
        lines.append(f"{first} is better by more than {margin} with probability {percent(each.practical.better)}, the same in practice "
                     f"with {percent(each.practical.same)}, worse by more with {percent(each.practical.worse)} (two one-sided tests "
                     f"of equivalence: {probability(each.equivalence or 0.0)}).")
    return lines


def _odds(odds: float) -> str:
    return f"odds of {odds:.2f} to 1" if isfinite(odds) else "never the other way"


def power(each: Compared, result: Comparison) -> str:
    """The power of the test set for a pair."""
    names = f"{each.pair.first} and {each.pair.second}"
    if not isfinite(each.smallest):
        from_seeds = each.pair.counts is None and each.pair.difference.standard_error
        why = " with so few seeds" if from_seeds else ", since they disagree so rarely"
        return f"{names}: no difference could have been shown on {each.pair.n:,} texts{why}."
    point = result.unit.difference(result.unit.point) if result.unit.has_points else f"a difference of {result.unit.point:g}"
    needed = f"{each.rows_for_a_point:,.0f} texts" if isfinite(each.rows_for_a_point) else "more seeds: no number of texts would suffice"
    return (f"{names}: {each.pair.n:,} texts show a difference of {result.unit.difference(each.smallest)} or more with 80 % power; "
            f"{point.replace('1.0 points', 'one point')} needs {needed}.")
