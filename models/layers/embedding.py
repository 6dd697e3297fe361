"""The first layer: vectors of tokens, bags of tokens and weighted features."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...configs.schema.tokenizer import PAD, SPECIAL_TOKENS, UNK

SPREAD = 0.1
"""Standard deviation of the initial token vectors. With torch's default of 1, the initial values of rare words dominate even after
training: on TREC's validation split CNN and BiLSTM then lose four to five points of accuracy."""


class TokenDropout(nn.Module):
    """In training, replaces each token by [UNK] with this probability, except special tokens.

    Word dropout of Iyyer et al. 2015, but with [UNK] instead of removal, so that lengths stay the same and [UNK] is learned.
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
    """A vector for each token, initialised from a normal distribution with standard deviation `spread`; [PAD] is zero."""
    embedding = nn.Embedding(n_tokens, size, padding_idx=PAD)
    nn.init.normal_(embedding.weight, std=spread)
    nn.init.zeros_(embedding.weight[PAD])
    return embedding


class AverageEmbedding(nn.Module):
    """The mean of the vectors of a bag's tokens; zero for an empty bag. Bags have no padding."""

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
    """Identity, for inputs that are already vectors."""

    def forward(self, vectors: Tensor) -> Tensor:
        """(batch, n_features) -> (batch, n_features)"""
        return vectors


class SparseLinear(nn.Module):
    """`nn.Linear` over sparse vectors, given as the indices and values of their non-zero elements.

    The result equals that of the dense layer, but the cost grows with the tokens of a text, not with the vocabulary.
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
