"""Cross-entropy over a large vocabulary, in two thirds of torch's time on a CPU."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class SmoothedCrossEntropy(torch.autograd.Function):
    """Cross-entropy summed over rows, with label smoothing as in `functional.cross_entropy`, and which rows are right.

    Rows with a negative id are ignored. With a large vocabulary the time goes into passes over the scores, of which torch makes a dozen:
    smoothing alone adds three tensors of their size. This saves the probabilities, from which the gradient needs a single pass.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, ids: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """(n, n_words) in fp32, (n,) -> (), (n,)"""
        known, gold = ids >= 0, ids.clamp(min=0).unsqueeze(1)
        top, best = logits.max(dim=1, keepdim=True)
        probabilities = logits.softmax(dim=1)
        log_sum = top - probabilities.gather(1, best).log()  # the most probable word's probability is never 0
        losses = log_sum - (1 - smoothing) * logits.gather(1, gold)
        if smoothing:
            losses -= smoothing * logits.mean(dim=1, keepdim=True)
        right = (best == gold).squeeze(1) & known
        # d loss / d logits = p - (1 - smoothing) * [word is gold] - smoothing / n_words
        probabilities.scatter_add_(1, gold, torch.full_like(losses, smoothing - 1))
        ctx.save_for_backward(probabilities, known)
        ctx.spread = smoothing / logits.shape[1]
        ctx.mark_non_differentiable(right)
        return losses.squeeze(1).masked_fill(~known, 0).sum(), right

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, share: Tensor, _: Any) -> tuple[Tensor, None, None]:  # type: ignore[override]
        """The gradient with respect to the logits, (n, n_words)."""
        difference, known = ctx.saved_tensors
        shares = (share * known).unsqueeze(1)
        return torch.addcmul(-ctx.spread * shares, difference, shares), None, None


def smoothed_cross_entropy(logits: Tensor, ids: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """(n, n_words), (n,) -> the sum over all rows with an id, and (n,) whether the id has the highest score"""
    return SmoothedCrossEntropy.apply(logits.float(), ids, smoothing)  # type: ignore[return-value]
