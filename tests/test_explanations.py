"""Why a prediction: gradients where they are known by hand, words left out one by one, and the command with each kind of run."""

import json

import numpy as np
import pytest
import torch
from command import nlp as command
from command import nlp_process
from nlp.analysis.explanations.explanation import Explanation, Share
from nlp.analysis.explanations.faithfulness import Measure, drops_of_orders, first_words
from nlp.analysis.explanations.gradients import ENOUGH, gradient_input, integrated_gradients
from nlp.analysis.explanations.leave_one_out import class_scores, leave_one_out
from nlp.analysis.explanations.methods import explainer, explanations_of, methods_of
from nlp.analysis.explanations.words import summed_by_word, without, word_places
from nlp.configs.schema.models.networks import CnnConfig, MlpConfig, RecurrentConfig
from nlp.configs.schema.models.rules import RulesConfig
from nlp.configs.schema.models.transformers import TransformerConfig
from nlp.configs.schema.tokenizer import ByteTokenizer, WordTokenizer
from nlp.datasets.tokenizers.tokenizer import train_tokenizer
from nlp.errors import ConfigError
from nlp.models.head import Head
from nlp.models.networks.cnn import Cnn
from nlp.models.networks.mlp import Mlp
from nlp.models.networks.network import Network
from nlp.models.networks.recurrent import Recurrent
from nlp.models.networks.transformer import Transformer
from nlp.models.rules import Rules
from nlp.training.folder.run_directory import find_run
from nlp.training.open_run import open_run
from tiny_runs import write_data, write_recipe

HEAD = Head("classes", 3, ("a", "b", "c"))
TOKENS = np.array([8, 9, 8, 11, 15], dtype=np.int32)
FAMILIES = ["rules", "logistic_regression", "knn", "linear_svm", "mlp", "cnn", "gru", "transformer"]


def bag(weights=None):
    return {"tokens": TOKENS, "starts": np.zeros(1, np.int32), "weights": weights}


def sequence(padding=0):
    tokens = np.pad(TOKENS, (0, padding))[None]
    return {"tokens": tokens, "lengths": np.array([len(TOKENS)])}


def networks():
    torch.manual_seed(3)
    transformer = {"type": "transformer", "d_model": 8, "n_layers": 2, "n_heads": 2, "d_ff": 16}
    return {
        "mlp": Mlp(MlpConfig(type="mlp", d_embedding=8, hidden_sizes=[8]), 20, HEAD),
        "sparse": Mlp(MlpConfig(type="mlp", d_embedding=None, hidden_sizes=[8]), 20, HEAD),
        "cnn": Cnn(CnnConfig(type="cnn", d_embedding=8, n_filters=6, filter_widths=[2, 3]), 20, None, HEAD),
        "lstm": Recurrent(RecurrentConfig(type="lstm", d_embedding=8, hidden_size=8, bidirectional=True), 20, None, HEAD),
        "transformer": Transformer(TransformerConfig.model_validate(transformer), 20, None, HEAD),
    }


@pytest.mark.parametrize("weights", [None, np.array([0.5, 1, 2, 1, 3])], ids=["counts", "weights"])
def test_of_a_linear_model_each_token_has_its_weight_times_its_count(weights):
    model = Mlp(MlpConfig(type="mlp", d_embedding=None, hidden_sizes=[]), 20, HEAD).double()
    inputs = bag(weights)
    predicted = int(model.scores(**inputs)[0].argmax())
    by_hand = model.embedding.weight[TOKENS, predicted].detach().numpy() * (1 if weights is None else weights)
    for method in (gradient_input, integrated_gradients):
        found = method(model, inputs)
        np.testing.assert_allclose(found.numbers, by_hand, rtol=1e-12)
        assert found.completeness_error < 1e-6


@pytest.mark.parametrize("name", ["mlp", "sparse", "cnn", "lstm", "transformer"])
def test_integrated_gradients_add_up_to_the_change_of_the_score(name):
    model = networks()[name].train()
    inputs = bag() if name in ("mlp", "sparse") else sequence()
    found = integrated_gradients(model, inputs)
    assert found.completeness_error < ENOUGH
    assert np.abs(found.numbers).max() > 0
    assert model.training and all(parameter.grad is None for parameter in model.parameters())


class Cube(Network):
    """The cube of the sum of the tokens' numbers for the first class, 0 for the second."""

    def __init__(self, numbers):
        super().__init__(MlpConfig(type="mlp", d_embedding=1, hidden_sizes=[]))
        self.embedding = torch.nn.Embedding.from_pretrained(torch.tensor(numbers, dtype=torch.float64)[:, None])

    def forward(self, tokens, lengths):
        cube = self.embedding(tokens).sum(dim=(1, 2)) ** 3
        return torch.stack([cube, 0 * cube], dim=1)


def test_the_midpoint_rule_of_a_cube_by_hand():
    """(1 + 2)^3: the gradient on the way is 27 s^2 for 1 and 2 parts, and the mean of s^2 over 16 midpoints 1/3 (1 - 1/1024)."""
    found = integrated_gradients(Cube([0.0, 1.0, 2.0]), {"tokens": np.array([[1, 2]]), "lengths": np.array([2])})
    assert found.steps == 16
    np.testing.assert_allclose(found.numbers, np.array([9, 18]) * (1 - 1 / 1024), rtol=1e-12)
    assert found.completeness_error == pytest.approx(1 / 1024, rel=1e-9)


@pytest.mark.parametrize("name", ["cnn", "lstm", "transformer"])
def test_padding_changes_nothing(name):
    model = networks()[name].double()
    for method in (gradient_input, integrated_gradients):
        np.testing.assert_allclose(method(model, sequence(padding=4)).numbers, method(model, sequence()).numbers, atol=1e-9)


def test_a_frozen_network_is_explained_too_and_stays_frozen():
    model = networks()["cnn"].requires_grad_(False)
    assert np.abs(integrated_gradients(model, sequence()).numbers).max() > 0
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_leave_one_out_is_the_drop_of_the_predicted_class():
    scores = {"a b a": [0.2, 0.8], "b a": [0.5, 0.5], "a a": [0.9, 0.1], "a b": [0.1, 0.9]}
    found = leave_one_out(lambda texts: np.array([scores[text] for text in texts]), "a b a")
    np.testing.assert_allclose(found, [0.3, 0.7, -0.1])


def test_words_are_taken_out_of_a_text():
    assert without(" one  two three ", {1}) == "one  three"
    assert without("one", {0}) == ""
    assert without("one two three", {0, 2}) == "two"


def test_each_token_is_traced_to_its_word():
    words = train_tokenizer(WordTokenizer(type="words", min_frequency=1), ["it's good, really good"])
    text = "it's good, really"
    tokens = words.tokens(words.encode([text]).ids)
    places = word_places(words, text, tokens)
    assert places is not None and len(places) == len(tokens)
    assert [tokens[place] for place in range(len(tokens)) if places[place] == 1] == ["good", ","]
    letters = train_tokenizer(ByteTokenizer(type="bytes"), ["a"])
    assert word_places(letters, "ab c", letters.tokens(letters.encode(["ab c"]).ids)) == [0, 0, 1, 1]
    assert summed_by_word([1.0, 2.0, 4.0, 8.0], [None, 0, 0, 1], 3).tolist() == [6, 8, 0]


def test_the_largest_shares_come_first_whatever_their_sign():
    shares = [Share("a", 0.1), Share("b", -2.0), Share("c", 0.0)]
    assert [token for token, _ in Explanation("rules", "a b c", shares, None).largest(8)] == ["b", "a"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("explained")
    write_data(path)
    for family in FAMILIES:
        write_recipe(path, family)
        command("train", "--config", f"{family}.yaml", "--name", "one", cwd=path)
    return path


def opened(folder, family, monkeypatch):
    monkeypatch.chdir(folder)
    return open_run(find_run(f"{family}/one"), "cpu")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_explained_by_each_of_its_methods(folder, family, monkeypatch):
    run = opened(folder, family, monkeypatch)
    for text in ("the small cat sings", ""):
        methods = methods_of(run)
        for method, found in zip(methods, explanations_of(run, methods, text), strict=True):
            assert found.method == method
            assert all(np.isfinite(number) for _, number in found.shares)
            assert [word for word, _ in found.words] == text.split()
            assert "".join(piece.text for piece in found.pieces()) == text


@pytest.mark.parametrize("family", ["rules", "linear_svm", "cnn"])
def test_leave_one_out_against_brute_force(folder, family, monkeypatch):
    run = opened(folder, family, monkeypatch)
    text = "the small cat sings"
    scores = class_scores(run, [text])[0]
    alone = [class_scores(run, [other])[0][scores.argmax()] for other in ("small cat sings", "the cat sings", "the small sings",
                                                                         "the small cat")]
    np.testing.assert_allclose(explanations_of(run, ["leave_one_out"], text)[0].by_word, scores.max() - alone, atol=1e-6)


def test_what_auto_stands_for(folder):
    expected = {"rules": "rules", "logistic_regression": "weights", "knn": "leave_one_out", "mlp": "integrated_gradients"}
    for family, method in expected.items():
        done = command("predict", f"{family}/one", "the small cat sings", "--explain", "auto", "--json", cwd=folder)
        assert json.loads(done.stdout)["explanation"]["method"] == method


@pytest.mark.slow
def test_a_process_prints_the_words_and_the_steps(folder):
    lines = nlp_process("predict", "logistic_regression/one", "the small cat sings", "--explain", "auto", cwd=folder).stdout.splitlines()
    assert lines[1].startswith("    weights: 'cat' +")
    assert lines[2] == "    text: the small cat sings" and lines[3].startswith("    n-grams: cat cat␣sings")
    lines = nlp_process("predict", "cnn/one", "--explain", "gradient_input", cwd=folder, text="cat\nbird\n").stdout.splitlines()
    assert len(lines) == 4 and lines[1].startswith("    gradient_input: ") and "completeness error" in lines[3]


@pytest.mark.parametrize(("arguments", "said"), [
    (("--explain", "weights"), "weights cannot explain cnn/one, whose model.type is cnn. It can be explained by auto, "
                               "integrated_gradients, gradient_input, leave_one_out."),
    (("--explain", "shap"), "There is no method of explanation 'shap'"),
    (("--explain", "auto", "--output", "x.csv", "--input", "texts.csv", "--text", "line"), "--output adds predictions"),
])
def test_a_method_that_does_not_fit_is_refused_in_one_paragraph(folder, arguments, said):
    texts = () if "--input" in arguments else ("cat",)
    done = command("predict", "cnn/one", *texts, *arguments, cwd=folder, code=2)
    assert said in done.stderr and done.stderr.count("Error:") == 1 and done.stderr.endswith(".\n")


def test_a_tagger_cannot_be_explained(folder):
    write_recipe(folder, "hmm")
    command("train", "--config", "hmm.yaml", "--name", "one", cwd=folder)
    assert "this run predicts neither" in command("predict", "hmm/one", "the cat", "--explain", "auto", cwd=folder, code=2).stderr


def test_scores_of_many_texts_are_those_of_each_alone(folder, monkeypatch):
    run = opened(folder, "gru", monkeypatch)
    texts = ["the cat", "the small old bird sings sings", "dog"] * 30
    np.testing.assert_allclose(class_scores(run, texts), np.concatenate([class_scores(run, [text]) for text in texts]), atol=1e-6)
    with pytest.raises(ConfigError):
        explainer(run, "rules")


def test_comprehensiveness_and_sufficiency_by_hand_with_rules():
    """Ten words of which `good` decides; 1, 5 and 10 % are one word, 20 % two, 50 % five."""
    config = {"type": "rules", "default": "bad", "confidence": 0.9, "rules": [{"label": "good", "keywords": ["good"]}]}
    model = Rules(RulesConfig.model_validate(config), Head("classes", 2, ("bad", "good")))
    text = "a b c d good f g h i j"
    first, last, third = [4, 0, 1, 2, 3, 5, 6, 7, 8, 9], [0, 1, 2, 3, 5, 6, 7, 8, 9, 4], [0, 1, 4, 2, 3, 5, 6, 7, 8, 9]
    found = drops_of_orders(model.scores, text, [np.array(order) for order in (first, last, third)])
    np.testing.assert_allclose(found, [(0.8, 0.0), (0.0, 0.8), (0.8 / 5, 0.8 * 4 / 5)], atol=1e-12)


def test_percentages_of_words_are_rounded_up():
    assert [first_words(10, each) for each in (1, 5, 10, 20, 50)] == [1, 1, 1, 2, 5]
    assert [first_words(60, each) for each in (1, 5, 10, 20, 50)] == [1, 3, 6, 12, 30]


def test_the_interval_is_that_of_the_mean_difference():
    values, random = np.random.default_rng(1).normal(1, 0.5, 400), np.zeros(400)
    measure = Measure.of(values, random)
    half = 1.96 * values.std() / 20
    np.testing.assert_allclose(measure.interval, (values.mean() - half, values.mean() + half), atol=0.01)


def test_eval_measures_methods_and_writes_the_file(folder):
    done = nlp_process("eval", "gru/one", "--explanations", "auto,leave_one_out", "--explained-rows", "7", "--json", cwd=folder)
    report = json.loads(done.stdout)
    assert report["rows"] == 7 and [each["method"] for each in report["methods"]] == ["integrated_gradients", "leave_one_out"]
    written = json.loads((folder / "runs" / "gru" / "one" / "explanations.json").read_text(encoding="utf-8"))
    assert {"run": "gru/one", **written} == report
    table = command("eval", "rules/one", "--explanations", "leave_one_out", "--split", "test", cwd=folder).stdout
    assert "rules/one on test, 36 texts" in table


@pytest.mark.parametrize(("family", "methods", "said"), [
    ("cnn", "attention", "attention cannot explain cnn/one, whose model.type is cnn."),
    ("gru", "leave_one_out,lime", "There is no method of explanation 'lime'"),
])
def test_eval_refuses_what_cannot_be_measured(folder, family, methods, said):
    assert said in command("eval", f"{family}/one", "--explanations", methods, cwd=folder, code=2).stderr
