"""Help for every key, from the docstrings of the schema's fields, and the JSON Schema for editors.

The docstrings are parsed from the source code, and only here: letting pydantic collect them would slow down every start.
"""

import ast
from collections.abc import Iterator
from functools import cache
from inspect import cleandoc
from typing import Any

from ..schema.base import Config
from ..schema.recipe import Recipe
from .locations import PACKAGED


@cache
def field_docs() -> dict[str, dict[str, str]]:
    """Name of section class -> key -> docstring."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted((PACKAGED / "schema").rglob("*.py"))]
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    return {node.name: dict(_documented(node)) for node in classes}


def _documented(section: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, doc in zip(section.body, section.body[1:], strict=False):
        match field, doc:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, " ".join(cleandoc(text).split())


def help_of(section: type[Config], key: str) -> str:
    """The docstring of a key of this section; empty if it has none."""
    own = (field_docs().get(base.__name__, {}).get(key) for base in section.__mro__)
    return next((doc for doc in own if doc), "")


def json_schema() -> dict[str, Any]:
    """JSON Schema of a recipe file, with the help of every key.

    No key is required, and a section is valid if it fits any of its types, since a file that extends another contains only
    what differs; `nlp config validate` checks the resolved recipe.
    """
    schema = _for_parts_of_recipes(Recipe.model_json_schema())
    for name, section in {"Recipe": Recipe, **_sections(Recipe)}.items():
        properties = (schema if name == "Recipe" else schema["$defs"][name])["properties"]
        for key, field_schema in properties.items():
            if doc := help_of(section, key):
                field_schema["description"] = doc
    parent = {"type": "string", "description": "The recipe that this one extends: a path relative to this file, or a name."}
    schema["properties"] = {"extends": parent} | schema["properties"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _sections(section: type[Config]) -> dict[str, type[Config]]:
    """All classes nested in a section, by name."""
    from .error_report import config_classes

    below = {each.__name__: each for field in section.model_fields.values() for each in config_classes(field.annotation)}
    return below | {name: each for part in below.values() for name, each in _sections(part).items()}


def _for_parts_of_recipes(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_for_parts_of_recipes(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _for_parts_of_recipes(item) for key, item in schema.items()
            if not (key == "required" and isinstance(item, list)) and not (key == "discriminator" and "mapping" in item)}
    return {("anyOf" if key == "oneOf" else key): item for key, item in kept.items()}
