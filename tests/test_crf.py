"""The conditional random field against brute-force enumeration of all sequences."""

from itertools import pairwise, product

import pytest
import torch
from contracts import one_thread
from nlp.models.layers.crf import Crf

__all__ = ["one_thread"]

N_TAGS, SEQ = 3, 5
LENGTHS = torch.tensor([5, 1, 3, 0])


@pytest.fixture
def crf() -> Crf:
    torch.manual_seed(0)
    layer = Crf(N_TAGS).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    return layer


def emissions() -> torch.Tensor:
    return torch.randn(len(LENGTHS), SEQ, N_TAGS, dtype=torch.double, generator=torch.Generator().manual_seed(1))


def scores_one_by_one(crf: Crf, scores: torch.Tensor, length: int) -> dict[tuple[int, ...], float]:
    """The score of every sequence of one text, added up by hand."""
    reported, first, last, transitions = {}, crf.first.tolist(), crf.last.tolist(), crf.transitions.tolist()
    for tags in product(range(N_TAGS), repeat=length):
        total = first[tags[0]] + last[tags[-1]] if tags else 0.0
        total += sum(float(scores[place, tag]) for place, tag in enumerate(tags))
        total += sum(transitions[a][b] for a, b in pairwise(tags))
        reported[tags] = total
    return reported


def test_partition_likelihood_and_best_sequence_are_those_of_all_sequences(crf: Crf) -> None:
    given, tags = emissions(), torch.randint(N_TAGS, (len(LENGTHS), SEQ), generator=torch.Generator().manual_seed(2))
    partition, likelihood, best = crf.log_partition(given, LENGTHS), crf.log_likelihood(given, tags, LENGTHS), crf.decode(given, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        reported = scores_one_by_one(crf, given[row], length)
        complete = torch.tensor(list(reported.values())).double().logsumexp(0).item() if length else 0.0
        assert partition[row].item() == pytest.approx(complete)
        assert likelihood[row].item() == pytest.approx(reported[tuple(tags[row, :length].tolist())] - complete)
        assert tuple(best[row, :length].tolist()) == max(reported, key=lambda sequence: reported[sequence])
        assert (best[row, length:] == 0).all()


def test_a_tag_that_is_not_known_counts_as_any(crf: Crf) -> None:
    given, tags = emissions(), torch.zeros(len(LENGTHS), SEQ, dtype=torch.long)
    tags[0, 2] = tags[2, 0] = tags[2, 1] = -1
    likelihood = crf.log_likelihood(given, tags, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        reported = scores_one_by_one(crf, given[row], length)
        fitting = [score for sequence, score in reported.items()
                   if all(tag in (printed, -1) for printed, tag in zip(sequence, tags[row, :length].tolist(), strict=True))]
        expected = torch.tensor(fitting).logsumexp(0) - torch.tensor(list(reported.values())).logsumexp(0)
        assert likelihood[row].item() == pytest.approx(expected.item(), abs=1e-5)


def test_gradients(crf: Crf) -> None:
    tags = torch.randint(N_TAGS, (len(LENGTHS), SEQ))
    parameters = tuple(crf.parameters())

    def likelihood(given: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return crf.log_likelihood(given, tags, LENGTHS)

    assert torch.autograd.gradcheck(likelihood, (emissions().requires_grad_(), *parameters))


def test_padding_changes_nothing(crf: Crf) -> None:
    given, tags = emissions(), torch.randint(N_TAGS, (len(LENGTHS), SEQ))
    wider = torch.cat([given, torch.full((len(LENGTHS), 4, N_TAGS), 7.0)], dim=1)
    more = torch.cat([tags, torch.full((len(LENGTHS), 4), -1)], dim=1)
    torch.testing.assert_close(crf.log_likelihood(wider, more, LENGTHS), crf.log_likelihood(given, tags, LENGTHS))
    assert torch.equal(crf.decode(wider, LENGTHS)[:, :SEQ], crf.decode(given, LENGTHS))
