"""Makes `docs/keys.md`, the page of all keys of a recipe, from the schema and the docstrings of its fields.

    python scripts/make_keys_page.py

It is to be run after each change of `configs/schema/`; a test compares the page with what this script makes.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_origin

import nlp
from nlp.configs.schema.base import Config
from nlp.configs.schema.model import ModelConfig
from nlp.configs.schema.models.model_base import NEEDS_ORDER, NEEDS_TOKENIZER, ModelBase
from nlp.configs.schema.recipe import Recipe
from nlp.configs.schema.task import TaskConfig
from nlp.configs.schema.tasks.task_base import TaskBase, models_that_give
from nlp.configs.schema.tokenizer import TokenizerConfig
from nlp.configs.schema.training import TrainingConfig
from nlp.configs.yaml.error_report import config_classes, types_of
from nlp.configs.yaml.help import help_of
from nlp.configs.yaml.writer import inline

PAGE = Path(nlp.__file__).parent / "docs" / "keys.md"
INTRODUCTION = """# All keys of a recipe

Every key that a recipe may have, with the values that are allowed, its default and what it does. A key marked *required* has no default.
Paths are those that `--set` takes, such as `--set training.schedule.type=cosine`. [recipes.md](recipes.md) explains recipes,
`nlp config show NAME` prints all keys of one recipe with their values, and `nlp config schema` gives this page to editors.

This page is made by `scripts/make_keys_page.py` from `configs/schema/`; change the docstrings there.
"""
LARGEST = 2**31 - 1
"""The limit of whole numbers that have no other; it is not worth mentioning."""
KINDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true` or `false`"}
BOUNDS = {"minimum": "≥ {:g}", "exclusiveMinimum": "> {:g}", "maximum": "≤ {:.16g}", "exclusiveMaximum": "< {:g}"}
LEAST = {0: "", 1: "one or more ", 2: "two or more "}
MODELS: Sequence[Any] = config_classes(ModelConfig)
TASKS: Sequence[Any] = config_classes(TaskConfig)
TOKENIZERS: Sequence[Any] = config_classes(TokenizerConfig)


def content() -> str:
    """The page."""
    return "\n".join([INTRODUCTION, *_contents(), *_section((), [Recipe])])


def _contents() -> Iterator[str]:
    """Links to the sections of a recipe."""
    names = [name for name, field in Recipe.model_fields.items() if config_classes(field.annotation)]
    yield " · ".join(["[top level](#top-level)", *(f"[{name}](#{name})" for name in names)])
    yield ""


def _section(path: tuple[str, ...], classes: Sequence[type[Config]]) -> Iterator[str]:
    """The heading of a section, the table of each of its types, and the sections below."""
    level = min(len(path), 2) + 1 if path else 2
    yield f"{'#' * level} {_title(path)}\n"
    for each in classes:
        if len(classes) > 1:
            yield f"{'#' * (level + 1)} {_title(path)} of type {' or '.join(f'`{name}`' for name in types_of(each))}\n"
        yield from (f"{line}\n" for line in (_about(each), *_fits(each)))
        yield from _table(each, len(classes) > 1)
    yield from _below(path, classes)


def _title(path: tuple[str, ...]) -> str:
    return ".".join(path) or "Top level"


def _about(section: type[Config]) -> str:
    return " ".join((section.__doc__ or "").split("\n\n")[0].split())


def _fits(section: type[Config]) -> Iterator[str]:
    """Which models, tasks and tokenizers go with a section."""
    if issubclass(section, ModelBase):
        tasks = [f"`{name}`" for task in TASKS if task.needs in section.gives for name in types_of(task)]
        yield f"For {'task' if len(tasks) == 1 else 'tasks'} {', '.join(tasks)}. {_tokenizer_of(section)}"
    elif issubclass(section, TaskBase):
        yield f"Models: {', '.join(f'`{name}`' for name in models_that_give(section.needs))}."
    elif section in TOKENIZERS:
        yield f"Models: {', '.join(f'`{name}`' for name in _readers(section))}."
    elif section is TrainingConfig:
        yield f"Models: {', '.join(f'`{name}`' for model in MODELS if model.learns_by == 'gradient' for name in types_of(model))}."


def _inputs(model: type[ModelBase]) -> frozenset[str]:
    """What models of this class read with the defaults of their keys, and with the first type of each section that they must have."""
    held = {name: config_classes(field.annotation) for name, field in model.model_fields.items() if field.is_required()}
    return model.model_construct(None, **{name: classes[0].model_construct() for name, classes in held.items() if classes}).inputs


def _tokenizer_of(model: type[ModelBase]) -> str:
    inputs = _inputs(model)
    if not inputs & NEEDS_TOKENIZER:
        return "Takes no tokenizer."
    return "Needs a tokenizer that keeps the order of its tokens." if inputs & NEEDS_ORDER else "Takes any tokenizer."


def _readers(tokenizer: Any) -> Iterator[str]:
    for model in MODELS:
        inputs = _inputs(model)
        if inputs & NEEDS_TOKENIZER and (tokenizer.ordered or not inputs & NEEDS_ORDER):
            yield from types_of(model)


def _table(section: type[Config], is_one_of_several: bool) -> Iterator[str]:
    """One row for each key; `type` is left out where the heading says it."""
    described = section.model_json_schema()
    keys = [key for key in section.model_fields if not (key == "type" and is_one_of_several)]
    if not keys:
        yield "No keys but `type`.\n"
        return
    yield "| key | value | default | what it does |\n|---|---|---|---|"
    for key in keys:
        classes = config_classes(section.model_fields[key].annotation)
        value = _kind_of_section(section, key, classes) if classes else _value(described["properties"][key])
        text = help_of(section, key) or " ".join(_about(each) for each in classes[:1] if len(classes) == 1)
        yield _row(f"`{key}`", value, _default(section, key), text)
    yield ""


def _row(*cells: str) -> str:
    escaped = [cell.replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"


def _kind_of_section(section: type[Config], key: str, classes: Sequence[type[Config]]) -> str:
    if section is Recipe:
        return f"[section](#{key})"
    if get_origin(section.model_fields[key].annotation) is list:
        return "list of sections"
    types = [f"`{name}`" for each in classes for name in types_of(each)]
    return f"section of type {', '.join(types)}" if len(classes) > 1 else "section"


def _default(section: type[Config], key: str) -> str:
    field = section.model_fields[key]
    if field.is_required():
        return "*required*"
    if isinstance(field.default, Config):
        return "its defaults"
    return "none" if field.default is None else f"`{inline(field.default)}`"


def _value(described: Mapping[str, Any]) -> str:
    """The allowed values of a key in words, from its JSON Schema."""
    if "anyOf" in described:
        kinds = [_value(each) for each in described["anyOf"] if each.get("type") != "null"]
        return " or ".join(kinds)
    if "enum" in described or "const" in described:
        return ", ".join(f"`{value}`" for value in described.get("enum", [described.get("const")]))
    if described["type"] == "array":
        return _list_of(_value(described["items"]).replace("number", "numbers").replace("text", "texts"), described)
    if described["type"] == "object":
        held = described["additionalProperties"]
        return f"mapping of text to {'any value' if held is True else _value(held)}"
    bounds = [words.format(described[name]) for name, words in BOUNDS.items() if described.get(name, LARGEST) != LARGEST]
    return " ".join([KINDS[described["type"]], " and ".join(bounds)]).strip()


def _list_of(kinds: str, described: Mapping[str, Any]) -> str:
    least, most = described.get("minItems", 0), described.get("maxItems")
    if least == most:
        return f"list of {least} {kinds}"
    return f"list of {LEAST[least]}{kinds}"


def _below(path: tuple[str, ...], classes: Sequence[type[Config]]) -> Iterator[str]:
    """The sections that these classes hold, each once; a second tokenizer, or a model within a model, has the keys of the first."""
    held = {(name, tuple(config_classes(field.annotation))): None for each in classes for name, field in each.model_fields.items()}
    for name, below in held:
        if below and below == tuple(TOKENIZERS) and path:
            yield f"{'#' * 3} {_title((*path, name))}\n\nThe keys of [tokenizer](#tokenizer).\n"
        elif below and path and issubclass(below[0], ModelBase):
            types = ", ".join(f"`{each}`" for model in below for each in types_of(model))
            yield f"{'#' * 3} {_title((*path, name))}\n\nThe keys of [model](#model) of type {types}.\n"
        elif below:
            yield from _section((*path, name), below)


def main() -> None:
    """Write the page."""
    PAGE.write_text(content(), encoding="utf-8")
    print(f"{PAGE}: {content().count(chr(10))} lines")


if __name__ == "__main__":
    main()
