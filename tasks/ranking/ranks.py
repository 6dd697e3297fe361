"""Ranks of right answers among all candidates, and what metrics are made of, as trec_eval defines them."""

from collections.abc import Iterator, Sequence
from math import comb
from typing import Any, NamedTuple, assert_never

import numpy as np

from ...configs.schema.tasks.ranking import CUTOFFS, InBatchSoftmaxConfig, MarginConfig, PairwiseLogisticConfig, RankingLossConfig
from ...datasets.arrays import BoolArray, FloatArray, IntArray
from ...datasets.encoded.texts.ranked_texts import Known

BLOCK_SCORES = 4_000_000
"""Scores that are computed at a time; bounds the memory of an evaluation."""


class Ranked(NamedTuple):
    """What is known of one query: the loss, the ranks of its right answers and their relevance, the best candidate and its score, and how
    many candidates there are. A right answer whose query has more of them counts by itself in `losses`.
    """

    losses: FloatArray
    ranks: IntArray
    relevance: FloatArray
    best: str
    score: float
    n_candidates: int


def ranked(queries: Any, candidates: Any, texts: Sequence[str], known: Sequence[Known], loss: RankingLossConfig) -> Iterator[Ranked]:
    """Queries (n, d) and different candidates (m, d), whose dot products are scores; what is known of each query; dense or sparse.

    Of equal scores the text that is greater comes first, as trec_eval has it of the ids of candidates.
    """
    order = by_text(texts)
    candidates, ordered = candidates[order], [texts[int(place)] for place in order]
    places = {text: place for place, text in enumerate(ordered)}
    size = max(1, BLOCK_SCORES // len(ordered))
    for start in range(0, len(known), size):
        scores = products(queries[start : start + size], candidates)
        for row, each in zip(scores, known[start : start + size], strict=True):
            judged = np.array([places[text] for text in each.candidates])
            yield _ranked(row.astype(np.float64), judged, np.array(each.relevance), ordered, loss)


def by_text(texts: Sequence[str]) -> IntArray:
    """(n,): the places of the texts, the greatest first."""
    return np.array(sorted(range(len(texts)), key=texts.__getitem__, reverse=True), dtype=np.int64)


def products(queries: Any, candidates: Any) -> FloatArray:
    """(n, d), (m, d) -> (n, m)"""
    found = queries @ candidates.T
    return found if isinstance(found, np.ndarray) else found.toarray()


def _ranked(scores: FloatArray, judged: IntArray, relevance: FloatArray, texts: Sequence[str], loss: RankingLossConfig) -> Ranked:
    """Scores (m,) of candidates in the order of their texts, and those that are judged (n,) with their relevance (n,)."""
    known = np.zeros(len(scores))
    known[judged] = relevance
    right, gains = judged[relevance > 0], relevance[relevance > 0]
    above = (scores > scores[right, None]) | ((scores == scores[right, None]) & (np.arange(len(scores)) < right[:, None]))
    losses = losses_of(loss, scores[right], scores, known < gains[:, None])
    best = int(np.argmax(scores))
    return Ranked(losses, 1 + above.sum(axis=1), gains, texts[best], float(scores[best]), len(scores))


def losses_of(config: RankingLossConfig, right: FloatArray, scores: FloatArray, less: BoolArray) -> FloatArray:
    """The loss of right answers (n,) against the candidates (m,) that are `less` (n, m) relevant -> (n,); see `losses.py`."""
    match config:
        case InBatchSoftmaxConfig(temperature=temperature):
            against = np.logaddexp.reduce(np.where(less, scores / temperature, -np.inf), axis=1)
            return np.logaddexp(0, against - right / temperature)
        case MarginConfig(margin=margin):
            each = np.maximum(0, margin - right[:, None] + scores)
        case PairwiseLogisticConfig():
            each = np.logaddexp(0, scores - right[:, None])
        case _:
            assert_never(config)
    return (each * less).sum(axis=1) / np.maximum(less.sum(axis=1), 1)


def figures_of(ranks: IntArray, relevance: FloatArray) -> list[float]:
    """Of one query, by the ranks of its right answers and their relevance: what `FIGURES` names, in its order."""
    order = np.argsort(ranks)
    ranks, gains = ranks[order], relevance[order]
    precision = np.arange(1, len(ranks) + 1) / ranks
    ndcgs = [_gain(ranks, gains, cutoff) / _gain(np.arange(1, len(ranks) + 1), np.sort(gains)[::-1], cutoff) for cutoff in CUTOFFS]
    return [1 / ranks[0], precision.mean(), *ndcgs, *((ranks <= cutoff).mean() for cutoff in CUTOFFS)]


def _gain(ranks: IntArray, gains: FloatArray, cutoff: int) -> float:
    """Discounted cumulative gain (Järvelin and Kekäläinen 2002)."""
    return float((gains / np.log2(ranks + 1) * (ranks <= cutoff)).sum())


def chance(n_right: int, n_candidates: int) -> float:
    """The mean reciprocal rank of the first right answer in a random order."""
    orders = comb(n_candidates, n_right)
    return sum(comb(n_candidates - rank, n_right - 1) / orders / rank for rank in range(1, n_candidates - n_right + 2))
