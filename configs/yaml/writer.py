"""Writes a recipe as YAML, one line per value, optionally with the origin of each value."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from ..schema.recipe import Recipe
from .locations import Located
from .reader import scalar

WIDEST = 10**9
COMMENT_COLUMN = 40


def dump_recipe(recipe: Recipe) -> str:
    """The resolved recipe, including defaults, as YAML that loads as an equal recipe."""
    return "".join(f"{line}\n" for line, _ in _lines(recipe.model_dump(), None, ""))


def dump_with_origins(recipe: Recipe, document: Located) -> str:
    """The resolved recipe with the origin of each value as a comment: file and line, option, or `default`."""
    lines = list(_lines(recipe.model_dump(), document, ""))
    return "".join(f"{line:<{COMMENT_COLUMN}}  # {origin}\n" if origin else f"{line}\n" for line, origin in lines)


def origins(recipe: Recipe, document: Located) -> dict[str, str]:
    """The origin of each value that is not a default, by the path of its key."""
    return dict(_origins(recipe.model_dump(), document, ""))


def _origins(values: Mapping[str, Any], node: Located, path: str) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        source = node.mapping.get(key)
        if source is not None and isinstance(value, dict):
            yield from _origins(value, source, f"{path}{key}.")
        elif source is not None:
            yield f"{path}{key}", source.place.short


def _lines(values: Mapping[str, Any], node: Located | None, indent: str) -> Iterator[tuple[str, str]]:
    """Each line and the origin of its value."""
    for key, value in sorted(values.items(), key=lambda entry: entry[0] != "type"):  # the type first, the rest in the order of the schema
        source = node.mapping.get(key) if node else None
        start = f"{indent}{inline(key)}:"
        if isinstance(value, dict) and value:
            yield start, ""
            yield from _lines(value, source, f"{indent}  ")
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            yield start, ""
            yield from _items(value, source, f"{indent}  ")
        else:
            yield f"{start} {inline(value)}", source.place.short if source else "default"


def _items(values: list[Any], node: Located | None, indent: str) -> Iterator[tuple[str, str]]:
    source = node.value if node and isinstance(node.value, list) else [None] * len(values)
    for value, item in zip(values, source, strict=True):
        yield f"{indent}- {inline(value)}", item.place.short if item else "default"


def inline(value: Any) -> str:
    """A value as YAML on one line."""
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=WIDEST, allow_unicode=True, sort_keys=False)
    return text.removesuffix("...\n").rstrip("\n")


class _Dumper(yaml.SafeDumper):
    """Quotes text that YAML would parse as another value, and never writes anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def text(self, value: str) -> yaml.ScalarNode:
        """A text, quoted if it would not be read back as the same text."""
        style = None if isinstance(scalar(value), str) else "'"
        return self.represent_scalar("tag:yaml.org,2002:str", value, style=style if value.isprintable() else '"')


_Dumper.add_representer(str, _Dumper.text)
