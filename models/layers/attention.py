"""Multi-head attention (Vaswani et al. 2017): self-attention, and cross-attention of a target to its source."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .positions import Rotary

KeysAndValues = tuple[Tensor, Tensor]
"""Keys and values of all positions so far, (batch, n_heads, seq, head_size) each."""


class SelfAttention(nn.Module):
    """Multi-head self-attention.

    Query, key and value come from one matrix product. `causal`: a position attends to itself and to earlier positions. With fewer
    `n_kv_heads` than `n_heads`, several queries share a key and a value (Ainslie et al. 2023). `dropout` applies to attention weights.
    """

    def __init__(self, d_model: int, n_heads: int, causal: bool = False, rotary: Rotary | None = None, *,
                 n_kv_heads: int | None = None, bias: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        self.head_size, self.causal, self.rotary, self.dropout = d_model // n_heads, causal, rotary, dropout
        d_keys = (n_kv_heads or n_heads) * self.head_size
        self.sizes = [d_model, d_keys, d_keys]
        self.qkv = nn.Linear(d_model, sum(self.sizes), bias=bias)
        self.out = nn.Linear(d_model, d_model, bias=bias)

    def forward(self, x: Tensor, visible: Tensor | None = None, by_distance: Tensor | None = None) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq, d_model)

        `visible` (batch, seq): true for real tokens, None: all are real; `by_distance` (n_heads, seq, seq) is added to the scores.
        """
        # Padding is at the end of a text, which no causal position attends to.
        mask = None if self.causal or visible is None else visible[:, None, None, :]
        dropout = self.dropout if self.training else 0.0
        causal = self.causal and by_distance is None  # `by_distance` masks later positions itself
        return self._joined(attend(*self._heads(x), mask, causal, by_distance, dropout))

    def weights(self, x: Tensor, visible: Tensor | None = None, by_distance: Tensor | None = None) -> Tensor:
        """(batch, seq, d_model) -> (batch, n_heads, seq, seq): the attention weights of `forward`, 1 in sum for each position"""
        query, key, _ = self._heads(x)
        scores = query @ for_each_query(key, query).transpose(2, 3) * self.head_size**-0.5  # (batch, n_heads, seq, seq)
        scores = scores if by_distance is None else scores + by_distance
        if self.causal:
            scores = scores.masked_fill(torch.ones_like(scores[0, 0], dtype=torch.bool).triu(1), float("-inf"))
        elif visible is not None:
            scores = scores.masked_fill(~visible[:, None, None, :], float("-inf"))
        return scores.softmax(dim=3)

    def extend(self, x: Tensor, past: KeysAndValues | None, by_distance: Tensor | None = None) -> tuple[Tensor, KeysAndValues]:
        """New positions (batch, new, d_model), which attend to the past ones and causally to each other; no padding.

        Returns the result of `forward` at these positions of the full text, and the keys and values for the next call.
        `by_distance` is (n_heads, new, past + new).
        """
        start = 0 if past is None else past[0].shape[2]
        query, key, value = self._heads(x, start)
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        new = x.shape[1]
        mask = None if new == 1 else torch.ones(new, start + new, dtype=torch.bool, device=x.device).tril(start)
        return self._joined(attend(query, key, value, mask, by_distance=by_distance)), (key, value)

    def _heads(self, x: Tensor, start: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """(batch, seq, d_model) -> query, key and value, (batch, n_heads or n_kv_heads, seq, head_size) each"""
        query, key, value = (by_head(part, self.head_size) for part in self.qkv(x).split(self.sizes, dim=2))
        if self.rotary is not None:
            query, key = self.rotary(query, start), self.rotary(key, start)
        return query, key, value

    def _joined(self, mixed: Tensor) -> Tensor:
        """(batch, n_heads, seq, head_size) -> (batch, seq, d_model)"""
        return self.out(mixed.transpose(1, 2).flatten(2))


class CrossAttention(nn.Module):
    """Multi-head attention of each target position to all positions of its source; see `SelfAttention`."""

    def __init__(self, d_model: int, n_heads: int, *, n_kv_heads: int | None = None, bias: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        self.head_size, self.dropout = d_model // n_heads, dropout
        self.query = nn.Linear(d_model, d_model, bias=bias)
        self.keys_and_values = nn.Linear(d_model, 2 * (n_kv_heads or n_heads) * self.head_size, bias=bias)
        self.out = nn.Linear(d_model, d_model, bias=bias)

    def read(self, source: Tensor) -> KeysAndValues:
        """(batch, src, d_model) -> keys and values, (batch, n_kv_heads, src, head_size) each, computed once for all target positions"""
        key, value = self.keys_and_values(source).chunk(2, dim=2)
        return by_head(key, self.head_size), by_head(value, self.head_size)

    def forward(self, x: Tensor, source: KeysAndValues, visible: Tensor | None) -> Tensor:
        """(batch, tgt, d_model) -> (batch, tgt, d_model); `visible` (batch, src): true for real source tokens, None: all are real"""
        mask = None if visible is None else visible[:, None, None, :]
        query = by_head(self.query(x), self.head_size)
        mixed = attend(query, *source, mask, dropout=self.dropout if self.training else 0.0)  # (batch, n_heads, tgt, head_size)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def weights(self, x: Tensor, source: KeysAndValues, visible: Tensor | None) -> Tensor:
        """(batch, tgt, d_model) -> (batch, n_heads, tgt, src): attention weights over the source, 1 in sum for each target position"""
        query = by_head(self.query(x), self.head_size)
        scores = query @ for_each_query(source[0], query).transpose(2, 3) * self.head_size**-0.5  # (batch, n_heads, tgt, src)
        if visible is not None:
            scores = scores.masked_fill(~visible[:, None, None, :], float("-inf"))
        return scores.softmax(dim=3)


def by_head(x: Tensor, head_size: int) -> Tensor:
    """(batch, seq, n_heads * head_size) -> (batch, n_heads, seq, head_size)"""
    return x.unflatten(2, (-1, head_size)).transpose(1, 2)


def for_each_query(keys: Tensor, query: Tensor) -> Tensor:
    """(batch, n_kv_heads, src, head_size), (batch, n_heads, ...) -> (batch, n_heads, src, head_size)"""
    n_queries = query.shape[1] // keys.shape[1]
    return keys if n_queries == 1 else keys.repeat_interleave(n_queries, dim=1)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, causal: bool = False,
           by_distance: Tensor | None = None, dropout: float = 0.0) -> Tensor:
    """(batch, n_heads, tgt, head_size), twice (batch, n_kv_heads, src, head_size) -> (batch, n_heads, tgt, head_size)

    `mask` is true where a query may attend, and broadcasts to (batch, n_heads, tgt, src); `by_distance` (n_heads, tgt, src) is added to
    the scores; `causal` needs as many queries as keys, and no `by_distance`.
    """
    key, value = for_each_query(key, query), for_each_query(value, query)
    if by_distance is not None:
        if not query.shape[0]:
            return query + 0 * by_distance.sum()  # torch would give `by_distance` no gradient, which must be 0
        mask = by_distance if mask is None else torch.where(mask, by_distance, float("-inf"))
    if query.device.type != "cpu":
        mask = mask.to(query.dtype) if by_distance is not None and mask is not None else mask
        return functional.scaled_dot_product_attention(query, key, value, mask, dropout, is_causal=causal)
    # On a CPU, fused attention is slower in bfloat16 than in float32, so it is excluded from autocast.
    with torch.autocast("cpu", enabled=False):
        query, key, value = query.to(_precise(query)), key.to(_precise(key)), value.to(_precise(value))
        return functional.scaled_dot_product_attention(query, key, value, mask, dropout, is_causal=causal)


def _precise(x: Tensor) -> torch.dtype:
    return torch.float32 if x.dtype == torch.bfloat16 else x.dtype
