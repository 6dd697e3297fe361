"""Readable errors for recipes: pydantic's errors as findings with a location, a key and the closest valid name."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args, get_origin

from ..schema.base import Config
from ..schema.models.model_base import ModelBase
from ..schema.recipe import Recipe
from .locations import Located, Place
from .names_elsewhere import meant_by

Part = str | int

EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_unicode": "text without lone surrogates",
    "list_type": "a list in brackets",
    "dict_type": "a mapping of keys to values",
    "model_type": "a section of keys and values",
    "model_attributes_type": "a section of keys and values",
    "greater_than": "greater than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:.15g}",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "literal_error": "{expected}",
}
"""What each of pydantic's errors requires; follows "must be" in messages."""


class Finding(NamedTuple):
    """An error: its location, its key and a message."""

    place: Place
    path: tuple[Part, ...]
    message: str

    def __str__(self) -> str:
        key = ".".join(map(str, self.path))
        return f"{self.place}: {key}: {self.message}" if key else f"{self.place}: {self.message}"


@dataclass(frozen=True)
class Target:
    """The target of a pydantic error: the key's path, its value in the document, the class that has the key."""

    path: tuple[Part, ...]
    node: Located | None
    parent: Located
    holder: type[Config]
    classes: Sequence[type[Config]]
    in_union: bool = False


def findings(errors: Sequence[Any], document: Located) -> list[Finding]:
    """Pydantic's errors as findings; errors from several branches of a plain union become one finding."""
    grouped: dict[tuple[Part, ...], list[tuple[Any, Target]]] = {}
    for error in errors:
        target = locate(error["loc"], document)
        grouped.setdefault(target.path, []).append((error, target))
    return [_finding([error for error, _ in group], group[-1][1]) for path, group in grouped.items()
            if not (group[0][1].in_union and any(other[: len(path)] == path != other for other in grouped))]


def nearest(document: Located, path: Sequence[str]) -> Place:
    """The location of the key at `path`, or of the innermost enclosing section that is in the document."""
    node = document
    for part in path:
        node = node.mapping.get(part, node)
    return node.place if node.key is None or not isinstance(node.value, dict | list) else node.key


def locate(location: Sequence[Part], document: Located) -> Target:
    """Follow an error's location through schema and document; its parts include branches of unions, which are not keys."""
    target = Target((), document, document, Recipe, [Recipe])
    for part in location:
        target = _step(target, part)
    return target


def _step(at: Target, part: Part) -> Target:
    if len(at.classes) > 1:  # a union discriminated by `type`, whose value is this part
        return Target(at.path, at.node, at.parent, at.holder, [each for each in at.classes if part in types_of(each)])
    fields = at.classes[0].model_fields if at.classes and not isinstance(part, int) else {}
    entries = at.node.mapping if at.node else {}
    if part in fields or part in entries:
        field = fields.get(str(part))
        below = config_classes(field.annotation) if field else []
        holder = at.classes[0] if at.classes else at.holder
        return Target((*at.path, part), entries.get(str(part)), at.node or at.parent, holder, below)
    if isinstance(part, int) and at.node and isinstance(at.node.value, list) and part < len(at.node.value):
        return Target((*at.path, part), at.node.value[part], at.node, at.holder, at.classes)
    return Target(at.path, at.node, at.parent, at.holder, at.classes, in_union=True)


def config_classes(annotation: Any) -> list[type[Config]]:
    """The section classes in an annotation; if there are several, `type` discriminates between them."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return [annotation] if issubclass(annotation, Config) else []
    inner = () if get_origin(annotation) is Literal else get_args(annotation)
    return [each for part in inner for each in config_classes(part)]


def types_of(section: type[Config]) -> tuple[str, ...]:
    """The values of `type` that select this class; empty if it has no `type`."""
    return get_args(section.model_fields["type"].annotation) if "type" in section.model_fields else ()


def _finding(errors: Sequence[Any], target: Target) -> Finding:
    kind, node = errors[0]["type"], target.node
    if kind == "missing":
        return Finding(_start(target.parent), target.path, _missing(target))
    if kind == "extra_forbidden" and node:
        return Finding(node.key or node.place, target.path, _unknown_key(target))
    assert node is not None, "pydantic only validates values that are in the document"
    if kind == "union_tag_not_found":
        return Finding(_start(node), (*target.path, "type"), _missing(target))
    if kind == "union_tag_invalid":
        tag = node.mapping["type"]
        return Finding(tag.place, (*target.path, "type"), _unknown_type(tag, target))
    if kind == "value_error":
        message = str(errors[0]["ctx"]["error"])
        named = node.mapping.get(message.split(maxsplit=1)[0])
        return Finding(named.place if named else _start(node), target.path, message)
    return Finding(node.place, target.path, _wrong(errors, node))


def _start(section: Located) -> Place:
    return section.key or section.place


def _missing(target: Target) -> str:
    types = [name for each in target.classes for name in types_of(each)]
    return f"is missing; the type is one of {', '.join(types)}" if len(target.classes) > 1 else "is missing"


def _unknown_type(tag: Located, target: Target) -> str:
    types = [name for each in target.classes for name in types_of(each)]
    return f"must be one of {', '.join(types)}, not {_shown(tag)}{_suggestion(tag.value, types)}"


def _unknown_key(target: Target) -> str:
    key, known = str(target.path[-1]), list(target.holder.model_fields)
    known += ["extends"] if target.holder is Recipe else []
    homes, elsewhere = list(dict.fromkeys(_homes(key))), meant_by(key)
    if elsewhere is not None and elsewhere.key in {_named((*target.path[:-1], each)) for each in known}:
        return f"unknown key {key!r}; {elsewhere}"
    if elsewhere is not None and not homes:
        return f"unknown key {key!r}; {elsewhere}{_of_types(elsewhere.key)}"
    if meant := _suggestion(key, known):
        return f"unknown key {key!r}{meant}"
    if homes:
        near = [home for home in homes if home.replace(".", " ").split()[0] == str(target.path[0])]
        return f"unknown key {key!r} here; it belongs to {' or '.join(near or homes)}"
    return f"unknown key {key!r}; valid keys: {', '.join(known)}"


def _named(path: Sequence[Part]) -> str:
    return ".".join(map(str, path))


def _of_types(key: str) -> str:
    """A clause with the types of its section that have this key, if only some do."""
    section, _, last = key.rpartition(".")
    return next((f", which {home} has" for home in _homes(last) if home.startswith(f"{section} of type")), "")


def paths_of(name: str) -> list[str]:
    """The shortest paths of the keys with this name; for a section with types, the path of its `type`."""
    paths = dict.fromkeys((*path, name) for path, classes in _sections(Recipe, ()) for each in classes if name in each.model_fields)
    shortest = min(map(len, paths), default=0)
    return [_named(path) + (".type" if _has_types(path) else "") for path in paths if len(path) == shortest]


def _has_types(path: tuple[str, ...]) -> bool:
    return any(section == path and any(map(types_of, classes)) for section, classes in _sections(Recipe, ()))


def _homes(key: str) -> Iterator[str]:
    """The sections that have this key, with their types if only some of them have it."""
    for path, classes in _sections(Recipe, ()):
        having = [each for each in classes if key in each.model_fields or (each is Recipe and key == "extends")]
        types = [name for each in having for name in types_of(each)]
        if having:
            name = ".".join(path) or "the top level of the recipe"
            yield name if len(having) == len(classes) else f"{name} of type {', '.join(types)}"


def _sections(section: type[Config], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[type[Config]]]]:
    """Every section of the schema: its path and its classes. Models nested in models are skipped, since they have the same keys."""
    if not path:
        yield (), [section]
    for name, field in section.model_fields.items():
        classes = config_classes(field.annotation)
        if classes and not (path and issubclass(classes[0], ModelBase)):
            yield (*path, name), classes
            for each in classes:
                yield from _sections(each, (*path, name))


def _suggestion(wrong: object, right: Sequence[str]) -> str:
    near = difflib.get_close_matches(wrong.lower(), right, n=1, cutoff=0.6) if isinstance(wrong, str) else ()
    return f"; did you mean {near[0]!r}?" if near else ""


def _wrong(errors: Sequence[Any], node: Located) -> str:
    """`must be ..., not ...`, combined over all branches of a union."""
    known = [error for error in errors if error["type"] in EXPECTED]
    if not known:
        message = errors[0]["msg"]
        return f"{message[:1].lower()}{message[1:]}, not {_shown(node)}"
    wanted = dict.fromkeys(EXPECTED[error["type"]].format_map(error.get("ctx", {})) for error in known)
    length = errors[0].get("ctx", {}).get("actual_length")
    return f"must be {' or '.join(wanted)}, not {f'one of {length}' if length else _shown(node)}{_remedy(known, node.value)}"


def _shown(node: Located) -> str:
    """The value as text, shortened."""
    value = node.value
    if isinstance(value, dict | list):
        return f"{'an empty ' if not value else 'a '}{'mapping' if isinstance(value, dict) else 'list'}"
    if value is None or isinstance(value, bool):
        return "empty (null)" if value is None else str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _remedy(errors: Sequence[Any], value: object) -> str:
    """What to write instead of `value`, if that is clear."""
    hints = []
    for error in errors:
        match error["type"], value:
            case "string_type", bool() | int() | float():
                hints.append("; put it in quotes")
            case "int_type", float() if value.is_integer():
                hints.append(f"; write {int(value)}")
            case "int_type" | "float_type", str() if value.replace("_", "").isdecimal():
                hints.append(f"; write {value.replace('_', '')} without quotes and `_`")
            case "bool_type", "yes" | "on" | "no" | "off":
                hints.append(f"; write {'true' if value in ('yes', 'on') else 'false'}")
            case "list_type", str() | int() | float():
                hints.append(f"; write [{value}]")
            case "literal_error", str():
                hints.append(_suggestion(value, error["ctx"]["expected"].split("'")[1::2]))
    return hints[0] if hints else ""
