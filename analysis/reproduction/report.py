"""The result of training a run again as sentences and as JSON."""

import math
from collections.abc import Sequence
from typing import Any

from ...configs.schema.recipe import Recipe
from ...training.log.tracking import OF_TRAINING
from .comparison import Pair, Record, Reproduction

SHOWN = 10
"""Maximum number of names or rows in a sentence."""


def doubts(record: Record, recipe: Recipe) -> list[str]:
    """Reasons known before training why a second run may differ."""
    found, processes, checkpoints = [], record.environment["processes"], recipe.training.checkpoints if recipe.training else None
    if processes != 1:
        found.append(f"{record.run.address} was trained by {processes} processes, which shared each batch. This command trains in one "
                     "process, so sums are rounded differently, and dropout is drawn differently.")
    if checkpoints is not None and checkpoints.average is not None and checkpoints.every_minutes is not None:
        found.append("The recipe averages checkpoints that are saved by the clock (training.checkpoints.every_minutes), so the second run "
                     "may average others.")
    return found


def verdict(found: Reproduction) -> str:
    """One sentence: equal to the last bit, equal figures with other weights, or different from which step on and by how much."""
    address, figures = found.earlier.run.address, f"{len(found.logged):,} logged figures"
    if found.different:
        return f"{address} is not reproduced: {_first(found.different[0])}{_largest(found)}."
    if changed := [pair for pair in found.results if not pair.is_equal]:
        return (f"{address} is not reproduced: all {figures} are equal, but {_count(len(changed), 'final metric')} differ"
                f"{'s' * (len(changed) == 1)}{_largest(found)}.")
    if not found.is_equal:
        others = "weights" if found.weights is not None and found.weights.n_different else "predictions"
        differ = weights_sentence(found) if others == "weights" else predictions_sentence(found)
        return f"{address} is reproduced with other {others}: all {figures} and the final metrics are equal to the last bit, but {differ}."
    if found.weights is None:
        return f"{address} is reproduced to the last bit: all {figures} and the final metrics are equal ({weights_sentence(found)})."
    return (f"{address} is reproduced to the last bit: all {figures}, the final metrics and the weights of the best checkpoint are "
            f"equal{'' if found.weights.same_bytes else ' (the bytes of their files are not)'}.")


def _first(pair: Pair) -> str:
    """Where the logs part."""
    step, split, tag = pair.figure
    where = f"the figures differ from step {step:,} on" if step else "the figures differ"
    if pair.earlier is None or pair.again is None:
        return f"{where}, where only the {'second' if pair.earlier is None else 'earlier'} run logs {split} {tag}"
    earlier, again = distinct(pair.earlier, pair.again)
    return f"{where}, where {split} {tag} was {earlier} and is now {again}"


def _largest(found: Reproduction) -> str:
    """The metric that differs most, which need not be the first; empty if no metric can be subtracted."""
    if (pair := largest(found)) is None:
        return ""
    step, split, tag = pair.figure
    return f"; the largest difference of a metric is {abs(pair.difference):.2g} ({split} {tag}{f' at step {step:,}' if step else ''})"


def largest(found: Reproduction) -> Pair | None:
    """The logged or final metric that differs most; None if none differs, or not by a number."""
    pairs = [pair for pair in (*found.results, *found.logged) if not pair.figure.tag.startswith(OF_TRAINING)]
    numbers = [pair for pair in pairs if not pair.is_equal and not math.isnan(pair.difference)]
    return max(numbers, key=lambda pair: abs(pair.difference), default=None)


def data_sentence(record: Record, changed: Sequence[str]) -> str:
    """Which files have changed since a run was trained."""
    return (f"The data is not the same: {_some(changed)} {'has' if len(changed) == 1 else 'have'} changed since {record.run.address} was "
            "trained, so nothing can be expected to be equal.")


def weights_sentence(found: Reproduction) -> str:
    """How many arrays of weights differ, and by how much."""
    weights = found.weights
    if weights is None:
        return "the run has no weights of its own"
    if not weights.n_different:
        return "the weights of the best checkpoint are equal"
    by = "in shape or type" if math.isinf(weights.largest) else f"by {weights.largest:.2g} at most"
    differ = "differs" if weights.n_different == 1 else "differ"
    return f"{weights.n_different:,} of {_count(weights.n_arrays, 'array')} of weights of the best checkpoint {differ}, {by}"


def predictions_sentence(found: Reproduction) -> str | None:
    """Which predictions for the test split have changed; None if they cannot be compared."""
    rows, scores = found.changed_rows, found.again.scores
    if rows is None or scores is None:
        return None
    of = f"of {len(scores):,} predictions for the test split"
    return f"{len(rows):,} {of} changed: row{'s' * (len(rows) != 1)} {_some(rows)}" if rows else f"none {of} changed"


def cause_sentence(found: Reproduction) -> str:
    """What differs in the environment, as the probable cause of a difference."""
    if found.environment:
        parts = [f"{name} (was {_shown(earlier)}, is {_shown(again)})" for name, (earlier, again) in found.environment.items()]
        return f"Probable cause: the environment differs in {', '.join(parts)}."
    now = found.again.environment
    unknown = [" But files in the git checkout had uncommitted changes, which may not be the same."] * (now.get("git dirty") is True)
    unknown += [" But which GPU it was is not recorded."] * (now.get("device") != "cpu")
    return ("The environment does not explain this: versions, processor, platform, cores, threads, device and git commit are those that "
            f"the run recorded.{''.join(unknown)}")


def to_json(found: Reproduction) -> dict[str, Any]:
    """Everything that was compared, for programs."""
    first, most = (found.different or [None])[0], largest(found)
    return {
        "run": found.earlier.run.address,
        "verdict": verdict(found),
        "equal_figures": found.figures_are_equal,
        "equal_weights": None if found.weights is None else found.weights.n_different == 0,
        "changed_data": list(found.changed_data),
        "log": {"figures": len(found.logged), "different": len(found.different), "first": _as_json(first)},
        "largest_difference": _as_json(most),
        "results": [{"split": pair.figure.split, "metric": pair.figure.tag, **pair.values()} for pair in found.results],
        "not_compared": list(found.not_compared),
        "weights": None if found.weights is None else vars(found.weights),
        "changed_test_rows": None if found.changed_rows is None else list(found.changed_rows),
        "environment": {name: {"earlier": earlier, "again": again} for name, (earlier, again) in found.environment.items()},
    }


def _as_json(pair: Pair | None) -> dict[str, Any] | None:
    return None if pair is None else {**pair.figure._asdict(), **pair.values()}


def distinct(earlier: float, again: float) -> tuple[str, str]:
    """Two different numbers with as many digits as it takes to see that they differ."""
    for digits in (4, 6, 9, 12):
        if (shown := f"{earlier:#.{digits}g}") != (other := f"{again:#.{digits}g}"):
            return shown, other
    return repr(earlier), repr(again)


def _shown(value: Any) -> str:
    return "not recorded" if value is None else str(value)


def _some(values: Sequence[object]) -> str:
    more = len(values) - SHOWN
    return ", ".join(map(str, values[:SHOWN])) + (f" and {more:,} more" if more > 0 else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
