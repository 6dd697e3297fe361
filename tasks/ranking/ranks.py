"""Ranks of right answers among all candidates, and the metrics of one query, as trec_eval defines them."""

from collections.abc import Iterator, Sequence
from math import comb
from typing import Any, NamedTuple, assert_never

import numpy as np

from ...configs.schema.tasks.ranking import CUTOFFS, InBatchSoftmaxConfig, MarginConfig, PairwiseLogisticConfig, RankingLossConfig
from ...datasets.arrays import BoolArray, FloatArray, IntArray
from ...datasets.encoded.texts.ranked_texts import Known

BLOCK_SCORES = 4_000_000
"""Maximum number of scores computed at a time; bounds the memory of an evaluation."""


class Ranked(NamedTuple):
    """The results of one query: loss, rank and relevance of each right answer (n_right,), the top candidate with its score, and the number
    of candidates.
    """

    losses: FloatArray
    ranks: IntArray
    relevance: FloatArray
    best: str
    score: float
    n_candidates: int


def ranked(queries: Any, candidates: Any, texts: Sequence[str], known: Sequence[Known], loss: RankingLossConfig) -> Iterator[Ranked]:
    """Rank distinct candidates (m, d) for each query (n, d) by dot product, dense or sparse; `known` holds the judgements of each query.

    Ties go to the greater text, as trec_eval breaks them by candidate id.
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
    """(n,): the positions of the texts in descending order."""
    return np.array(sorted(range(len(texts)), key=texts.__getitem__, reverse=True), dtype=np.int64)


def products(queries: Any, candidates: Any) -> FloatArray:
    """(n, d), (m, d) -> (n, m)"""
    scores = queries @ candidates.T
    return scores if isinstance(scores, np.ndarray) else scores.toarray()


def _ranked(scores: FloatArray, judged: IntArray, relevance: FloatArray, texts: Sequence[str], loss: RankingLossConfig) -> Ranked:
    """Scores (m,) of the candidates in the order of `texts`, positions of the judged ones (n,), and their relevance (n,)."""
    relevances = np.zeros(len(scores))
    relevances[judged] = relevance
    right, gains = judged[relevance > 0], relevance[relevance > 0]
    above = (scores > scores[right, None]) | ((scores == scores[right, None]) & (np.arange(len(scores)) < right[:, None]))
    losses = losses_of(loss, scores[right], scores, relevances < gains[:, None])
    best = int(np.argmax(scores))
    return Ranked(losses, 1 + above.sum(axis=1), gains, texts[best], float(scores[best]), len(scores))


def losses_of(config: RankingLossConfig, right: FloatArray, scores: FloatArray, less: BoolArray) -> FloatArray:
    """Scores of right answers (n,) and of all candidates (m,), and which candidates are less relevant (n, m) -> (n,); see `losses.py`"""
    match config:
        case InBatchSoftmaxConfig(temperature=temperature):
            negatives = np.logaddexp.reduce(np.where(less, scores / temperature, -np.inf), axis=1)
            return np.logaddexp(0, negatives - right / temperature)
        case MarginConfig(margin=margin):
            losses = np.maximum(0, margin - right[:, None] + scores)
        case PairwiseLogisticConfig():
            losses = np.logaddexp(0, scores - right[:, None])
        case _:
            assert_never(config)
    return (losses * less).sum(axis=1) / np.maximum(less.sum(axis=1), 1)


def figures_of(ranks: IntArray, relevance: FloatArray) -> list[float]:
    """The metrics of one query, in the order of `FIGURES`, from the ranks and the relevance of its right answers."""
    order = np.argsort(ranks)
    ranks, gains = ranks[order], relevance[order]
    precision = np.arange(1, len(ranks) + 1) / ranks
    ndcgs = [_gain(ranks, gains, cutoff) / _gain(np.arange(1, len(ranks) + 1), np.sort(gains)[::-1], cutoff) for cutoff in CUTOFFS]
    return [1 / ranks[0], precision.mean(), *ndcgs, *((ranks <= cutoff).mean() for cutoff in CUTOFFS)]


def _gain(ranks: IntArray, gains: FloatArray, cutoff: int) -> float:
    """Discounted cumulative gain (Järvelin and Kekäläinen 2002)."""
    return float((gains / np.log2(ranks + 1) * (ranks <= cutoff)).sum())


def chance(n_right: int, n_candidates: int) -> float:
    """The expected reciprocal rank of the first right answer in a random order."""
    orders = comb(n_candidates, n_right)
    return sum(comb(n_candidates - rank, n_right - 1) / orders / rank for rank in range(1, n_candidates - n_right + 2))
