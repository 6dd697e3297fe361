"""Why a run says what it says of a text: the rule that fired, the n-grams that weighed most."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..datasets.build import cut_notices, questions
from ..models.classical.classifier import Classical
from ..models.rules import Rules
from ..training.open_run import FinishedRun


def explained(run: FinishedRun, texts: Sequence[str]) -> list[dict[str, Any]]:
    """For each text: `text`, `prediction`, all that the task tells beside it, such as probabilities, and `why`."""
    split = questions(texts, run.recipe.task, run.encoding)
    for notice in cut_notices(split, run.recipe.model):
        logging.getLogger("nlp").warning("Notice: %s", notice)
    batch = split.batch(np.arange(len(texts)), run.recipe.model.takes)
    predictions = run.task.predict(run.model, batch)
    reasons = _reasons(run, batch.inputs, predictions)
    answers = []
    for place, text in enumerate(texts):
        answer = {"text": text, **run.task.describe(predictions, place, whole=True)}
        if reasons is not None:
            answer["why"] = reasons[place]
        answers.append(answer)
    return answers


def _reasons(run: FinishedRun, inputs: dict[str, Any], predictions: Any) -> list[Any] | None:
    """Rules name the rule; classical models their features by name; a network has its probabilities only."""
    if isinstance(run.model, Rules):
        return run.model.why(inputs["texts"])
    if isinstance(run.model, Classical):
        parts = np.split(inputs["tokens"], inputs["starts"][1:])
        whys = run.model.why(**inputs, predicted=predictions.predicted)
        return [_named(run, reasons, set(part.tolist())) for reasons, part in zip(whys, parts, strict=True)]
    return None


def _named(run: FinishedRun, reasons: Sequence[tuple[int, float]], found: set[int]) -> dict[str, float]:
    """Features by name with their share in the score, `no X` for one that the text lacks, which a tree may ask for; neighbours as
    `training example N` with their distance."""
    assert isinstance(run.model, Classical)
    tokenizer = run.encoding.tokenizer
    assert tokenizer is not None
    if run.model.why_names == "examples":
        return {f"training example {number + 1}": round(distance, 4) for number, distance in reasons}
    names = tokenizer.tokens([number for number, _ in reasons])
    return {name if number in found else f"no {name}": round(amount, 4) for name, (number, amount) in zip(names, reasons, strict=True)}
