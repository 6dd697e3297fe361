"""The reasons that `nlp predict` always shows for rules and classical models: the rule that fired, or the heaviest n-grams."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...configs.schema.models.neural_symbolic import NeuralSymbolicConfig
from ...datasets.encoded.split import Batch, Split
from ...models.classical.classifier import Classical
from ...models.rules import Rules
from ...training.open_run import OpenedRun


@dataclass(frozen=True)
class OwnReason:
    """The result of `why` for rules and for networks fused with rules; for classical models their features by name."""

    why: dict[str, Any]
    key: ClassVar[str] = "why"

    def to_json(self) -> dict[str, Any]:
        """The JSON output."""
        return self.why

    def lines(self) -> list[str]:
        """The rules that fired with their matches, and the probabilities of each side; or the features with the largest weights."""
        sides = [_sides(self.why["sides"])] if "sides" in self.why else []
        return [f"because of {self._text()}", *sides] if self.why else []

    def _text(self) -> str:
        why = self.why
        if "rule" not in why:
            return ", ".join(f"{name!r} {amount:+.2f}" for name, amount in why.items())
        if why["rule"] is None:
            return "no rule: this is the default"
        return "; ".join(f"rule {fired['rule']} for {fired['label']}, which found {fired['matched']!r}"
                         for fired in why.get("fired", [why]))


def _sides(sides: Mapping[str, Mapping[str, float]]) -> str:
    """The class's probability according to each side of a fused model, and the side's share if there is a gate."""
    return ", ".join(f"{name} {side['probability']:.3f}" + (f" (share {side['share']:.3f})" if "share" in side else "")
                     for name, side in sides.items())


def own_reasons(run: OpenedRun, _: Split, batch: Batch, predictions: Any) -> list[OwnReason] | None:
    """For each row of a batch the reason for its prediction; None for other networks and taggers, which report
    probabilities only.
    """
    if isinstance(run.model, Rules):
        return [OwnReason(why) for why in run.model.why(batch.inputs["texts"])]
    if isinstance(run.recipe.model, NeuralSymbolicConfig):
        return [OwnReason(why) for why in run.model.why(**batch.inputs, predicted=predictions.predicted)]
    if isinstance(run.model, Classical):
        whys = run.model.why(**batch.inputs, predicted=predictions.predicted)
        if "vectors" in batch.inputs:
            return [OwnReason(_named(run, reasons, range(run.model.n_features))) for reasons in whys]
        parts = np.split(batch.inputs["tokens"], batch.inputs["starts"][1:])
        return [OwnReason(_named(run, reasons, set(part.tolist()))) for reasons, part in zip(whys, parts, strict=True)]
    return None


def _named(run: OpenedRun, reasons: Sequence[tuple[int, float]], found: Collection[int]) -> dict[str, float]:
    """Features by name with their share of the score; neighbours as `training example N` with their distance."""
    assert isinstance(run.model, Classical)
    numbers = [number for number, _ in reasons]
    by_example = run.model.why_names == "examples"
    names = [f"training example {number + 1}" for number in numbers] if by_example else feature_names(run, numbers, found)
    return {name: round(amount, 4) for name, (_, amount) in zip(names, reasons, strict=True)}


def feature_names(run: OpenedRun, features: Sequence[int], found: Collection[int]) -> list[str]:
    """Features by name; `no X` for a feature that the text does not have, which a tree may test."""
    tokenizer = run.encoding.tokenizer
    names = tokenizer.tokens(features) if tokenizer is not None else [run.encoding.features[number] for number in features]
    return [name if number in found else f"no {name}" for number, name in zip(features, names, strict=True)]
