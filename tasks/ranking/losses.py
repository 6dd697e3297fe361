"""Ranking losses: each right answer against all candidates that are less relevant to its query."""

from collections.abc import Mapping
from typing import Any, assert_never

import torch
from torch import Tensor
from torch.nn import functional

from ...configs.schema.tasks.ranking import InBatchSoftmaxConfig, MarginConfig, PairwiseLogisticConfig, RankingLossConfig
from ..losses import Forward, Loss, Ratio, Targets

NEGLIGIBLE = -1e30
"""In place of minus infinity, whose gradient would be NaN if all candidates were masked."""


class RankingLoss(Loss):
    """The loss of the right answers of a batch; with `whole_batches`, candidates that are not judged for a query count as irrelevant."""

    def __init__(self, config: RankingLossConfig, whole_batches: bool) -> None:
        self.config, self.unjudged = config, 0.0 if whole_batches else torch.inf

    def count(self, targets: Targets) -> Tensor:
        """The number of right answers."""
        return _right(targets).sum()

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) of one micro-batch."""
        vectors = module(**inputs)
        with torch.autocast(vectors["queries"].device.type, enabled=False):  # with a small temperature, differences of 0.01 matter
            scores = vectors["queries"].float() @ vectors["candidates"].float().T  # (n_queries, n_candidates)
        (queries, candidates), (relevance, _) = targets["judged"].values.unbind(1), targets["relevance"]
        relevances = torch.full_like(scores, self.unjudged).index_put((queries, candidates), relevance)
        less = relevances[queries] < relevance.unsqueeze(1)  # (n, n_candidates)
        losses = losses_of(self.config, scores[queries, candidates], scores[queries], less)
        return {"loss": (losses.masked_fill(~_right(targets), 0).sum(), count)}


def losses_of(config: RankingLossConfig, right: Tensor, others: Tensor, less: Tensor) -> Tensor:
    """Scores of right answers (n,) and of all candidates (n, n_candidates), and which candidates are less relevant -> (n,)"""
    match config:
        case InBatchSoftmaxConfig(temperature=temperature):
            negatives = (others / temperature).masked_fill(~less, NEGLIGIBLE).logsumexp(dim=1)
            return functional.softplus(negatives - right / temperature)
        case MarginConfig(margin=margin):
            losses = functional.relu(margin - right.unsqueeze(1) + others)
        case PairwiseLogisticConfig():
            losses = functional.softplus(others - right.unsqueeze(1))
        case _:
            assert_never(config)
    return losses.masked_fill(~less, 0).sum(dim=1) / less.sum(dim=1).clamp(min=1)


def _right(targets: Targets) -> Tensor:
    relevance, known = targets["relevance"]
    return known & (relevance > 0)
