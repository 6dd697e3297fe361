"""Shell completion of recipe keys for `--set`."""

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from ..errors import UserError

if TYPE_CHECKING:
    from ..configs.schema.base import Config
    from ..configs.schema.recipe import Recipe

RECIPES = ("config", "recipes", "recipe", "target")
"""Names of the arguments and options that take a recipe. While an option still lacks its value, arguments are in `args`."""


def complete_key(ctx: typer.Context, incomplete: str) -> list[str]:
    """Keys with this prefix: those of the recipe on the command line, or without one all keys of any recipe."""
    from ..configs.schema.recipe import Recipe

    recipe = _given_recipe(ctx)
    keys = dict.fromkeys(_keys_of(Recipe) if recipe is None else _keys_in(recipe))
    return [f"{key}=" for key in keys if key.startswith(incomplete)]


def _given_recipe(ctx: typer.Context) -> "Recipe | None":
    from ..configs.load import load_recipe

    values = [ctx.params.get(name) for name in RECIPES]
    names = [each for value in (*values, ctx.args) for each in (value if isinstance(value, list | tuple) else [value])]
    for name in filter(None, names):
        with suppress(UserError, OSError):  # completion cannot show an error
            return load_recipe(name)
    return None


def _keys_in(section: "Config", path: str = "") -> Iterator[str]:
    """The keys of a section; for parts that are not set, all keys that they may have."""
    from ..configs.schema.base import Config

    for key in type(section).model_fields:
        value = getattr(section, key)
        yield from _keys_in(value, f"{path}{key}.") if isinstance(value, Config) else _key(type(section), key, path)


def _keys_of(section: "type[Config]", path: str = "") -> Iterator[str]:
    for key in section.model_fields:
        yield from _key(section, key, path)


def _key(section: "type[Config]", key: str, path: str) -> Iterator[str]:
    """The key, or the keys below it."""
    from ..configs.yaml.error_report import config_classes

    classes = [*config_classes(section.model_fields[key].annotation)]
    for each in classes:
        yield from _keys_of(each, f"{path}{key}.")
    if not classes:
        yield f"{path}{key}"
