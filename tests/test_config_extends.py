"""One recipe out of many parts: parents, overrides, rules files, and paths that count from where they are written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nlp.configs.catalog import find_recipe, recipe_name
from nlp.configs.yaml.inheritance import Override, merge, packaged_recipes, resolve
from nlp.configs.yaml.reader import parse_yaml
from nlp.errors import ConfigError

PARENT = """
data: {type: files, train: train.csv}
task: {type: classification, labels: [a, b]}
tokenizer: {type: words, lowercase: true}
model: {type: lstm, hidden_size: 32, dropout: 0.5}
training: {epochs: 2, optimizer: {type: adamw, learning_rate: 1e-3}, schedule: {type: cosine, final_share: 0.1}}
"""


@pytest.fixture
def write(tmp_path: Path):
    def write_file(name: str, text: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    write_file("parent.yaml", PARENT)
    return write_file


def resolved(path: str, *overrides: str) -> dict:
    return resolve(path, overrides).plain()


def test_mappings_merge_and_lists_are_replaced(write) -> None:
    child = write("child.yaml", "extends: parent.yaml\nmodel: {dropout: 0.1}\ntask: {labels: [c]}\n")
    recipe = resolved(child)
    assert recipe["model"] == {"type": "lstm", "hidden_size": 32, "dropout": 0.1}
    assert recipe["task"] == {"type": "classification", "labels": ["c"]}
    assert "extends" not in recipe


def test_a_changed_type_replaces_the_complete_section(write) -> None:
    child = write("child.yaml", "extends: parent.yaml\nmodel: {type: cnn, n_filters: 8}\n")
    assert resolved(child)["model"] == {"type": "cnn", "n_filters": 8}
    same = write("same.yaml", "extends: parent.yaml\nmodel: {type: lstm, n_layers: 2}\n")
    assert resolved(same)["model"] == {"type": "lstm", "hidden_size": 32, "dropout": 0.5, "n_layers": 2}


def test_null_removes_a_section_and_sets_a_key(write) -> None:
    child = write("child.yaml", "extends: parent.yaml\nmodel: {type: rules, default: a}\ntokenizer: null\ntraining:\n"
                                "task: {labels: null}\n")
    recipe = resolved(child)
    assert "tokenizer" not in recipe
    assert "training" not in recipe
    assert recipe["task"] == {"type": "classification", "labels": None}


def test_chains_and_names(write) -> None:
    write("middle.yaml", "extends: parent.yaml\nmodel: {n_layers: 2}\n")
    recipe = resolved(write("below/child.yaml", "extends: ../middle.yaml\ndescription: third\n"))
    assert recipe["model"]["n_layers"] == 2
    assert recipe["description"] == "third"
    named = resolved(write("named.yaml", "extends: names/lstm\nseeds: [7]\n"))
    assert named["data"] == {**named["data"], "name": "names"}
    assert named["seeds"] == [7]


def test_a_circle_is_shown(write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, parent in (("a", "b"), ("b", "c"), ("c", "a")):
        write(f"{name}.yaml", f"extends: {parent}.yaml\n")
    with pytest.raises(ConfigError, match=r"c.yaml:1:10: extends: circular `extends` \(a.yaml -> b.yaml -> c.yaml -> a.yaml\)"):
        resolve("a.yaml")


@pytest.mark.parametrize(
    ("extends", "words"),
    [("[a.yaml, b.yaml]", "names one parent"), ("gone.yaml", "There is no recipe file gone.yaml"),
     ("names/lstn", "did you mean names/lstm"), ("5", "names one parent")],
)
def test_parents_that_are_none(write, extends: str, words: str) -> None:
    with pytest.raises(ConfigError, match=r"child.yaml:1:10: extends: ") as caught:
        resolve(write("child.yaml", f"extends: {extends}\n"))
    assert words in str(caught.value)


def test_data_paths_count_from_the_file_they_are_written_in(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = write("below/child.yaml", "extends: ../parent.yaml\ndata: {test: test.csv, validation: /elsewhere/v.csv}\n")
    data = resolved(child)["data"]
    assert data["train"] == str(tmp_path / "train.csv")
    assert data["test"] == str(tmp_path / "below" / "test.csv")
    assert data["validation"] == "/elsewhere/v.csv"
    monkeypatch.chdir(tmp_path / "below")
    assert resolved(child, "data.train=mine.csv")["data"]["train"] == str(tmp_path / "below" / "mine.csv")


def test_a_rules_file_is_read_with_its_places(write, tmp_path: Path) -> None:
    write("rules/list.yaml", "- {label: a, keywords: [x]}\n- label: b\n  pattern: y\n")
    child = write("child.yaml", "extends: parent.yaml\ntokenizer: null\ntraining: null\n"
                                "model:\n  type: rules\n  default: a\n  rules_file: rules/list.yaml\n")
    document = resolve(child)
    assert document.plain()["model"] == {"type": "rules", "default": "a",
                                         "rules": [{"label": "a", "keywords": ["x"]}, {"label": "b", "pattern": "y"}]}
    second = document.mapping["model"].mapping["rules"].value[1]
    assert second.mapping["pattern"].place.file == tmp_path / "rules" / "list.yaml"
    assert second.mapping["pattern"].place.line == 3
    changed = resolved(child, "model.rules.1.label=c", "model.rules.0={label: d, keywords: [z]}")
    assert [rule["label"] for rule in changed["model"]["rules"]] == ["d", "c"]


def test_rules_files_that_are_none(write) -> None:
    write("mapping.yaml", "a: 1\n")
    for name, words in (("gone.yaml", "there is no file"), ("mapping.yaml", "a rules file contains a list of rules")):
        recipe = write("recipe.yaml", f"model: {{type: rules, default: a, rules_file: {name}}}\n")
        with pytest.raises(ConfigError, match=words):
            resolve(recipe)


def test_overrides_are_yaml_and_come_last(write) -> None:
    child = write("child.yaml", "extends: parent.yaml\nmodel: {hidden_size: 64}\n")
    recipe = resolved(child, "model.hidden_size=128", "training.optimizer.learning_rate=5e-5", "task.labels=[x, yes]",
                      "seeds=[1, 2]", "model.hidden_size=256")
    assert recipe["model"]["hidden_size"] == 256
    assert recipe["training"]["optimizer"]["learning_rate"] == 5e-5
    assert recipe["task"]["labels"] == ["x", "yes"]
    assert recipe["seeds"] == [1, 2]


def test_an_overridden_type_keeps_the_keys_given_with_it_in_any_order(write) -> None:
    child = write("child.yaml", "extends: parent.yaml\n")
    for overrides in (("model.type=cnn", "model.n_filters=8"), ("model.n_filters=8", "model.type=cnn")):
        assert resolved(child, *overrides)["model"] == {"type": "cnn", "n_filters": 8}
    assert resolved(child, "training=null").get("training") is None


@pytest.mark.parametrize(
    ("override", "words"),
    [("model", "--set takes key=value"), ("=3", "--set takes key=value"), ("model..type=x", "--set takes key=value"),
     ("extends=x.yaml", "cannot change what a recipe extends"), ("model.x=[1", "--set model.x=\\[1: invalid YAML"),
     ("task.labels.5=x", "this list has 2 items, numbered from 0; there is no item '5'")],
)
def test_overrides_that_are_none(write, override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        resolve(write("child.yaml", "extends: parent.yaml\n"), [override])


KEYS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3)
VALUES = st.integers(-9, 9) | st.lists(st.integers(0, 3), max_size=2)


@given(st.lists(st.tuples(KEYS, VALUES), max_size=6))
def test_the_last_override_of_a_key_wins(pairs: list) -> None:
    expected: dict = {}
    document = parse_yaml("{}", "recipe.yaml", Path("recipe.yaml"))
    for keys, value in pairs:
        if any(isinstance(inner, list) for inner in walk(expected, keys[:-1])):
            continue  # items of lists are selected by number, which the letters are not
        document = merge(document, Override.parse(f"{'.'.join(keys)}={value}").over(document, keys))
        holder = expected
        for key in keys[:-1]:
            if not isinstance(holder.get(key), dict):
                holder[key] = {}
            holder = holder[key]
        holder[keys[-1]] = value
    assert document.plain() == expected


def walk(values: object, keys: list[str]) -> list[object]:
    """The values on the way along the keys."""
    met = [values]
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
        met.append(values)
    return met


def test_recipes_are_found_by_name_and_path(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = find_recipe("names/lstm")
    assert packaged.is_file()
    assert recipe_name("names/lstm") == recipe_name(str(packaged)) == "names/lstm"
    monkeypatch.chdir(tmp_path)
    assert recipe_name("parent.yaml") == "parent"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [("names/lstmm", "There is no recipe 'names/lstmm'; did you mean names/lstm"),
     ("configs/names/lstmm.yaml", "There is no recipe file configs/names/lstmm.yaml; did you mean names/lstm"),
     ("nothing-like-it", "`nlp config list` shows"), ("../names/lstm", "There is no recipe"), ("", "There is no recipe"),
     ("a\0b", "There is no recipe")],
)
def test_recipes_that_are_none(wanted: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        find_recipe(wanted)


def test_parents_without_a_model_are_not_listed() -> None:
    recipes = packaged_recipes()
    assert "names/lstm" in recipes
    assert not {"names/base", "names/networks"} & recipes.keys()
    assert all(recipe.description for recipe in recipes.values())
    assert recipes["names/lstm"][1:] == ("classification", "names")
    assert recipes["counting/gpt2-small"][1:] == ("language_modeling", None)
    tasks = {"classification", "tagging", "language_modeling", "masked_language_modeling", "sequence_to_sequence",
             "word_vectors", "regression", "autoencoding", "adversarial"}
    assert all(recipe.task in tasks or recipe.dataset is None
               for recipe in recipes.values())
    assert packaged_recipes("names") == packaged_recipes("names/") == {
        name: recipe for name, recipe in recipes.items() if name.startswith("names/")}
    assert list(packaged_recipes("names/lstm")) == ["names/lstm"]
    assert packaged_recipes("name") == {}
