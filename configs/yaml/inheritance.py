"""Merges a recipe, its parents and the command line overrides into one document; every value keeps its location.

Mappings merge, lists are replaced, a mapping whose `type` changes is replaced completely, and `null` removes a section.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce
from pathlib import Path
from typing import NamedTuple

from ...errors import ConfigError
from ..catalog import find_recipe, own_name, packaged
from .locations import Located, Place, shown
from .marks import is_mark
from .reader import parse_yaml, read_yaml

DATA_FILES = ("train", "validation", "test")
PACKAGED_LEXICON = "vader"
"""The name of the packaged lexicon, which is not a file; see `configs/schema/models/rules.py`."""
CLUSTERS = ("analysis", "meaning", "clusters")
"""The section of a tokenizer that names word vectors."""


def resolve(name_or_path: str, overrides: Sequence[str] = ()) -> Located:
    """The merged document of a recipe: its parents, the recipe, then the overrides `a.b.c=value` in order.

    Raises ConfigError with the location of the part that cannot be read or found.
    """
    path = find_recipe(name_or_path)
    documents = [_resolved(document, path.parent) for path, document in read_chain(path)]
    return reduce(_override, _ordered([Override.parse(text) for text in overrides]), reduce(merge, documents))


class PackagedRecipe(NamedTuple):
    """An entry of the list of recipes; `dataset` is None for `data: {type: sizes}`."""

    description: str
    task: str
    dataset: str | None


def packaged_recipes(group: str = "") -> dict[str, PackagedRecipe]:
    """The packaged recipes that can be run (parents have no model), by name; all, or those of a group such as `names`."""
    recipes, read = {}, cache(read_yaml)
    for name, path in packaged().items():
        if f"{name}/".startswith(group and f"{group.rstrip('/')}/") and _may_have_a_model(path):
            recipe = reduce(merge, [document for _, document in read_chain(path, read)]).plain()
            if "model" in recipe:
                task = (recipe.get("task") or {}).get("type", "")
                recipes[name] = PackagedRecipe(recipe.get("description", ""), task, recipe["data"].get("name"))
    return recipes


def _may_have_a_model(path: Path) -> bool:
    """A quick check without parsing the YAML, which is slower."""
    return re.search(r"^(extends|model):", path.read_text(encoding="utf-8"), re.MULTILINE) is not None


def recipe_names(group: str = "") -> list[str]:
    """The names of the packaged recipes that can be run; all, or those of a group."""
    return list(packaged_recipes(group))


def read_chain(path: Path, read: Callable[[Path], Located] = read_yaml) -> list[tuple[Path, Located]]:
    """A recipe and its ancestors, the most distant first, each without its `extends` key."""
    chain: list[tuple[Path, Located]] = []
    parent: Path | None = path
    while parent is not None:
        path, document = parent, _section(read(parent))
        entries = dict(document.mapping)
        parent = _parent(entries.pop("extends", None), path, [seen for seen, _ in chain])
        chain.insert(0, (path, replace(document, value=entries)))
    return chain


def _parent(extends: Located | None, child: Path, descendants: Sequence[Path]) -> Path | None:
    if extends is None or extends.value is None:
        return None
    if not isinstance(extends.value, str):
        raise ConfigError(f"{extends.place}: extends: names one parent, such as `extends: base.yaml` or `extends: names/base`.")
    try:
        parent = find_recipe(extends.value, child.parent)
    except ConfigError as error:
        raise ConfigError(f"{extends.place}: extends: {error}") from None
    lineage = [*reversed([child, *descendants]), parent]
    if any(parent.samefile(path) for path in lineage[:-1]):
        cycle = " -> ".join(shown(path.resolve()) for path in lineage)
        raise ConfigError(f"{extends.place}: extends: circular `extends` ({cycle}); one of these files must not extend another.")
    return parent


def _section(document: Located) -> Located:
    if document.value is None:
        raise ConfigError(f"{document.place}: this file is empty; a recipe contains sections such as `data:` and `model:`. "
                          "Start with `extends: names/lstm`, or let `nlp config init` write one for your data.")
    if not isinstance(document.value, dict):
        raise ConfigError(f"{document.place}: a recipe is a mapping of sections such as `data:` and `model:`; "
                          f"this is {'a list' if isinstance(document.value, list) else 'a single value'}.")
    return document


def merge(base: Located, over: Located) -> Located:
    """`over` merged over `base`."""
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)) or _type_changes(base.value, over.value):
        return over
    entries = dict(base.value)
    for key, item in over.value.items():
        inherited = entries.get(key)
        if inherited is not None and (is_mark(key, inherited) or is_mark(key, item)):
            entries[key] = item  # an open value is a single value, not a section
        elif inherited is not None and isinstance(inherited.value, dict) and item.value is None:
            del entries[key]
        else:
            entries[key] = item if inherited is None else merge(inherited, item)
    return replace(over if over.place.file else base, value=entries)  # overrides change values, not the location of a section


def _type_changes(base: dict[str, Located], over: dict[str, Located]) -> bool:
    return "type" in base and "type" in over and base["type"].value != over["type"].value


def _resolved(document: Located, folder: Path) -> Located:
    """Resolve paths relative to the file before merging: its rules file, word vectors, word pairs and data files."""
    entries = dict(document.mapping)
    if "model" in entries:
        entries["model"] = _with_weights(_with_rules(_with_fused_rules(entries["model"], folder), folder), folder)
    if "tokenizer" in entries:
        entries["tokenizer"] = _with_vectors(entries["tokenizer"], CLUSTERS, folder)
    if "task" in entries:
        entries["task"] = _with_paths(entries["task"], {"similarity"}, folder)
    if "data" in entries:
        entries["data"] = _with_paths(entries["data"], DATA_FILES, folder)
    return replace(document, value=entries)


def _with_rules(model: Located, folder: Path) -> Located:
    """The model section with `rules_file` replaced by its rules, and with the absolute path of its lexicon."""
    entries, named = dict(model.mapping), model.mapping.get("rules_file")
    if named is not None and isinstance(named.value, str) and "rules" not in entries:
        entries = {("rules" if key == "rules_file" else key): item for key, item in entries.items()}
        entries["rules"] = replace(_rules_of(named, _path(named.value, folder)), key=named.key)
    if "lexicon" in entries:
        entries["lexicon"] = _with_lexicon(entries["lexicon"], folder)
    return replace(model, value=entries) if isinstance(model.value, dict) else model


def _with_fused_rules(model: Located, folder: Path) -> Located:
    """The model section with the rules file loaded in its nested `rules` section."""
    rules = model.mapping.get("rules")
    if rules is None or not isinstance(rules.value, dict):
        return model
    return replace(model, value={**model.mapping, "rules": _with_rules(rules, folder)})


def _rules_of(named: Located, path: Path) -> Located:
    """The list of rules in a file, which may be another recipe."""
    if not path.is_file():
        raise ConfigError(f"{named.place}: model.rules_file: there is no file {shown(path)}; the path is relative to the recipe.")
    rules = read_yaml(path)
    if isinstance(rules.value, dict) and "model" in rules.value:
        rules = rules.value["model"].mapping.get("rules", rules)
    if not isinstance(rules.value, list) or not rules.value:
        raise ConfigError(f"{rules.place}: a rules file contains a list of rules, such as `- {{label: WHEN, keywords: [when]}}`.")
    return rules


def _with_lexicon(lexicon: Located, folder: Path) -> Located:
    """The section with the absolute path of its file."""
    file = lexicon.mapping.get("file")
    if file is None or not isinstance(file.value, str) or file.value in ("", PACKAGED_LEXICON):
        return lexicon
    return replace(lexicon, value={**lexicon.mapping, "file": replace(file, value=str(_path(file.value, folder)))})


def _with_weights(model: Located, folder: Path) -> Located:
    """The model section with absolute paths for weights and word vectors, unless they are names rather than existing paths."""
    return _with_paths(model, _existing(model, ("path", "vectors"), folder), folder)


def _existing(section: Located, keys: Collection[str], folder: Path) -> set[str]:
    """The keys whose value is the path of an existing file or folder."""
    return {key for key in keys if (named := section.mapping.get(key)) is not None and isinstance(named.value, str)
            and named.value and _path(named.value, folder).exists()}


def _with_vectors(section: Located, keys: Sequence[str], folder: Path) -> Located:
    """The section with an absolute path for the word vectors of the subsection at `keys`, if they are a file or folder."""
    if not keys:
        return _with_paths(section, _existing(section, {"vectors"}, folder), folder)
    if keys[0] not in section.mapping:
        return section
    return replace(section, value={**section.mapping, keys[0]: _with_vectors(section.mapping[keys[0]], keys[1:], folder)})


def _with_paths(section: Located, keys: Collection[str], folder: Path) -> Located:
    """The section with the values of these keys as absolute paths."""
    if not isinstance(section.value, dict):
        return section
    paths = {key: replace(item, value=str(_path(item.value, folder)))
             for key, item in section.value.items() if key in keys and isinstance(item.value, str) and item.value}
    return replace(section, value={**section.value, **paths})


def _path(text: str, folder: Path) -> Path:
    try:
        return own_name(folder / Path(text).expanduser())
    except (RuntimeError, OSError, ValueError):  # unknown home folder, a loop of links, a character that is not allowed in paths
        return folder.absolute() / text


@dataclass(frozen=True)
class Override:
    """One `--set a.b.c=value`."""

    keys: tuple[str, ...]
    value: Located

    @staticmethod
    def parse(text: str) -> "Override":
        """Read `a.b.c=value`; the value is YAML. Raises ConfigError."""
        key, equals, value = text.partition("=")
        keys = tuple(part.strip() for part in key.split("."))
        if not equals or not all(keys):
            raise ConfigError(f"--set takes key=value, such as --set model.hidden_size=256, not {text!r}.")
        if keys[0] == "extends":
            raise ConfigError("--set cannot change what a recipe extends; write a file that extends another parent.")
        return Override(keys, parse_yaml(value, f"--set {' '.join(text.split())}"))

    def over(self, base: Located | None, keys: Sequence[str]) -> Located:
        """The document to merge over `base` to change the value at `keys`; an item of a list is given by its index."""
        if not keys:
            return self.value
        place = Place(self.value.place.source)
        if base is not None and isinstance(base.value, list):
            return replace(base, value=self._with_item(base.value, keys))
        below = self.over(base.mapping.get(keys[0]) if base else None, keys[1:])
        return Located({keys[0]: replace(below, key=place)}, place)

    def _with_item(self, items: list[Located], keys: Sequence[str]) -> list[Located]:
        numbers = {str(number): number for number in range(len(items))}
        if keys[0] not in numbers:
            raise ConfigError(f"{self.value.place}: {'.'.join(self.keys)}: this list has {len(items)} items, numbered from 0; "
                              f"there is no item {keys[0]!r}.")
        at = numbers[keys[0]]
        return [*items[:at], merge(items[at], self.over(items[at], keys[1:])), *items[at + 1 :]]


def _ordered(overrides: Sequence[Override]) -> list[Override]:
    """In the given order, except that a section's type precedes its keys, since a new type replaces the whole section."""
    ordered: list[Override] = []
    for override in overrides:
        section = override.keys[:-1]
        keys_of_section = (at for at, other in enumerate(ordered)
                           if other.keys[: len(section)] == section and other.keys not in (section, override.keys))
        at = next(keys_of_section, len(ordered)) if override.keys[-1] == "type" else len(ordered)
        ordered.insert(at, override)
    return ordered


def _override(document: Located, override: Override) -> Located:
    """The document with one value changed; paths are relative to the current folder."""
    change = _resolved(override.over(document, override.keys), Path.cwd())
    return merge(document, change)
