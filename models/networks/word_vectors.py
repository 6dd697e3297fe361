"""Skip-gram and continuous bag of words (Mikolov et al. 2013), with vectors of character n-grams (Bojanowski et al. 2017)."""

import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...configs.schema.tasks.word_vectors import NgramVectorsConfig, WordVectorModelConfig
from .network import Network, as_tensors

FACTOR = 1_000_003
"""Multiplier in the hash of an n-gram, which is computed modulo 2^64."""


class WordVectors(Network):
    """Word vectors -> for `cbow` their mean over the window -> scores of other words by a second, output vector for each word."""

    def __init__(self, config: WordVectorModelConfig, n_tokens: int) -> None:
        super().__init__(config)
        size = config.d_embedding
        self.by_pairs = config.examples == "pairs"
        self.embedding = Words(n_tokens, size) if config.ngrams is None else WordsByNgrams(n_tokens, size, config.ngrams)
        self.hidden = nn.Identity() if self.by_pairs else WindowMean()
        self.output = nn.Embedding(n_tokens, size)
        nn.init.zeros_(self.output.weight)

    def forward(self, tokens: Tensor, near: Tensor, negatives: Tensor, lengths: Tensor | None = None, **spelled: Tensor
                ) -> dict[str, Tensor]:
        """(batch, seq), (batch, seq, seq), (batch, n) -> scores of `words` (batch, seq, seq) and of `negatives` (batch, seq, n)

        For `cbow`, `words` is (batch, seq, 1): the score of each word given its window. `lengths`, the numbers of words, are not used.
        """
        x = self.embedding(tokens, **spelled)
        states = x if self.by_pairs else self.hidden(x, near)
        outputs = self.output(tokens)
        words = states @ outputs.transpose(1, 2) if self.by_pairs else (states * outputs).sum(dim=2, keepdim=True)
        return {"words": words, "negatives": states @ self.output(negatives).transpose(1, 2)}

    @torch.inference_mode()
    def word_vectors(self, tokens: npt.NDArray, characters: npt.NDArray) -> npt.NDArray:
        """(n,), (n, width) -> (n, size): the vectors of words by id and spelling; id 0, [PAD], for words outside the vocabulary"""
        arrays = as_tensors({"tokens": tokens, "characters": characters}, self.device)
        if not isinstance(self.embedding, WordsByNgrams):
            return self.embedding(arrays["tokens"]).cpu().numpy()
        return self.embedding(**arrays, spelling=torch.arange(len(tokens), device=self.device)).cpu().numpy()


class Words(nn.Module):
    """One vector for each word, initialised as in word2vec."""

    def __init__(self, n_tokens: int, size: int) -> None:
        super().__init__()
        self.tokens = _table(n_tokens, size)

    def forward(self, tokens: Tensor) -> Tensor:
        """(...) -> (..., size)"""
        return self.tokens(tokens)


class WordsByNgrams(nn.Module):
    """A word's vector is the mean of its own vector and those of its character n-grams, which are looked up by a hash."""

    def __init__(self, n_tokens: int, size: int, config: NgramVectorsConfig) -> None:
        super().__init__()
        self.config = config
        self.words, self.ngrams = _table(n_tokens, size), _table(config.buckets, size)

    def forward(self, tokens: Tensor, characters: Tensor, spelling: Tensor) -> Tensor:
        """(...), (n_words, width), (...) rows of these -> (..., size); [PAD] has no vector of its own"""
        buckets, real = self.buckets_of(characters)
        counts = real.sum(dim=1)
        if characters.device.type == "cpu":
            sums = functional.embedding_bag(buckets[real], self.ngrams.weight, counts.cumsum(0) - counts, mode="sum")
        else:  # selecting the real n-grams would synchronise with the device
            weights = real.to(self.ngrams.weight.dtype)
            sums = functional.embedding_bag(buckets, self.ngrams.weight, mode="sum", per_sample_weights=weights)
        known = (tokens != 0).unsqueeze(-1)
        parts = known + functional.embedding(spelling, counts.unsqueeze(1))
        return (self.words(tokens) * known + functional.embedding(spelling, sums)) / parts.clamp(min=1)

    def buckets_of(self, characters: Tensor) -> tuple[Tensor, Tensor]:
        """(n_words, width) -> the bucket of every n-gram, and a mask of those within the word, (n_words, n) each"""
        buckets, real = [], []
        for length in range(self.config.min, min(self.config.max, characters.shape[1]) + 1):
            windows = characters.long().unfold(1, length, 1)
            numbers = torch.full_like(windows[..., 0], length)
            for position in range(length):
                numbers = numbers * FACTOR + windows[..., position]
                numbers = numbers ^ (numbers >> 29)
            buckets.append(numbers.remainder(self.config.buckets))
            real.append(windows[..., -1] != 0)
        if not buckets:
            return characters.new_zeros(len(characters), 0), characters.new_zeros(len(characters), 0, dtype=torch.bool)
        return torch.cat(buckets, dim=1), torch.cat(real, dim=1)


class WindowMean(nn.Module):
    """The mean of the vectors near each word; zero if there are none."""

    def forward(self, x: Tensor, near: Tensor) -> Tensor:
        """(batch, seq, size), (batch, seq, seq) -> (batch, seq, size)"""
        weights = near.to(x.dtype)
        return (weights @ x) / weights.sum(dim=2, keepdim=True).clamp(min=1)


def _table(n_rows: int, size: int) -> nn.Embedding:
    table = nn.Embedding(n_rows, size)
    nn.init.uniform_(table.weight, -0.5 / size, 0.5 / size)
    return table
