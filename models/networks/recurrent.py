"""Recurrent networks: Elman RNN, LSTM (Hochreiter and Schmidhuber 1997), GRU (Cho et al. 2014)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...configs.schema.models.networks import RecurrentConfig
from ..head import Heads
from ..layers.embedding import TokenDropout
from ..layers.heads import TextOutput, output
from ..layers.pooling import pooling
from ..layers.recurrence import CELLS, RecurrentEncoder
from ..layers.word_embedding import WordEmbedding, column_embedding
from .network import SequenceNetwork


class Recurrent(SequenceNetwork):
    """Embedding -> recurrent layers -> one score for each class, pooled over time, or one for each tag at each word."""

    def __init__(self, config: RecurrentConfig, n_tokens: int, n_characters: int | None, head: Heads, columns: Sequence[int] = ()) -> None:
        super().__init__(config)
        self.token_dropout = TokenDropout(config.token_dropout)
        self.embedding = WordEmbedding(n_tokens, config.d_embedding, config.characters, n_characters,
                                       columns=column_embedding(config, columns))
        self.dropout = nn.Dropout(config.dropout)
        self.hidden = RecurrentEncoder(CELLS[config.type], self.embedding.d_output, config.hidden_size, config.n_layers,
                                       config.bidirectional, config.dropout)
        d_state = self.hidden.d_output
        self.output = output(head, pooling(config.pooling, d_state), nn.Dropout(config.dropout), d_state)
        self.pools_by_direction = isinstance(self.output, TextOutput) and config.pooling != "attention"

    def embedded(self, tokens: Tensor, **spelled: Tensor) -> Tensor:
        """(batch, seq) -> (batch, seq, d_embedding + size of other word features)"""
        return self.dropout(self.embedding(self.token_dropout(tokens), **spelled))

    def encode(self, tokens: Tensor, lengths: Tensor, **spelled: Tensor) -> Tensor:
        """(batch, seq) -> (batch, seq, hidden_size), or 2 * hidden_size if bidirectional"""
        return self.hidden(self.embedded(tokens, **spelled), lengths)

    def forward(
        self, tokens: Tensor, lengths: Tensor, *, first_pieces: Tensor | None = None, asked: Tensor | None = None, **more: Tensor
    ) -> Tensor | dict[str, Tensor]:
        """(batch, seq) -> (batch, n_classes), or (batch, n_words, n_tags); several outputs by name"""
        if not self.pools_by_direction:
            return super().forward(tokens, lengths, first_pieces=first_pieces, asked=asked, **more)
        assert isinstance(self.output, TextOutput)
        # The last state, mean and maximum of each direction do not need both states of a token together, which saves two copies.
        directions = self.hidden.directions(self.embedded(tokens, **more), lengths)
        return self.output.classify(torch.cat([self.output.pooling(states, lengths) for states in directions], dim=1))
