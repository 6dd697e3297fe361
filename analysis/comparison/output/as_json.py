"""The results of a comparison as JSON, with unrounded figures."""

from typing import Any

from ..comparison import Compared, Comparison, Standing
from ..slices import SliceVerdict
from ..verdicts import Pair
from .sentences import cautions, headline


def as_json(result: Comparison) -> dict[str, Any]:
    """All printed results, and all pairs and slices."""
    return {
        "sentence": headline(result),
        "cautions": cautions(result),
        "metric": result.unit.metric,
        "lower_is_better": result.lower_is_better,
        "split": result.split,
        "examples": result.n_rows,
        "confidence": result.settings.confidence,
        "margin": result.settings.margin,
        "clusters": None if result.settings.clusters is None else int(result.settings.clusters.max()) + 1,
        "methods": [_method(standing) for standing in result.standings],
        "pairs": [_pair(compared) for compared in result.pairs],
        "fronts": {cost: [offer._asdict() for offer in offers] for cost, offers in result.fronts.items()},
        "slice_metric": result.slice_metric,
        "slices": [_slice(verdict) for verdict in result.slices],
    }


def _method(standing: Standing) -> dict[str, Any]:
    method = standing.method
    return {
        "name": method.name, "recipe": method.recipe, "has_chance": method.has_chance,
        "value": method.value, "interval": list(standing.interval), "group": standing.letters, "spread": method.spread,
        "runs": [{"run": run.address, "seed": run.seed, "value": value, "metrics": dict(run.figures), "cost": dict(run.cost)}
                 for run, value in zip(method.runs, method.values.tolist(), strict=True)],
    }


def _pair(compared: Compared) -> dict[str, Any]:
    disagreement = compared.disagreement
    return {
        **_verdict(compared.pair),
        "smallest_difference": compared.smallest, "examples_for_a_point": compared.rows_for_a_point,
        "better_on_a_row": disagreement.superiority, "odds": disagreement.odds, "only_first_right": disagreement.only_first,
        "only_second_right": disagreement.only_second, "oracle": disagreement.oracle, "agreement": disagreement.agreement,
        "equivalence_p": compared.equivalence, "practical": compared.practical and compared.practical._asdict(),
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


def _slice(verdict: SliceVerdict) -> dict[str, Any]:
    return {"by": verdict.by, "name": verdict.name, "examples": verdict.n, "values": list(verdict.values), **_verdict(verdict.pair)}
