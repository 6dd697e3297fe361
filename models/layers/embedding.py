"""The first layer: tokens, bags of tokens and weighted features become vectors."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...configs.schema.tokenizer import PAD, SPECIAL_TOKENS, UNK

SPREAD = 0.1
"""Standard deviation of a token's first vector. Torch's own, 1, is so wide that a rare word's first numbers outlive training:
on TREC's validation split CNN and BiLSTM then lose four to five points of accuracy."""


class TokenDropout(nn.Module):
    """While training, reads each token as [UNK] with this probability; special tokens stay.

    Word dropout of Iyyer et al. 2015, with [UNK] in place of nothing, so that lengths stay and [UNK] itself is learned.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, seq) -> (batch, seq)"""
        if not self.training or not self.probability:
            return tokens
        dropped = torch.rand(tokens.shape, device=tokens.device) < self.probability
        return tokens.masked_fill(dropped & (tokens >= len(SPECIAL_TOKENS)), UNK)


def token_embedding(n_tokens: int, size: int, spread: float = SPREAD) -> nn.Embedding:
    """A vector for each token, drawn from a normal distribution with standard deviation `spread`; that of [PAD] is zero."""
    embedding = nn.Embedding(n_tokens, size, padding_idx=PAD)
    nn.init.normal_(embedding.weight, std=spread)
    nn.init.zeros_(embedding.weight[PAD])
    return embedding


class AverageEmbedding(nn.Module):
    """The mean of the vectors of a bag's tokens; zero for an empty bag. No padding anywhere."""

    def __init__(self, n_tokens: int, size: int) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(n_tokens, size, mode="mean")
        nn.init.normal_(self.bag.weight, std=SPREAD)

    def forward(self, tokens: Tensor, starts: Tensor, weights: Tensor | None = None) -> Tensor:
        """(n,), (batch,) -> (batch, size); each bag starts at its offset"""
        if weights is not None:
            raise ValueError("a mean of embeddings takes tokens without weights")
        return self.bag(tokens, starts)  # (batch, size)


class PlainVector(nn.Module):
    """Vectors as they are: there is nothing to embed."""

    def forward(self, vectors: Tensor) -> Tensor:
        """(batch, n_features) -> (batch, n_features)"""
        return vectors


class SparseLinear(nn.Module):
    """`nn.Linear` over vectors that are almost all zero, given as the places and values of what is not.

    With counts or TF-IDF weights it equals the dense layer, and takes time by the tokens of a text, not by the vocabulary.
    """

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_inputs, n_outputs))
        self.bias = nn.Parameter(torch.empty(n_outputs))
        bound = 1 / math.sqrt(n_inputs)  # as in `nn.Linear`
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, tokens: Tensor, starts: Tensor, weights: Tensor | None = None) -> Tensor:
        """(n,), (batch,), (n,) -> (batch, n_outputs); without weights each token counts 1"""
        return functional.embedding_bag(tokens, self.weight, starts, mode="sum", per_sample_weights=weights) + self.bias
