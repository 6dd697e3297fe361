"""Linear-chain conditional random field (Lafferty et al. 2001)."""

import torch
from torch import Tensor, nn


class Crf(nn.Module):
    """Transition scores between tags, and scores of the first and last tag; a sequence's score is their sum plus its emissions.

    P(tags | text) = exp(score(tags)) / sum over all sequences of exp(score); sums are computed in log space.
    """

    def __init__(self, n_tags: int) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(n_tags, n_tags))  # [from, to]
        self.first, self.last = nn.Parameter(torch.zeros(n_tags)), nn.Parameter(torch.zeros(n_tags))

    def log_likelihood(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq, n_tags), (batch, seq), (batch,) -> (batch,): log P(tags | text); 0 for a text without words.

        A tag -1 inside a text is unknown: the probability is summed over all tags of that word.
        """
        real = torch.arange(emissions.shape[1], device=lengths.device) < lengths.unsqueeze(1)
        if bool(((tags < 0) & real).any()):
            allowed = (tags.unsqueeze(2) == torch.arange(emissions.shape[2], device=tags.device)) | (tags < 0).unsqueeze(2)
            return self.log_partition(emissions.masked_fill(~allowed, -1e9), lengths) - self.log_partition(emissions, lengths)
        return self._score(emissions, tags.clamp(min=0), lengths, real) - self.log_partition(emissions, lengths)

    def _score(self, emissions: Tensor, tags: Tensor, lengths: Tensor, real: Tensor) -> Tensor:
        emission_score = (emissions.gather(2, tags.unsqueeze(2)).squeeze(2) * real).sum(dim=1)
        transition_score = (self.transitions[tags[:, :-1], tags[:, 1:]] * real[:, 1:]).sum(dim=1)
        last = tags.gather(1, (lengths - 1).clamp(min=0).unsqueeze(1)).squeeze(1)
        return emission_score + transition_score + (self.first[tags[:, 0]] + self.last[last]) * (lengths > 0)

    def log_partition(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq, n_tags), (batch,) -> (batch,): log of the sum over all sequences, by the forward algorithm (Rabiner 1989)."""
        scores = self.first + emissions[:, 0]  # (batch, n_tags): over all sequences that end in each tag
        for place in range(1, emissions.shape[1]):
            longer = (scores.unsqueeze(2) + self.transitions).logsumexp(dim=1) + emissions[:, place]
            scores = torch.where((place < lengths).unsqueeze(1), longer, scores)
        return torch.where(lengths > 0, (scores + self.last).logsumexp(dim=1), 0.0)

    @torch.no_grad()
    def decode(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq, n_tags), (batch,) -> (batch, seq): the most probable sequence (Viterbi 1967); 0 on padding."""
        batch, seq, _ = emissions.shape
        scores, before = self.first + emissions[:, 0], []
        for place in range(1, seq):
            best, tags = (scores.unsqueeze(2) + self.transitions).max(dim=1)  # (batch, n_tags), from which tag
            scores = torch.where((place < lengths).unsqueeze(1), best + emissions[:, place], scores)
            before.append(tags)
        tag = (scores + self.last).argmax(dim=1)
        path = torch.zeros(batch, seq, dtype=torch.long, device=emissions.device)
        for place in range(seq - 1, -1, -1):
            inside = place < lengths
            path[:, place] = torch.where(inside, tag, 0)
            if place:
                tag = torch.where(inside, before[place - 1].gather(1, tag.unsqueeze(1)).squeeze(1), tag)
        return path
