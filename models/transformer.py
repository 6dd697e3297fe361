"""Transformer (Vaswani et al. 2017): an encoder, or with `causal` a decoder-only stack."""

import math
from typing import Literal

from torch import Tensor, nn

from ..configs.model import Activation, TransformerConfig
from ..errors import ConfigError
from .activations import activation
from .attention import SelfAttention
from .embedding import TokenDropout, TransformerEmbedding
from .heads import TextOutput, VocabularyOutput, class_count
from .network import SequenceNetwork, real_tokens
from .pooling import pooling
from .positions import Rotary
from .spec import Head

Norm = Literal["pre", "post"]


class FeedForward(nn.Module):
    """Two layers at each position by itself: wider, non-linearity, back."""

    def __init__(self, d_model: int, d_ff: int, non_linearity: Activation) -> None:
        super().__init__()
        self.wide = nn.Linear(d_model, d_ff)
        self.activation = activation(non_linearity)
        self.out = nn.Linear(d_ff, d_model)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq, d_model)"""
        return self.out(self.activation(self.wide(x)))


class Block(nn.Module):
    """Attention, then feed-forward, each beside a residual path.

    Layer norm stands before each of the two (`pre`: Xiong et al. 2020), or after each sum (`post`: as in the first paper).
    """

    def __init__(self, attention: SelfAttention, feed_forward: FeedForward, d_model: int, norm: Norm, dropout: float) -> None:
        super().__init__()
        self.attention, self.feed_forward, self.pre = attention, feed_forward, norm == "pre"
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, visible: Tensor | None = None) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq, d_model)"""
        if self.pre:
            x = x + self.dropout(self.attention(self.attention_norm(x), visible))
            return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        x = self.attention_norm(x + self.dropout(self.attention(x, visible)))
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))


class TransformerEncoder(nn.Module):
    """Blocks on one another; with `pre` norm one more norm at the end, since the residual path was never normed."""

    def __init__(self, blocks: list[Block], d_model: int, norm: Norm) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(d_model) if norm == "pre" else nn.Identity()

    def forward(self, x: Tensor, visible: Tensor | None = None) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq, d_model); `visible` (batch, seq): where there is a token, None: everywhere"""
        for block in self.blocks:
            x = block(x, visible)
        return self.norm(x)


class Transformer(SequenceNetwork):
    """Embedding -> blocks of attention and feed-forward -> what the task asks for: a class, or a word at each position.

    Of a text longer than `max_positions` the network reads the beginning.
    """

    def __init__(self, config: TransformerConfig, n_tokens: int, head: Head | None) -> None:
        super().__init__(config)
        self.token_dropout = TokenDropout(config.token_dropout)
        self.causal, self.max_positions = config.causal, config.max_positions
        self.embedding = TransformerEmbedding(n_tokens, config.d_model, config.positions, config.max_positions, config.n_segments,
                                              config.embedding_norm, config.dropout)
        self.hidden = TransformerEncoder([_block(config) for _ in range(config.n_layers)], config.d_model, config.norm)
        self.output = _output(config, head, self.embedding.tokens)
        start_weights(self.hidden, config.norm)

    def encode(self, tokens: Tensor, lengths: Tensor, segments: Tensor | None = None) -> Tensor:
        """(batch, seq) -> (batch, seq, d_model)"""
        # Padding stands behind a text's end, where no causal position looks.
        visible = None if self.causal else real_tokens(lengths, tokens.shape[1])
        return self.hidden(self.embedding(self.token_dropout(tokens), segments), visible)

    def forward(self, tokens: Tensor, lengths: Tensor, segments: Tensor | None = None) -> Tensor:
        """(batch, seq) -> (batch, n_classes), or (batch, seq, n_words)"""
        longest = self.max_positions
        if tokens.shape[1] > longest:
            tokens, lengths = tokens[:, :longest], lengths.clamp(max=longest)
            segments = None if segments is None else segments[:, :longest]
        return self.output(self.encode(tokens, lengths, segments), lengths)


def _block(config: TransformerConfig) -> Block:
    d_model = config.d_model
    rotary = Rotary(config.max_positions, d_model // config.n_heads) if config.positions == "rotary" else None
    attention = SelfAttention(d_model, config.n_heads, config.causal, rotary)
    return Block(attention, FeedForward(d_model, config.d_ff, config.activation), d_model, config.norm, config.dropout)


def _output(config: TransformerConfig, head: Head | None, embedding: nn.Embedding) -> nn.Module:
    d_model = config.d_model
    if head is None or head.kind == "classes":
        pooler = [nn.Linear(d_model, d_model), nn.Tanh()] if config.pooler else []
        hidden = nn.Sequential(*pooler, nn.Dropout(config.dropout))
        return TextOutput(pooling(config.pooling, d_model), hidden, d_model, class_count(head))
    if config.pooler:
        raise ConfigError("model.pooler makes one vector of a text, which task.type language_modeling has no use for; "
                          "leave it out.")
    return VocabularyOutput(d_model, head, embedding)


def start_weights(encoder: TransformerEncoder, norm: Norm) -> None:
    """Glorot for every matrix, query, key and value each by itself; biases 0.

    With `pre` norm each sub-layer adds to the residual path 1/sqrt(2 * n_layers) of what it would, so that the sum keeps its
    spread however many there are (Radford et al. 2019).
    """
    share = 1 / math.sqrt(2 * len(encoder.blocks)) if norm == "pre" else 1.0
    for module in encoder.modules():
        if isinstance(module, SelfAttention):
            start_linear(module.qkv, parts=3)
            start_linear(module.out, gain=share)
        elif isinstance(module, FeedForward):
            start_linear(module.wide)
            start_linear(module.out, gain=share)


def start_linear(linear: nn.Linear, gain: float = 1.0, parts: int = 1) -> None:
    """Glorot for each part of the outputs, scaled by `gain`; biases 0."""
    nn.init.zeros_(linear.bias)
    for part in linear.weight.chunk(parts):
        nn.init.xavier_uniform_(part, gain)
