"""From the name or path of a recipe to a checked `Recipe`; no torch."""

from collections.abc import Sequence

from pydantic import ValidationError

from ..errors import ConfigError
from .catalog import find_recipe, recipe_name
from .schema.recipe import Recipe, problems
from .yaml.error_report import Finding, findings, nearest
from .yaml.inheritance import packaged_recipes, recipe_names, resolve
from .yaml.locations import Located, shown
from .yaml.writer import dump_recipe

__all__ = ["dump_recipe", "find_recipe", "load_located", "load_recipe", "packaged_recipes", "recipe_name", "recipe_names"]


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe with this name (`names/lstm`) or in this file, with overrides such as `model.hidden_size=256`.

    Raises ConfigError, which lists everything that is wrong, with its location.
    """
    return load_located(name_or_path, overrides)[0]


def load_located(name_or_path: str, overrides: Sequence[str] = ()) -> tuple[Recipe, Located]:
    """The same, with the document that it comes from, which has the location of every value."""
    document = resolve(name_or_path, overrides)
    return _checked(document, shown(find_recipe(name_or_path))), document


def _checked(document: Located, name: str) -> Recipe:
    try:
        recipe = Recipe.model_validate(document.plain())
    except ValidationError as error:
        raise _report(findings(error.errors(include_url=False), document), name) from None
    found = [Finding(nearest(document, problem.path), problem.path, problem.message) for problem in problems(recipe)]
    if found:
        raise _report(found, name)
    return recipe


def _report(found: Sequence[Finding], name: str) -> ConfigError:
    """All findings in one error, in the order in which they are written."""
    ordered = sorted(found, key=lambda each: (each.place.source, each.place.line, each.place.column))
    if len(ordered) == 1:
        return ConfigError(f"{ordered[0]}".removesuffix(".") + ("" if ordered[0].message.endswith("?") else "."))
    return ConfigError("\n  ".join([f"{len(ordered)} errors in {name}:", *map(str, ordered)]))
