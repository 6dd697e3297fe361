"""Writes a recipe as a commented template: every key of its sections with its help; keys with default values are commented out."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..schema.base import Config
from ..schema.recipe import Recipe
from .error_report import config_classes, types_of
from .help import help_of
from .writer import inline

WIDTH = 110


def commented(values: Mapping[str, Any]) -> str:
    """The recipe with these values as commented YAML; sections that are not in `values` are left out."""
    parts = []
    for name, field in Recipe.model_fields.items():
        if name in values:
            parts.append("\n".join(_entry(Recipe, name, values[name], config_classes(field.annotation), "")))
    return "\n\n".join(parts) + "\n"


def _entry(section: type[Config], key: str, value: Any, classes: Sequence[type[Config]], indent: str) -> Iterator[str]:
    text = help_of(section, key)
    yield from _comment(text, indent)
    if isinstance(value, Mapping) and classes:
        chosen = next((each for each in classes if value.get("type") in types_of(each)), classes[0])
        yield f"{indent}{key}:"
        if len(classes) > 1 or not text:
            yield from _comment((chosen.__doc__ or "").strip().split("\n\n")[0], f"{indent}  ")
        yield from _section(chosen, value, [name for each in classes for name in types_of(each)], f"{indent}  ")
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        yield f"{indent}{key}:"
        yield from (f"{indent}  - {inline(item)}" for item in value)
    else:
        yield f"{indent}{key}: {inline(value)}"


def _section(section: type[Config], values: Mapping[str, Any], types: Sequence[str], indent: str) -> Iterator[str]:
    if "type" in values:
        yield from _comment(f"`type` is one of {', '.join(types)}.", indent)
        yield f"{indent}type: {inline(values['type'])}"
    for key, field in section.model_fields.items():
        if key in values and key != "type":
            yield from _entry(section, key, values[key], config_classes(field.annotation), indent)
        elif key != "type":
            default = field.default.model_dump() if isinstance(field.default, Config) else field.default
            yield from _comment(help_of(section, key), indent)
            yield f"{indent}# {key}: {inline(default)}"


def _comment(text: str, indent: str) -> Iterator[str]:
    for line in textwrap.wrap(" ".join(text.split()), WIDTH - len(indent)):
        yield f"{indent}# {line}"
