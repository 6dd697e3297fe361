"""Recipes written and read again, where their values come from, and the help that comes with every key."""

import json
import re
import shlex
from pathlib import Path

import nlp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nlp.configs.catalog import packaged
from nlp.configs.load import dump_recipe, load_located, load_recipe, recipe_names
from nlp.configs.schema.recipe import Recipe
from nlp.configs.yaml.error_report import config_classes
from nlp.configs.yaml.help import field_docs, help_of, json_schema
from nlp.configs.yaml.inheritance import resolve
from nlp.configs.yaml.reader import read_yaml
from nlp.configs.yaml.template import commented
from nlp.configs.yaml.writer import dump_with_origins, origins
from nlp.errors import ConfigError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.fixture(scope="module")
def names() -> list[str]:
    return recipe_names()


@pytest.mark.parametrize("name", packaged())
def test_every_packaged_recipe_is_right_and_survives_writing(name: str, names: list[str], tmp_path: Path) -> None:
    if not isinstance(read_yaml(packaged()[name]).value, dict):
        pytest.skip("a list of rules, which is checked with the recipe that names it")
    if "model" not in resolve(name).mapping:
        assert name not in names
        return
    recipe = load_recipe(name)
    written = tmp_path / "written.yaml"
    written.write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(str(written)) == recipe


@given(TEXTS, st.lists(TEXTS, min_size=2, max_size=4), st.integers(0, 2**32 - 1), st.floats(min_value=1e-300, max_value=1e300))
def test_any_recipe_survives_writing(
    tmp_path_factory: pytest.TempPathFactory, description: str, labels: list[str], seed: int, number: float
) -> None:
    rules = [{"label": label, "keywords": [label, description]} for label in labels]
    recipe = Recipe.model_validate({
        "description": description,
        "data": {"type": "sizes"},
        "task": {"type": "classification", "labels": labels},
        "model": {"type": "rules", "default": description, "rules": [{**rule, "weight": number} for rule in rules]},
        "seeds": [seed],
    })
    written = tmp_path_factory.getbasetemp() / "any.yaml"
    written.write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(str(written)) == recipe


def test_every_value_is_shown_with_its_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("extends: names/lstm\n\nmodel:\n  dropout: 0.1\n", encoding="utf-8")
    recipe, document = load_located("mine.yaml", ["training.epochs=3"])
    reported = origins(recipe, document)
    assert reported["model.dropout"] == "mine.yaml:4"
    assert reported["training.epochs"] == "--set training.epochs=3"
    assert reported["data.name"].startswith("configs/names/base.yaml:")
    assert "model.bidirectional" not in reported
    lines = {line.split(":")[0].strip(): line for line in dump_with_origins(recipe, document).splitlines()}
    assert lines["dropout"].endswith("# mine.yaml:4")
    assert lines["bidirectional"].endswith("# default")
    Path("shown.yaml").write_text(dump_with_origins(recipe, document), encoding="utf-8")
    assert load_recipe("shown.yaml") == recipe


def all_sections() -> set[type]:
    """Every section class of the schema."""
    found, waiting = set(), [Recipe]
    while waiting:
        section = waiting.pop()
        found.add(section)
        below = [each for field in section.model_fields.values() for each in config_classes(field.annotation)]
        waiting += [each for each in below if each not in found]
    return found


def test_every_key_has_help() -> None:
    for section in all_sections():
        assert section.__doc__, section
        keys = [key for key, field in section.model_fields.items() if key != "type" and not config_classes(field.annotation)]
        assert [key for key in keys if not help_of(section, key)] == [], section
    assert "use_attribute_docstrings" not in Recipe.model_config
    assert field_docs()["Rule"]["weight"] == "The rule's vote in `mode: weighted`."


def test_the_schema_for_editors() -> None:
    schema = json_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert next(iter(schema["properties"])) == "extends"
    assert schema["$defs"]["RecurrentConfig"]["properties"]["hidden_size"] == {
        "default": 128, "description": "Size of the state, in each direction.", "maximum": 2**31 - 1, "minimum": 1, "title": "Hidden Size",
        "type": "integer"}
    assert {"$ref": "#/$defs/RecurrentConfig"} in schema["properties"]["model"]["anyOf"]
    assert '"required"' not in json.dumps(schema), "a file that extends another holds only what differs"


def test_a_commented_recipe_loads_and_shows_each_default(tmp_path: Path) -> None:
    values = {
        "data": {"type": "named", "name": "names"},
        "tokenizer": {"type": "characters"},
        "task": {"type": "classification"},
        "model": {"type": "lstm", "hidden_size": 7},
        "training": {"epochs": 1, "optimizer": {"type": "adam", "learning_rate": 0.1}},
    }
    text = commented(values)
    path = tmp_path / "commented.yaml"
    path.write_text(text, encoding="utf-8")
    assert load_recipe(str(path)) == Recipe.model_validate(values)
    assert "  # Size of the state, in each direction.\n  hidden_size: 7\n" in text
    uncommented = text.replace("  # validation_share: 0.1\n", "  validation_share: 0.1\n")
    uncommented = uncommented.replace("  # n_layers: 1\n", "  n_layers: 1\n")
    assert uncommented.count("#") == text.count("#") - 2
    path.write_text(uncommented, encoding="utf-8")
    assert load_recipe(str(path)) == Recipe.model_validate(values)


def test_the_examples_of_the_docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(nlp.__file__).parent / "docs" / "recipes.md").read_text(encoding="utf-8")
    full, child, *_ = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    for block in (full, child):
        Path("my.yaml").write_text(block, encoding="utf-8")
        load_recipe("my.yaml")
    wrong = "extends: names/lstm\n\nmodel:\n  hiden_size: 3\ntraining:\n  epochs: ten\n  learning_rate: 1e-3\n"
    Path("my.yaml").write_text(wrong, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_recipe("my.yaml")
    assert "    Error: " + str(caught.value).replace("\n", "\n    ") in text
    for command in re.findall(r"nlp train --config names/lstm (.*)", text):
        load_recipe("names/lstm", [part for part in shlex.split(command) if part != "--set"])
