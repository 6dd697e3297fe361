"""Metrics against scikit-learn and torch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nlp.tasks import metrics
from sklearn import metrics as reference

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
