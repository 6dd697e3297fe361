"""The score of the predicted class with each word left out in turn: works for any classifier, since it needs only predictions."""

from collections.abc import Callable, Sequence

import numpy as np

from ...datasets.arrays import FloatArray
from ...training.open_run import OpenedRun
from .words import without, words_of

CHUNK = 64
"""Texts per batch."""
ClassScores = Callable[[Sequence[str]], FloatArray]
"""From texts to the scores of each class (texts, n_classes)."""


def class_scores(run: OpenedRun, texts: Sequence[str]) -> FloatArray:
    """(texts, n_classes): probabilities, or margins if the model has no probabilities. The texts are tokenized again."""
    return np.concatenate([_scores(run, texts[start : start + CHUNK]) for start in range(0, len(texts), CHUNK)])


def _scores(run: OpenedRun, texts: Sequence[str]) -> FloatArray:
    split = run.task.preparation.unlabelled(texts, run.encoding)
    batch = split.batch(np.arange(len(texts)), run.model.config.inputs)
    if run.model.scores_are == "margins":
        return run.model.scores(**batch.inputs)
    return run.task.predict(run.model, batch).probabilities


def leave_one_out(scores: ClassScores, text: str) -> FloatArray:
    """(n_words,): the drop of the predicted class's score without each word (Li, Monroe and Jurafsky 2016)."""
    all_scores = scores([text, *(without(text, {place}) for place in range(len(words_of(text))))])
    of_class = all_scores[:, int(all_scores[0].argmax())].astype(np.float64)
    return of_class[0] - of_class[1:]
