"""A recipe written as YAML, one line for each value, optionally with its origin."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from ..schema.recipe import Recipe
from .locations import Located
from .reader import scalar

WIDEST = 10**9
COMMENT_COLUMN = 40


def dump_recipe(recipe: Recipe) -> str:
    """The resolved recipe, defaults included, as YAML that loads into an equal recipe."""
    return "".join(f"{line}\n" for line, _ in _lines(recipe.model_dump(), None, ""))


def dump_with_origins(recipe: Recipe, document: Located) -> str:
    """The same with a comment beside each value: the file and line, the option, or `default`."""
    lines = list(_lines(recipe.model_dump(), document, ""))
    return "".join(f"{line:<{COMMENT_COLUMN}}  # {origin}\n" if origin else f"{line}\n" for line, origin in lines)


def origins(recipe: Recipe, document: Located) -> dict[str, str]:
    """The origin of each value, by the path of its key; defaults are left out."""
    return dict(_origins(recipe.model_dump(), document, ""))


def _origins(values: Mapping[str, Any], node: Located, path: str) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        held = node.mapping.get(key)
        if held is not None and isinstance(value, dict):
            yield from _origins(value, held, f"{path}{key}.")
        elif held is not None:
            yield f"{path}{key}", held.place.short


def _lines(values: Mapping[str, Any], node: Located | None, indent: str) -> Iterator[tuple[str, str]]:
    """Each line and the origin of its value."""
    for key, value in sorted(values.items(), key=lambda entry: entry[0] != "type"):  # the type first, else as in the schema
        held = node.mapping.get(key) if node else None
        start = f"{indent}{inline(key)}:"
        if isinstance(value, dict) and value:
            yield start, ""
            yield from _lines(value, held, f"{indent}  ")
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            yield start, ""
            yield from _items(value, held, f"{indent}  ")
        else:
            yield f"{start} {inline(value)}", held.place.short if held else "default"


def _items(values: list[Any], node: Located | None, indent: str) -> Iterator[tuple[str, str]]:
    held = node.value if node and isinstance(node.value, list) else [None] * len(values)
    for value, item in zip(values, held, strict=True):
        yield f"{indent}- {inline(value)}", item.place.short if item else "default"


def inline(value: Any) -> str:
    """A value as YAML in one line."""
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=WIDEST, allow_unicode=True, sort_keys=False)
    return text.removesuffix("...\n").rstrip("\n")


class _Dumper(yaml.SafeDumper):
    """Quotes every text that a reader of YAML could take for something else, and never writes anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def text(self, value: str) -> yaml.ScalarNode:
        """A text: quoted where it would not be read as the same text."""
        style = None if isinstance(scalar(value), str) else "'"
        return self.represent_scalar("tag:yaml.org,2002:str", value, style=style if value.isprintable() else '"')


_Dumper.add_representer(str, _Dumper.text)
