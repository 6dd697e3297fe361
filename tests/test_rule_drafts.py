"""`nlp rules propose`: rules drafted from training texts, for a person to edit."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from command import nlp, nlp_process, results
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.analysis.rule_drafts import Draft, Sheet, draft_rules, log_odds, mutual_information, phrases_of, sheet_yaml
from nlp.configs.load import load_recipe
from nlp.configs.schema.models.rules import RulesConfig
from nlp.configs.yaml.reader import parse_yaml
from nlp.errors import DataError
from nlp.models.head import Head
from nlp.models.rules import Rules
from sklearn.feature_selection import mutual_info_classif

FILMS = ["a great film", "great fun", "simply great", "a dull film", "dull plot", "so dull"]
CLASSES = np.array([1, 1, 1, 0, 0, 0])


@pytest.mark.parametrize("text, phrases", [
    ("Great, great fun!", {"great", "fun", "great fun"}),
    ("It doesn't\nwork", {"it", "doesn", "t", "work", "it doesn", "doesn't", "t work"}),
    ("a thought-provoking -- film", {"a", "thought", "provoking", "a thought", "thought-provoking", "film"}),
    ("CG가 굿", {"cg", "가", "굿"}),
    ("재밌어", {"재", "밌", "어", "재밌", "밌어", "재밌어"}),
    ("", set()),
])
def test_what_may_become_a_keyword(text, phrases):
    assert set(phrases_of(text)) == phrases


@given(st.text(alphabet="aB '-\n.é가나ㅋ東ก1_İ\u0301", max_size=12), st.text(alphabet="aB '-\n.é가나ㅋ東ก1_İ\u0301", max_size=12))
def test_a_phrase_fires_as_a_keyword_in_the_texts_that_have_it(one, other):
    """What is counted is what the rule will do."""
    for phrase in set(phrases_of(one)):
        rule = {"label": "a", "keywords": [phrase]}
        model = Rules(RulesConfig.model_validate({"type": "rules", "default": "b", "rules": [rule]}), Head("classes", 2, ("a", "b")))
        assert model.scores([one, other])[:, 0].tolist() == [0.9, 0.9 if phrase in set(phrases_of(other)) else pytest.approx(0.1)]


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_mutual_information_is_that_of_scikit_learn(seed, n_classes):
    chance = np.random.default_rng(seed)
    classes, has = chance.integers(0, n_classes, 30), chance.integers(0, 2, (30, 5))
    is_of = np.arange(n_classes)[:, None] == classes
    found = mutual_information(is_of.astype(int) @ has, has.sum(axis=0), is_of.sum(axis=1), 30)
    expected = [mutual_info_classif(has, each, discrete_features=True) for each in is_of]
    np.testing.assert_allclose(np.maximum(found, 0), expected, atol=1e-12)


def test_log_odds_by_hand():
    """3 of 4 texts with the phrase are of the class, 2 of 6 without it."""
    assert log_odds(np.array([[3]]), np.array([4]), np.array([5]), 10).item() == pytest.approx(np.log((3.5 / 1.5) / (2.5 / 4.5)))


def test_drafts_by_hand():
    assert draft_rules(FILMS, CLASSES, ["bad", "good"], 10, 2) == [Draft("bad", ["dull"], 4.0), Draft("good", ["great"], 4.0)]
    again = draft_rules(FILMS, CLASSES, ["bad", "good"], 10, 1)
    assert again == [Draft("bad", ["dull"], 4.0), Draft("good", ["great"], 4.0)], "a phrase whose word is in gives nothing"
    with pytest.raises(DataError, match="--min-count"):
        draft_rules(FILMS, CLASSES, ["bad", "good"], 10, 7)


def test_a_word_is_for_the_class_that_most_of_its_texts_are_of():
    """`what` is above the share of the rare class too, but mostly of another."""
    texts = ["what is it"] * 8 + ["what stands"] * 2 + ["who"] * 10
    drafts = draft_rules(texts, np.array([0] * 8 + [1] * 2 + [2] * 10), ["desc", "abbr", "hum"], 10, 1)
    assert {label: {word for each in drafts if each.label == label for word in each.keywords} for label in ("desc", "abbr")} == {
        "desc": {"what is"}, "abbr": {"what stands"}}


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4), st.text(min_size=1, max_size=8),
       st.floats(0.5, 9).map(lambda number: round(number, 1)))
def test_odd_characters_come_back_from_the_file(keywords, label, weight):
    """Quotes, `: #`, emoji, Korean, line breaks and words that YAML takes for other types."""
    config = RulesConfig.model_validate({"type": "rules", "mode": "weighted", "default": label,
                                         "rules": [{"label": label, "keywords": keywords, "weight": weight}]})
    entry = {"texts": 1, "precision": 1.0}
    written = sheet_yaml(Sheet(config, [entry], 1, [], 1.0), f"of {label}", {"data": {"type": "named", "name": label}})
    read = parse_yaml(written, "draft").plain()
    assert RulesConfig.model_validate(read["model"]) == config
    assert read["data"]["name"] == label
    assert yaml.safe_load(written)["model"]["rules"][0]["weight"] == weight


RECIPE = "data: {type: files, train: train.csv, validation: train.csv, test: train.csv}\n" \
         "task: {type: classification}\ntokenizer: {type: ngrams, words: [1, 1]}\nmodel: {type: naive_bayes}\n"


def write(folder: Path, rows: list[tuple[str, str]]) -> None:
    (folder / "train.csv").write_text("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in rows), encoding="utf-8")
    (folder / "films.yaml").write_text(RECIPE, encoding="utf-8")


def test_a_draft_trains_as_it_is_and_is_a_rules_file(tmp_path: Path) -> None:
    """Labels that YAML takes for numbers and words with `#` among them; then the draft as the rules of another recipe."""
    labels = ["1: yes #", "0"]
    write(tmp_path, [(text, labels[1 - number]) for text, number in zip(FILMS, CLASSES.tolist(), strict=True)])
    runs = {"NLP_RUNS": str(tmp_path / "runs")}
    proposed = nlp_process("rules", "propose", "--config", "films.yaml", "--min-count", "2", cwd=tmp_path, **runs)
    assert "films-rules.yaml: 2 rules from 6 training texts" in proposed.stdout
    assert "The rules classify 100.0% of these training texts correctly" in proposed.stdout
    assert "nlp train --config films-rules.yaml" in proposed.stdout
    written = (tmp_path / "films-rules.yaml").read_text(encoding="utf-8")
    assert "    # 3 of 6 texts, 100 % of them 1: yes #\n" in written
    nlp_process("train", "--config", "films-rules.yaml", "--name", "x", cwd=tmp_path, **runs)
    assert results(tmp_path / "runs" / "films-rules" / "x")["validation"]["accuracy"] == 1
    (tmp_path / "other.yaml").write_text(f"{RECIPE.partition('tokenizer')[0]}"
                                         "model: {type: rules, default: '0', rules_file: films-rules.yaml}\n", encoding="utf-8")
    assert load_recipe(str(tmp_path / "other.yaml")).model == load_recipe(str(tmp_path / "films-rules.yaml")).model.model_copy(
        update={"mode": "ordered", "default": "0"})


def test_the_validation_split_is_not_looked_at(tmp_path: Path) -> None:
    write(tmp_path, [(text, str(number)) for text, number in zip(FILMS, CLASSES.tolist(), strict=True)])
    (tmp_path / "other.csv").write_text("text,label\n" + "wonderful,1\n" * 20 + "awful,0\n" * 20)
    recipe = RECIPE.replace("validation: train.csv, test: train.csv", "validation: other.csv, test: other.csv")
    (tmp_path / "films.yaml").write_text(recipe)
    nlp("rules", "propose", "films.yaml", "--min-count", "2", "-o", "draft.yaml", cwd=tmp_path)
    assert "ful" not in (tmp_path / "draft.yaml").read_text()


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path) -> None:
    write(tmp_path, [(text, str(number)) for text, number in zip(FILMS, CLASSES.tolist(), strict=True)])
    (tmp_path / "mine.yaml").write_text("mine")
    arguments = ("rules", "propose", "films.yaml", "--min-count", "2", "--output", "mine.yaml")
    assert "already exists" in nlp(*arguments, cwd=tmp_path, code=2).stderr
    assert (tmp_path / "mine.yaml").read_text() == "mine"
    nlp(*arguments, "--force", cwd=tmp_path)
    assert "model:" in (tmp_path / "mine.yaml").read_text()


@pytest.mark.parametrize("arguments, told", [
    (("films.yam",), "There is no recipe"),
    (("names/rule",), "did you mean names/rules"),
    ((), "Name a recipe"),
    (("train.csv",), "nlp config init train.csv"),
    (("dates/tagging-bilstm-crf",), "task.type tagging"),
    (("pydocs/ngram",), "task.type language_modeling"),
    (("counting/deep",), "`sizes`"),
    (("films.yaml", "--min-count", "4"), "Lower --min-count"),
    (("films.yaml", "--set", "task.label=text"), "Lower --min-count"),
    (("films.yaml", "-o", "rules.txt"), "must end in .yaml"),
    (("one.yaml",), "the same class"),
    (("unlabelled.yaml",), "label"),
])
def test_bad_input_is_one_paragraph(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    write(tmp_path, [(text, str(number)) for text, number in zip(FILMS, CLASSES.tolist(), strict=True)])
    for name, rows in {"one": "text,label\na,1\nb,1\n", "unlabelled": "text,other\na,1\nb,2\n"}.items():
        (tmp_path / f"{name}.csv").write_text(rows)
        (tmp_path / f"{name}.yaml").write_text(RECIPE.replace("train.csv", f"{name}.csv"))
    before = sorted(tmp_path.iterdir())
    error = nlp("rules", "propose", *arguments, cwd=tmp_path, code=2).stderr
    assert told in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
