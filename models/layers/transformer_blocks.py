"""Blocks of a transformer (Vaswani et al. 2017): embedding with positions, attention and feed-forward with residual connections."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Literal, TypeVar

from torch import Tensor, nn

from ...configs.schema.models.networks import Activation
from .activations import activation
from .attention import CrossAttention, KeysAndValues, SelfAttention
from .positions import RelativePositions, sinusoids

Norm = Literal["pre", "post"]
NormLayer = Callable[[], nn.Module]
PositionsName = Literal["sinusoidal", "learned", "rotary", "relative"]
Past = list[KeysAndValues]
"""Keys and values of each block."""
AnyBlock = TypeVar("AnyBlock", bound=nn.Module)


class FeedForward(nn.Module):
    """Two linear layers with a non-linearity between them, applied to each position separately.

    `gated`: there are two wide layers, and one of them, after the non-linearity, multiplies the other (Shazeer 2020).
    """

    def __init__(self, d_model: int, d_ff: int, non_linearity: Activation, *, gated: bool = False, bias: bool = True) -> None:
        super().__init__()
        self.gated = gated
        self.wide = nn.Linear(d_model, 2 * d_ff if gated else d_ff, bias=bias)
        self.activation = activation(non_linearity)
        self.out = nn.Linear(d_ff, d_model, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq, d_model)"""
        if not self.gated:
            return self.out(self.activation(self.wide(x)))
        gate, x = self.wide(x).chunk(2, dim=2)
        return self.out(self.activation(gate) * x)


class Block(nn.Module):
    """Attention, then feed-forward, each with a residual connection.

    A norm of `norm_layer` is applied before each of the two (`pre`: Xiong et al. 2020), or after each sum (`post`: Vaswani et al. 2017).
    """

    def __init__(self, attention: SelfAttention, feed_forward: FeedForward, norm_layer: NormLayer, norm: Norm, dropout: float) -> None:
        super().__init__()
        self.attention, self.feed_forward, self.pre = attention, feed_forward, norm == "pre"
        self.attention_norm, self.feed_forward_norm = norm_layer(), norm_layer()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, visible: Tensor | None = None, by_distance: Tensor | None = None) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq, d_model); `visible` and `by_distance` as in `SelfAttention`"""
        if self.pre:
            x = x + self.dropout(self.attention(self.attention_norm(x), visible, by_distance))
            return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        x = self.attention_norm(x + self.dropout(self.attention(x, visible, by_distance)))
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))

    def extend(self, x: Tensor, past: KeysAndValues | None, by_distance: Tensor | None = None) -> tuple[Tensor, KeysAndValues]:
        """(batch, new, d_model) -> (batch, new, d_model); without dropout, after the past positions"""
        mixed, now = self.attention.extend(self.attention_norm(x) if self.pre else x, past, by_distance)
        if self.pre:
            x = x + mixed
            return x + self.feed_forward(self.feed_forward_norm(x)), now
        x = self.attention_norm(x + mixed)
        return self.feed_forward_norm(x + self.feed_forward(x)), now


class Stack(nn.Module, Generic[AnyBlock]):
    """Stacked blocks, applied `n_passes` times; with `pre` norm one more norm at the end, since the residual path has none.

    All blocks share the `relative` positions.
    """

    def __init__(self, blocks: Sequence[AnyBlock], final_norm: nn.Module, relative: RelativePositions | None, n_passes: int) -> None:
        super().__init__()
        self.blocks, self.n_passes, self.relative, self.norm = nn.ModuleList(blocks), n_passes, relative, final_norm

    def passes(self) -> Iterator[AnyBlock]:
        """The blocks in the order in which they are applied."""
        for _ in range(self.n_passes):
            yield from self.blocks  # type: ignore[misc]

    def by_distance(self, n_queries: int, n_keys: int) -> Tensor | None:
        """Biases (n_heads, n_queries, n_keys) for queries at the last positions; None without relative positions"""
        return None if self.relative is None else self.relative(n_queries, n_keys)


class TransformerEncoder(Stack[Block]):
    """The blocks of an encoder, or of a decoder-only stack."""

    def forward(self, x: Tensor, visible: Tensor | None = None) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq, d_model); `visible` (batch, seq): true for real tokens, None: all are real"""
        by_distance = self.by_distance(x.shape[1], x.shape[1])
        for block in self.passes():
            x = block(x, visible, by_distance)
        return self.norm(x)

    def extend(self, x: Tensor, past: Past | None) -> tuple[Tensor, Past]:
        """(batch, new, d_model), the cache of each block -> (batch, new, d_model), and the new caches"""
        start = 0 if past is None else past[0][0].shape[2]
        by_distance = self.by_distance(x.shape[1], start + x.shape[1])
        kept: Past = []
        for number, block in enumerate(self.passes()):
            x, now = block.extend(x, None if past is None else past[number], by_distance)
            kept.append(now)
        return self.norm(x), kept


class PositionedEmbedding(nn.Module):
    """The sum of token and position embeddings (Vaswani et al. 2017).

    With sinusoids, token vectors are scaled by sqrt(d_model), as in the paper; learned positions have the same standard deviation as
    tokens, so nothing is scaled. Rotary and relative positions are applied in the attention, not here.
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
        x, positions = self.words(tokens, **spelled) * self.scale, slice(start, start + tokens.shape[1])  # (batch, seq, d_model)
        if self.positions is not None:
            x = x + self.positions.weight[positions]
        return x if self.sinusoids is None else x + self.sinusoids[positions]

    def forward(self, tokens: Tensor, start: int = 0) -> Tensor:
        """(batch, seq) -> (batch, seq, d_model); the first token is at position `start`"""
        return self.dropout(self.placed(tokens, start))


def first_spread(positions: PositionsName, d_model: int) -> float:
    """Standard deviation of the initial token vectors."""
    return d_model**-0.5 if positions == "sinusoidal" else 0.02


def start_weights(stack: nn.Module, norm: Norm, n_added: int) -> None:
    """Glorot initialisation of every matrix, separately for query, key and value; biases 0.

    With `pre` norm the outputs of the `n_added` sub-layers are scaled by 1/sqrt(n_added), so that the variance of the residual path
    does not depend on their number (Radford et al. 2019).
    """
    share = 1 / math.sqrt(n_added) if norm == "pre" else 1.0
    for module in stack.modules():
        if isinstance(module, SelfAttention):
            start_linear(module.qkv, sizes=module.sizes)
            start_linear(module.out, gain=share)
        elif isinstance(module, CrossAttention):
            start_linear(module.query)
            start_linear(module.keys_and_values, sizes=[module.keys_and_values.out_features // 2] * 2)
            start_linear(module.out, gain=share)
        elif isinstance(module, FeedForward):
            start_linear(module.wide, sizes=[module.out.in_features] * (2 if module.gated else 1))
            start_linear(module.out, gain=share)


def start_linear(linear: nn.Linear, gain: float = 1.0, sizes: Sequence[int] = ()) -> None:
    """Glorot initialisation of each part of the outputs, with these sizes, scaled by `gain`; biases 0."""
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)
    for part in linear.weight.split(list(sizes or [linear.out_features])):
        nn.init.xavier_uniform_(part, gain)
