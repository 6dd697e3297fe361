"""`nlp data list|get|show|check`, as a person and as a program reads them."""

import json
import re

import pytest
from nlp.cli import data
from nlp.datasets.named.catalog import DATASETS
from nlp.errors import ConfigError, DataError
from nlp.models.pretrained.packages import PACKAGES
from typer.testing import CliRunner


def run(*arguments: str) -> str:
    result = CliRunner().invoke(data.app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def recipe(tmp_path) -> str:
    rows = [("a good film", "good"), ("a bad film", "bad"), ("x" * 400, "good"), ("good good", "good")] * 5
    lines = [f"{text},{label}\n" for text, label in [("text", "label"), *rows]]
    (tmp_path / "films.csv").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "films.yaml").write_text(
        "data: {type: files, train: films.csv, test: films.csv}\ntokenizer: {type: words, max_length: 2}\n"
        "task: {type: classification}\nmodel: {type: cnn}\n"
        "training: {epochs: 1, optimizer: {type: adam, learning_rate: 1.0e-3}}\n", encoding="utf-8")
    return "films.yaml"


def test_list_names_every_dataset_and_whether_it_is_here():
    listed = {each["name"]: each for each in json.loads(run("list", "--json"))}
    assert listed.keys() == DATASETS.keys() | PACKAGES.keys()
    assert listed["names"]["here"] == "built in"
    assert listed["trec"]["here"] == "no"
    assert listed["trec"]["sizes"] == {"train": 5_452, "test": 500}
    text = run("list")
    assert re.search(r"^trec +5,452 +- +500 +no ", text, re.MULTILINE)
    assert all(name in text for name in DATASETS)


def test_get_of_the_embedded_dataset_has_nothing_to_do():
    assert "is built in" in run("get", "names")
    assert json.loads(run("get", "names", "--json")) == {"name": "names", "folder": None, "written": []}


def test_show_of_a_dataset():
    shown = json.loads(run("show", "names", "--split", "test", "-n", "3", "--json"))
    assert shown["columns"] == ["name", "language"]
    assert shown["sizes"] == DATASETS["names"].sizes
    assert sum(shown["labels"]["test"].values()) == shown["sizes"]["test"]
    assert [set(sample) for sample in shown["samples"]] == [{"name", "language"}] * 3
    text = run("show", "names", "-n", "1")
    assert "669 surnames that occur in several languages" in text
    assert "all 15 classes" in text


def test_show_of_a_recipe_cuts_long_texts(recipe):
    text = run("show", recipe, "-n", "20")
    assert "x" * 300 + " ..." in text
    assert "x" * 301 not in text
    assert len(json.loads(run("show", recipe, "-n", "100", "--json"))["samples"]) == 18


def test_check_of_a_recipe_reports_leaks_texts_cut_and_unknown_words(recipe):
    reported = json.loads(run("check", recipe, "--json"))
    assert reported["splits"]["test"]["examples"] == 20
    assert reported["splits"]["test"]["repeated"] == 16
    assert reported["leaks"][-1] | {"places": []} == {
        "split": "test", "other": "train or validation", "rows": 20, "contradicting": 0, "places": []}
    tokens = {"minimum": 1, "median": 3, "p95": 3, "maximum": 3}
    assert reported["tokens"]["test"] == {"tokens": tokens, "truncated": 0.5, "unknown": 0.0}
    assert all(path.endswith("films.csv") for path in reported["hashes"])
    text = run("check", recipe)
    assert "test: 20 of 20 texts (100.0%) occur in train or validation too, 0 of them with another class" in text
    assert "50.00%" in text
    assert "Nothing was removed." in text


def test_check_takes_overrides_of_a_recipe(recipe):
    reported = json.loads(run("check", recipe, "--json", "--set", "data.validation_share=0.5"))
    assert reported["splits"]["validation"]["examples"] == 10


def test_check_of_a_dataset_has_no_tokens():
    reported = json.loads(run("check", "names", "--json"))
    assert reported["tokens"] == {}
    assert [leak["rows"] for leak in reported["leaks"]] == [0, 0, 0]
    assert "names" in run("check", "names")


@pytest.mark.parametrize(("arguments", "error", "printed"), [
    (["check", "tecr"], DataError, r"no dataset `tecr`\. Did you mean `trec`\?"),
    (["get", "tecr"], DataError, r"no dataset `tecr`\. Did you mean `trec`\?"),
    (["show", "ag_news"], DataError, "`nlp data get ag_news`"),
    (["show", "names", "--split", "dev"], DataError, "has no split `dev`; it has train, validation, test"),
    (["check", "names", "--set", "data.name=trec"], ConfigError, "--set changes a recipe, but names is a dataset"),
    (["show", "films.csv"], ConfigError, "`nlp config init films.csv`"),
    (["check", "nowhere/lstm"], ConfigError, "There is no recipe"),
])
def test_what_cannot_be_done_is_reported(arguments, error, printed):
    with pytest.raises(error, match=printed):
        run(*arguments)


def test_a_recipe_without_data_has_nothing_to_show(tmp_path):
    (tmp_path / "sizes.yaml").write_text(
        "data: {type: sizes, vocab_size: 100, n_classes: 2}\ntask: {type: classification}\nmodel: {type: cnn}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="so there is no data to show"):
        run("show", "sizes.yaml")


def test_a_missing_column_of_a_recipe_is_reported(recipe):
    for verb in ("show", "check"):
        with pytest.raises(DataError, match="no column `stars`; it has `text`, `label`"):
            run(verb, recipe, "--set", "task.label=stars")
