"""`nlp tokenizer`: train one from a recipe, and look at what it does."""

import json

import pytest
import typer
from nlp.cli.tokenizer import app
from nlp.datasets.tokenizers.tokenizer import load_tokenizer
from nlp.errors import ConfigError

RECIPE = """
data: {type: files, train: train.csv, validation: validation.csv}
tokenizer: {type: words, min_frequency: 2}
task: {type: classification}
model: {type: naive_bayes}
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))
    rows = "good dog,yes\nbad\tdog,no\ngood cat,yes\nbad cat!,no\n"
    (tmp_path / "train.csv").write_text("text,label\n" + rows, encoding="utf-8")
    (tmp_path / "validation.csv").write_text("text,label\ngood cow,yes\n", encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return str(path)


def run(*arguments):
    return typer.main.get_command(app).main(args=list(arguments), standalone_mode=False)


def test_train_prints_size_time_coverage_and_samples(recipe, tmp_path, capsys):
    run("train", "--config", recipe, "--output", str(tmp_path / "out"))
    printed = capsys.readouterr().out
    assert "words: 11 tokens, trained in 0." in printed
    assert "50.00%" in printed  # `cow` is unknown
    assert "'good dog'\n  good dog\n  10 9" in printed
    assert load_tokenizer(tmp_path / "out").vocab_size == 11
    run("train", "--config", recipe)
    assert "taken from the cache" in capsys.readouterr().out


def test_train_as_json(recipe, capsys):
    run("train", "--config", recipe, "--set", "tokenizer.min_frequency=1", "--json")
    reported = json.loads(capsys.readouterr().out)
    assert (reported["type"], reported["vocab_size"], reported["cached"], reported["output"]) == ("words", 12, False, None)
    assert reported["splits"]["train"] == {"texts": 4, "tokens": 9, "tokens_per_text": 2.25, "coverage": 1.0}
    assert reported["splits"]["validation"]["coverage"] == 0.5


def test_show_a_recipe_and_a_folder(recipe, tmp_path, capsys):
    run("show", recipe)
    printed = capsys.readouterr().out
    assert "first: [PAD] [UNK] [CLS] [SEP] [MASK] [BOS] [EOS] bad cat dog\nlast:  good\n" in printed
    assert "'bad\\tdog'\n  bad dog" in printed
    run("train", "--config", recipe, "--output", str(tmp_path / "run" / "tokenizer"))
    capsys.readouterr()
    for folder in ("run", "run/tokenizer"):
        run("show", str(tmp_path / folder), "good cow", "", "--json")
        reported = json.loads(capsys.readouterr().out)
        assert reported["texts"][0] == {"text": "good cow", "tokens": ["good", "[UNK]"], "ids": [10, 1]}
        assert reported["texts"][1]["tokens"] == ["[UNK]"]
        assert reported["unknown"] == pytest.approx(2 / 3)


def test_white_space_inside_tokens_is_shown(recipe, capsys):
    run("show", recipe, "a\tb\nc d", "--set", "tokenizer={type: bytes}")
    assert "a ⇥ b ⏎ c ␣ d" in capsys.readouterr().out


def test_ngrams_have_weights(recipe, capsys):
    run("show", recipe, "good dog", "zzz", "--set", "tokenizer={type: ngrams, words: [1, 1]}", "--json")
    reported = json.loads(capsys.readouterr().out)
    assert reported["texts"][0]["weights"] == [0.7071, 0.7071]
    assert reported["unknown"] == 0.5


def test_a_recipe_without_a_tokenizer_is_reported(recipe, tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text("data: {type: files, train: train.csv}\ntask: {type: classification}\n"
                     "model: {type: rules, default: no, rules: [{label: yes, keywords: [good]}]}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"model\.type rules reads raw texts"):
        run("train", "--config", str(rules))
    with pytest.raises(ConfigError, match=r"data\.type is `sizes`, without texts"):
        run("train", "--config", "counting/gpt2-small")
