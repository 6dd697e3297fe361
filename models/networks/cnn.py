"""Convolutional network for text (Kim 2014)."""

from collections.abc import Sequence

from torch import Tensor, nn

from ...configs.schema.models.networks import CnnConfig
from ..head import Head, Heads
from ..layers.activations import MONOTONE, activation
from ..layers.convolutions import Convolutions
from ..layers.embedding import TokenDropout
from ..layers.heads import dense_layers, output
from ..layers.pooling import pooling
from ..layers.word_embedding import WordEmbedding, column_embedding
from .network import SequenceNetwork


class Cnn(SequenceNetwork):
    """Embedding -> convolutions -> fully connected layers -> one score for each class, pooled over time, or for each tag."""

    def __init__(self, config: CnnConfig, n_tokens: int, n_characters: int | None, head: Heads, columns: Sequence[int] = ()) -> None:
        super().__init__(config)
        self.token_dropout = TokenDropout(config.token_dropout)
        d_filters = len(config.filter_widths) * config.n_filters
        sizes = [d_filters, *config.hidden_sizes]
        self.embedding = WordEmbedding(n_tokens, config.d_embedding, config.characters, n_characters,
                                       columns=column_embedding(config, columns))
        self.hidden = Convolutions(self.embedding.d_output, config.filter_widths, config.n_filters)
        # The maximum of a monotone activation is the activation of the maximum, so it can be applied after max pooling.
        by_text = head is None or (isinstance(head, Head) and head.is_of_texts)
        late = by_text and config.pooling == "max" and config.activation in MONOTONE
        self.activation = nn.Identity() if late else activation(config.activation)
        after = [activation(config.activation)] if late else []
        body = nn.Sequential(*after, nn.Dropout(config.dropout), *dense_layers(sizes, config.activation, config.dropout))
        self.output = output(head, pooling(config.pooling, d_filters), body, sizes[-1])

    def encode(self, tokens: Tensor, lengths: Tensor, **spelled: Tensor) -> Tensor:
        """(batch, seq) -> (batch, seq, n_widths * n_filters); before the activation if that is applied after max pooling"""
        return self.activation(self.hidden(self.embedding(self.token_dropout(tokens), **spelled)))
