"""Autograd's gradients of a recipe's loss against finite differences, in float64."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ...configs.schema.recipe import Recipe
from ...datasets.encoded.split import Target
from ...training.devices import Setting
from ...training.loop.gradient import GradientLearner, Player
from ...training.loop.step_graphs import Tensors
from ...training.loop.trainer import window_batches
from ...training.run import build_run
from ...training.sources.start import pinned
from .phases import Watch, refuse_without_steps

STEP_SIZE = 1e-6
"""Half the distance of the two points of a central difference; in float64 its error is then about 1e-9 of the loss."""
RELATIVE = 1e-4
"""The largest relative error of derivatives that agree: room for rounding, and for the rare unit whose activation or maximum switches
between the two points.
"""
SMALL = 1e-4
"""Added to a derivative's size to compute its relative error, since rounding alone is as large as a derivative near 0."""


@dataclass(frozen=True)
class Checked:
    """A weight tensor: the norm of its gradient, and the derivative of the loss along a random direction of length 1, from autograd and
    from a central difference. `gradient_norm` is None if the loss does not depend on it.
    """

    player: str
    weight: str
    shape: tuple[int, ...]
    gradient_norm: float | None
    autograd: float
    finite_difference: float

    @property
    def name(self) -> str:
        """The name of the tensor in the model."""
        return f"{self.player}.{self.weight}" if self.player else self.weight

    @property
    def error(self) -> float:
        """The difference of the two derivatives as a share of the larger one, plus SMALL."""
        size = max(abs(self.autograd), abs(self.finite_difference))
        return abs(self.autograd - self.finite_difference) / (size + SMALL)

    @property
    def agrees(self) -> bool:
        """Whether the two derivatives are equal up to rounding."""
        return self.error <= RELATIVE


def check_gradients(recipe: Recipe, setting: Setting, n_examples: int, watch: Watch) -> list[Checked]:
    """Check every weight tensor that learns, on the first examples of the first step, with the recipe's dropout.

    A random direction changes all weights of a tensor at once, so a single wrong derivative among thousands shows. Raises ConfigError for
    a model that is not trained by gradient descent.
    """
    refuse_without_steps(recipe)
    recipe = pinned(recipe)
    run = build_run(recipe, setting)
    learner = run.learner
    assert isinstance(learner, GradientLearner)
    window = window_batches(run.data.splits["train"], [run.plan.window(1)[0][:n_examples]], recipe.model.inputs, setting, 1)
    with float64():
        learner.model.double()
        for player in learner.players:
            _double_constants(player.objective.loss)
        tensors = [(_doubled(inputs), _doubled_targets(targets)) for inputs, targets in learner.tensors(window)]
        return [checked for player in learner.players for checked in _checked(learner, player, tensors, watch)]


def _checked(learner: GradientLearner, player: Player, tensors: Tensors, watch: Watch) -> Iterator[Checked]:
    generator, fixed_rows = torch.Generator().manual_seed(learner.seed), _padding_rows(player.objective.module)
    gradients = torch.autograd.grad(learner.loss_of(player, tensors, 1), list(player.parameters.values()), allow_unused=True)
    for place, ((name, weight), gradient) in enumerate(zip(player.parameters.items(), gradients, strict=True)):
        watch(place, len(gradients))
        direction = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        if rows := fixed_rows.get(id(weight)):
            direction[rows] = 0.0
        direction = (direction / direction.norm()).to(weight.device)
        difference = central_difference(lambda: learner.loss_of(player, tensors, 1), weight, direction)
        norm = None if gradient is None else gradient.norm().item()
        along = 0.0 if gradient is None else (gradient * direction).sum().item()
        yield Checked(player.objective.name, name, tuple(weight.shape), norm, along, difference)


def _padding_rows(module: nn.Module) -> dict[int, list[int]]:
    """The row of each embedding, by the id of its weight, that stays 0 on purpose: that of padding."""
    embeddings = [each for each in module.modules() if isinstance(each, nn.Embedding | nn.EmbeddingBag)]
    return {id(each.weight): [each.padding_idx] for each in embeddings if each.padding_idx is not None}


def central_difference(loss: Callable[[], Tensor], at: Tensor, direction: Tensor) -> float:
    """(loss(at + h direction) - loss(at - h direction)) / 2h; `at` is moved in place, and restored."""
    start, values = at.detach().clone(), list[float]()
    for h in (STEP_SIZE, -STEP_SIZE):
        with torch.no_grad():
            at.copy_(start + h * direction)
        values.append(loss().item())
    with torch.no_grad():
        at.copy_(start)
    return (values[0] - values[1]) / (2 * STEP_SIZE)


class _FloatIsDouble(TorchFunctionMode):
    """Makes `Tensor.float()` return float64: losses and layers call it to leave bfloat16, not to limit the precision."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {})) if func is not Tensor.float else args[0].double()


@contextmanager
def float64() -> Iterator[None]:
    """Compute in float64 during the block."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _FloatIsDouble():
            yield
    finally:
        torch.set_default_dtype(before)


def _double_constants(loss: object) -> None:
    """Make the tensors of a loss float64, such as class weights. Unlike those of a network, they are plain attributes."""
    for name, value in vars(loss).items():
        if isinstance(value, Tensor) and value.is_floating_point():
            setattr(loss, name, value.double())


def _doubled(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.double() if isinstance(value, Tensor) and value.is_floating_point() else value for name, value in inputs.items()}


def _doubled_targets(targets: Mapping[str, Target]) -> dict[str, Target]:
    return {name: Target(values.double() if values.is_floating_point() else values, mask) for name, (values, mask) in targets.items()}
