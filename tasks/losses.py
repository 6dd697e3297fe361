"""The losses that networks are trained by: sums and their counts, never a mean of means."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..configs.schema.task import TeacherForcingConfig
from ..models.layers.crf import Crf

Ratio = tuple[Tensor, Tensor]
"""A sum and what it is divided by, both still on the device; sums of ratios stay exact over batches and ranks."""


@dataclass(frozen=True)
class Objective:
    """One player: a name (empty where there is only one), the module that learns, and its loss."""

    name: str
    module: nn.Module
    loss: "Loss"


class Loss(Protocol):
    """A loss as a sum and its count."""

    def count(self, targets: Tensor) -> Tensor:
        """What the sum is divided by."""
        ...

    def sums(self, module: Callable[..., Tensor], inputs: Mapping[str, Any], targets: Tensor, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) and other figures of one micro-batch, each as a sum and its count; `count` is that of `targets`."""
        ...


class ClassificationLoss:
    """Cross-entropy with label smoothing and class weights, as `torch.nn.CrossEntropyLoss` defines them."""

    def __init__(self, label_smoothing: float, class_weights: list[float] | None) -> None:
        self.label_smoothing = label_smoothing
        self.class_weights = None if class_weights is None else torch.tensor(class_weights)

    def count(self, targets: Tensor) -> Tensor:
        """What the sum is divided by: the rows with a label, each by the weight of its class."""
        known = targets >= 0
        if self.class_weights is None:
            return known.sum()
        return self.class_weights.to(targets.device)[targets[known]].sum()

    def sums(self, module: Callable[..., Tensor], inputs: Mapping[str, Any], targets: Tensor, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) and `accuracy` of one micro-batch, each as a sum and its count; `count` is that of `targets`."""
        logits = module(**inputs).float()  # (batch, n_classes)
        weight = None if self.class_weights is None else self.class_weights.to(logits.device)
        loss = functional.cross_entropy(
            logits, targets, weight, reduction="sum", ignore_index=-1, label_smoothing=self.label_smoothing
        )
        right = (logits.detach().argmax(dim=1) == targets).sum()
        rows = count if self.class_weights is None else (targets >= 0).sum()
        return {"loss": (loss, count), "accuracy": (right, rows)}


class TokenLoss:
    """Cross-entropy of each token by itself: of its tag, or of the token itself in a language model."""

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def count(self, targets: Tensor) -> Tensor:
        """Tokens that have a target."""
        return (targets >= 0).sum()

    def sums(self, module: Callable[..., Tensor], inputs: Mapping[str, Any], targets: Tensor, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) and `accuracy` of one micro-batch."""
        logits = module(**inputs).float().flatten(0, -2)  # (batch * seq, n_outputs)
        loss = functional.cross_entropy(
            logits, targets.flatten(), reduction="sum", ignore_index=-1, label_smoothing=self.label_smoothing
        )
        right = (logits.detach().argmax(dim=1) == targets.flatten()).sum()
        return {"loss": (loss, count), "accuracy": (right, count)}


class SequenceLoss(TokenLoss):
    """Cross-entropy of each target token, with label smoothing, after the right tokens or some of the model's own."""

    def __init__(self, label_smoothing: float, teacher_forcing: TeacherForcingConfig) -> None:
        super().__init__(label_smoothing)
        self.teacher_forcing = teacher_forcing

    def sums(self, module: Callable[..., Tensor], inputs: Mapping[str, Any], targets: Tensor, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) and `accuracy` of one micro-batch."""
        given = {**inputs, "teacher_forcing": teacher_forcing_share(self.teacher_forcing, step)}
        if targets.device.type == "cpu":  # elsewhere, asking where targets are filled up would make the program wait for the device
            given["asked"] = (targets.flatten() >= 0).nonzero().squeeze(1)
            targets = targets.flatten()[given["asked"]]
        return super().sums(module, given, targets, count, step)


def teacher_forcing_share(config: TeacherForcingConfig, step: int) -> float:
    """The share of places that are given the right token before them at a step, counted from 1 (Bengio et al. 2015)."""
    match config.type:
        case "constant":
            return config.share
        case "linear":
            assert config.steps is not None
            return config.share + (config.final_share - config.share) * min(1.0, (step - 1) / config.steps)
        case "inverse_sigmoid":
            assert config.k is not None
            return max(config.final_share, config.share * config.k / (config.k + math.exp(min((step - 1) / config.k, 700.0))))


class CrfLoss:
    """Negative log-likelihood of each sentence's tags together, divided by its tokens."""

    def __init__(self, crf: Crf) -> None:
        self.crf = crf

    def count(self, targets: Tensor) -> Tensor:
        """Tokens with a tag."""
        return (targets >= 0).sum()

    def sums(self, module: Callable[..., Tensor], inputs: Mapping[str, Any], targets: Tensor, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) of one micro-batch, and `accuracy` of its tokens each by itself, which costs no search."""
        emissions = module(**inputs).float()  # (batch, seq, n_tags)
        loss = -self.crf.log_likelihood(emissions, targets, (targets >= 0).sum(dim=1)).sum()
        right = (emissions.detach().argmax(dim=2) == targets).sum()
        return {"loss": (loss, count), "accuracy": (right, count)}
