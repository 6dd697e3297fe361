"""What a discriminator and a generator minimise (Goodfellow et al. 2014; Arjovsky et al. 2017; Gulrajani et al. 2017)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ...configs.schema.tasks.adversarial import LossConfig, WassersteinLossConfig
from ...models.networks.gan import Gan
from ..losses import Forward, Loss, Ratio, Targets


class PlayerLoss(Loss):
    """A row is a real text, and a sample that is made of noise."""

    def __init__(self, model: Gan, config: LossConfig) -> None:
        self.model, self.config = model, config

    def count(self, targets: Targets) -> Tensor:
        """Rows."""
        return targets["real"].mask.sum()


class DiscriminatorLoss(PlayerLoss):
    """`standard`: the cross-entropy of real and of generated, added up. `wasserstein`: the score of the generated one less that of the
    real one, and the gradient penalty.
    """

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph); `accuracy`: the share of rows whose real text has the higher score; of `standard` also how many real
        ones and how many generated ones are taken for what they are, of `wasserstein` the gradient penalty without its weight.
        """
        rows, real = targets["real"].mask, self.model.real(inputs)
        with torch.no_grad():
            made = self.model.generator(*self.model.drawn(real, step)).to(real)
        if isinstance(self.config, WassersteinLossConfig):
            return self._wasserstein(module, real, made, rows, count, self.config.gradient_penalty)
        of_real, of_made = module(torch.cat([real, made])).float().squeeze(1).chunk(2)
        loss = functional.softplus(-of_real) + functional.softplus(of_made)
        return {"loss": (loss[rows].sum(), count), "accuracy": ((of_real > of_made)[rows].sum(), count),
                "real_accuracy": ((of_real > 0)[rows].sum(), count), "generated_accuracy": ((of_made < 0)[rows].sum(), count)}

    @staticmethod
    def _wasserstein(module: Forward, real: Tensor, made: Tensor, rows: Tensor, count: Tensor, weight: float) -> dict[str, Ratio]:
        share = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
        between = (share * real + (1 - share) * made).requires_grad_()
        of_real, of_made, of_between = module(torch.cat([real, made, between])).float().squeeze(1).chunk(3)
        (slopes,) = torch.autograd.grad(of_between.sum(), between, create_graph=True)
        penalty = (slopes.flatten(1).norm(dim=1) - 1).square()
        loss = of_made - of_real + weight * penalty
        return {"loss": (loss[rows].sum(), count), "accuracy": ((of_real > of_made)[rows].sum(), count),
                "gradient_penalty": (penalty[rows].sum(), count)}


class GeneratorLoss(PlayerLoss):
    """`standard`: the cross-entropy of a sample that is to be taken for real; `wasserstein`: its score with the sign changed."""

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph)."""
        samples = module(*self.model.drawn(self.model.real(inputs), step))
        scores = self.model.discriminator(samples).float().squeeze(1)
        loss = -scores if isinstance(self.config, WassersteinLossConfig) else functional.softplus(-scores)
        return {"loss": (loss[targets["real"].mask].sum(), count)}
