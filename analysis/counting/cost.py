"""Memory and FLOPs of a training step."""

from dataclasses import dataclass

from ...configs.schema.training import Adam, OptimizerConfig, RmsProp, Sgd, TrainingConfig
from ...models.forward_cost import Load, forward_cost
from ...models.networks.network import Network
from .parameters import Parameters

FLOAT_BYTES = 4


@dataclass(frozen=True)
class Cost:
    """FLOPs per token of the forward pass, and the bytes of a training step at its peak, in fp32."""

    flops_per_token: float
    weights: int
    gradients: int
    optimizer: int
    activations: int


def measure(model: Network, load: Load, counted: Parameters, training: TrainingConfig | None) -> Cost:
    """The cost of a step; without a training section, AdamW is assumed."""
    flops, activations = forward_cost(model, load)
    averages = counted.total if training is not None and training.ema else 0
    return Cost(
        flops_per_token=flops / (load.texts * load.tokens),
        weights=FLOAT_BYTES * (counted.total + averages),
        gradients=FLOAT_BYTES * counted.trainable,
        optimizer=FLOAT_BYTES * counted.trainable * state_size(training.optimizer if training is not None else None),
        activations=activations,
    )


def state_size(optimizer: OptimizerConfig | None) -> int:
    """Size of the optimiser state per parameter: running means, squares, momentum. None means AdamW."""
    match optimizer:
        case None | Adam():
            return 2
        case Sgd():
            return 1 if optimizer.momentum else 0
        case RmsProp():
            return 2 if optimizer.momentum else 1
        case _:
            return 1
