"""What rules can ask for besides keywords and regular expressions: negation, token patterns, priorities, lexicons."""

import itertools
import re

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from nlp.configs.load import load_recipe
from nlp.configs.schema.models.rules import NegationConfig, RulesConfig, TokenCondition
from nlp.errors import ConfigError
from nlp.models.head import Head
from nlp.models.lexicon import read_lexicon
from nlp.models.rule_tokens import Negation, Token, is_word, shape_of, tokens_of
from nlp.models.rules import DECIDED, Rules
from nlp.models.token_patterns import TokenPattern
from pydantic import ValidationError


def rules(text, labels=("bad", "good")):
    return Rules(RulesConfig.model_validate({"type": "rules", **yaml.safe_load(text)}), Head("classes", len(labels), labels))


def predictions(model, *texts):
    return [model.labels[column] for column in model.scores(texts).argmax(axis=1)]


# Tokens


@pytest.mark.parametrize("text, tokens", [
    ("It doesn't work, can't it?", ["It", "does", "n't", "work", ",", "ca", "n't", "it", "?"]),
    ("does n't", ["does", "n't"]),
    ("It’s John's, isn’t it", ["It", "'s", "John", "'s", ",", "is", "n't", "it"]),
    ("well-made $5 :)", ["well", "-", "made", "$", "5", ":", ")"]),
    ("정말 재밌다!", ["정말", "재밌다", "!"]),
    ("cafe\u0301s", ["cafe\u0301s"]),
    (" \n", []),
])
def test_what_the_tokens_of_a_text_are(text, tokens):
    assert [token.text for token in tokens_of(text)] == tokens


@pytest.mark.parametrize("text, shape", [("Paris", "Xxxxx"), ("Parisian", "Xxxxx"), ("iPhone7", "xXxxxxd"), ("12345", "dddd"),
                                         ("U.S.", "X.X.")])
def test_shapes_are_those_of_spacy(text, shape):
    assert shape_of(text) == shape


# Negation

NEGATED = """
mode: weighted
default: bad
negation: {words: [not, n't, no longer], window: 2}
rules: [{label: good, keywords: [good, fine]}]
"""


@pytest.mark.parametrize("text, fires", [
    ("good", True), ("not good", False), ("not very good", False), ("not very very good", True), ("isn't good", False),
    ("not so, good", True), ("no longer good", False), ("no good", True), ("good, not", True), ("not good, fine", True),
    ('not " good "', False), ("NOT Good", False)])
def test_what_a_negation_word_reaches(text, fires):
    assert predictions(rules(NEGATED), text) == ["good" if fires else "bad"]


def test_a_negated_keyword_can_count_against_its_class():
    model = rules(NEGATED.replace("window: 2", "window: 2, factor: -0.5").replace("default: bad", "default: good"))
    assert predictions(model, "not good", "nothing", "good") == ["bad", "good", "good"]
    (vote,) = model.why(["not good"])[0]["fired"]
    assert (vote["label"], vote["weight"], vote["negated"], vote["matched"]) == ("bad", 0.5, True, "good")
    three = rules(NEGATED.replace("window: 2", "window: 2, factor: -1"), labels=("bad", "good", "odd"))
    assert predictions(three, "not good") == ["bad"], "no class has a vote, so the default decides"


def test_in_order_a_negated_rule_is_passed_over():
    model = rules("{default: bad, negation: {words: [not]}, "
                  "rules: [{label: good, keywords: [not good, good]}, {label: bad, keywords: [x]}]}")
    assert predictions(model, "good", "not good", "not a good") == ["good", "good", "bad"]


def reached_naively(config, tokens):
    """For each token, each place before it is asked whether a negation word ends there and what lies between."""
    def negated(place):
        for end in range(place + 1):
            if not any(tokens[end - len(words):end] == words for words in ([*each.split()] for each in config.words) if len(words) <= end):
                continue
            between = tokens[end:place]
            stopped = any(token in (".", ",", ";", ":", "!", "?") for token in [*between, tokens[place]])
            if not stopped and sum(map(is_word, between)) < config.window:
                return True
        return False

    return [negated(place) for place in range(len(tokens))]


@given(st.lists(st.sampled_from(["not", "no", "longer", "good", ",", "-", "a"]), max_size=12), st.integers(1, 4))
def test_negation_agrees_with_a_naive_search(tokens, window):
    config = NegationConfig(words=["not", "no longer"], window=window)
    reached = Negation(config, False).reached([Token(token, place) for place, token in enumerate(tokens)])
    assert reached == reached_naively(config, tokens)


# Token patterns

CONDITIONS = st.builds(TokenCondition, lower=st.sampled_from([None, "a", ["a", "b"], "c"]), op=st.sampled_from(["1", "?", "+", "*"]))


@given(st.lists(CONDITIONS, min_size=1, max_size=5), st.text(alphabet="abcd", max_size=8))
def test_token_patterns_agree_with_regular_expressions_over_letters(conditions, letters):
    """With tokens of one letter each, a pattern is a regular expression; the longest match of the first beginning counts."""
    written = "".join(f"[{''.join(each.wanted().get('lower', ['a-d']))}]{each.op.replace('1', '')}" for each in conditions)
    ends = ((start, end) for start in range(len(letters)) for end in range(len(letters), start, -1))
    expected = next((span for span in ends if re.fullmatch(written, letters[slice(*span)])), None)
    found = TokenPattern(conditions, str).find([Token(letter, place) for place, letter in enumerate(letters)])
    assert found == expected


def test_a_token_pattern_and_what_it_found():
    model = rules("{default: good, rules: [{label: bad, "
                  "tokens: [{lower: [is, was]}, {lower: not}, {op: '*'}, {lower: funny, shape: xxxx}]}]}")
    assert predictions(model, "It Was not at  all funny.", "it was funny", "is not Funny") == ["bad", "good", "good"]
    why = model.why(["It Was not at  all funny."])[0]
    assert why["matched"] == "Was not at  all funny"
    assert why["condition"][0] == {"lower": ["is", "was"]}


def test_a_pattern_of_repeats_takes_no_time_without_end():
    model = rules("{default: good, rules: [{label: bad, tokens: [{op: '*'}, {op: '*'}, {op: '*'}, {op: '+'}, {lower: never}]}]}")
    assert predictions(model, "word " * 300) == ["good"]


def test_lemmas():
    pytest.importorskip("simplemma")
    model = rules("{default: good, rules: [{label: bad, tokens: [{lemma: bore}]}]}")
    assert predictions(model, "it bored me", "it bores me", "it is a board") == ["bad", "bad", "good"]
    with pytest.raises(ConfigError, match="does not support the language 'xx'"):
        rules("{default: good, language: xx, rules: [{label: bad, tokens: [{lemma: bore}]}]}")


@pytest.mark.parametrize("condition", [{"tokens": [{"op": "?"}]}, {"tokens": [{"lower": "a"}], "keywords": ["a"]},
                                       {"tokens": [{"lower": "a", "op": "!"}]}])
def test_the_schema_refuses_token_patterns_that_cannot_work(condition):
    with pytest.raises(ValidationError):
        RulesConfig.model_validate({"type": "rules", "default": "x", "rules": [{"label": "x", **condition}]})


# Priorities


@pytest.mark.parametrize("mode", ["ordered", "weighted"])
def test_only_the_highest_priority_that_fires_counts(mode):
    model = rules(f"{{mode: {mode}, default: bad, rules: [{{label: bad, keywords: [x], weight: 5}}, "
                  "{label: good, keywords: [y], priority: 1}, {label: good, keywords: [z], priority: -1}]}")
    assert predictions(model, "x y", "x z", "z", "x") == ["good", "bad", "good", "bad"]


# Lexicons


def lexicon(folder, content="good\t2.0\nawful\t-3.0\n:)\t1\nso-so\t-0.5\n", name="words.tsv"):
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


def by_lexicon(file, more="mode: weighted"):
    return rules(f"{{{more}, default: good, lexicon: {{file: '{file}', positive: good, negative: bad, weight: 2}}}}")


def test_the_sums_of_a_lexicon_vote(tmp_path):
    model = by_lexicon(lexicon(tmp_path))
    texts = ("good but Awful", "awful :) good, good", "so-so", "nothing", "so so")
    assert predictions(model, *texts) == ["bad", "good", "bad", "good", "good"]
    why = model.why(["good but Awful :)"])[0]
    assert [(vote["rule"], vote["label"], vote["matched"], vote["weight"]) for vote in why["fired"]] == [
        ("lexicon", "good", "good, :)", 6.0), ("lexicon", "bad", "awful", 6.0)]
    assert model.describe()["lexicon_words"] == 4


def test_negation_turns_words_of_a_lexicon_round(tmp_path):
    model = by_lexicon(lexicon(tmp_path), "mode: weighted, negation: {words: [not], factor: -0.5}")
    (fired,), (sums,) = model.evidence(["not good"])
    np.testing.assert_allclose(fired, [0.0, 1.0])
    np.testing.assert_allclose(sums, [2.0 + DECIDED, 0.0])


def test_in_order_a_lexicon_is_asked_where_no_rule_fires(tmp_path):
    model = by_lexicon(lexicon(tmp_path), "rules: [{label: bad, keywords: [dull]}]")
    assert predictions(model, "dull but good", "good", "awful", "x") == ["bad", "good", "bad", "good"]


@pytest.mark.parametrize("content", ["word,weight\ngood,2\n\"so, so\",-1\n", "good\t2\t0.5\t[1, 2]\nso, so\t-1\n"])
def test_lexicons_are_read_from_tables(tmp_path, content):
    assert read_lexicon(str(lexicon(tmp_path, content))) == {"good": 2.0, "so, so": -1.0}


@pytest.mark.parametrize("content, message", [("good\n", "words.tsv:1.*'good' is not a word and its weight"), ("good\tnan\n", "not a word"),
                                              ("\n", "has no words")])
def test_what_is_no_lexicon_is_named(tmp_path, content, message):
    with pytest.raises(ConfigError, match=message):
        read_lexicon(str(lexicon(tmp_path, content)))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_lexicon(str(tmp_path / "missing.tsv"))


def test_a_lexicon_for_an_unknown_class_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"model.lexicon.positive is `good`, which is not a class.*nearest is `goods`"):
        Rules(by_lexicon(lexicon(tmp_path)).config, Head("classes", 2, ("bad", "goods")))


def test_a_recipe_names_its_lexicon_and_the_rules_of_another(tmp_path):
    lexicon(tmp_path)
    data = "data: {type: files, train: x.csv}\ntask: {type: classification}\n"
    (tmp_path / "first.yaml").write_text(data + "model: {type: rules, default: bad, rules: [{label: good, keywords: [x]}]}")
    (tmp_path / "second.yaml").write_text(data + "model: {type: rules, default: bad, rules_file: first.yaml, "
                                          "lexicon: {file: words.tsv, positive: good, negative: bad}}")
    model = load_recipe(str(tmp_path / "second.yaml")).model
    assert [rule.keywords for rule in model.rules] == [["x"]]
    assert model.lexicon.file == str(tmp_path / "words.tsv")


def test_vader_is_read_without_being_imported():
    import sys
    from importlib.util import find_spec

    if find_spec("vaderSentiment") is None:
        pytest.skip("vaderSentiment is not installed")
    words = read_lexicon("vader")
    assert len(words) > 7_000
    assert words["good"] == 1.9
    assert not any(name.startswith("vaderSentiment") for name in sys.modules)


# Evidence


@given(st.lists(st.sampled_from(["x", "y", "z", "not", "."]), max_size=6), st.sampled_from(["ordered", "weighted"]))
def test_the_sums_of_the_evidence_decide_as_the_rules_do(words, mode):
    model = rules(f"{{mode: {mode}, default: odd, negation: {{words: [not]}}, rules: [{{label: bad, keywords: [x], weight: 0.3}}, "
                  "{label: good, keywords: [y], weight: 0.1}, {label: good, pattern: z, weight: 0.2}]}", labels=("bad", "good", "odd"))
    text = " ".join(words)
    assert model.evidence([text]).sums.argmax() == model.scores([text]).argmax()


def test_voters_are_the_rules_and_both_sides_of_the_lexicon(tmp_path):
    model = by_lexicon(lexicon(tmp_path), "mode: weighted, rules: [{label: bad, keywords: [dull], weight: 3}]")
    assert model.voters == [("rule 1", "bad"), ("lexicon", "good"), ("lexicon", "bad")]
    np.testing.assert_allclose(model.evidence(["dull", "good awful"]).fired, [[1, 0, 0], [0, 2, 3]])
    assert list(itertools.chain(*model.evidence([]).sums)) == []
