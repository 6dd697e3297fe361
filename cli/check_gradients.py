"""`nlp check-gradients`: the gradients of a recipe's loss against finite differences; without a recipe, the chain rule by hand."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .console import complete_recipe, only_recipe, print_json, say, waiting
from .key_completion import complete_key
from .tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..analysis.training_step.chain_rule import ChainRule
    from ..analysis.training_step.gradient_check import Checked


def check_gradients(
    recipe: Annotated[str | None, typer.Argument(help="Recipe of a network: a name such as names/lstm, or a YAML file.",
                                                 autocompletion=complete_recipe)] = None,
    config: Annotated[str | None, typer.Option("--config", "-c", help="Same as the argument.", autocompletion=complete_recipe)] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", autocompletion=complete_key,
                                                   help="Override a key, such as model.n_layers=1.")] = None,
    examples: Annotated[int, typer.Option(min=1, help="Examples to compute the loss of: the first of the first batch.")] = 4,
    json: Annotated[bool, typer.Option("--json", help="Print the derivatives as JSON.")] = False,
) -> None:
    """Compare autograd's gradients of a recipe's loss with finite differences, for every weight tensor; exit code 1 if any differ.

    Without a recipe, show the chain rule on a small function.
    """
    if recipe is None and config is None:
        return _print_example(json)
    from ..analysis.training_step.gradient_check import check_gradients as checked
    from ..configs.load import load_recipe
    from ..training.devices import Setting, thread_count
    from ..training.folder.files import plain

    loaded = load_recipe(only_recipe(recipe, config), set_ or ())
    with waiting("computing finite differences") as watch:
        found = checked(loaded, Setting(loaded.seeds[0], threads=thread_count(loaded)), examples, watch)
    if json:
        print_json(plain([asdict(each) | {"relative_error": each.error, "agrees": each.agrees} for each in found]))
    else:
        _print(found)
    if not all(each.agrees for each in found):
        raise typer.Exit(1)


def _print(checked: "Sequence[Checked]") -> None:
    say("Derivative of the loss along a random direction of length 1 in the space of each weight tensor, in float64")
    table(["weights", "shape", "gradient norm", "autograd", "finite difference", "relative error"], [_row(each) for each in checked])
    wrong = [each for each in checked if not each.agrees]
    if wrong:
        say(f"{len(wrong)} of {len(checked)} gradients differ from finite differences: {', '.join(each.name for each in wrong)}. "
            "A loss that replaces a derivative on purpose is among them if the recipe has one: straight-through letters "
            "(model.generator.hard), or the teacher of a distillation, which is taken as constant.")
    else:
        say(f"All {len(checked)} gradients agree with finite differences; the largest relative error is "
            f"{max((each.error for each in checked), default=0.0):.1e}.")


def _row(checked: "Checked") -> list[str]:
    norm = "-" if checked.gradient_norm is None else f"{checked.gradient_norm:.4g}"
    shape = " x ".join(map(str, checked.shape)) or "1"
    return [checked.name, shape, norm, f"{checked.autograd:.8g}", f"{checked.finite_difference:.8g}", f"{checked.error:.1e}"]


def _print_example(json: bool) -> None:
    from ..analysis.training_step.chain_rule import worked_example

    example = worked_example()
    if json:
        return print_json(asdict(example))
    _print_chain(example)


def _print_chain(example: "ChainRule") -> None:
    say(f"f(x) = {example.function} at x = {_vector(example.at)}, one operation after the other:")
    table(["operation", "value", "derivative", "its value"],
          [[link.formula, _vector(link.value), link.derivative, _vector(link.derivative_value)] for link in example.links])
    say(f"Chain rule: df/dx = df/dv * dv/du * du/dx = {_vector(example.chain_rule)}")
    say(f"Autograd: {_vector(example.autograd)}")
    say(f"Finite differences, (f(x + h) - f(x - h)) / 2h with h = 1e-6: {_vector(example.finite_differences)}")
    say("The same for a network: nlp check-gradients --config names/lstm")


def _vector(values: "Sequence[float]") -> str:
    return f"[{', '.join(f'{value:.8g}' for value in values)}]" if len(values) > 1 else f"{values[0]:.8g}"
