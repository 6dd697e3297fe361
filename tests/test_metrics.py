"""Metrics against scikit-learn and torch."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nlp.analysis.statistics.intervals import intervals
from nlp.analysis.statistics.proportions import wilson_interval
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.tasks.classification import ClassificationConfig
from nlp.configs.schema.tasks.tagging import TaggingConfig
from nlp.datasets.encoded.split import Batch, Encoding, Target
from nlp.tasks.classification import Classification, ClassPredictions
from nlp.tasks.scoring import metrics
from nlp.tasks.scoring.baselines import trivial_accuracies
from nlp.tasks.tagging import Tagging, TagPredictions
from nlp.tasks.task import Confusion
from sklearn import metrics as reference
from sklearn.dummy import DummyClassifier

gold_and_predicted = st.integers(2, 6).flatmap(
    lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), min_size=1, max_size=60))
)


@given(gold_and_predicted)
def test_confusion_accuracy_and_f1_equal_scikit_learns(case):
    n_classes, pairs = case
    gold, predicted = map(np.array, zip(*pairs, strict=True))
    matrix = metrics.confusion_matrix(gold, predicted, n_classes)
    assert matrix.tolist() == reference.confusion_matrix(gold, predicted, labels=range(n_classes)).tolist()
    assert metrics.accuracy(gold, predicted) == pytest.approx(reference.accuracy_score(gold, predicted))
    assert metrics.f1_macro(matrix) == pytest.approx(reference.f1_score(gold, predicted, average="macro"))


def test_log_loss_equals_torchs_cross_entropy():
    generator = np.random.default_rng(0)
    logits, gold = generator.normal(size=(50, 7)), generator.integers(7, size=50)
    ours = metrics.log_losses(metrics.softmax(logits), gold)
    theirs = torch.nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(gold), reduction="none")
    np.testing.assert_allclose(ours, theirs.numpy())


def test_a_sure_mistake_costs_a_bounded_loss():
    assert metrics.log_losses(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-np.log(1e-7))


def test_hinge_loss_equals_scikit_learns():
    generator = np.random.default_rng(1)
    margins, gold = generator.normal(size=(40, 4)), np.concatenate([np.arange(4), generator.integers(4, size=36)])
    assert metrics.hinge_losses(margins, gold).mean() == pytest.approx(reference.hinge_loss(gold, margins))


def test_a_label_unknown_to_the_model_counts_as_wrong():
    gold, predicted = np.array([0, -1, 1, -1]), np.array([0, 0, 0, 1])
    assert metrics.accuracy(gold, predicted) == 0.25
    assert metrics.confusion_matrix(gold, predicted, 2).sum() == 2
    assert metrics.log_losses(np.full((4, 2), 0.5), gold)[1] == pytest.approx(-np.log(1e-7))


def test_scores_of_any_size_have_a_softmax():
    logits = np.array([[1000.0, 999.0], [-1000.0, -1001.0]])
    np.testing.assert_allclose(metrics.softmax(logits), torch.from_numpy(logits).softmax(dim=1).numpy())


def test_without_examples_figures_are_zero():
    nobody = np.array([], dtype=np.int64)
    assert metrics.accuracy(nobody, nobody) == 0.0
    assert metrics.f1_macro(metrics.confusion_matrix(nobody, nobody, 3)) == 0.0
    assert trivial_accuracies([2, 1], nobody) == {"majority": 0.0, "random by prior": 0.0}


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.lists(st.integers(-1, 3), min_size=1, max_size=40))
def test_baselines_equal_scikit_learns_dummies(train, gold):
    """-1 is a class that training never saw, which neither baseline ever predicts."""
    counts, texts = np.bincount(train, minlength=4), np.zeros((len(train), 1))
    majority = DummyClassifier(strategy="most_frequent").fit(texts, train).predict(np.zeros((len(gold), 1)))
    prior = DummyClassifier(strategy="prior").fit(texts, train)
    chances = dict(zip(prior.classes_, prior.class_prior_, strict=True))
    ours = trivial_accuracies(counts.tolist(), np.array(gold))
    assert ours["majority"] == pytest.approx(np.mean(majority == np.array(gold)))
    assert ours["random by prior"] == pytest.approx(np.mean([chances.get(each, 0.0) for each in gold]))


def test_labels_that_training_never_saw_get_a_row_of_their_own():
    seen = Confusion.of(["a", "b"], np.array([0, 1, 1]), np.array([0, 0, 1]))
    assert (tuple(seen.labels), seen.matrix.tolist()) == (("a", "b"), [[1, 0], [1, 1]])
    unseen = Confusion.of(["a", "b"], np.array([0, -1, 1]), np.array([0, 0, 1]))
    assert unseen.labels[:2] == ("a", "b")
    assert unseen.matrix.tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]


def test_macro_f1_over_classes_that_training_lacks_equals_scikit_learns():
    names, predicted = ["a", "b", "d", "c", "a", "b", "c", "d"], np.array([0, 1, 0, 1, 0, 1, 0, 1])
    gold = np.array([["a", "b"].index(name) if name in "ab" else -1 for name in names])
    confusion = Confusion.of(["a", "b"], gold, predicted, names)
    assert confusion.labels[2:] == ("c (not in training)", "d (not in training)")
    expected = reference.f1_score(names, [["a", "b"][each] for each in predicted], average="macro", zero_division=0)
    assert metrics.f1_macro(confusion.matrix) == pytest.approx(expected)
    assert gold.min() == -1, "what was given stays as it was"


@pytest.mark.parametrize(("scores_are", "name"), [("logits", "loss"), ("probabilities", "loss"), ("margins", "hinge_loss")])
def test_the_name_of_the_loss_follows_the_scores(scores_are, name):
    config = ClassificationConfig(type="classification")
    task = Classification(config, Encoding(SizesData(type="sizes", n_classes=2), ("a", "b"), (2, 1)))
    scores = np.array([[0.75, 0.25], [0.5, 0.5]])
    model = SimpleNamespace(scores=lambda: scores, scores_are=scores_are)
    batch = Batch(np.arange(2), {}, {"labels": Target(np.array([0, 1]), np.array([True, True]))})
    figures = task.metrics(task.predict(model, batch))
    expected = {"logits": -np.log([1 / (1 + np.exp(-0.5)), 0.5]), "probabilities": -np.log([0.75, 0.5]), "margins": [0.5, 1.0]}[scores_are]
    assert figures[name] == pytest.approx(np.mean(expected))
    assert figures.keys() - {"accuracy", "f1"} == {name}


def test_declared_tags_are_as_many_outputs():
    """Without data, as for `nlp count-params` of a recipe with `data: {type: sizes}`."""
    config = TaggingConfig(type="tagging", labels=["O", "B-X", "I-X"])
    assert Tagging.head_for(config, SizesData(type="sizes")).n_outputs == 3


def test_baselines_and_the_matrix_of_tags_count_every_token_once():
    config = TaggingConfig(type="tagging", labels=["O", "B-X"])
    task = Tagging(config, Encoding(SizesData(type="sizes", n_classes=2), ("O", "B-X"), (3, 1)))
    gold, predicted, nothing = [np.array([0, 1, -1]), np.array([1])], [np.array([0, 1, 1]), np.array([1])], np.zeros(2)
    predictions = TagPredictions(np.arange(2), gold, predicted, nothing, nothing, nothing, nothing, [], nothing, nothing)
    assert task.baselines(predictions) == {"majority": 0.25, "random by prior": pytest.approx((0.75 + 0.25 + 0.25) / 4)}
    assert task.confusion(predictions).matrix.tolist() == [[1, 0, 0], [0, 2, 0], [0, 1, 0]]


@pytest.mark.parametrize("right", [0, 1, 20])
def test_the_interval_of_accuracy_is_wilsons_and_that_of_the_loss_a_bootstrap(right):
    """A perfect model on 20 texts is not known to be perfect."""
    task = Classification(ClassificationConfig(type="classification"), Encoding(SizesData(type="sizes", n_classes=2), ("a", "b"), (2, 1)))
    gold = np.zeros(20, dtype=np.int64)
    predicted = (np.arange(20) >= right).astype(np.int64)
    found = intervals(task, ClassPredictions(np.arange(20), gold, ["a"] * 20, predicted, np.linspace(0, 1, 20), None))
    assert found["accuracy"] == wilson_interval(right, 20)
    assert found["accuracy"][1] - found["accuracy"][0] > 0.15
    assert found["hinge_loss"] == pytest.approx((0.5 - 1.96 * 0.068, 0.5 + 1.96 * 0.068), abs=0.02)
    assert found.keys() == {"hinge_loss", "accuracy", "f1"}
