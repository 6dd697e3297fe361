"""Text from a language model: greedy, or drawn by temperature from the most probable tokens."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..configs.schema.networks import TransformerConfig
from ..configs.schema.tokenizer import BOS, EOS, UNK
from ..datasets.arrays import FloatArray
from ..datasets.tokenizers.token_sequences import TokenSequences
from ..models.head import Sampling
from ..training.open_run import FinishedRun

HALF = "\ufffd"
"""What the bytes of a character that has only begun are decoded to."""


def generate(run: FinishedRun, prompt: str, most: int, sampling: Sampling) -> Iterator[str]:
    """The text that follows a prompt, piece by piece, until [EOS] or `most` tokens."""
    tokenizer = run.encoding.tokenizer
    assert isinstance(tokenizer, TokenSequences)
    before = tokenizer.encode([prompt]).ids.tolist() if prompt else []
    yield from pieces(tokenizer.decode, before, continued(run.model, [BOS, *before], most, sampling))


def pieces(decode: Callable[[Sequence[int]], str], before: Sequence[int], ids: Iterable[int]) -> Iterator[str]:
    """The text of `ids` as they come; joined, it is what `decode` adds for them to the text of `before`.

    A token's text depends on what stands right before it (is there a space between the two?), and a character may be spread over
    several tokens; on nothing further back, so the piece before is all that is decoded again.
    """
    known, new = list(before[-1:]), []
    for number in ids:
        new.append(number)
        text = decode([*known, *new])
        if not text.endswith(HALF):
            yield text[len(decode(known)) :]
            known, new = new, []
    if new:
        yield decode([*known, *new])[len(decode(known)) :]


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
    scores /= sampling.divisor
    order = np.argsort(-scores, kind="stable")[: sampling.top_k]
    shares = np.exp(scores[order] - scores[order[0]])
    shares /= shares.sum()
    kept = max(1, int(np.searchsorted(np.cumsum(shares), sampling.top_p)) + 1)
    shares = shares[:kept] / shares[:kept].sum()
    return int(generator.choice(order[:kept], p=shares))
