"""The findings as JSON: every figure, not rounded."""

from typing import Any

from ..comparison import Compared, Comparison, Standing
from ..slices import SliceVerdict
from ..verdicts import Pair
from .sentences import cautions, headline


def as_json(found: Comparison) -> dict[str, Any]:
    """Everything that is printed, and all pairs and slices."""
    return {
        "sentence": headline(found),
        "cautions": cautions(found),
        "metric": found.unit.metric,
        "lower_is_better": found.lower_is_better,
        "split": found.split,
        "examples": found.n_rows,
        "confidence": found.settings.confidence,
        "margin": found.settings.margin,
        "clusters": None if found.settings.clusters is None else int(found.settings.clusters.max()) + 1,
        "methods": [_method(each) for each in found.standings],
        "pairs": [_pair(each) for each in found.pairs],
        "fronts": {cost: [offer._asdict() for offer in offers] for cost, offers in found.fronts.items()},
        "slices": [_slice(each) for each in found.slices],
    }


def _method(each: Standing) -> dict[str, Any]:
    method = each.method
    return {
        "name": method.name, "recipe": method.recipe, "has_chance": method.has_chance,
        "value": method.value, "interval": list(each.interval), "group": each.letters, "spread": method.spread,
        "runs": [{"run": run.address, "seed": run.seed, "value": value, "metrics": dict(run.figures), "cost": dict(run.cost)}
                 for run, value in zip(method.runs, method.values.tolist(), strict=True)],
    }


def _pair(each: Compared) -> dict[str, Any]:
    parts = each.disagreement
    return {
        **_verdict(each.pair),
        "smallest_difference": each.smallest, "examples_for_a_point": each.rows_for_a_point,
        "better_on_a_row": parts.superiority, "odds": parts.odds, "only_first_right": parts.only_first,
        "only_second_right": parts.only_second, "oracle": parts.oracle, "agreement": parts.agreement,
        "equivalence_p": each.equivalence, "practical": each.practical and each.practical._asdict(),
    }


def _verdict(pair: Pair) -> dict[str, Any]:
    return {
        "first": pair.first, "second": pair.second, "difference": pair.value, "interval": list(pair.interval), "p": pair.p,
        "p_adjusted": pair.adjusted, "test": pair.test.value, "of": "methods" if pair.of_methods else "runs",
        "standard_error": pair.difference.standard_error, "degrees_of_freedom": pair.difference.degrees_of_freedom,
        "variance_from_seeds": pair.seed_share if pair.of_methods else None,
        "variance_from_test_set": pair.test_set_share if pair.of_methods else None,
        "counts": pair.counts and pair.counts._asdict(),
    }


def _slice(each: SliceVerdict) -> dict[str, Any]:
    return {"by": each.by, "name": each.name, "examples": each.n, "values": list(each.values), **_verdict(each.pair)}
