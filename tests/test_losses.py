"""Losses as sums and counts; positions without a target change neither."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from nlp.datasets.encoded.split import Target
from nlp.models.layers.crf import Crf
from nlp.tasks.cross_entropy import smoothed_cross_entropy
from nlp.tasks.losses import ClassificationLoss, CrfLoss, TokenLoss
from nlp.tasks.tagging import _by_crf

N_TAGS = 4


@pytest.fixture
def batch():
    """Scores (2, 5, N_TAGS), tags (2, 5) and a mask; the second text has three tokens."""
    torch.manual_seed(0)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    return torch.randn(2, 5, N_TAGS), torch.randint(N_TAGS, (2, 5)), mask


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_each_token_by_itself_as_torch_has_it(batch, smoothing):
    scores, tags, mask = batch
    loss, targets = TokenLoss("tags", smoothing), {"tags": Target(tags, mask)}
    count = loss.count(targets)
    assert count == 8
    sums = loss.sums(lambda x: scores, {"x": scores}, targets, count, step=1)
    expected = torch.nn.functional.cross_entropy(scores[mask], tags[mask], label_smoothing=smoothing)
    torch.testing.assert_close(sums["loss"][0] / sums["loss"][1], expected)
    assert sums["accuracy"] == ((scores[mask].argmax(dim=1) == tags[mask]).sum(), 8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_words_of_a_large_vocabulary_as_torch_has_them(smoothing, dtype):
    torch.manual_seed(0)
    ids = torch.randint(-1, 1000, (64,))
    ids[:2] = -1
    logits = (20 * torch.randn(64, 1000)).to(dtype)  # far enough apart for most probabilities to be 0 in fp32
    logits[:2, 0] = 200
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    loss, right = smoothed_cross_entropy(ours, ids, smoothing)
    expected = torch.nn.functional.cross_entropy(theirs.float(), ids, reduction="sum", ignore_index=-1, label_smoothing=smoothing)
    torch.testing.assert_close(loss, expected)
    assert torch.equal(right, logits.argmax(dim=1) == ids)
    loss.backward(torch.tensor(0.25))
    expected.backward(torch.tensor(0.25))
    torch.testing.assert_close(ours.grad, theirs.grad)
    assert not ours.grad[:2].any()


def test_a_batch_without_words_has_no_loss():
    logits = torch.zeros(0, 1000, requires_grad=True)
    loss, right = smoothed_cross_entropy(logits, torch.zeros(0, dtype=torch.int64), 0.1)
    loss.backward()
    assert (loss.item(), right.tolist(), logits.grad.shape) == (0, [], (0, 1000))


def test_a_sentence_has_the_likelihood_of_its_tags_without_padding(batch):
    scores, tags, mask = batch
    crf = Crf(N_TAGS)
    loss, targets = CrfLoss("tags", crf), {"tags": Target(tags, mask)}
    count = loss.count(targets)
    sums = loss.sums(lambda x: scores, {"x": scores}, targets, count, step=1)
    alone = [crf.log_likelihood(scores[row : row + 1, :n], tags[row : row + 1, :n], torch.tensor([n])) for row, n in ((0, 5), (1, 3))]
    torch.testing.assert_close(sums["loss"][0], -torch.cat(alone).sum())
    assert sums["loss"][1] == 8
    assert sums["accuracy"] == ((scores[mask].argmax(dim=1) == tags[mask]).sum(), 8)


def test_a_tag_that_training_never_saw_costs_the_bounded_loss_once(batch):
    """In evaluation: the likelihood is that of the known tags, and each unknown one adds -ln 1e-7; padding adds nothing."""
    scores, tags, mask = batch
    crf, gold = Crf(N_TAGS), torch.where(mask, tags % 2, -1)  # tag 0 is as known as any other
    gold[0, 2] = -1
    model = SimpleNamespace(output=SimpleNamespace(crf=crf), device=torch.device("cpu"))
    _, losses = _by_crf(model, scores.numpy(), gold.numpy(), mask.sum(dim=1).numpy())
    likelihood = crf.log_likelihood(scores, gold, mask.sum(dim=1)).detach().double()
    np.testing.assert_allclose(losses, -likelihood.numpy() - np.log(1e-7) * np.array([1, 0]), rtol=1e-6)


def test_the_accuracy_counts_rows_whatever_the_weights_of_their_classes() -> None:
    logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 0.0]])
    targets = {"labels": Target(torch.tensor([0, 1, 1, 0]), torch.tensor([True, True, True, False]))}
    for weights in (None, [1.0, 5.0]):
        loss = ClassificationLoss("labels", 0.0, weights)
        count = loss.count(targets)
        top, bottom = loss.sums(lambda **_: logits, {}, targets, count, step=1)["accuracy"]
        assert (int(top), int(bottom)) == (2, 3)
        assert float(count) == (3.0 if weights is None else 11.0)


def test_tokens_are_not_smoothed_unless_that_is_asked_for() -> None:
    logits, ids = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(1)), torch.tensor([[0, 1, 2], [3, 4, 0]])
    loss = TokenLoss("tokens")
    targets = {"tokens": Target(ids, torch.ones_like(ids, dtype=torch.bool))}
    top, bottom = loss.sums(lambda **_: logits, {}, targets, loss.count(targets), step=1)["loss"]
    assert int(bottom) == 6
    assert top.item() == pytest.approx(torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids.flatten(), reduction="sum").item())
