"""Blocks of a transformer (Vaswani et al. 2017): embedding with positions, attention and feed-forward with residual connections."""

import math
from typing import Literal

from torch import Tensor, nn

from ...configs.schema.networks import Activation
from .activations import activation
from .attention import CrossAttention, KeysAndValues, SelfAttention
from .positions import sinusoids

Norm = Literal["pre", "post"]
PositionsName = Literal["sinusoidal", "learned", "rotary"]
Past = list[KeysAndValues]
"""Keys and values of each block."""


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

    Layer norm is applied before each of the two (`pre`: Xiong et al. 2020), or after each sum (`post`: as in the first paper).
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

    def extend(self, x: Tensor, past: KeysAndValues | None) -> tuple[Tensor, KeysAndValues]:
        """(batch, new, d_model) -> (batch, new, d_model); without dropout, after the past positions"""
        mixed, now = self.attention.extend(self.attention_norm(x) if self.pre else x, past)
        if self.pre:
            x = x + mixed
            return x + self.feed_forward(self.feed_forward_norm(x)), now
        x = self.attention_norm(x + mixed)
        return self.feed_forward_norm(x + self.feed_forward(x)), now


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

    def extend(self, x: Tensor, past: Past | None) -> tuple[Tensor, Past]:
        """(batch, new, d_model), what each block kept -> (batch, new, d_model), and what it keeps now"""
        kept: Past = []
        for number, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            x, now = block.extend(x, None if past is None else past[number])
            kept.append(now)
        return self.norm(x), kept


class PositionedEmbedding(nn.Module):
    """Vectors of token and place, added up (Vaswani et al. 2017).

    With sinusoids, the tokens' vectors are scaled by sqrt(d_model), as in the paper; learned places have the same spread as
    tokens, so nothing is scaled. Rotary positions are applied in the attention, not here.
    """

    sinusoids: Tensor | None

    def __init__(self, words: nn.Module, d_model: int, positions: PositionsName, max_positions: int, dropout: float) -> None:
        super().__init__()
        self.words = words
        self.scale = math.sqrt(d_model) if positions == "sinusoidal" else 1.0
        self.positions = nn.Embedding(max_positions, d_model) if positions == "learned" else None
        if self.positions is not None:
            nn.init.normal_(self.positions.weight, std=0.02)
        table = sinusoids(max_positions, d_model) if positions == "sinusoidal" else None
        self.register_buffer("sinusoids", table, persistent=False)
        self.dropout = nn.Dropout(dropout)

    def placed(self, tokens: Tensor, start: int = 0, **spelled: Tensor) -> Tensor:
        """(batch, seq) -> (batch, seq, d_model); the first token is at position `start`"""
        x, here = self.words(tokens, **spelled) * self.scale, slice(start, start + tokens.shape[1])  # (batch, seq, d_model)
        if self.positions is not None:
            x = x + self.positions.weight[here]
        return x if self.sinusoids is None else x + self.sinusoids[here]

    def forward(self, tokens: Tensor, start: int = 0) -> Tensor:
        """(batch, seq) -> (batch, seq, d_model); the first token is at position `start`"""
        return self.dropout(self.placed(tokens, start))


def first_spread(positions: PositionsName, d_model: int) -> float:
    """Standard deviation of a token's first vector."""
    return d_model**-0.5 if positions == "sinusoidal" else 0.02


def start_weights(stack: nn.Module, norm: Norm, n_added: int) -> None:
    """Glorot for every matrix, query, key and value each by itself; biases 0.

    With `pre` norm each of the `n_added` sub-layers adds to the residual path 1/sqrt(n_added) of what it would, so that the sum
    keeps its spread however many there are (Radford et al. 2019).
    """
    share = 1 / math.sqrt(n_added) if norm == "pre" else 1.0
    for module in stack.modules():
        if isinstance(module, SelfAttention):
            start_linear(module.qkv, parts=3)
            start_linear(module.out, gain=share)
        elif isinstance(module, CrossAttention):
            start_linear(module.query)
            start_linear(module.keys_and_values, parts=2)
            start_linear(module.out, gain=share)
        elif isinstance(module, FeedForward):
            start_linear(module.wide)
            start_linear(module.out, gain=share)


def start_linear(linear: nn.Linear, gain: float = 1.0, parts: int = 1) -> None:
    """Glorot for each part of the outputs, scaled by `gain`; biases 0."""
    nn.init.zeros_(linear.bias)
    for part in linear.weight.chunk(parts):
        nn.init.xavier_uniform_(part, gain)
