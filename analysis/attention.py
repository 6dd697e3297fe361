"""The attention of an encoder-decoder as a picture."""

import numpy as np

from ..errors import ConfigError, DataError
from ..tasks.task import PredictOptions
from ..training.log.pictures import Matrix, alignment
from ..training.open_run import OpenedRun

MOST_TOKENS = 200
"""Tokens on either side of a picture."""


def attention_picture(run: OpenedRun, text: str, options: PredictOptions) -> Matrix:
    """How much each token of the text that is found attends to each token of its source, to be drawn.

    Raises DataError for an empty text and for more tokens than a picture shows, ConfigError where the model has no attention.
    """
    if not text.strip():
        raise DataError("The first text is empty, and --attention draws the attention for the first one. Put another text first.")
    split = run.task.preparation.unlabelled([text], run.encoding)
    split.length_notices(run.recipe.model.longest_input)
    found = run.task.alignments(run.model, split, np.arange(1), options)
    if not found:
        raise ConfigError(f"{run.directory.address} encodes its source as one vector and has no attention to draw; "
                          "use a run with model.attention, or a transformer.")
    source, target, weights = found[0]
    if (most := max(weights.shape)) > MOST_TOKENS:
        raise DataError(f"A picture of --attention shows {MOST_TOKENS} tokens per axis, but this text or its output has "
                        f"{most:,}. Use a shorter text, or a smaller --length.")
    return alignment(weights, source, target)
