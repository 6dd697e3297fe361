"""The score of the predicted class with each word left out in turn: works for any classifier, since it only asks for predictions."""

from collections.abc import Callable, Sequence

import numpy as np

from ...datasets.arrays import FloatArray
from ...training.open_run import OpenedRun
from .words import without, words_of

CHUNK = 64
"""Texts that are scored together."""
ClassScores = Callable[[Sequence[str]], FloatArray]
"""From texts to a score for each class (texts, n_classes)."""


def class_scores(run: OpenedRun, texts: Sequence[str]) -> FloatArray:
    """(texts, n_classes): probabilities, or margins of a model that has none. The texts are tokenized anew."""
    return np.concatenate([_scores(run, texts[start : start + CHUNK]) for start in range(0, len(texts), CHUNK)])


def _scores(run: OpenedRun, texts: Sequence[str]) -> FloatArray:
    split = run.task.preparation.unlabelled(texts, run.encoding)
    batch = split.batch(np.arange(len(texts)), run.model.config.inputs)
    if run.model.scores_are == "margins":
        return run.model.scores(**batch.inputs)
    return run.task.predict(run.model, batch).probabilities


def leave_one_out(scores: ClassScores, text: str) -> FloatArray:
    """(n_words,): by how much the score of the predicted class falls without each word (Li, Monroe and Jurafsky 2016)."""
    found = scores([text, *(without(text, {place}) for place in range(len(words_of(text))))])
    column = found[:, int(found[0].argmax())].astype(np.float64)
    return column[0] - column[1:]
