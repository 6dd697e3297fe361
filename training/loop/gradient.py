"""Training of networks on one window of batches: zero gradients, forward, loss, backward, clip, step."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ...configs.schema.saved import Saved
from ...configs.schema.training import OptimizerConfig, TrainingConfig
from ...datasets.encoded.split import Batch, Target
from ...errors import RunError, TrainingError
from ...models.layers.lora import adapters, merged_weights
from ...models.networks.network import Network, as_tensor, as_tensors
from ...tasks.losses import Objective, Ratio
from ...tasks.task import Task
from ..devices import has_bf16
from ..distributed import World
from ..folder.files import REMEDY, check_saved
from ..folder.tensors import assert_finite, load_into, load_merged, load_tensors, save_tensors
from .fine_tuning import FineTuning
from .optimizers import build_optimizer, load_optimizer
from .schedules import Schedule, ScheduleState
from .step_graphs import StepGraphs, Tensors

Window = Sequence[Batch]


@dataclass
class Player:
    """One objective with its optimiser, its forward function (perhaps compiled or distributed) and its trainable parameters by name."""

    objective: Objective
    forward: Callable[..., Any]
    settings: OptimizerConfig
    optimizer: torch.optim.Optimizer
    parameters: dict[str, nn.Parameter]


class GradientLearner:
    """Learns by gradient descent; `update` takes one optimiser step for each player whose turn it is."""

    def __init__(self, model: Network, task: Task, training: TrainingConfig, schedule: Schedule, seed: int, world: World,
                 fine_tuning: FineTuning | None = None) -> None:
        self.model, self.training, self.seed, self.world, self.fine_tuning = model, training, seed, world, fine_tuning
        self.parameters: list[Tensor] = list(model.parameters())
        self.device = self.parameters[0].device
        self.schedule = schedule
        if training.cuda_graphs and world.size > 1:
            raise TrainingError("training.cuda_graphs works in one process only; leave it out, or train without --processes.")
        recorded = training.cuda_graphs and self.device.type == "cuda"
        self.graphs = StepGraphs(self._step, self._changed) if recorded else None
        if world.size > 1 and fine_tuning is not None and fine_tuning.is_gradual:
            raise TrainingError("training.fine_tune.unfreeze_every works in one process only; leave it out, or train without --processes.")
        if fine_tuning is not None:
            fine_tuning.begin()
        self.players = [self._player(objective) for objective in task.objectives(model)]
        self.averages = [parameter.detach().clone() for parameter in self.parameters] if training.ema else []
        self.number, self.first_bad_step = torch.zeros((), device=self.device), torch.full((), math.inf, device=self.device)
        self.norms: dict[str, tuple[list[str], Tensor]] = {}
        self.before: dict[str, Tensor] = {}

    def _player(self, objective: Objective) -> Player:
        module, settings = objective.module, objective.optimizer or self.training.optimizer
        spread = DistributedDataParallel(module) if self.world.size > 1 else module
        forward = torch.compile(spread) if self.training.compile else spread
        learned = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
        shares = {} if self.fine_tuning is None else self.fine_tuning.rate_shares()
        optimizer = build_optimizer(settings, module, shares, recorded=self.graphs is not None)
        return Player(objective, forward, settings, optimizer, learned)

    def update(self, window: Window, step: int, watched: bool) -> dict[str, Ratio]:
        """One step for each player whose turn it is. The returned sums are still on the device. `figures` needs a watched step."""
        self.before = self._weights() if watched else {}
        self.seed_torch(step)
        if self.fine_tuning is not None:
            self.fine_tuning.at(step)
        self._set_step(step)
        tensors = self.tensors(window)
        ratios = self._step(tensors, step) if self.graphs is None else self.graphs(tensors, step)
        self._forget_gradients()
        self._average()
        return ratios

    def tensors(self, window: Window) -> Tensors:
        """The inputs of the model and the targets of each micro-batch, on the device."""
        return [to_tensors(replace(batch, inputs=self.model.prepared(batch.inputs)), self.device) for batch in window]

    def _step(self, tensors: Tensors, step: int) -> dict[str, Ratio]:
        """The part that a CUDA graph records: everything that changes from step to step is read from tensors."""
        ratios: dict[str, Ratio] = {}
        for player in self.players_at(step):
            self._forget_gradients()  # the last player's backward pass may have reached this one's weights
            ratios |= self._backward(player, tensors, step)
            if self._clip(player):
                player.optimizer.step()
        return ratios

    def players_at(self, step: int) -> list[Player]:
        """The players whose turn it is at a step."""
        return [player for player in self.players if step % player.objective.every == 0]

    def _changed(self) -> list[Tensor]:
        """The tensors that a step modifies in place."""
        states = [value for player in self.players for state in player.optimizer.state.values() for value in state.values()]
        return [*self.parameters, *(value for value in states if isinstance(value, Tensor)), self.first_bad_step]

    def _forget_gradients(self) -> None:
        """Like `zero_grad`, but without its search for parameters in all modules: 1 % of the step time of a small transformer."""
        for parameter in self.parameters:
            parameter.grad = None

    def seed_torch(self, step: int) -> None:
        """Seed dropout and other random numbers from the seed, step and rank alone, so a resumed run draws the same ones.

        `torch.manual_seed` would also record the call stack for each kind of device that is absent: 0.3 ms per step.
        """
        seed = ((self.seed * 1_000_003 + step) * 1_009 + self.world.rank) % 2**63
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        elif self.device.type == "mps":
            torch.mps.manual_seed(seed)

    def _backward(self, player: Player, tensors: Tensors, step: int) -> dict[str, Ratio]:
        """Forward, loss, backward: each micro-batch's sum is divided by the count of the whole window over all ranks."""
        loss = player.objective.loss
        counts = [loss.count(targets) for _, targets in tensors]
        total = self.world.total(sum(counts[1:], counts[0].clone()))
        share = self.world.size / total.where(total > 0, 1)  # a window without targets gives zero gradients
        ratios: dict[str, Ratio] = {}
        for place, (inputs, targets) in enumerate(tensors):
            with self._autocast(), self._delayed_gradients(player, place < len(tensors) - 1):
                sums = loss.sums(player.forward, inputs, targets, counts[place], step)
                torch.stack([sums[name][0] for name in loss.terms]).backward(share.expand(len(loss.terms)))
            ratios = add_ratios(ratios, sums, prefix=player.objective.name)
        return ratios

    def _autocast(self) -> Any:
        bf16 = self.training.precision == "bf16" and has_bf16(self.device.type)
        return torch.autocast(self.device.type, dtype=torch.bfloat16) if bf16 else nullcontext()

    def _delayed_gradients(self, player: Player, more_to_come: bool) -> Any:
        """Ranks exchange gradients once per window, at its last micro-batch."""
        return player.forward.no_sync() if more_to_come and isinstance(player.forward, DistributedDataParallel) else nullcontext()

    def _set_step(self, step: int) -> None:
        """Set the step number and the learning rates."""
        self.number.fill_(step)
        for player in self.players:
            rate = player.settings.learning_rate * self.schedule.factor(step)
            for group in player.optimizer.param_groups:
                own = rate * group["rate_share"]
                group["lr"] = group["lr"].fill_(own) if isinstance(group["lr"], Tensor) else own

    def _clip(self, player: Player) -> bool:
        """Clip the gradient before the optimiser step. Returns False if the step must be skipped.

        From the first step with a non-finite gradient on, weights no longer change. Fused kernels scale and skip by themselves
        (`grad_scale`, `found_inf`), so nothing is read back from the device.
        """
        named = {name: parameter.grad for name, parameter in player.parameters.items() if parameter.grad is not None}
        gradients = list(named.values())
        norms = torch.stack(torch._foreach_norm(gradients))
        total = torch.linalg.vector_norm(norms)
        self._keep_norms(player.objective.name, list(named), norms)
        # `total < inf` is false for nan too.
        self.first_bad_step.copy_(torch.where(total < math.inf, self.first_bad_step, self.first_bad_step.minimum(self.number)))
        bad, clip = self.first_bad_step <= self.number, self.training.clip_norm
        if getattr(player.optimizer, "_step_supports_amp_scaling", False):
            player.optimizer.found_inf = bad.float()  # type: ignore[attr-defined]
            player.optimizer.grad_scale = (total / clip).clamp(min=1.0) if clip else None  # type: ignore[attr-defined]
            return True
        if clip and not bad:
            torch._foreach_mul_(gradients, (clip / total).clamp(max=1.0))
        return not bad

    def _keep_norms(self, player: str, names: list[str], norms: Tensor) -> None:
        """Store the norms in the same tensor every time, so that it holds those of the last step whichever graph ran it."""
        stored_names, stored = self.norms.get(player, ([], norms))
        if stored_names == names:
            stored.copy_(norms)
        else:
            self.norms[player] = names, norms

    def _average(self) -> None:
        """Exponential moving average of the weights."""
        if self.training.ema:
            torch._foreach_lerp_(self.averages, self.parameters, 1 - self.training.ema)

    # Figures that the trainer reads between steps

    def bad_step(self) -> int:
        """The first step with a non-finite gradient, or 0. Reads from the device."""
        first = self.first_bad_step.item()
        return int(first) if math.isfinite(first) else 0

    def figures(self) -> dict[str, float]:
        """Learning rate, gradient norm of each layer before clipping, and |change| / |weight| of each layer.

        The last is left out if the step was not watched: a timed run cannot know its last step in advance.
        """
        rates = {_named("learning_rate", player): float(player.optimizer.param_groups[0]["lr"]) for player in self.players}
        norms = {f"gradient_norm/{layer}": norm for layer, norm in self.gradient_norms().items()}
        return rates | norms | {f"update_ratio/{layer}": change / max(size, 1e-12) for layer, (change, size) in self.changes().items()}

    def norm_of(self, player: Player) -> float:
        """The norm of all gradients of a player in its last step, before clipping."""
        return self.norms[player.objective.name][1].norm().item()

    def gradient_norms(self) -> dict[str, float]:
        """The gradient norm of each layer in the last step, before clipping."""
        squares: dict[str, float] = {}
        for player, (names, norms) in self.norms.items():
            for name, norm in zip(names, norms.tolist(), strict=True):
                layer = layer_of(f"{player}.{name}" if player else name)
                squares[layer] = squares.get(layer, 0.0) + norm**2
        return {layer: square**0.5 for layer, square in squares.items()}

    def _weights(self) -> dict[str, Tensor]:
        return {name: parameter.detach().clone() for name, parameter in self.model.named_parameters()}

    def changes(self) -> dict[str, tuple[float, float]]:
        """For each layer: |change| in the last watched step and |weight| before it, as Euclidean norms."""
        squares: dict[str, tuple[float, float]] = {}
        for name, parameter in self.model.named_parameters() if self.before else ():
            old = self.before[name]
            change, size = (parameter.detach() - old).norm().item(), old.norm().item()
            held = squares.get(layer_of(name), (0.0, 0.0))
            squares[layer_of(name)] = (held[0] + change**2, held[1] + size**2)
        return {layer: (change**0.5, size**0.5) for layer, (change, size) in squares.items()}

    def evaluated(self, score: float) -> None:
        """Pass the validation score to the schedule; only `plateau` uses it."""
        self.schedule.evaluated(score)

    def loss_of(self, player: Player, tensors: Tensors, step: int) -> Tensor:
        """(): the loss that `update` minimises for a player, with its graph and the random numbers of that step; nothing is changed."""
        loss = player.objective.loss
        counts = [loss.count(targets) for _, targets in tensors]
        total = sum(counts[1:], counts[0].clone())
        self.seed_torch(step)
        with self._autocast():
            sums = [loss.sums(player.forward, *batch, count, step) for batch, count in zip(tensors, counts, strict=True)]
        terms = torch.stack([torch.stack([each[name][0] for name in loss.terms]) for each in sums])  # (n_micro_batches, n_terms)
        return (terms.sum(dim=0) / total.where(total > 0, 1)).sum()

    def explain_bad_step(self, window: Window, step: int) -> str:
        """Repeat the bad step without its update, and name the first layer with a non-finite output or gradient."""
        self.seed_torch(step)
        self._forget_gradients()
        bad_layers: list[str] = []
        handles = [module.register_forward_hook(_non_finite_hook(name, bad_layers)) for name, module in self.model.named_modules() if name]
        tensors = self.tensors(window)
        for player in self.players:
            self._backward(player, tensors, step)
        for handle in handles:
            handle.remove()
        if bad_layers:
            return f"the output of {bad_layers[0]}"
        names = [name for name, parameter in self.model.named_parameters() if parameter.grad is not None
                 and not torch.isfinite(parameter.grad).all()]
        return f"the gradient of {names[-1]}" if names else "the loss"

    # Evaluation and saving

    @contextmanager
    def evaluating(self) -> Iterator[Network]:
        """The model to evaluate, with averaged weights if EMA is on."""
        if not self.averages:
            yield self.model
            return
        parameters: list[Tensor] = list(self.model.parameters())
        raw_weights = [parameter.detach().clone() for parameter in parameters]
        with torch.no_grad():
            torch._foreach_copy_(parameters, self.averages)
        try:
            yield self.model
        finally:
            with torch.no_grad():
                torch._foreach_copy_(parameters, raw_weights)

    def save(self, folder: Path) -> None:
        """Write `model.safetensors`, the weights for evaluation, and `state.safetensors`, the tensors that resuming also needs."""
        with self.evaluating() as model:
            weights = merged_weights(model)
            assert_finite(weights)
            save_tensors(folder / "model.safetensors", weights)
        if alone := adapters(self.model):
            save_tensors(folder / "adapter.safetensors", alone)
        save_tensors(folder / "state.safetensors", self._state_tensors())

    @property
    def _keeps_raw(self) -> bool:
        """Whether the trained weights differ from those for evaluation, which are averaged or merged with adapters."""
        return bool(self.averages) or bool(adapters(self.model))

    def _state_tensors(self) -> dict[str, Tensor]:
        tensors = {f"raw/{name}": value for name, value in self.model.state_dict().items()} if self._keeps_raw else {}
        for number, player in enumerate(self.players):
            for place, state in player.optimizer.state_dict()["state"].items():
                tensors |= {f"{number}/{place}/{key}": torch.as_tensor(value) for key, value in state.items() if value is not None}
        return tensors | {f"carried/{name}": value for name, value in self.model.carried_tensors().items()}

    def state(self) -> dict[str, Any]:
        """The state that resuming needs besides tensors."""
        return {"schedule": self.schedule.state()}

    def load(self, folder: Path) -> None:
        """Load the weights for evaluation."""
        load_merged(self.model, load_tensors(folder / "model.safetensors"))

    def resume(self, folder: Path, state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.load(folder)
        self.schedule.load_state(check_saved(folder / "progress.json", state, GradientState).schedule)
        path = folder / "state.safetensors"
        tensors = load_tensors(path)
        if self.averages:
            self.averages = [parameter.detach().clone() for parameter in self.model.parameters()]
        if self._keeps_raw:
            load_into(self.model, _below("raw", tensors))
        try:
            for number, player in enumerate(self.players):
                load_optimizer(player.optimizer, player.settings, _below(str(number), tensors))
            self.model.restore_carried({name: value.to(self.device) for name, value in _below("carried", tensors).items()})
        except ValueError as error:
            raise RunError(f"{path} is damaged, or belongs to another run: {error}. {REMEDY}") from None


class GradientState(Saved):
    """The saved `GradientLearner.state`."""

    schedule: ScheduleState


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with `prefix/`, with that prefix removed."""
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}


def to_tensors(batch: Batch, device: torch.device) -> tuple[dict[str, Any], dict[str, Target]]:
    """Move a batch's inputs and targets to the device, asynchronously if the device allows it."""
    targets = {name: Target(as_tensor(values, device), as_tensor(mask, device)) for name, (values, mask) in batch.targets.items()}
    return as_tensors(batch.inputs, device), targets


def add_ratios(total: dict[str, Ratio], more: dict[str, Ratio], prefix: str = "") -> dict[str, Ratio]:
    """Add sums and counts by name, detached from the graph; `prefix` is the player's name."""
    added = dict(total)
    for name, (top, bottom) in more.items():
        key = f"{prefix}_{name}" if prefix else name
        old = added.get(key)
        added[key] = (top.detach(), bottom) if old is None else (old[0] + top.detach(), old[1] + bottom)
    return added


def _named(tag: str, player: Player) -> str:
    """The tag, followed by the player's name if it has one."""
    return f"{tag}/{player.objective.name}" if player.objective.name else tag


def layer_of(name: str) -> str:
    """`encoder.layers.0.attention.qkv.weight` -> `encoder.layers.0`: the layer that a logged figure is for."""
    parts = name.split(".")[:-1]
    for place, part in enumerate(parts):
        if part.isdigit():
            return ".".join(parts[: place + 1])
    return ".".join(parts[:2])


def _non_finite_hook(name: str, bad_layers: list[str]) -> Any:
    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        tensors = output if isinstance(output, tuple) else (output,)
        if any(isinstance(tensor, Tensor) and not torch.isfinite(tensor).all() for tensor in tensors):
            bad_layers.append(name)

    return hook
