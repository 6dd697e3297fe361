"""What each word adds: n-grams, rules and pieces of words are shared out by hand; the page and the terminal show whole words."""

import re
from html import unescape

import nlp
import numpy as np
import pytest
from command import nlp as command
from nlp.analysis.explanations import evaluation
from nlp.analysis.explanations.explanation import Explanation, Share
from nlp.analysis.explanations.methods import explanations_of
from nlp.analysis.explanations.page import page
from nlp.analysis.explanations.words import shared_by_word, without, words_of
from nlp.configs.schema.models.rules import RulesConfig
from nlp.configs.schema.tokenizer import NgramTokenizer, WordTokenizer
from nlp.datasets.tokenizers.tokenizer import train_tokenizer
from nlp.errors import ConfigError, DataError
from nlp.models.classical.classifier import rows_of
from nlp.models.head import Head
from nlp.models.rules import Rules
from nlp.training.folder.run_directory import find_run
from nlp.training.open_run import open_run
from tiny_runs import write_data, write_recipe

FAMILIES = ["rules", "naive_bayes", "logistic_regression", "linear_svm", "decision_tree", "mlp_of_ngrams"]
TRAINING = "training: {epochs: 1, batch_size: 4, optimizer: {type: sgd, learning_rate: 0.1}}"
KOREAN = ["정말 재미있는 영화", "배우들의 연기가 좋다", "지루한 영화였다", "시간이 아까운 영화"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("words")
    write_data(path)
    ngrams = (path / write_recipe(path, "logistic_regression")).read_text(encoding="utf-8")
    network = f"model: {{type: mlp, d_embedding: null, hidden_sizes: [8]}}\n{TRAINING}"
    (path / "mlp_of_ngrams.yaml").write_text(ngrams.replace("model: {type: logistic_regression}", network), encoding="utf-8")
    for family in FAMILIES:
        if family != "mlp_of_ngrams":
            write_recipe(path, family)
        command("train", "--config", f"{family}.yaml", "--name", "one", cwd=path)
    return path


@pytest.fixture
def opened(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return lambda family: open_run(find_run(f"{family}/one"), "cpu")


def shared(config, text, numbers, training=None):
    """The numbers of n-grams by name -> those of words."""
    tokenizer = train_tokenizer(config, training or [text])
    ids = tokenizer.encode([text]).ids
    amounts = np.array([numbers.get(name, 0.0) for name in tokenizer.tokens(ids)])
    return shared_by_word(tokenizer, text, ids, amounts)


@pytest.mark.parametrize(("text", "numbers", "expected"), [
    ("not a film", {"not": 3, "not a": 1, "a film": -2}, [3.5, -0.5, -1]),
    ("all , and all", {"all": 1, "all and": 2}, [1.5, 0, 1, 0.5]),  # nothing is the comma's, though it stands inside an n-gram
    ("so, so bad", {"so so": 4, "so bad": 2}, [2, 3, 1]),
    ("so so so", {"so": 3, "so so": 4}, [2, 3, 2]),
    ("it's", {"it": 1, "s": 2, "it s": 4}, [7]),
])
def test_ngrams_are_shared_by_the_words_that_they_are_made_of(text, numbers, expected):
    np.testing.assert_allclose(shared(NgramTokenizer(type="ngrams", min_frequency=1, words=[1, 2]), text, numbers), expected)


def test_what_is_in_no_word_goes_to_none():
    config = NgramTokenizer(type="ngrams", min_frequency=1, characters=[1, 2], across_words=True)
    np.testing.assert_allclose(shared(config, "ab c", {" ": 5, "ab": 1, "b ": 2, " c": 4}), [3, 4])
    np.testing.assert_allclose(shared(config, "ab c", {"ab": 1}, ["ab c", "xyz"]), [1, 0])


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_text_without_words_has_no_numbers(text):
    assert shared(NgramTokenizer(type="ngrams", min_frequency=1, words=[1, 1]), text, {}, ["a b"]).tolist() == []


def test_words_of_many_texts_are_counted_in_parts():
    text = " ".join(f"w{number}" for number in range(200))
    found = shared(NgramTokenizer(type="ngrams", min_frequency=1, words=[1, 1]), text, {f"w{number}": number for number in range(200)})
    np.testing.assert_allclose(found, np.arange(200))


def test_tokens_in_order_can_be_counted_too():
    words = train_tokenizer(WordTokenizer(type="words", min_frequency=1), ["a b a"])
    assert words.counts(["a b a", "b"]).toarray()[:, words.encode(["a b"]).ids].tolist() == [[2, 1], [0, 1]]


def rules(**config):
    return Rules(RulesConfig.model_validate({"type": "rules", "default": "bad", **config}), Head("classes", 2, ("bad", "good")))


def test_findings_of_rules_by_hand():
    config = [{"label": "good", "keywords": ["fine", "great film"], "weight": 3.0}, {"label": "bad", "pattern": "not|never", "weight": 0.5},
              {"label": "good", "tokens": [{"lower": ["very"]}, {"lower": ["good"]}], "weight": 2.0}]
    text = "A Fine, GREAT film: fine, never not very good very good"
    fine = ("good", 3.0, "Fine", [[1], [2, 3], [4]])
    never, very = ("bad", 0.5, "never", [[5], [6]]), ("good", 2.0, "very good", [[7, 8], [9, 10]])
    assert rules(mode="weighted", rules=config).findings([text, "none"]) == [[fine, never, very], []]
    assert rules(mode="ordered", rules=config).findings([text, "none"]) == [[("good", 1.0, *fine[2:])], []]


def test_findings_of_patterns_that_match_nothing_end():
    assert rules(rules=[{"label": "good", "pattern": "x*"}]).findings(["axx"])[0][0][3] == [[], [0], []]


def test_findings_leave_out_what_is_negated_where_something_is_not():
    model = rules(mode="weighted", rules=[{"label": "good", "keywords": ["good"]}], negation={"words": ["not"], "window": 1, "factor": -1})
    assert [words for *_, words in model.findings(["not good but good"])[0]] == [[[3]]]
    assert [(label, words) for label, *_, words in model.findings(["not good"])[0]] == [("bad", [[1]])]


def test_findings_of_a_lexicon_are_its_words(tmp_path):
    (tmp_path / "words.tsv").write_text("good\t1.5\nawful\t-2\n", encoding="utf-8")
    lexicon = {"file": str(tmp_path / "words.tsv"), "positive": "good", "negative": "bad", "weight": 2.0}
    found = rules(mode="weighted", rules=[{"label": "good", "keywords": ["zzz"]}], lexicon=lexicon).findings(["Good, awful good"])
    assert found == [[("good", 3.0, "good", [[0]]), ("good", 3.0, "good", [[2]]), ("bad", 4.0, "awful", [[1]])]]


def test_words_of_rules_share_their_weight(opened):
    (found,) = explanations_of(opened("rules"), ["rules"], "the cat sees a black cat")
    assert found.shares == [("cat", 1.0)] and found.by_word.tolist() == [0, 0.5, 0, 0, 0, 0.5]
    (nothing,) = explanations_of(opened("rules"), ["rules"], "the dog")
    assert nothing.by_word.tolist() == [0, 0] and nothing.lines() == ["rules: nothing in the text counts"]


def test_words_of_a_linear_model_add_up_to_its_score(opened):
    for family in ("logistic_regression", "linear_svm"):
        run, text = opened(family), "the small cat , the dog"
        (found,) = explanations_of(run, ["weights"], text)
        inputs = run.task.preparation.unlabelled([text], run.encoding).batch(np.arange(1), run.model.config.inputs).inputs
        estimator = run.model._estimator
        scores = (rows_of(inputs).matrix(run.model.n_features) @ estimator.coef_.T)[0]
        label = int(run.model.scores(**inputs).argmax())
        assert found.by_word.sum() == pytest.approx(scores[label])
        assert found.by_word[3] == 0 and sum(number for _, number in found.shares) == pytest.approx(scores[label])


@pytest.mark.parametrize("family", FAMILIES)
def test_eval_measures_every_method_of_every_generation(folder, opened, family):
    report = command("eval", f"{family}/one", "--explanations", "all", "--explained-rows", "4", "--split", "test", cwd=folder).stdout
    own = {"rules": "rules", "mlp_of_ngrams": "integrated_gradients"}.get(family, "weights")
    for method in (own, "leave_one_out"):
        assert len(re.findall(rf"^\W*{method} .*(?:compre|suff)", report, re.MULTILINE)) == 2, report
    assert "4 texts" in report
    assert ("Median completeness error: integrated_gradients 0" in report) == (family == "mlp_of_ngrams")


def test_a_method_whose_features_are_in_no_word_does_not_keep_others_from_being_measured(folder):
    ngrams = (folder / "linear_svm.yaml").read_text(encoding="utf-8")
    (folder / "latent.yaml").write_text(ngrams.replace("type: ngrams", "type: ngrams, analysis: {meaning: {latent: 2}}"), encoding="utf-8")
    command("train", "latent.yaml", "--name", "one", cwd=folder)
    report = command("eval", "latent/one", "--explanations", "all", "--explained-rows", "4", cwd=folder).stdout
    assert "leave_one_out" in report and "4 texts" in report
    assert "Not measured: weights." in report
    assert "can be measured" in command("eval", "latent/one", "--explanations", "weights", cwd=folder, code=2).stderr


def test_methods_that_share_no_text_are_refused(opened, monkeypatch):
    """Each of two methods can be traced in one text, but none of the texts in both."""
    run, texts = opened("linear_svm"), []

    def explained(run, methods, text):
        texts.append(text)
        by_word = np.ones(len(words_of(text)))
        return [Explanation(method, "a", (), by_word if len(texts) % 2 == place else None) for place, method in enumerate(methods)]

    monkeypatch.setattr(evaluation, "explanations_of", explained)
    with pytest.raises(DataError, match="can be measured"):
        evaluation.faithfulness_of_run(run, ["weights", "leave_one_out"], None, 2)


def test_with_explain_a_reason_is_given_once_and_a_text_predicted_once(folder, opened, monkeypatch):
    for family in ("rules", "logistic_regression"):
        printed = command("predict", f"{family}/one", "the cat", "--explain", "auto", cwd=folder).stdout
        assert "because of" not in printed and printed.count("'cat'") == 1
        kind, asked = type(opened(family).model), []
        with monkeypatch.context() as patch:
            inner = kind.scores
            patch.setattr(kind, "scores", lambda self, *texts, inner=inner, asked=asked, **named: asked.append(1) or inner(
                self, *texts, **named))
            command("predict", f"{family}/one", "the cat", "a dog", "--explain", "auto", cwd=folder)
        assert len(asked) == 1


def test_python_explains(folder, opened):
    for family in ("rules", "mlp_of_ngrams"):
        run = nlp.load(f"{family}/one")
        both = run.predict(["the cat", "a <b> bird"], explain="auto")
        assert [word for word, _ in both[1]["explanation"]["words"]] == ["a", "<b>", "bird"] and "why" not in both[0]
        assert both[1] == run.predict("a <b> bird", explain="auto")[0]
        assert (both[0]["explanation"]["completeness_error"] is None) == (family == "rules")
        assert "explanation" not in run.predict("the cat")[0]
    with pytest.raises(ConfigError, match="attention cannot explain rules/one"):
        nlp.load("rules/one").predict("the cat", explain="attention")


def test_the_page_stands_alone_and_escapes_what_it_shows(folder):
    done = command("predict", "mlp_of_ngrams/one", "the cat <script>x</script>\x1b[31m", "--explain", "auto", "--html", "why.html",
                   cwd=folder)
    content = (folder / "why.html").read_text(encoding="utf-8")
    assert "<script" not in content and "http" not in content and "\x1b" not in content and "&lt;script&gt;" in content
    error = re.search(r"completeness error \S+ %", done.stdout)
    assert error is not None and error[0] in content
    assert not [path for path in folder.iterdir() if ".tmp" in path.name]


@pytest.mark.parametrize(("arguments", "said"), [
    (("--html", "why.html"), "Add --explain auto"),
    (("--explain", "auto", "--html", "no/why.html"), "there is no folder no"),
])
def test_a_page_that_cannot_be_written_is_refused_first(folder, arguments, said):
    done = command("predict", "rules/one", "the cat", *arguments, cwd=folder, code=2)
    assert said in done.stderr and not done.stdout and done.stderr.count("Error:") == 1


@pytest.mark.parametrize("tokenizer", ["{type: bpe, vocab_size: 300}", "{type: bytes}", "{type: characters}",
                                       "{type: wordpiece, vocab_size: 40}", "{type: unigram, vocab_size: 60}"])
def test_whole_words_of_korean_are_coloured(tmp_path, tokenizer):
    rows = [f"{text},{label}\n" for text, label in zip(KOREAN * 4, "abab" * 4, strict=True)]
    (tmp_path / "texts.csv").write_text("text,label\n" + "".join(rows), encoding="utf-8")
    (tmp_path / "korean.yaml").write_text(
        "data: {type: files, train: texts.csv, validation_share: 0.25}\ntask: {type: classification}\n"
        f"tokenizer: {tokenizer}\nmodel: {{type: gru, d_embedding: 4, hidden_size: 4, pooling: mean}}\n"
        f"{TRAINING}\n", encoding="utf-8")
    command("train", "--config", "korean.yaml", "--name", "one", cwd=tmp_path)
    text = "정말  지루한 영화가 아까운"
    printed = command("predict", "korean/one", text, "--explain", "gradient_input", "--html", "why.html", cwd=tmp_path).stdout
    marked = re.findall(r"<mark[^>]*title[^>]*>(.*?)</mark>", (tmp_path / "why.html").read_text(encoding="utf-8"))
    named = re.findall(r"'(\S+)' [+-]", printed)
    assert set(marked) <= set(named) <= set(text.split()) and len(marked) >= 2
    assert unescape("".join(re.findall(r"정말.*아까운", printed)[:1])) == " ".join(text.split())


def test_pieces_of_a_text():
    letters = [Share(letter, number) for letter, number in zip("Kow", [1.0, -4.0, 0.0], strict=True)]
    spelled = Explanation("gradient_input", "Kow", letters, np.array([-3.0]), between="")
    assert [piece for piece in spelled.pieces() if piece.text] == [("K", 1.0, 0.25), ("o", -4.0, 1.0), ("w", 0.0, 0.0)]
    strange = Explanation("gradient_input", "Kow", [Share("<EA>", 1.0)], np.array([1.0]), between="")
    assert strange.pieces() == [("Kow", 1.0, 1.0)]
    pair = Explanation("weights", "a  b\n", [Share("a b", 1.0)], np.array([1.0, -0.5]))
    assert [piece.text for piece in pair.pieces()] == ["a", "  ", "b", "\n"] and [piece.number for piece in pair.pieces()][2] == -0.5
    untraced = Explanation("gradient_input", "a b", [Share("ab", 1.0)], None, between=" ")
    assert untraced.pieces()[0] == ("ab", 1.0, 1.0) and untraced.to_json()["words"] is None


def test_a_page_marks_what_speaks_against():
    explanation = Explanation("weights", "good & bad", [Share("good", 1.0)], np.array([1.0, 0.0, -0.5]))
    content = page("a/b", [({"prediction": "<1>", "probability": 0.75}, explanation)])
    assert '<mark style="--part:0.60" title="+1.000">good</mark> &amp; <mark class="against" style="--part:0.30" title="-0.500">' in content
    assert "<b>&lt;1&gt;</b> <small>0.750</small>" in content


@pytest.mark.parametrize(("removed", "left"), [
    ({1}, "one\tthe other"), ({2}, "one text\tother"), ({0, 1}, "\tthe other"), ({2, 3}, "one text\t"),
])
def test_of_two_texts_the_tab_between_them_stays_when_words_are_left_out(removed, left):
    assert without("one text\tthe other", removed) == left
