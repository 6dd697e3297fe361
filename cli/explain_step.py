"""`nlp explain-step`: one real training step of a recipe, phase by phase."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ..terminal import figure, on_one_line, shortened
from .console import complete_recipe, notice, only_recipe, print_json, say, waiting
from .key_completion import complete_key
from .tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..analysis.training_step.phases import LayerOutput, LayerStep, PlayerStep, Step, StepBatch
    from ..configs.schema.recipe import Recipe


def explain_step(
    recipe: Annotated[str | None, typer.Argument(help="Recipe of a network: a name such as names/lstm, or a YAML file.",
                                                 autocompletion=complete_recipe)] = None,
    config: Annotated[str | None, typer.Option("--config", "-c", help="Same as the argument.", autocompletion=complete_recipe)] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", autocompletion=complete_key,
                                                   help="Override a key, such as training.batch_size=8.")] = None,
    step: Annotated[int, typer.Option(min=1, help="The step to explain; the steps before it are taken first.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; the default depends on the model.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the step as JSON.")] = False,
) -> None:
    """Take one training step of a recipe and show each phase: batch, forward, loss, backward, clip and update. Nothing is saved."""
    from ..analysis.training_step.phases import explain_step as explained
    from ..analysis.training_step.phases import refuse_without_steps
    from ..configs.load import load_recipe
    from ..training.devices import Setting, choose_device, thread_count
    from ..training.folder.files import plain

    loaded = load_recipe(only_recipe(recipe, config), set_ or ())
    refuse_without_steps(loaded)
    setting = Setting(loaded.seeds[0], choose_device(loaded, device), thread_count(loaded, threads))
    with waiting("taking the steps before it") as watch:
        recorded = explained(loaded, setting, step, watch)
    if (cause := _unknown_rate(loaded)) is not None:
        notice(f"The learning rate of this recipe depends on {cause}, which training alone measures, so its rates may differ from these.")
    if json:
        return print_json(plain(asdict(recorded)))
    print_step(loaded, recorded)


def _unknown_rate(recipe: "Recipe") -> str | None:
    """What the learning rate depends on besides the step."""
    training = recipe.training
    if training is not None and training.budget is not None and training.budget.seconds is not None:
        return "the time that is used up (training.budget.seconds)"
    return "validation scores (training.schedule.type: plateau)" if training is not None and training.schedule.type == "plateau" else None


def print_step(recipe: "Recipe", step: "Step") -> None:
    """Print the phases in the order in which they happen."""
    of = f" of {step.n_steps:,}" if step.n_steps is not None else ""
    say(f"Step {step.step:,}{of}: {recipe.description or recipe.model.type}")
    _batch(step.batch)
    _phase("Zero gradients", "the gradients of the previous step are discarded; otherwise the new ones would be added to them.")
    _phase("Forward", "each layer computes its output from that of the layer before.")
    table(["layer", "output", "mean", "std"], [_output(each) for each in step.outputs])
    for player in step.players:
        _learning(player, [each for each in step.layers if each.layer.startswith(player.name)], step.clip_norm)


def _learning(player: "PlayerStep", layers: "Sequence[LayerStep]", clip_norm: float | None) -> None:
    """From the loss to the update; a player of a GAN starts when the one before it has finished."""
    _loss(player)
    _phase("Backward", "the chain rule gives the derivative of the loss with respect to every weight, from the output back to the input.",
           player.name)
    table(["layer", "weights", "gradient norm"], [_gradient(each) for each in reversed(layers)])
    _clip(player, clip_norm)
    _update(player)
    table(["layer", "weight norm", "change", "change / weight"], [_change(each) for each in layers])
    if player.loss_after is not None:
        _phase("Afterwards", f"the loss of the same batch with the same dropout goes from {figure(player.losses['loss'])} to "
                             f"{figure(player.loss_after)}.")


def _phase(name: str, text: str, player: str = "") -> None:
    print()
    say(f"{name}{f' ({player})' if player else ''}: {text}")


def _batch(batch: "StepBatch") -> None:
    parts = f" in {batch.micro_batches} micro-batches" if batch.micro_batches > 1 else ""
    arrays = "".join(f", {name} {_shape(shape)}" for name, shape in batch.inputs.items() if shape)
    tokens = f"{batch.tokens:,} token{'s' * (batch.tokens != 1)} without padding"
    _phase("Batch", f"{batch.examples:,} of {batch.train_examples:,} training examples{parts}, {tokens}{arrays}.")
    if batch.text:
        say(f"Its first example: {_on_line(batch.text)}{f' -> {_on_line(batch.label)}' if batch.label else ''}")


def _on_line(text: str) -> str:
    return on_one_line(shortened(text))


def _loss(player: "PlayerStep") -> None:
    others = "".join(f"; {name} {figure(value)}" for name, value in player.losses.items() if name != "loss")
    count = f"{player.loss_count:,.4f}".removesuffix(".0000")  # with class weights, the sum of the examples' weights
    _phase("Loss", f"{player.loss_sum:,.4f} / {count} = {figure(player.losses['loss'])}{others}.", player.name)
    if player.guess is not None:
        say(f"With equal probabilities for all {player.n_outputs:,} outputs it would be ln {player.n_outputs:,} = {figure(player.guess)}.")


def _clip(player: "PlayerStep", clip_norm: float | None) -> None:
    norm = f"the norm of all gradients together is {figure(player.gradient_norm)}"
    if clip_norm is None:
        text = f"{norm}; training.clip_norm is not set, so they stay as they are."
    elif player.clip_factor < 1:
        text = f"{norm}, above training.clip_norm {clip_norm:g}: all are multiplied by {figure(player.clip_factor)}."
    else:
        text = f"{norm}, not above training.clip_norm {clip_norm:g}: they stay as they are."
    _phase("Clip", text, player.name)


def _update(player: "PlayerStep") -> None:
    rate = f"{player.learning_rate:.3g}"
    if player.lowest_rate < player.learning_rate:
        rate += f" (lower layers: down to {player.lowest_rate:.3g}, by training.fine_tune.layer_decay)"
    share = player.learning_rate / player.peak_rate
    schedule = "" if share == 1 else f", {share:.2%} of the peak {player.peak_rate:g} by the schedule"
    _phase("Step", f"{player.optimizer} changes the weights with the learning rate {rate}{schedule}.", player.name)


def _output(layer: "LayerOutput") -> list[str]:
    return [layer.layer, _shape(layer.shape), f"{layer.mean:z.3f}", f"{layer.std:.3g}"]


def _gradient(layer: "LayerStep") -> list[str]:
    return [layer.layer, f"{layer.parameters:,}", f"{layer.gradient_norm:.3g}"]


def _change(layer: "LayerStep") -> list[str]:
    ratio = f"{layer.change_norm / layer.weight_norm:.2g}" if layer.weight_norm else "-"
    return [layer.layer, f"{layer.weight_norm:.4g}", f"{layer.change_norm:.3g}", ratio]


def _shape(shape: "Sequence[int]") -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
