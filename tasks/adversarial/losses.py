"""Losses of the discriminator and the generator (Goodfellow et al. 2014; Arjovsky et al. 2017; Gulrajani et al. 2017)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ...configs.schema.tasks.adversarial import LossConfig, WassersteinLossConfig
from ...models.networks.gan import Gan
from ..losses import Forward, Loss, Ratio, Targets


class PlayerLoss(Loss):
    """Each row pairs a real text with a sample generated from noise."""

    def __init__(self, model: Gan, config: LossConfig) -> None:
        self.model, self.config = model, config

    def count(self, targets: Targets) -> Tensor:
        """The number of rows."""
        return targets["real"].mask.sum()


class DiscriminatorLoss(PlayerLoss):
    """`standard`: the sum of the cross-entropies of real and generated samples. `wasserstein`: the score of the generated sample minus that
    of the real one, plus the gradient penalty.
    """

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph); `accuracy`: the share of rows whose real text scores higher; for `standard` also the accuracies on real
        and on generated samples, for `wasserstein` the gradient penalty without its weight.
        """
        rows, real = targets["real"].mask, self.model.real(inputs)
        with torch.no_grad():
            generated = self.model.generator(*self.model.drawn(real, step)).to(real)
        if isinstance(self.config, WassersteinLossConfig):
            return self._wasserstein(module, real, generated, rows, count, self.config.gradient_penalty)
        real_scores, scores = module(torch.cat([real, generated])).float().squeeze(1).chunk(2)
        loss = functional.softplus(-real_scores) + functional.softplus(scores)
        return {"loss": (loss[rows].sum(), count), "accuracy": ((real_scores > scores)[rows].sum(), count),
                "real_accuracy": ((real_scores > 0)[rows].sum(), count), "generated_accuracy": ((scores < 0)[rows].sum(), count)}

    @staticmethod
    def _wasserstein(module: Forward, real: Tensor, generated: Tensor, rows: Tensor, count: Tensor, weight: float) -> dict[str, Ratio]:
        share = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
        mixed = (share * real + (1 - share) * generated).requires_grad_()
        real_scores, scores, mixed_scores = module(torch.cat([real, generated, mixed])).float().squeeze(1).chunk(3)
        (gradients,) = torch.autograd.grad(mixed_scores.sum(), mixed, create_graph=True)
        penalty = (gradients.flatten(1).norm(dim=1) - 1).square()
        loss = scores - real_scores + weight * penalty
        return {"loss": (loss[rows].sum(), count), "accuracy": ((real_scores > scores)[rows].sum(), count),
                "gradient_penalty": (penalty[rows].sum(), count)}


class GeneratorLoss(PlayerLoss):
    """`standard`: the cross-entropy of a sample with the target "real"; `wasserstein`: its negative score."""

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph)."""
        samples = module(*self.model.drawn(self.model.real(inputs), step))
        scores = self.model.discriminator(samples).float().squeeze(1)
        loss = -scores if isinstance(self.config, WassersteinLossConfig) else functional.softplus(-scores)
        return {"loss": (loss[targets["real"].mask].sum(), count)}
