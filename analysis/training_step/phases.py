"""One real training step, phase by phase: batch, forward, loss, backward, clip, step, and the loss afterwards."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ...configs.schema.recipe import Recipe
from ...datasets.encoded.batching import TimedPlan
from ...datasets.encoded.split import Batch, Split
from ...errors import ConfigError, TrainingError
from ...tasks.losses import ClassificationLoss, Ratio, TokenLoss
from ...training.devices import Setting
from ...training.loop.gradient import GradientLearner, Player, layer_of
from ...training.loop.trainer import window_batches
from ...training.run import Run, build_run
from ...training.sources.start import pinned
from .layer_outputs import LayerOutput, layer_output, layer_outputs

Watch = Callable[[int, int], None]
"""Shows the progress of a long computation: how much is done, of how much."""


@dataclass(frozen=True)
class LayerStep:
    """A layer's weights and what the step did to them; norms are Euclidean, and the gradient's is taken before clipping."""

    layer: str
    parameters: int
    gradient_norm: float
    weight_norm: float
    change_norm: float


@dataclass(frozen=True)
class PlayerStep:
    """The loss, gradient norm and learning rate of a player; a GAN has two, other models one without a name.

    `loss` is `loss_sum / loss_count`. `learning_rate` is that of the output, `lowest_rate` that of the lowest layer: they differ with
    `training.fine_tune.layer_decay`. `guess` is the loss of equal probabilities for all `n_outputs`, ln(n_outputs), where the loss is a
    cross-entropy. `loss_after` is the loss of the same batch after the step, with the same dropout; None with two players, since each
    changes the other's loss.
    """

    name: str
    losses: dict[str, float]
    loss_sum: float
    loss_count: float
    n_outputs: int | None
    guess: float | None
    gradient_norm: float
    clip_factor: float
    optimizer: str
    learning_rate: float
    lowest_rate: float
    peak_rate: float
    loss_after: float | None


@dataclass(frozen=True)
class StepBatch:
    """The examples of a step; `inputs` maps each input array of the last micro-batch to its shape; `text` and `label` are those of the
    first example.
    """

    examples: int
    train_examples: int
    micro_batches: int
    tokens: int
    inputs: dict[str, tuple[int, ...]]
    text: str
    label: str


@dataclass(frozen=True)
class Step:
    """A training step; `n_steps` is None for a run with a time limit."""

    step: int
    n_steps: int | None
    batch: StepBatch
    outputs: list[LayerOutput]
    players: list[PlayerStep]
    layers: list[LayerStep]
    clip_norm: float | None


def explain_step(recipe: Recipe, setting: Setting, step: int, watch: Watch) -> Step:
    """Build a run, take the steps before `step`, and record that one. Writes no file.

    Raises ConfigError for a model that is not trained by gradient descent, or a step after the last one.
    """
    refuse_without_steps(recipe)
    recipe = pinned(recipe)
    run = build_run(recipe, setting)
    if step > run.plan.n_steps and not isinstance(run.plan, TimedPlan):
        raise ConfigError(f"--step {step:,}: a run of this recipe has {run.plan.n_steps:,} steps. Name one of them.")
    for earlier in range(1, step):
        watch(earlier - 1, step - 1)
        run.learner.update(batches_of(recipe, run, setting, earlier), earlier, watched=False)
    return _recorded(run, batches_of(recipe, run, setting, step), step)


def refuse_without_steps(recipe: Recipe) -> None:
    """Raises ConfigError for rules, which learn nothing, and for models that a solver fits."""
    if recipe.model.learns_by != "gradient":
        how = "learns nothing from data" if recipe.model.learns_by == "nothing" else "is not trained by gradient descent"
        raise ConfigError(f"The model {recipe.model.type} {how}, so it has no training steps and no gradients. Name the recipe of a "
                          "network, such as names/lstm.")


def batches_of(recipe: Recipe, run: Run, setting: Setting, step: int) -> list[Batch]:
    """The micro-batches of a step."""
    return window_batches(run.data.splits["train"], run.plan.window(step), recipe.model.inputs, setting, step)


def _recorded(run: Run, window: list[Batch], step: int) -> Step:
    learner = run.learner
    assert isinstance(learner, GradientLearner)
    carried = {name: value.clone() for name, value in learner.model.carried_tensors().items()}
    with layer_outputs(learner.model) as outputs:
        sums = learner.update(window, step, watched=True)
    if learner.bad_step():
        raise TrainingError(f"A loss or gradient up to step {step:,} is not finite. `nlp train` with this recipe names the step, the layer "
                            "and the texts.")
    learner.model.restore_carried(carried)
    players, logits, after = learner.players_at(step), outputs.pop("", None), _loss_after(learner, window, step)
    if logits is not None and logits.data_ptr() != next(reversed(outputs.values())).data_ptr():
        outputs["logits"] = logits  # of an output layer without weights of its own
    return Step(
        step=step,
        n_steps=None if isinstance(run.plan, TimedPlan) else run.plan.n_steps,
        batch=_batch(window, run.data.splits["train"]),
        outputs=[layer_output(layer, values) for layer, values in outputs.items()],
        players=[_player(learner, player, sums, logits, after) for player in players],
        layers=_layers(learner, players),
        clip_norm=learner.training.clip_norm or None,
    )


def _batch(window: list[Batch], split: Split) -> StepBatch:
    example = split.example(int(window[0].rows[0]))
    shapes = {name: tuple(values.shape) for name, values in window[-1].inputs.items() if hasattr(values, "shape")}
    tokens = sum(batch.n_tokens for batch in window)
    return StepBatch(sum(map(len, window)), len(split), len(window), tokens, shapes, str(example.get("text") or ""),
                     str(example.get("label") or ""))


def _loss_after(learner: GradientLearner, window: list[Batch], step: int) -> float | None:
    """The loss of the same batch after the step, with the same dropout."""
    if len(learner.players) > 1:
        return None
    return learner.loss_of(learner.players[0], learner.tensors(window), step).item()


def _layers(learner: GradientLearner, players: list[Player]) -> list[LayerStep]:
    """The layers with weights that learn in this step."""
    norms, sizes, changes = learner.gradient_norms(), dict[str, int](), learner.changes()
    learning = {id(parameter) for player in players for parameter in player.parameters.values()}
    for name, parameter in learner.model.named_parameters():
        if parameter.requires_grad and id(parameter) in learning:
            sizes[layer_of(name)] = sizes.get(layer_of(name), 0) + parameter.numel()
    return [LayerStep(layer, size, norms.get(layer, 0.0), changes[layer][1], changes[layer][0]) for layer, size in sizes.items()]


def _player(learner: GradientLearner, player: Player, sums: dict[str, Ratio], logits: Tensor | None, after: float | None) -> PlayerStep:
    prefix = f"{player.objective.name}_" if player.objective.name else ""
    own = {name.removeprefix(prefix): (float(top), float(bottom)) for name, (top, bottom) in sums.items() if name.startswith(prefix)}
    n_outputs = logits.shape[-1] if logits is not None and isinstance(player.objective.loss, ClassificationLoss | TokenLoss) else None
    norm, clip = learner.norm_of(player), learner.training.clip_norm
    return PlayerStep(
        name=player.objective.name,
        losses={name: top / bottom if bottom else 0.0 for name, (top, bottom) in own.items()},
        loss_sum=own["loss"][0],
        loss_count=own["loss"][1],
        n_outputs=n_outputs,
        guess=None if n_outputs is None else math.log(n_outputs),
        gradient_norm=norm,
        clip_factor=min(1.0, clip / norm) if clip and norm else 1.0,
        optimizer=player.settings.type,
        learning_rate=float(player.optimizer.param_groups[0]["lr"]),
        lowest_rate=min(float(group["lr"]) for group in player.optimizer.param_groups),
        peak_rate=player.settings.learning_rate,
        loss_after=after,
    )
