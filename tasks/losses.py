"""The losses that networks are trained by: sums and their counts, never a mean of means."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..configs.schema.tasks.autoencoding import VariationalConfig
from ..configs.schema.tasks.sequence_to_sequence import TeacherForcingConfig
from ..configs.schema.training import OptimizerConfig
from ..datasets.encoded.split import Target
from ..models.layers.biaffine import TreeOutput
from ..models.layers.crf import Crf
from .cross_entropy import smoothed_cross_entropy

Ratio = tuple[Tensor, Tensor]
"""A sum and what it is divided by, both still on the device; sums of ratios stay exact over batches and ranks."""


Targets = Mapping[str, Target]
"""The targets of a micro-batch by name, as tensors on the device."""
Forward = Callable[..., Any]
"""The forward pass: inputs by name -> logits (batch, ...), or several outputs by name."""


@dataclass(frozen=True)
class Objective:
    """One player: a name (empty where there is only one), the module that learns, its loss, its optimiser (by default the recipe's),
    and how many updates there are for each of its steps.
    """

    name: str
    module: nn.Module
    loss: "Loss"
    optimizer: OptimizerConfig | None = None
    every: int = 1


class Loss(ABC):
    """A loss as a sum and its count, or several of them that are minimised together."""

    terms: ClassVar[tuple[str, ...]] = ("loss",)
    """The names, among what `sums` returns, of what is minimised; each is divided by its own count."""

    @abstractmethod
    def count(self, targets: Targets) -> Tensor:
        """What the sum is divided by; (terms,) where there are several."""

    @abstractmethod
    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) and other figures of one micro-batch, each as a sum and its count; `count` is that of `targets`."""


NO_TARGET = -1
"""The id that cross-entropy ignores; ids are set to it where the mask is false."""


class ClassificationLoss(Loss):
    """Cross-entropy with label smoothing and class weights, as `torch.nn.CrossEntropyLoss` defines them."""

    def __init__(self, target: str, label_smoothing: float, class_weights: list[float] | None) -> None:
        self.target, self.label_smoothing = target, label_smoothing
        self.class_weights = None if class_weights is None else torch.tensor(class_weights)

    def count(self, targets: Targets) -> Tensor:
        """What the sum is divided by: the rows with a label, each by the weight of its class."""
        labels, known = targets[self.target]
        if self.class_weights is None:
            return known.sum()
        return self.class_weights.to(labels.device)[labels[known]].sum()

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) and `accuracy` of one micro-batch, each as a sum and its count; `count` is that of `targets`."""
        return self._sums(module(**inputs).float(), targets, count)

    def _sums(self, logits: Tensor, targets: Targets, count: Tensor) -> dict[str, Ratio]:
        """(batch, n_classes)"""
        labels, known = targets[self.target]
        ids = labels.masked_fill(~known, NO_TARGET)
        loss = functional.cross_entropy(
            logits, ids, self._weights_on(logits.device), reduction="sum", ignore_index=NO_TARGET, label_smoothing=self.label_smoothing
        )
        right = (logits.detach().argmax(dim=1) == ids).sum()
        rows = count if self.class_weights is None else known.sum()
        return {"loss": (loss, count), "accuracy": (right, rows)}

    def _weights_on(self, device: torch.device) -> Tensor | None:
        return None if self.class_weights is None else self.class_weights.to(device)


class ImitationLoss(ClassificationLoss):
    """That loss and the cross-entropy to the probabilities of a teacher, which the network gives beside its scores (Hu et al. 2016)."""

    def __init__(self, target: str, label_smoothing: float, class_weights: list[float] | None, imitation: Callable[[int], float]) -> None:
        super().__init__(target, label_smoothing, class_weights)
        self.imitation = imitation

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph), (1 - share) of the gold classes and the teacher's share of its own; and `accuracy`."""
        given, share = module(**inputs), self.imitation(step)
        logits, known = given["scores"].float(), targets[self.target].mask
        weights = self._weights_on(logits.device)
        imitated = functional.cross_entropy(logits, given["teacher"].float().exp(), weights, reduction="none")
        sums = self._sums(logits, targets, count)
        return sums | {"loss": ((1 - share) * sums["loss"][0] + share * imitated.masked_fill(~known, 0).sum(), count)}


class SquaredError(Loss):
    """The squared error of one number for each row."""

    def __init__(self, target: str) -> None:
        self.target = target

    def count(self, targets: Targets) -> Tensor:
        """Rows with a number."""
        return targets[self.target].mask.sum()

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) of one micro-batch."""
        numbers, known = targets[self.target]
        errors = module(**inputs).float().squeeze(1) - numbers
        return {"loss": (errors.masked_fill(~known, 0).square().sum(), count)}


class TokenLoss(Loss):
    """Cross-entropy of each token by itself: of its tag, or of the token itself in a language model."""

    def __init__(self, target: str, label_smoothing: float = 0.0) -> None:
        self.target, self.label_smoothing = target, label_smoothing

    def count(self, targets: Targets) -> Tensor:
        """Tokens that have a target."""
        return targets[self.target].mask.sum()

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) and `accuracy` of one micro-batch."""
        values, mask = targets[self.target]
        return self._sums(module(**inputs), values.masked_fill(~mask, NO_TARGET).flatten(), count)

    def _sums(self, scores: Tensor, ids: Tensor, count: Tensor) -> dict[str, Ratio]:
        """(batch, seq, n_outputs) or (n, n_outputs), and (n,) ids"""
        logits = scores.float().flatten(0, -2)  # (n, n_outputs)
        loss = functional.cross_entropy(logits, ids, reduction="sum", ignore_index=NO_TARGET, label_smoothing=self.label_smoothing)
        right = (logits.detach().argmax(dim=1) == ids).sum()
        return {"loss": (loss, count), "accuracy": (right, count)}


class PretrainingLoss(TokenLoss):
    """Cross-entropy of each hidden token, and of whether the second text follows the first, added up (Devlin et al. 2019)."""

    terms: ClassVar[tuple[str, ...]] = ("loss", "next_loss")

    def count(self, targets: Targets) -> Tensor:
        """(2,): hidden tokens, and pairs of texts."""
        return torch.stack([targets[name].mask.sum() for name in (self.target, "next")])

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` and `accuracy` of the hidden tokens, `next_loss` and `next_accuracy` of the pairs; both losses with their graphs."""
        scores, (n_tokens, n_pairs) = module(**inputs), count
        values, mask = targets[self.target]
        follows, known = targets["next"]
        pairs = self._sums(scores["next"], follows.masked_fill(~known, NO_TARGET), n_pairs)
        return {**self._sums(scores[self.target], values.masked_fill(~mask, NO_TARGET), n_tokens),
                **{f"next_{name}": ratio for name, ratio in pairs.items()}}


class SequenceLoss(TokenLoss):
    """Cross-entropy of each target token, with label smoothing, after the gold tokens or some of the model's own."""

    def __init__(self, target: str, label_smoothing: float, teacher_forcing: TeacherForcingConfig) -> None:
        super().__init__(target, label_smoothing)
        self.teacher_forcing = teacher_forcing

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) and `accuracy` of one micro-batch."""
        given, ids = self._asked(inputs, targets, step)
        return self._scored(module(**given), ids, count)

    def _asked(self, inputs: Mapping[str, Any], targets: Targets, step: int) -> tuple[dict[str, Any], Tensor]:
        """The inputs of the model, and the gold id at each place that it gives scores for."""
        values, mask = targets[self.target]
        given = {**inputs, "teacher_forcing": teacher_forcing_share(self.teacher_forcing, step)}
        ids = values.masked_fill(~mask, NO_TARGET).flatten()
        if values.device.type == "cpu":  # elsewhere, asking where there is padding would make the program wait for the device
            given["asked"] = mask.flatten().nonzero().squeeze(1)
            ids = ids[given["asked"]]
        return given, ids

    def _scored(self, scores: Tensor, ids: Tensor, count: Tensor) -> dict[str, Ratio]:
        loss, right = smoothed_cross_entropy(scores.flatten(0, -2), ids, self.label_smoothing)
        return {"loss": (loss, count), "accuracy": (right.sum(), count)}


class VariationalLoss(SequenceLoss):
    """That loss and the weighed divergence of the codes from the normal distribution, added up and divided by the tokens (Kingma and
    Welling 2014).
    """

    def __init__(self, target: str, label_smoothing: float, teacher_forcing: TeacherForcingConfig, config: VariationalConfig) -> None:
        super().__init__(target, label_smoothing, teacher_forcing)
        self.config = config

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) and its parts: `reconstruction_loss`, by token too, and `kl` by text, as it is, without its weight."""
        given, ids = self._asked(inputs, targets, step)
        found, texts = module(**given), targets[self.target].mask.any(dim=1)
        sums = self._scored(found["scores"], ids, count)
        nats = found["divergence"].float() * texts.unsqueeze(1)  # (batch, d_code)
        cost = kl_weight(self.config, step) * (nats.clamp(min=self.config.free_bits) * texts.unsqueeze(1)).sum()
        return {**sums, "loss": (sums["loss"][0] + cost, count), "reconstruction_loss": sums["loss"], "kl": (nats.sum(), texts.sum())}


def kl_weight(config: VariationalConfig, step: int) -> float:
    """The weight of the divergence at a step, counted from 1."""
    return config.kl_weight * min(1.0, step / config.kl_annealing_steps if config.kl_annealing_steps else 1.0)


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


class CrfLoss(Loss):
    """Negative log-likelihood of each sentence's tags together, divided by its tokens."""

    def __init__(self, target: str, crf: Crf) -> None:
        self.target, self.crf = target, crf

    def count(self, targets: Targets) -> Tensor:
        """Tokens with a tag."""
        return targets[self.target].mask.sum()

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) of one micro-batch, and `accuracy` of its tokens each by itself, which costs no search."""
        values, mask = targets[self.target]
        tags = values.masked_fill(~mask, NO_TARGET)
        emissions = module(**inputs).float()  # (batch, seq, n_tags)
        loss = -self.crf.log_likelihood(emissions, tags, mask.sum(dim=1)).sum()
        right = (emissions.detach().argmax(dim=2) == tags).sum()
        return {"loss": (loss, count), "accuracy": (right, count)}


class TreeLoss(Loss):
    """Cross-entropy of the head of each word, and of its relation to the right head, both summed over words."""

    def __init__(self, output: TreeOutput) -> None:
        self.output = output

    def count(self, targets: Targets) -> Tensor:
        """Words with a head."""
        return targets["heads"].mask.sum()

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) of one micro-batch, and `uas` of heads each by itself, which costs no search."""
        given, (heads, real) = module(**inputs), targets["heads"]
        arcs, gold = given["arcs"].float()[real], heads[real]
        relations = self.output.relation_scores(given["dependents"], given["heads"], heads.clamp(min=0), real).float()
        known = targets["relations"].values.masked_fill(~targets["relations"].mask, NO_TARGET)[real]
        loss = functional.cross_entropy(arcs, gold, reduction="sum")
        loss = loss + functional.cross_entropy(relations, known, reduction="sum", ignore_index=NO_TARGET)
        return {"loss": (loss, count), "uas": ((arcs.detach().argmax(dim=1) == gold).sum(), count)}


class NegativeSamplingLoss(Loss):
    """For each word that is near another, its logistic loss and that of `negatives` words that are drawn (Mikolov et al. 2013).

    Of more words that are drawn, each counts the less.
    """

    def __init__(self, target: str, negatives: int) -> None:
        self.target, self.negatives = target, negatives

    def count(self, targets: Targets) -> Tensor:
        """Examples: pairs of words, or words with a window."""
        return targets[self.target].mask.sum()

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) of one micro-batch."""
        scores, near = module(**inputs), targets[self.target].mask
        examples, drawn = near.sum(dim=2, keepdim=True), scores["negatives"].float()
        against = (examples * functional.softplus(drawn)).sum() * (self.negatives / drawn.shape[2])
        return {"loss": (functional.softplus(-scores["words"].float()[near]).sum() + against, count)}
