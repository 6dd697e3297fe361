"""`nlp count-params`: parameters of a recipe's model by layer, and the memory and FLOPs of a step."""

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .console import complete_recipe, notice, only_recipe, print_json, say
from .key_completion import complete_key
from .tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..analysis.counting.model_size import Counted, NetworkCount
    from ..analysis.counting.parameters import Layer
    from ..configs.schema.recipe import Recipe
    from ..datasets.encoded.split import Data

SHORT_SUM = 60
"""Maximum length of a layer's sum in the table; longer ones, of whole blocks, are hard to read."""


def count_params(
    recipe: Annotated[str | None, typer.Argument(help="Recipe: a name such as counting/gpt2-small, or a YAML file.",
                                                    autocompletion=complete_recipe)] = None,
    config: Annotated[str | None, typer.Option("--config", "-c", help="Same as the argument.", autocompletion=complete_recipe)] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", autocompletion=complete_key,
                                                   help="Override a key, such as model.n_layers=24.")] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Depth of the module tree to show; by default every layer.")] = None,
    format_: Annotated[Literal["table", "json"], typer.Option("--format", help="Output format.")] = "table",
) -> None:
    """Count a model's parameters and estimate its memory and FLOPs, without training it."""
    name = only_recipe(recipe, config)
    counted = count(name, set_ or (), depth)
    if format_ == "json":
        print_json({"recipe": name, **counted.to_json()})
        return
    if counted.network is not None:
        print_network(counted.network)
    print_total(counted)


def count(config: str, overrides: "Sequence[str]" = (), depth: int | None = None) -> "Counted":
    """Count the parameters of a recipe, given by name or file."""
    from ..analysis.counting.model_size import count_recipe
    from ..configs.load import load_recipe

    recipe, data = _with_data(load_recipe(config, overrides))
    with no_garbage_collection():
        return count_recipe(recipe, data, depth)


@contextmanager
def no_garbage_collection() -> "Iterator[None]":
    """Disable garbage collection: scanning torch's millions of permanent objects would take a fifth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _with_data(recipe: "Recipe") -> "tuple[Recipe, Data | None]":
    """The recipe and its data, with earlier runs resolved, if the vocabulary is learned from the data; `data: {type: sizes}` needs none."""
    from ..analysis.counting.model_size import needs_data

    if not needs_data(recipe):
        return recipe, None
    from ..training.sources.start import build_recipe_data, pinned, start_of

    notice("the sizes are taken from the recipe's data, which is read (or loaded from the cache); "
           "`data: {type: sizes}` avoids this.")
    recipe = pinned(recipe)
    return recipe, build_recipe_data(recipe, start_of(recipe))


def print_network(network: "NetworkCount") -> None:
    """Print the table of layers, and the memory and FLOPs of a step."""
    parameters, cost, load = network.parameters, network.cost, network.load
    table(["layer", "sum", "parameters", "share"], [_row(layer, parameters.total) for layer in parameters.layers])
    for tie in parameters.ties:
        say(f"Counted once: {' = '.join(tie.names)} ({tie.parameters:,})")
    say(f"Trainable: {parameters.trainable:,}; frozen: {parameters.frozen:,}")
    say(f"Memory in fp32: weights {in_bytes(cost.weights)}, gradients {in_bytes(cost.gradients)}, "
        f"{network.optimizer} {in_bytes(cost.optimizer)}, activations about {in_bytes(cost.activations)} "
        f"for a batch of {load.texts:,}{f' x {load.tokens:,} tokens' if load.tokens > 1 else ''}")
    rule = "" if network.flops_by_2n is None else f"; estimated as 2 x non-embedding parameters: {network.flops_by_2n:,}"
    say(f"Compute: {cost.flops_per_token:,.0f} FLOPs per token forward, about three times that with the backward pass{rule}")


def _row(layer: "Layer", total: int) -> list[str]:
    shown = layer.sum if len(layer.sum) <= SHORT_SUM else ""
    return [layer.name, shown, f"{layer.parameters:,}", f"{layer.parameters / total:.1%}"]


def print_total(counted: "Counted") -> None:
    """Print the total, and how it compares with published models."""
    for name, size in counted.sizes.items():
        say(f"{name.replace('_', ' ').capitalize()}: {size:,}")
    if counted.total is None:
        print("Total: known only after fitting.")
    elif counted.network is None:
        say(f"Total: {counted.total:,} {'learned numbers' if counted.total else 'parameters; nothing is learned'}")
    else:
        say(f"Compared with published models: {compared_with_published(counted.total)}")
        say(f"Total: {counted.total:,} parameters")


def compared_with_published(total: int) -> str:
    """Such as `1.3 times NETtalk (18,629; Sejnowski and Rosenberg 1987)`, for the next smaller and next larger published model."""
    from ..analysis.counting.published_models import neighbours

    return ", ".join(f"{total / model.parameters:.2g} times {model.name} ({model.parameters:,}; {model.source})"
                     for model in neighbours(total))


def in_bytes(count: int) -> str:
    """A size such as `1.4 GB`, in powers of 1,000."""
    size, units = float(count), ["B", "kB", "MB", "GB", "TB", "PB"]
    while size >= 999.5 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.3g} {units[0]}"
