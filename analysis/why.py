"""Why a run says what it says of a text: the rule that fired, the n-grams that weighed most."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..datasets.build import cut_notices, questions
from ..models.classical import Classical
from ..models.rules import Rules
from ..training.finished import FinishedRun


def explained(run: FinishedRun, texts: Sequence[str]) -> list[dict[str, Any]]:
    """For each text: `text`, `prediction`, `probability` where the model has one, the most probable classes, and `why`."""
    split = questions(texts, run.recipe.task, run.encoding)
    for notice in cut_notices(split, run.recipe.model):
        logging.getLogger("nlp").warning("Notice: %s", notice)
    batch = split.batch(np.arange(len(texts)), run.recipe.model.takes)
    predictions = run.task.predict(run.model, batch)
    reasons = _reasons(run, batch.inputs, predictions.predicted)
    answers = []
    for place, text in enumerate(texts):
        answer = {"text": text, **run.task.describe(predictions, place)}
        if predictions.probabilities is not None:
            answer["probabilities"] = _largest(predictions.probabilities[place], run.encoding.labels)
        if reasons is not None:
            answer["why"] = reasons[place]
        answers.append(answer)
    return answers


def _largest(probabilities: np.ndarray, labels: Sequence[str], count: int = 5) -> dict[str, float]:
    places = np.argsort(-probabilities, kind="stable")[:count].tolist()
    return {str(labels[place]): round(float(probabilities[place]), 6) for place in places}


def _reasons(run: FinishedRun, inputs: dict[str, Any], predicted: np.ndarray) -> list[Any] | None:
    """Rules name the rule; classical models their features by name; a network has its probabilities only."""
    if isinstance(run.model, Rules):
        return run.model.why(inputs["texts"])
    if isinstance(run.model, Classical):
        return [_named(run, reasons) for reasons in run.model.why(**inputs, predicted=predicted)]
    return None


def _named(run: FinishedRun, reasons: Sequence[tuple[int, float]]) -> dict[str, float]:
    """Features by name with their share in the score; neighbours as `training example N` with their distance."""
    assert isinstance(run.model, Classical)
    tokenizer = run.encoding.tokenizer
    assert tokenizer is not None
    ids = [number for number, _ in reasons]
    names = tokenizer.tokens(ids) if run.model.why_names == "features" else [f"training example {number + 1}" for number in ids]
    return {name: round(amount, 4) for name, (_, amount) in zip(names, reasons, strict=True)}
