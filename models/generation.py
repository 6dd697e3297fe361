"""Generating text with a language model: greedily, or by sampling from the most probable tokens. No torch."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..configs.schema.tokenizer import EOS, UNK
from .head import Sampling

FloatArray = npt.NDArray[np.floating[Any]]


def generate(model: Any, ids: Sequence[int], most: int, sampling: Sampling) -> Iterator[int]:
    """At most `most` ids that follow, until [EOS].

    `model.next_scores(ids, past)` gives the scores of the next token and what to continue from. When a text exceeds the model's longest
    input, its later half is read again.
    """
    generator = np.random.default_rng(sampling.seed)
    window = model.config.longest_input
    text, past, kept = list(ids), None, 0
    fresh = text if window is None else text[-window:]
    for _ in range(most):
        if window is not None and kept + len(fresh) > window:
            fresh, past, kept = text[-(window // 2 or 1) :], None, 0
        scores, past = model.next_scores(fresh, past)
        kept += len(fresh)
        number = choose(scores, sampling, generator)
        if number == EOS:
            return
        yield number
        text.append(number)
        fresh = [number]


def choose(scores: FloatArray, sampling: Sampling, generator: np.random.Generator) -> int:
    """One token by its scores (n_words,), which are log-probabilities up to a constant.

    `top_p` keeps the most probable tokens whose probabilities add up to it (nucleus sampling, Holtzman et al. 2020).
    """
    scores = np.array(scores, dtype=np.float64)
    scores[:EOS][np.arange(EOS) != UNK] = -np.inf  # special tokens that no text contains
    if not sampling.temperature:
        return int(scores.argmax())
    scores /= sampling.divisor
    order = np.argsort(-scores, kind="stable")[: sampling.top_k]
    shares = np.exp(scores[order] - scores[order[0]])
    shares /= shares.sum()
    kept = max(1, int(np.searchsorted(np.cumsum(shares), sampling.top_p)) + 1)
    shares = shares[:kept] / shares[:kept].sum()
    return int(generator.choice(order[:kept], p=shares))
