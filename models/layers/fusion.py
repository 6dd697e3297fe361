"""Combines the scores of a network and the votes of rules into one decision; formulas and sources are in docs/neural_symbolic.md."""

import math
from typing import NamedTuple, assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...configs.schema.models.neural_symbolic import DistillationConfig, FeaturesConfig, FusionConfig, GateConfig, LogitsConfig


class Sides(NamedTuple):
    """The logits (batch, n_classes) of network and rules.

    `scores` are used for prediction, `both` are of the two sides together, `network` and `rules` of one side alone. `network_share`
    (batch,) is the gate's output, None without a gate.
    """

    scores: Tensor
    both: Tensor
    network: Tensor
    rules: Tensor
    network_share: Tensor | None = None


class Gate(nn.Module):
    """p = g p_network + (1 - g) p_rules, in logarithms."""

    def __init__(self, config: GateConfig, d_state: int, n_voters: int, n_classes: int) -> None:
        super().__init__()
        self.scores, self.gate = nn.Linear(d_state, n_classes), nn.Linear(d_state + n_voters, 1)
        self.log_scale = nn.Parameter(torch.tensor(math.log(config.scale)))
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, math.log(config.network_share / (1 - config.network_share)))

    def forward(self, state: Tensor, fired: Tensor, sums: Tensor) -> Sides:
        """(batch, d_state), (batch, n_voters), (batch, n_classes)"""
        network = self.scores(state).float().log_softmax(dim=1)
        rules = (self.log_scale.exp() * sums).log_softmax(dim=1)
        gate_logit = self.gate(torch.cat([state, fired], dim=1)).float()
        both = torch.logaddexp(functional.logsigmoid(gate_logit) + network, functional.logsigmoid(-gate_logit) + rules)
        return Sides(both, both, network, rules, gate_logit.sigmoid().squeeze(1))


class AddedVotes(nn.Module):
    """network + scale sums + fired W; W is initialised to zero, so that every rule starts with its hand-written vote."""

    def __init__(self, config: LogitsConfig, n_voters: int, n_classes: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(config.scale)))
        self.votes = nn.Linear(n_voters, n_classes, bias=False)
        nn.init.zeros_(self.votes.weight)

    def forward(self, network: Tensor, fired: Tensor, sums: Tensor) -> Sides:
        """(batch, n_classes), (batch, n_voters), (batch, n_classes)"""
        rules = self.log_scale.exp() * sums + self.votes(fired)
        both = network + rules
        return Sides(both, both, network, rules)


class JoinedFeatures(nn.Module):
    """One linear layer over the network's state and the rules that fired."""

    def __init__(self, d_state: int, n_voters: int, n_classes: int) -> None:
        super().__init__()
        self.scores, self.d_state = nn.Linear(d_state + n_voters, n_classes), d_state

    def forward(self, state: Tensor, fired: Tensor, sums: Tensor) -> Sides:
        """(batch, d_state), (batch, n_voters), (batch, n_classes)"""
        by_state, by_rules = self.scores.weight.split([self.d_state, fired.shape[1]], dim=1)
        network, rules = functional.linear(state, by_state, self.scores.bias), functional.linear(fired, by_rules)
        both = network + rules
        return Sides(both, both, network, rules)


class Distillation(nn.Module):
    """The network p is the student of the teacher q ~ p exp(strength sums); nothing here is learned."""

    def __init__(self, config: DistillationConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, network: Tensor, fired: Tensor, sums: Tensor) -> Sides:
        """(batch, n_classes), (batch, n_voters), (batch, n_classes)"""
        rules = self.config.strength * sums
        teacher = (network.float() + rules).log_softmax(dim=1)
        return Sides(network if self.config.predict_with == "student" else teacher, teacher, network, rules)

    def share(self, step: int) -> float:
        """The teacher's share of the loss at a step, counted from 1."""
        most, ramp = self.config.imitation, self.config.ramp
        return most if ramp is None else min(most, 1 - ramp**step)


def build_fusion(config: FusionConfig, d_state: int, n_voters: int, n_classes: int) -> nn.Module:
    """Build the fusion of a recipe; `d_state` is used only by those that read the network's state."""
    match config:
        case GateConfig():
            return Gate(config, d_state, n_voters, n_classes)
        case LogitsConfig():
            return AddedVotes(config, n_voters, n_classes)
        case FeaturesConfig():
            return JoinedFeatures(d_state, n_voters, n_classes)
        case DistillationConfig():
            return Distillation(config)
        case _:
            assert_never(config)
