"""Text from a language model: greedy, or drawn by temperature from the most probable tokens."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..configs.model import TransformerConfig
from ..configs.tokenizer import BOS, EOS, UNK
from ..datasets.data import FloatArray
from ..datasets.sequences import TokenSequences
from ..models.spec import Sampling
from ..training.finished import FinishedRun


def generate(run: FinishedRun, prompt: str, most: int, sampling: Sampling) -> Iterator[str]:
    """The text that follows a prompt, piece by piece, until [EOS] or `most` tokens."""
    tokenizer = run.encoding.tokenizer
    assert isinstance(tokenizer, TokenSequences)
    ids = [BOS, *(tokenizer.encode([prompt]).ids.tolist() if prompt else [])]
    told = len(tokenizer.decode(ids))
    for number in continued(run.model, ids, most, sampling):
        ids.append(number)
        text = tokenizer.decode(ids)
        if not text.endswith("\ufffd"):  # the beginning of a character of several bytes
            yield text[told:]
            told = len(text)


def continued(model: Any, ids: Sequence[int], most: int, sampling: Sampling) -> Iterator[int]:
    """The ids that follow; of a text longer than a transformer's positions the later half is read again."""
    generator = np.random.default_rng(sampling.seed)
    window = model.config.max_positions if isinstance(model.config, TransformerConfig) else None
    text, past = list(ids), None
    fresh = text if window is None else text[-window:]
    for _ in range(most):
        if window is not None and past is not None and past[0][0].shape[2] + len(fresh) > window:
            fresh, past = text[-(window // 2 or 1) :], None
        scores, past = model.go_on(fresh, past)
        number = choose(scores, sampling, generator)
        if number == EOS:
            return
        yield number
        text.append(number)
        fresh = [number]


def choose(scores: FloatArray, sampling: Sampling, generator: np.random.Generator) -> int:
    """One token by its scores (n_words,), which are logarithms of probability up to a constant.

    `top_p` keeps the most probable tokens until they have this share together (Holtzman et al. 2020).
    """
    scores = np.array(scores, dtype=np.float64)
    scores[:EOS][np.arange(EOS) != UNK] = -np.inf  # special tokens that no text holds
    if not sampling.temperature:
        return int(scores.argmax())
    scores /= sampling.temperature
    order = np.argsort(-scores, kind="stable")[: sampling.top_k]
    shares = np.exp(scores[order] - scores[order[0]])
    shares /= shares.sum()
    kept = max(1, int(np.searchsorted(np.cumsum(shares), sampling.top_p)) + 1)
    shares = shares[:kept] / shares[:kept].sum()
    return int(generator.choice(order[:kept], p=shares))
