"""The reasons for a prediction: the rule that fired, or the n-grams with the largest weights."""

from collections.abc import Container, Sequence
from typing import Any

import numpy as np

from ..models.classical.classifier import Classical
from ..models.rules import Rules
from ..training.open_run import OpenedRun


def explain(run: OpenedRun, inputs: dict[str, Any], predictions: Any) -> list[Any] | None:
    """For each row of a batch the reasons for its prediction: of rules the rule, of classical models their features by name.

    None for networks and taggers, which report probabilities only.
    """
    if isinstance(run.model, Rules):
        return run.model.why(inputs["texts"])
    if isinstance(run.model, Classical):
        whys = run.model.why(**inputs, predicted=predictions.predicted)
        if "vectors" in inputs:
            return [_named(run, reasons, range(run.model.n_features)) for reasons in whys]
        parts = np.split(inputs["tokens"], inputs["starts"][1:])
        return [_named(run, reasons, set(part.tolist())) for reasons, part in zip(whys, parts, strict=True)]
    return None


def _named(run: OpenedRun, reasons: Sequence[tuple[int, float]], found: Container[int]) -> dict[str, float]:
    """Features by name with their share in the score, `no X` for one that the text lacks, which a tree may ask for; neighbours as
    `training example N` with their distance."""
    assert isinstance(run.model, Classical)
    if run.model.why_names == "examples":
        return {f"training example {number + 1}": round(distance, 4) for number, distance in reasons}
    tokenizer, numbers = run.encoding.tokenizer, [number for number, _ in reasons]
    names = tokenizer.tokens(numbers) if tokenizer is not None else [run.encoding.features[number] for number in numbers]
    return {name if number in found else f"no {name}": round(amount, 4) for name, (number, amount) in zip(names, reasons, strict=True)}
