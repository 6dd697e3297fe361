"""The maximum over segments, and its gradient where several rows share it."""

import torch
from nlp.models.layers.segment_max import segment_max


def test_values_and_gradients_are_those_of_max_on_each_segment():
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(9, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    sizes, upstream = [2, 3, 4], torch.randn(3, 5, generator=generator, dtype=torch.float64)
    largest = segment_max(rows, torch.tensor(sizes))
    expected = torch.stack([part.max(dim=0).values for part in rows.split(sizes)])
    assert torch.equal(largest, expected)
    gradients = [torch.autograd.grad(each, rows, upstream)[0] for each in (largest, expected)]
    assert torch.equal(*gradients)


def test_rows_that_share_the_maximum_share_its_gradient_whatever_its_sign():
    rows = torch.tensor([[3.0, 3.0], [3.0, 3.0], [1.0, 1.0], [2.0, 2.0]], requires_grad=True)
    segment_max(rows, torch.tensor([3, 1])).backward(torch.tensor([[8.0, -8.0], [5.0, -5.0]]))
    assert rows.grad is not None
    assert rows.grad.tolist() == [[4, -4], [4, -4], [0, 0], [5, -5]]


def test_no_segments_and_an_empty_one():
    none = torch.zeros(0, 2, requires_grad=True)
    assert segment_max(none, torch.tensor([], dtype=torch.long)).shape == (0, 2)
    rows = torch.tensor([[1.0], [2.0]], requires_grad=True)
    segment_max(rows, torch.tensor([2, 0]))[0].backward()
    assert rows.grad is not None and rows.grad.tolist() == [[0], [1]]
