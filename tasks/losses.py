"""Training losses of networks: sums and counts, never a mean of means."""

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
"""A sum and its divisor, both still on the device; they add up exactly over batches and ranks."""


Targets = Mapping[str, Target]
"""The targets of a micro-batch by name, as tensors on the device."""
Forward = Callable[..., Any]
"""The forward pass: inputs by name -> logits (batch, ...), or several outputs by name."""


@dataclass(frozen=True)
class Objective:
    """One player: its name (empty for a single player), its module, its loss, its optimiser (by default the recipe's), and the number of
    steps from one of its updates to the next.
    """

    name: str
    module: nn.Module
    loss: "Loss"
    optimizer: OptimizerConfig | None = None
    every: int = 1


class Loss(ABC):
    """A loss as a sum and its count, or several such terms that are minimised together."""

    terms: ClassVar[tuple[str, ...]] = ("loss",)
    """The names, among those that `sums` returns, of the minimised terms; each is divided by its own count."""

    @abstractmethod
    def count(self, targets: Targets) -> Tensor:
        """The divisor of the sum; (terms,) for several terms."""

    @abstractmethod
    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) and other figures of one micro-batch, each as a sum and its count; `count` is `self.count(targets)`."""


NO_TARGET = -1
"""The id that cross-entropy ignores, for positions where the mask is false."""


class ClassificationLoss(Loss):
    """Cross-entropy with label smoothing and class weights, as `torch.nn.CrossEntropyLoss` defines them."""

    def __init__(self, target: str, label_smoothing: float, class_weights: list[float] | None) -> None:
        self.target, self.label_smoothing = target, label_smoothing
        self.class_weights = None if class_weights is None else torch.tensor(class_weights)

    def count(self, targets: Targets) -> Tensor:
        """The number of rows with a label, weighted by class."""
        labels, known = targets[self.target]
        if self.class_weights is None:
            return known.sum()
        return self.class_weights.to(labels.device)[labels[known]].sum()

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) and `accuracy` of one micro-batch, each as a sum and its count; `count` is `self.count(targets)`."""
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
    """Adds cross-entropy against the probabilities of a teacher, which the network returns beside its scores (Hu et al. 2016)."""

    def __init__(self, target: str, label_smoothing: float, class_weights: list[float] | None, imitation: Callable[[int], float]) -> None:
        super().__init__(target, label_smoothing, class_weights)
        self.imitation = imitation

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph), of the gold classes with weight 1 - share and of the teacher with weight share; and `accuracy`."""
        outputs, share = module(**inputs), self.imitation(step)
        logits, known = outputs["scores"].float(), targets[self.target].mask
        weights = self._weights_on(logits.device)
        imitated = functional.cross_entropy(logits, outputs["teacher"].float().exp(), weights, reduction="none")
        sums = self._sums(logits, targets, count)
        return sums | {"loss": ((1 - share) * sums["loss"][0] + share * imitated.masked_fill(~known, 0).sum(), count)}


class SquaredError(Loss):
    """The squared error of one number for each row."""

    def __init__(self, target: str) -> None:
        self.target = target

    def count(self, targets: Targets) -> Tensor:
        """The number of rows with a target."""
        return targets[self.target].mask.sum()

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) of one micro-batch."""
        numbers, known = targets[self.target]
        errors = module(**inputs).float().squeeze(1) - numbers
        return {"loss": (errors.masked_fill(~known, 0).square().sum(), count)}


class TokenLoss(Loss):
    """Cross-entropy of each token independently: of its tag, or of the token itself in a language model."""

    def __init__(self, target: str, label_smoothing: float = 0.0) -> None:
        self.target, self.label_smoothing = target, label_smoothing

    def count(self, targets: Targets) -> Tensor:
        """The number of tokens with a target."""
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
    """Masked-token loss plus next-sentence loss (Devlin et al. 2019)."""

    terms: ClassVar[tuple[str, ...]] = ("loss", "next_loss")

    def count(self, targets: Targets) -> Tensor:
        """(2,): the numbers of masked tokens and of text pairs."""
        return torch.stack([targets[name].mask.sum() for name in (self.target, "next")])

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` and `accuracy` of the masked tokens, `next_loss` and `next_accuracy` of the pairs; both losses with their graphs."""
        scores, (n_tokens, n_pairs) = module(**inputs), count
        values, mask = targets[self.target]
        follows, known = targets["next"]
        pairs = self._sums(scores["next"], follows.masked_fill(~known, NO_TARGET), n_pairs)
        return {**self._sums(scores[self.target], values.masked_fill(~mask, NO_TARGET), n_tokens),
                **{f"next_{name}": ratio for name, ratio in pairs.items()}}


class SequenceLoss(TokenLoss):
    """Cross-entropy of each target token, with label smoothing and scheduled teacher forcing."""

    def __init__(self, target: str, label_smoothing: float, teacher_forcing: TeacherForcingConfig) -> None:
        super().__init__(target, label_smoothing)
        self.teacher_forcing = teacher_forcing

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) and `accuracy` of one micro-batch."""
        model_inputs, ids = self._prepared(inputs, targets, step)
        return self._scored(module(**model_inputs), ids, count)

    def _prepared(self, inputs: Mapping[str, Any], targets: Targets, step: int) -> tuple[dict[str, Any], Tensor]:
        """The model's inputs, and the gold id at each position that it scores."""
        values, mask = targets[self.target]
        model_inputs = {**inputs, "teacher_forcing": teacher_forcing_share(self.teacher_forcing, step)}
        ids = values.masked_fill(~mask, NO_TARGET).flatten()
        if values.device.type == "cpu":  # on other devices, locating the padding would force a synchronisation
            model_inputs["asked"] = mask.flatten().nonzero().squeeze(1)
            ids = ids[model_inputs["asked"]]
        return model_inputs, ids

    def _scored(self, scores: Tensor, ids: Tensor, count: Tensor) -> dict[str, Ratio]:
        loss, right = smoothed_cross_entropy(scores.flatten(0, -2), ids, self.label_smoothing)
        return {"loss": (loss, count), "accuracy": (right.sum(), count)}


class VariationalLoss(SequenceLoss):
    """Reconstruction loss plus the weighted KL divergence of the codes from the normal distribution, divided by the number of tokens
    (Kingma and Welling 2014).
    """

    def __init__(self, target: str, label_smoothing: float, teacher_forcing: TeacherForcingConfig, config: VariationalConfig) -> None:
        super().__init__(target, label_smoothing, teacher_forcing)
        self.config = config

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) and its parts: `reconstruction_loss`, also per token, and the unweighted `kl` per text."""
        model_inputs, ids = self._prepared(inputs, targets, step)
        outputs, texts = module(**model_inputs), targets[self.target].mask.any(dim=1)
        sums = self._scored(outputs["scores"], ids, count)
        nats = outputs["divergence"].float() * texts.unsqueeze(1)  # (batch, d_code)
        cost = kl_weight(self.config, step) * (nats.clamp(min=self.config.free_bits) * texts.unsqueeze(1)).sum()
        return {**sums, "loss": (sums["loss"][0] + cost, count), "reconstruction_loss": sums["loss"], "kl": (nats.sum(), texts.sum())}


def kl_weight(config: VariationalConfig, step: int) -> float:
    """The weight of the KL divergence at a step, counted from 1."""
    return config.kl_weight * min(1.0, step / config.kl_annealing_steps if config.kl_annealing_steps else 1.0)


def teacher_forcing_share(config: TeacherForcingConfig, step: int) -> float:
    """The share of positions that receive the gold previous token at a step, counted from 1 (Bengio et al. 2015)."""
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
    """Negative log-likelihood of each sentence's tag sequence, divided by the number of tokens."""

    def __init__(self, target: str, crf: Crf) -> None:
        self.target, self.crf = target, crf

    def count(self, targets: Targets) -> Tensor:
        """The number of tokens with a tag."""
        return targets[self.target].mask.sum()

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) of one micro-batch, and `accuracy` of each token's best tag by itself, without Viterbi search."""
        values, mask = targets[self.target]
        tags = values.masked_fill(~mask, NO_TARGET)
        emissions = module(**inputs).float()  # (batch, seq, n_tags)
        loss = -self.crf.log_likelihood(emissions, tags, mask.sum(dim=1)).sum()
        right = (emissions.detach().argmax(dim=2) == tags).sum()
        return {"loss": (loss, count), "accuracy": (right, count)}


class TreeLoss(Loss):
    """Cross-entropy of each word's head, and of its relation to the gold head, both summed over words."""

    def __init__(self, output: TreeOutput) -> None:
        self.output = output

    def count(self, targets: Targets) -> Tensor:
        """The number of words with a head."""
        return targets["heads"].mask.sum()

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) of one micro-batch, and `uas` of each word's best head by itself, without a search for the best tree."""
        outputs, (heads, real) = module(**inputs), targets["heads"]
        arcs, gold = outputs["arcs"].float()[real], heads[real]
        relations = self.output.relation_scores(outputs["dependents"], outputs["heads"], heads.clamp(min=0), real).float()
        known = targets["relations"].values.masked_fill(~targets["relations"].mask, NO_TARGET)[real]
        loss = functional.cross_entropy(arcs, gold, reduction="sum")
        loss = loss + functional.cross_entropy(relations, known, reduction="sum", ignore_index=NO_TARGET)
        return {"loss": (loss, count), "uas": ((arcs.detach().argmax(dim=1) == gold).sum(), count)}


class NegativeSamplingLoss(Loss):
    """Logistic loss of each word in a context and of `negatives` sampled words (Mikolov et al. 2013).

    If more words are sampled, each gets a smaller weight.
    """

    def __init__(self, target: str, negatives: int) -> None:
        self.target, self.negatives = target, negatives

    def count(self, targets: Targets) -> Tensor:
        """The number of examples: pairs of words, or words with a window."""
        return targets[self.target].mask.sum()

    def sums(self, module: Forward, inputs: Mapping[str, Any], targets: Targets, count: Tensor, step: int) -> dict[str, Ratio]:
        """`loss` (with its graph) of one micro-batch."""
        scores, near = module(**inputs), targets[self.target].mask
        examples, drawn = near.sum(dim=2, keepdim=True), scores["negatives"].float()
        against = (examples * functional.softplus(drawn)).sum() * (self.negatives / drawn.shape[2])
        return {"loss": (functional.softplus(-scores["words"].float()[near]).sum() + against, count)}
