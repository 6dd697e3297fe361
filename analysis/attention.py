"""Picture of the attention weights of an encoder-decoder."""

import numpy as np

from ..errors import ConfigError, DataError
from ..tasks.task import PredictOptions
from ..training.log.pictures import Matrix, alignment
from ..training.open_run import OpenedRun

MAX_TOKENS = 200
"""Maximum number of tokens on each axis of a picture."""


def attention_picture(run: OpenedRun, text: str, options: PredictOptions) -> Matrix:
    """The attention weights of each output token over the source tokens, as a matrix to draw.

    Raises DataError if the text is empty or has too many tokens for a picture, ConfigError if the model has no attention.
    """
    if not text.strip():
        raise DataError("The first text is empty, and --attention draws the attention for the first one. Put another text first.")
    split = run.task.preparation.unlabelled([text], run.encoding)
    split.length_notices(run.recipe.model.longest_input)
    alignments = run.task.alignments(run.model, split, np.arange(1), options)
    if not alignments:
        raise ConfigError(f"{run.directory.address} encodes its source as one vector and has no attention to draw; "
                          "use a run with model.attention, or a transformer.")
    source, target, weights = alignments[0]
    if (n_tokens := max(weights.shape)) > MAX_TOKENS:
        raise DataError(f"A picture of --attention shows {MAX_TOKENS} tokens per axis, but this text or its output has "
                        f"{n_tokens:,}. Use a shorter text, or a smaller --length.")
    return alignment(weights, source, target)
