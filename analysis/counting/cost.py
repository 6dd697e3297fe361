"""What a step costs in memory and arithmetic."""

from dataclasses import dataclass

from ...configs.schema.training import Adam, OptimizerConfig, RmsProp, Sgd, TrainingConfig
from ...models.forward_cost import Load, forward_cost
from ...models.networks.network import Network
from .parameters import Parameters

FLOAT_BYTES = 4


@dataclass(frozen=True)
class Cost:
    """`flops_per_token` of the forward pass; bytes that a training step holds at its peak, in fp32."""

    flops_per_token: float
    weights: int
    gradients: int
    optimizer: int
    activations: int


def measure(model: Network, load: Load, counted: Parameters, training: TrainingConfig | None) -> Cost:
    """The cost of a step; the optimiser is AdamW where there is no training."""
    flops, activations = forward_cost(model, load)
    averages = counted.total if training is not None and training.ema else 0
    return Cost(
        flops_per_token=flops / (load.texts * load.tokens),
        weights=FLOAT_BYTES * (counted.total + averages),
        gradients=FLOAT_BYTES * counted.trainable,
        optimizer=FLOAT_BYTES * counted.trainable * numbers_kept(training.optimizer if training is not None else None),
        activations=activations,
    )


def numbers_kept(optimizer: OptimizerConfig | None) -> int:
    """Numbers that an optimiser keeps for each parameter: running means, squares, momentum. AdamW where none is given."""
    match optimizer:
        case None | Adam():
            return 2
        case Sgd():
            return 1 if optimizer.momentum else 0
        case RmsProp():
            return 2 if optimizer.momentum else 1
        case _:
            return 1
