"""Load a recipe by name or path as a validated `Recipe`; no torch."""

from collections.abc import Sequence

from pydantic import ValidationError

from ..errors import ConfigError
from .catalog import find_recipe, recipe_name
from .schema.recipe import Recipe, problems
from .yaml.error_report import Finding, findings, nearest
from .yaml.inheritance import packaged_recipes, recipe_names, resolve
from .yaml.locations import Located, shown
from .yaml.marks import find_marks
from .yaml.writer import dump_recipe

__all__ = ["dump_recipe", "find_recipe", "load_located", "load_recipe", "packaged_recipes", "recipe_name", "recipe_names"]


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe with this name (`names/lstm`) or in this file, with overrides such as `model.hidden_size=256`.

    Raises ConfigError, which lists all errors with their locations.
    """
    return load_located(name_or_path, overrides)[0]


def load_located(name_or_path: str, overrides: Sequence[str] = ()) -> tuple[Recipe, Located]:
    """The recipe, and the document that it was read from, which has the location of every value."""
    document = resolve(name_or_path, overrides)
    return checked(document, shown(find_recipe(name_or_path))), document


def checked(document: Located, name: str) -> Recipe:
    """The recipe in a document. Raises ConfigError, which lists all errors."""
    for path, node in find_marks(document):
        raise ConfigError(f"{node.place}: {'.'.join(map(str, path))}: this value is left open, and only `nlp sweep` chooses values. "
                          "Start the search with `nlp sweep --config`, or write one value here.")
    parsed = _parse(document)
    if not isinstance(parsed, Recipe):
        raise error_of(parsed, name)
    return parsed


def findings_of(document: Located) -> list[Finding]:
    """All errors in a document."""
    parsed = _parse(document)
    return [] if isinstance(parsed, Recipe) else parsed


def _parse(document: Located) -> Recipe | list[Finding]:
    try:
        recipe = Recipe.model_validate(document.plain())
    except ValidationError as error:
        return findings(error.errors(include_url=False), document)
    return [Finding(nearest(document, problem.path), problem.path, problem.message) for problem in problems(recipe)] or recipe


def error_of(errors: Sequence[Finding], name: str) -> ConfigError:
    """All findings as one error, in the order of their locations."""
    ordered = sorted(errors, key=lambda each: (each.place.source, each.place.line, each.place.column))
    if len(ordered) == 1:
        return ConfigError(f"{ordered[0]}".removesuffix(".") + ("" if ordered[0].message.endswith("?") else "."))
    return ConfigError("\n  ".join([f"{len(ordered)} errors in {name}:", *map(str, ordered)]))
