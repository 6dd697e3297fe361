"""Bad recipes: each gets its exact place, its key and a remedy, all of them at once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nlp.configs.load import load_recipe
from nlp.configs.schema.recipe import Recipe
from nlp.errors import ConfigError

GOOD = """\
data:
  type: named
  name: names
task:
  type: classification
tokenizer:
  type: characters
model:
  type: lstm
  hidden_size: 32
training:
  epochs: 2
  optimizer:
    type: adamw
    learning_rate: 5e-5
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(text: str, *overrides: str) -> Recipe:
    Path("recipe.yaml").write_text(text, encoding="utf-8")
    return load_recipe("recipe.yaml", overrides)


def report(text: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(text, *overrides)
    assert caught.value.exit_code == 2
    return str(caught.value)


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)



@pytest.mark.parametrize("delimiter", ['""', "';;'", "'\"'", '"\\n"'])
def test_a_delimiter_is_one_character(tmp_path, delimiter):
    (tmp_path / "mine.yaml").write_text(f"data: {{type: files, train: a.csv, delimiter: {delimiter}}}\ntask: {{type: classification}}\n"
                                        "model: {type: rules, default: a, rules: []}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"data\.delimiter: must be one character"):
        load_recipe(str(tmp_path / "mine.yaml"))


def test_the_good_recipe_is_good_and_5e_5_is_a_number(folder: Path) -> None:
    recipe = loaded(GOOD)
    assert recipe.training is not None
    assert recipe.training.optimizer.learning_rate == 5e-5


MISTAKES = [
    ("learning_rate: 5e-5", "learning_rat: 5e-5\n    learning_rate: 1",
     "15:5: training.optimizer.learning_rat: unknown key 'learning_rat'; did you mean 'learning_rate'?"),
    ("epochs: 2", "epochs: 2\n  learning_rate: 1",
     "13:3: training.learning_rate: unknown key 'learning_rate' here; it belongs to training.optimizer."),
    ("hidden_size: 32", "n_heads: 2",
     "10:3: model.n_heads: unknown key 'n_heads' here; it belongs to model of type transformer, transformer_seq2seq."),
    ("data:", "modle: 3\ndata:", "1:1: modle: unknown key 'modle'; did you mean 'model'?"),
    ("data:", "extend: x.yaml\ndata:", "1:1: extend: unknown key 'extend'; did you mean 'extends'?"),
    ("epochs: 2", "epochs: 2\n  extends: x.yaml",
     "13:3: training.extends: unknown key 'extends' here; it belongs to the top level of the recipe."),
    ("epochs: 2", "epochs: two", "12:11: training.epochs: must be a whole number, not 'two'."),
    ("epochs: 2", "epochs: 2.0", "12:11: training.epochs: must be a whole number, not 2.0; write 2."),
    ("epochs: 2", "epochs: 1_000",
     "12:11: training.epochs: must be a whole number, not '1_000'; write 1000 without quotes and `_`."),
    ("epochs: 2", "epochs: -1", "12:11: training.epochs: must be at least 1, not -1."),
    ("epochs: 2", "epochs: 2\n  clip_norm: 0", "13:14: training.clip_norm: must be greater than 0, not 0."),
    ("epochs: 2", "epochs: 2\n  ema: 1", "13:8: training.ema: must be less than 1, not 1."),
    ("type: adamw", "type: adamw\n    betas: [0.9]", "15:12: training.optimizer.betas: must be a list of at least 2, not one of 1."),
    ("type: adamw", "type: adamw\n    betas: [0.9, 0.99, 0.999]",
     "15:12: training.optimizer.betas: must be a list of at most 2, not one of 3."),
    ("type: adamw", "type: sgd\n    nesterov: true",
     "15:15: training.optimizer: nesterov is a form of momentum, which is 0; set it too, for example to 0.9."),
    ("epochs: 2", "epochs: 2\n  batch_size: fill",
     "13:15: training.batch_size: must be a whole number or 'full', not 'fill'; did you mean 'full'?"),
    ("epochs: 2", "epochs: 2\n  compile: yes", "13:12: training.compile: must be true or false, not 'yes'; write true."),
    ("epochs: 2", "epochs: 2\n  precision: bfloat16",
     "13:14: training.precision: must be 'fp32' or 'bf16', not 'bfloat16'; did you mean 'bf16'?"),
    ("learning_rate: 5e-5", "learning_rate: .inf", "15:20: training.optimizer.learning_rate: must be a number, not '.inf'."),
    ("learning_rate: 5e-5", "weight_decay: 0", "13:3: training.optimizer.learning_rate: is missing."),
    ("type: adamw", "betas: [0.9]",
     "13:3: training.optimizer.type: is missing; the type is one of sgd, adam, adamw, adagrad, rmsprop."),
    ("type: adamw", "type: adagrat",
     "14:11: training.optimizer.type: must be one of sgd, adam, adamw, adagrad, rmsprop, not 'adagrat'; did you mean 'adagrad'?"),
    ("type: adamw", "type: adamw\n    betas: 0.9",
     "15:12: training.optimizer.betas: must be a list in brackets, not 0.9; write [0.9]."),
    ("name: names", "name: 5", "3:9: data.name: must be text, not 5; put it in quotes."),
    ("  type: classification", "  type: classification\n  class_weights: {a: 0}",
     "6:22: task.class_weights.a: must be greater than 0, not 0."),
    ("  type: classification", "  type: classification\n  class_weights: 3",
     "6:18: task.class_weights: must be 'balanced' or a mapping of keys to values, not 3."),
    ("tokenizer:\n  type: characters", "tokenizer: characters",
     "6:12: tokenizer: must be a section of keys and values, not 'characters'."),
    ("tokenizer:", "seeds: []\ntokenizer:", "6:8: seeds: must be a list of at least 1, not an empty list."),
    ("epochs: 2", "epochs: 2\n  steps: 3", "11:1: training: give either epochs or steps."),
    ("epochs: 2", "evaluate_every: 2", "11:1: training: give epochs, steps or a budget."),
    ("epochs: 2", "budget: {}", "12:3: training.budget: give exactly one of seconds, tokens and flops, not none."),
    ("epochs: 2", "budget: {seconds: 60, flops: 1e15}",
     "12:3: training.budget: give exactly one of seconds, tokens and flops, not seconds and flops."),
    ("epochs: 2", "epochs: 2\n  budget: {tokens: 0}", "13:20: training.budget.tokens: must be at least 1, not 0."),
    ("epochs: 2", "budget: {tokens: 2e6}", "12:20: training.budget.tokens: must be a whole number, not 2000000.0; write 2000000."),
    ("epochs: 2", "budget: {seconds: -1.5}", "12:21: training.budget.seconds: must be greater than 0, not -1.5."),
    ("epochs: 2", "budget: {flop: 1e15}", "12:12: training.budget.flop: unknown key 'flop'; did you mean 'flops'?"),
    ("epochs: 2", "budget: 60", "12:11: training.budget: must be a section of keys and values, not 60."),
    ("type: lstm\n  hidden_size: 32", f"type: transformer\n  n_segments: {10**30}",
     f"10:15: model.n_segments: must be at most 2147483647, not {10**30}."),
    ("type: lstm\n  hidden_size: 32", "type: transformer\n  n_heads: 5", "10:12: model: n_heads 5 does not divide d_model 128."),
    ("type: lstm\n  hidden_size: 32", "type: transformer\n  n_heads: 8\n  n_kv_heads: 3",
     "11:15: model: n_kv_heads 3 does not divide n_heads 8."),
    ("type: lstm\n  hidden_size: 32", "type: transformer\n  activation: swiglu",
     "10:3: model.activation: swiglu is `activation: silu` with `gated: true`."),
    ("type: lstm\n  hidden_size: 32", "type: transformer\n  rotary_base: 500000.0",
     "10:16: model: rotary_base is for `positions: rotary`, not sinusoidal; leave it out."),
    ("  hidden_size: 32\n", "  hidden_size: 32\n  hidden_size: 64\n",
     "11:3: the key 'hidden_size' is repeated; its first occurrence is in line 10. Remove one of them."),
    ("  hidden_size", "\thidden_size",
     "10:1: invalid YAML: there is a tab here; YAML indents and separates with spaces: replace it with spaces."),
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES)
def test_one_mistake(folder: Path, old: str, new: str, message: str) -> None:
    assert report(changed(old, new)) == f"recipe.yaml:{message}"


def test_several_at_once_unknown_and_missing_together(folder: Path) -> None:
    text = changed("learning_rate: 5e-5", "learning_rat: 5e-5").replace("hidden_size: 32", "hidden_size: big")
    text = text.replace("name: names", "nam: names")
    assert report(text) == """\
5 errors in recipe.yaml:
  recipe.yaml:1:1: data.name: is missing
  recipe.yaml:3:3: data.nam: unknown key 'nam'; did you mean 'name'?
  recipe.yaml:10:16: model.hidden_size: must be a whole number, not 'big'
  recipe.yaml:13:3: training.optimizer.learning_rate: is missing
  recipe.yaml:15:5: training.optimizer.learning_rat: unknown key 'learning_rat'; did you mean 'learning_rate'?"""


def test_a_missing_section_is_reported_at_the_top(folder: Path) -> None:
    text = changed("model:\n  type: lstm\n  hidden_size: 32\n", "")
    assert report(text).startswith("recipe.yaml:1:1: model: is missing; the type is one of rules, naive_bayes, ")


def test_a_parent_is_no_recipe(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"names/base.yaml:\d+:1: model: is missing"):
        load_recipe("names/base")


def test_the_place_is_in_the_file_that_has_the_mistake(folder: Path) -> None:
    Path("parent.yaml").write_text(changed("hidden_size: 32", "hidden_size: big"), encoding="utf-8")
    assert report("extends: parent.yaml\ntraining:\n  epochs: 0\n", "seeds=[x]") == """\
3 errors in recipe.yaml:
  --set seeds=[x]: seeds.0: must be a whole number, not 'x'
  parent.yaml:10:16: model.hidden_size: must be a whole number, not 'big'
  recipe.yaml:3:11: training.epochs: must be at least 1, not 0"""


def test_overrides_get_the_same_checks(folder: Path) -> None:
    unknown = report(GOOD, "model.hiden_size=3")
    assert unknown == "--set model.hiden_size=3: model.hiden_size: unknown key 'hiden_size'; did you mean 'hidden_size'?"
    missing = report(GOOD, "training.optimizer=null")
    assert missing == "recipe.yaml:11:1: training.optimizer: is missing; the type is one of sgd, adam, adamw, adagrad, rmsprop."


@pytest.mark.parametrize(
    ("overrides", "messages"),
    [
        (["task={type: language_modeling}", "model={type: cnn}"],
         ["model.type: cnn does not support task.type language_modeling; use one of ngram, rnn, lstm, gru, transformer"]),
        (["tokenizer={type: ngrams, words: [1, 2]}"], ["tokenizer.type: n-grams have no order, which model.type lstm needs"]),
        (["model={type: naive_bayes}"], ["recipe.yaml:11:1: training: model.type naive_bayes is not trained in steps"]),
        (["tokenizer={type: words, counted_in: all_splits}"],
         ["tokenizer.counted_in: `all_splits` uses the words of the test split"]),
        (["training=null"], ["recipe.yaml:1:1: training: is missing; model.type lstm is a network"]),
        (["model={type: rules, default: a, rules: [{label: a, keywords: [x]}]}"],
         ["recipe.yaml:6:1: tokenizer: model.type rules reads the text itself", "training: model.type rules is not trained in steps"]),
        (["training.best_metric=bleu", "seeds=[1, 1]"], ["'bleu' is not a metric of classification", "lists a seed twice"]),
    ],
)
def test_sections_that_do_not_fit_each_other(folder: Path, overrides: list[str], messages: list[str]) -> None:
    printed = report(GOOD, *overrides)
    for message in messages:
        assert message in printed


def test_a_broken_pattern_in_rules(folder: Path) -> None:
    rules = "data: {type: named, name: names}\ntask: {type: classification}\nmodel:\n  type: rules\n  default: a\n"
    inline = f"{rules}  rules:\n    - label: a\n      keywords: [x]\n    - label: b\n      pattern: '('\n"
    assert report(inline) == "recipe.yaml:10:16: model.rules.1: pattern is not a valid regular expression: " \
                             "missing ) at position 1."
    Path("list.yaml").write_text("- {label: a, keywords: [x]}\n- {label: b, patern: x}\n", encoding="utf-8")
    message = report(f"{rules}  rules_file: list.yaml\n")
    assert message == "list.yaml:2:14: model.rules.1.patern: unknown key 'patern'; did you mean 'pattern'?"


def test_files_that_are_not_there_or_empty(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no recipe file gone.yaml. `nlp config list` shows"):
        load_recipe("gone.yaml")
    assert report("") == "recipe.yaml:1:1: this file is empty; a recipe contains sections such as `data:` and `model:`. " \
                         "Start with `extends: names/lstm`, or let `nlp config init` write one for your data."
    assert "this is a list" in report("- a\n- b\n")
    assert "this is a single value" in report("lstm")


SECTIONS = [("", ""), ("data", "  "), ("task", "  "), ("tokenizer", "  "), ("model", "  "), ("training", "  "),
            ("training.optimizer", "    ")]
NONSENSE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("abc[]{},:-'\"\n", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "name", "a"]), inner),
    max_leaves=5,
)


@given(st.sampled_from(SECTIONS), st.from_regex(r"[a-z][a-z_]{0,15}x_", fullmatch=True), st.integers() | st.lists(st.integers()))
def test_any_unknown_key_is_reported_with_its_place(
    tmp_path_factory: pytest.TempPathFactory, section: tuple[str, str], key: str, value: object
) -> None:
    name, indent = section
    lines = GOOD.splitlines()
    at = next((number for number, line in enumerate(lines) if line.strip() == f"{name.rpartition('.')[2]}:"), -1) + 1
    lines.insert(at, f"{indent}{key}: {value}")
    path = tmp_path_factory.getbasetemp() / "unknown.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_recipe(str(path))
    full = f"{name}.{key}" if name else key
    assert f"unknown.yaml:{at + 1}:{len(indent) + 1}: {full}: unknown key '{key}'" in str(caught.value)


KEYS = ["data", "data.name", "task", "tokenizer", "model", "model.type", "training", "training.optimizer", "seeds"]


@given(st.sampled_from(KEYS), NONSENSE)
def test_any_value_gives_a_recipe_or_config_error(tmp_path_factory: pytest.TempPathFactory, key: str, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "good.yaml"
    path.write_text(GOOD, encoding="utf-8")
    try:
        assert isinstance(load_recipe(str(path), [f"{key}={value}"]), Recipe)
    except ConfigError as error:
        assert str(error)
