"""How often each rule fires, is right, decides and is contradicted: counted by hand, in `nlp eval`, and in the files of a run."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from command import nlp
from hypothesis import given
from hypothesis import strategies as st
from nlp.configs.schema.models.rules import RulesConfig
from nlp.models.head import Head
from nlp.models.rules import Rules

TEXTS = ["good", "good but bad", "not good", "dull", "nothing"]
FIGURES = ("texts", "of_class", "decided", "right", "conflicts")


def report(text, gold, texts=TEXTS, labels=("bad", "good")):
    model = Rules(RulesConfig.model_validate({"type": "rules", **yaml.safe_load(text)}), Head("classes", len(labels), labels))
    scores, trace = model.traced_scores(texts)
    np.testing.assert_array_equal(scores, model.scores(texts))
    return model.report(trace, np.array([labels.index(label) if label in labels else -1 for label in gold], dtype=int))


def figures(found):
    """The counts of each entry by its name: texts, of its class, decided, right, conflicts."""
    return {f"{entry['rule']}{' negated' * entry.get('negated', False)} {entry['label']}": tuple(entry.get(name) for name in FIGURES)
            for entry in found.entries}


RULES = "rules: [{label: good, keywords: [good]}, {label: bad, keywords: [bad, dull]}, {label: bad, pattern: never}]"
GOLD = ["good", "good", "bad", "good", "bad"]


def test_in_order():
    found = report(f"{{default: bad, {RULES}}}", GOLD)
    assert figures(found) == {"1 good": (3, 2, 3, 2, 1), "2 bad": (2, 0, 1, 0, 1), "3 bad": (0, 0, 0, 0, 0),
                              "default bad": (None, None, 1, 1, None)}
    first, second, third, _ = found.entries
    assert (first["coverage"], first["precision"], third["precision"]) == (0.6, 2 / 3, None)
    assert first["most_with"] == {"rule": 2, "label": "bad", "texts": 1}
    assert (second["condition"], third["condition"], third["most_with"]) == (["bad", "dull"], "never", None)
    assert [row[0] for row in found.rows] == ["1", "2", "default"], "one mistake each: the rule that fires more often comes first"
    assert found.notes == ["Rules that never fire: 3 (bad)."]


def test_by_weight_a_rule_decides_wherever_its_class_wins():
    """`good but bad` is a tie, which the earlier rule wins; all rules that voted for the winner decided."""
    both = RULES.replace("pattern: never", "keywords: [dull, but]")
    assert figures(report(f"{{mode: weighted, default: bad, {both}}}", GOLD)) == {
        "1 good": (3, 2, 2, 1, 1), "2 bad": (2, 0, 2, 0, 1), "3 bad": (2, 0, 2, 0, 1), "default bad": (None, None, 1, 1, None)}


def test_a_negated_rule_fires_for_the_other_class():
    negated = "mode: weighted, default: bad, negation: {words: [not], factor: -1}"
    found = report(f"{{{negated}, {RULES}}}", GOLD)
    assert figures(found)["1 good"] == (2, 2, 2, 2, 1)
    assert figures(found)["1 negated bad"] == (1, 1, 1, 1, 0)
    assert "2 negated good" not in figures(found)
    silent = report(f"{{{negated}, rules: [{{label: good, keywords: [good]}}]}}", ["bad"], ["not good"])
    assert silent.notes == []
    assert [row[:2] for row in silent.rows] == [["1 negated", "bad"], ["default", "bad"]]


def test_of_three_classes_a_negated_rule_is_against_its_own():
    """It is right in texts of both other classes, contradicts a rule for its own, and decides nothing."""
    text = "{mode: weighted, default: odd, negation: {words: [not], factor: -0.5}, rules: [{label: good, keywords: [good]}, " \
           "{label: bad, keywords: [dull]}, {label: good, keywords: [fine]}]}"
    texts = ["not good, dull", "not good", "not good, fine", "not good"]
    found = report(text, ["bad", "odd", "good", "other"], texts, ("bad", "good", "odd"))
    assert figures(found)["1 negated not good"] == (4, 2, 0, 0, 1)
    assert figures(found)["3 good"] == (1, 1, 1, 1, 1)
    assert figures(found)["2 bad"] == (1, 1, 1, 1, 0)
    assert found.entries[3]["most_with"] == {"rule": 1, "negated": True, "label": "not good", "texts": 1}


def test_who_decides_by_weight_is_never_a_rule_that_is_negated():
    text = "{mode: weighted, default: odd, negation: {words: [not], factor: -0.5}, rules: [{label: good, keywords: [good]}, " \
           "{label: good, keywords: [fine], weight: 2}]}"
    model = Rules(RulesConfig.model_validate({"type": "rules", **yaml.safe_load(text)}), Head("classes", 3, ("bad", "good", "odd")))
    assert model.why(["not good, fine"])[0]["rule"] == 2


def test_either_side_of_a_lexicon(tmp_path):
    (tmp_path / "words.csv").write_text("good,2\ndull,-1\nbad,-1\n")
    text = f"{{mode: weighted, default: bad, lexicon: {{file: {tmp_path}/words.csv, positive: good, negative: bad}}, " \
           "rules: [{label: good, keywords: [dull], priority: 1}]}"
    found = report(text, GOLD)
    assert figures(found) == {"1 good": (1, 1, 1, 1, 1), "lexicon good": (3, 2, 3, 2, 1), "lexicon bad": (2, 0, 0, 0, 2),
                              "default bad": (None, None, 1, 1, None)}
    assert {tuple(row[:2]) for row in found.rows} >= {("lexicon for good", "good"), ("lexicon for bad", "bad")}
    silent = report(text, ["bad"], ["good"])
    assert silent.notes == ["Rules that never fire: 1 (good), lexicon for bad."]


def test_priorities_and_the_lexicon_in_order(tmp_path):
    """What fires counts as firing, also where another rule comes before it."""
    (tmp_path / "words.csv").write_text("good,1\n")
    text = f"{{default: bad, lexicon: {{file: {tmp_path}/words.csv, positive: good, negative: bad}}, " \
           "rules: [{label: bad, keywords: [good], priority: -1}, {label: bad, keywords: [but], priority: 2}, " \
           "{label: good, keywords: [bad]}]}"
    assert figures(report(text, GOLD)) == {"1 bad": (3, 1, 2, 1, 3), "2 bad": (1, 0, 1, 0, 1), "3 good": (1, 1, 0, 0, 1),
                                           "lexicon good": (3, 2, 0, 0, 3), "lexicon bad": (0, 0, 0, 0, 0),
                                           "default bad": (None, None, 2, 1, None)}


WORDS = st.lists(st.sampled_from(["good", "bad", "not", "dull", ","]), max_size=6).map(" ".join)


@given(st.lists(WORDS, max_size=8), st.sampled_from(["ordered", "weighted"]), st.sampled_from([0, -1]))
def test_every_text_is_decided_once_in_order_and_by_one_class_otherwise(texts, mode, factor):
    negation = f", negation: {{words: [not], factor: {factor if mode == 'weighted' else 0}}}"
    found = report(f"{{mode: {mode}, default: bad{negation}, {RULES}}}", ["good"] * len(texts), texts)
    decided = {label: sum(entry["decided"] for entry in found.entries if entry["label"] == label) for label in ("bad", "good")}
    assert sum(decided.values()) >= len(texts)
    if mode == "ordered":
        assert sum(decided.values()) == len(texts)
    for entry in found.entries[:-1]:
        assert entry["right"] <= entry["decided"] <= entry["texts"] <= len(texts)
        assert entry["conflicts"] <= entry["texts"]


RECIPE = """
data: {type: files, train: train.csv, validation: train.csv, test: train.csv}
task: {type: classification}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NLP_RUNS", str(tmp_path / "runs"))
    rows = [f"{text},{label}\n" for text, label in zip(TEXTS, GOLD, strict=True)]
    (tmp_path / "train.csv").write_text("text,label\n" + "".join(rows))
    (tmp_path / "r.yaml").write_text(f"{RECIPE}model: {{type: rules, default: bad, {RULES}}}\n")
    trained = nlp("train", "--config", "r.yaml", "--name", "x", cwd=tmp_path)
    assert "validation: Rules that never fire: 3 (bad)." in trained.stdout + trained.stderr
    return tmp_path / "runs" / "r" / "x"


def test_training_and_eval_report_the_rules(run: Path) -> None:
    saved = json.loads((run / "predictions" / "validation.report.json").read_text(encoding="utf-8"))
    assert [entry["texts"] for entry in saved["rules"]] == [3, 2, 0, None]
    as_json = json.loads(nlp("eval", "r", "--split", "validation", "--json", cwd=run.parents[2]).stdout)
    assert as_json["rules"] == saved["rules"]
    printed = nlp("eval", "r", cwd=run.parents[2]).stdout
    assert "rules, most mistakes first" in printed
    (row,) = [line.split() for line in printed.splitlines() if line.startswith("1  ")]
    assert row == ["1", "good", "good", "3", "60.00%", "66.67%", "3", "2", "1", "2", "(1)"]
    assert "Rules that never fire: 3 (bad)." in printed.splitlines()


def test_a_file_and_many_rules(run: Path) -> None:
    """A label that training never saw is never right; more rows than a terminal shows are cut with a note."""
    folder = run.parents[2]
    (folder / "more.csv").write_text("text,label\ngood,other\n")
    (entry, *_) = json.loads(nlp("eval", "r", "--data", "more.csv", "--json", cwd=folder).stdout)["rules"]
    assert (entry["texts"], entry["of_class"], entry["right"]) == (1, 0, 0)
    rules = [{"label": "good", "keywords": ["good"]}] * 40
    (folder / "many.yaml").write_text(RECIPE + yaml.safe_dump({"model": {"type": "rules", "default": "bad", "rules": rules}}))
    nlp("train", "--config", "many.yaml", cwd=folder)
    printed = nlp("eval", "many", cwd=folder).stdout
    assert "11 more rows are in --json." in printed
    assert len(json.loads(nlp("eval", "many", "--json", cwd=folder).stdout)["rules"]) == 41


def test_other_models_report_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLP_RUNS", str(tmp_path / "runs"))
    nlp("train", "--config", "names/naive-bayes", "--name", "x", cwd=tmp_path)
    assert "rules" not in json.loads(nlp("eval", "names/naive-bayes", "--json", cwd=tmp_path).stdout)
    assert not list(tmp_path.rglob("*.report.json"))
