"""Learning curves as a table, CSV and JSON."""

import csv
import io
from collections.abc import Iterator
from math import isfinite
from typing import Any

from ...terminal import figure
from .learning_curves import LearningCurves, MethodCurve
from .power_law import Estimate

COLUMNS = ["method", "examples", "runs", "mean", "spread", "seconds", "curve", "95 % interval"]
KEYS = ["method", "examples", "runs", "mean", "standard_deviation", "seconds", "curve", "low", "high"]


def rows(curves: LearningCurves) -> list[list[str]]:
    """One row for each method and size."""
    return [_row(record) for record in records(curves)]


def _row(record: dict[str, Any]) -> list[str]:
    interval = "" if record["curve"] is None else f"{figure(record['low'])} to {figure(record['high'])}"
    return [record["method"], f"{record['examples']:,}", f"{record['runs']:,}", figure(record["mean"]),
            _shown(record["standard_deviation"]), f"{record['seconds']:,.1f}", _shown(record["curve"]), interval]


def _shown(value: float | None) -> str:
    return "" if value is None else figure(value)


def as_csv(curves: LearningCurves) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, KEYS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records(curves))
    return file.getvalue()


def records(curves: LearningCurves) -> Iterator[dict[str, Any]]:
    """One record per method and size; the spread and the curve may be None."""
    for method in curves.methods:
        yield from ({"method": method.name, **level} for level in _levels(method, curves))


def _levels(method: MethodCurve, curves: LearningCurves) -> Iterator[dict[str, Any]]:
    levels, values = method.levels, curves.scale.values
    laws = [None] * len(levels.examples)
    if method.fit is not None:
        ends = zip(*(values(end).tolist() for end in method.fit.band(levels.examples)), strict=True)
        laws = list(zip(values(method.fit.errors(levels.examples)).tolist(), map(sorted, ends), strict=True))
    for place, (examples, mean, spread) in enumerate(zip(levels.examples, values(levels.means).tolist(), levels.spreads, strict=True)):
        curve, (low, high) = laws[place] or (None, (None, None))
        yield {"examples": int(examples), "runs": int(levels.runs[place]), "mean": mean,
               "standard_deviation": float(spread) if isfinite(spread) else None, "seconds": float(levels.seconds[place]),
               "curve": curve, "low": low, "high": high}


def as_json(curves: LearningCurves, sentences: list[str]) -> dict[str, Any]:
    """All results; infinite figures are null."""
    return {
        "metric": curves.scale.metric,
        "split": curves.split,
        "methods": [_method_as_json(method, curves) for method in curves.methods],
        "crossings": [{"ahead": ahead, "behind": behind, "examples": _estimate(crossing.examples)}
                      for ahead, behind, crossing in curves.crossings],
        "sentences": sentences,
    }


def _method_as_json(method: MethodCurve, curves: LearningCurves) -> dict[str, Any]:
    described: dict[str, Any] = {"method": method.name, "sizes": list(_levels(method, curves)), "left_out": method.levels.left_out,
                                 "time_exponent": method.time_exponent, "not_fitted": method.trouble and method.trouble.kind}
    if method.fit is not None:
        law, step = method.fit.law, curves.scale.step(method.now())
        more, twice = method.more_examples(step), method.gain_of_twice()
        assert more is not None and twice is not None
        described["law"] = {name: float(values[0]) for name, values in law._asdict().items()}
        described["more_examples"] = {"step": step, **_estimate(more)}
        described["gain_of_twice"] = _estimate(twice)
    return described


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    return {name: value if isfinite(value) else None for name, value in estimate._asdict().items()}
