"""Generating text with a language model: greedily, or by sampling from the most probable tokens. No torch."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..configs.schema.tokenizer import EOS, UNK
from .head import Sampling

FloatArray = npt.NDArray[np.floating[Any]]


def generate(model: Any, ids: Sequence[int], most: int, sampling: Sampling) -> Iterator[int]:
    """Generate up to `most` ids after `ids`, until [EOS].

    `model.next_scores(ids, past)` returns the scores of the next token and the past for the next call. When a text exceeds the model's
    longest input, its second half is read again.
    """
    generator = np.random.default_rng(sampling.seed)
    window = model.config.longest_input
    text, past, n_read = list(ids), None, 0
    fresh = text if window is None else text[-window:]
    for _ in range(most):
        if window is not None and n_read + len(fresh) > window:
            fresh, past, n_read = text[-(window // 2 or 1) :], None, 0
        scores, past = model.next_scores(fresh, past)
        n_read += len(fresh)
        number = choose(scores, sampling, generator)
        if number == EOS:
            return
        yield number
        text.append(number)
        fresh = [number]


def choose(scores: FloatArray, sampling: Sampling, generator: np.random.Generator) -> int:
    """Choose one token by the scores (n_words,), which are log-probabilities up to a constant.

    `top_p` keeps the most probable tokens whose probabilities add up to it (nucleus sampling, Holtzman et al. 2020).
    """
    scores = np.array(scores, dtype=np.float64)
    scores[:EOS][np.arange(EOS) != UNK] = -np.inf  # special tokens that never occur in texts
    if not sampling.temperature:
        return int(scores.argmax())
    scores /= sampling.divisor
    order = np.argsort(-scores, kind="stable")[: sampling.top_k]
    shares = np.exp(scores[order] - scores[order[0]])
    shares /= shares.sum()
    kept = max(1, int(np.searchsorted(np.cumsum(shares), sampling.top_p)) + 1)
    shares = shares[:kept] / shares[:kept].sum()
    return int(generator.choice(order[:kept], p=shares))
