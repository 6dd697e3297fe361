"""Multi-head attention (Vaswani et al. 2017): of a text to itself, and of a target to its source."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .positions import Rotary

KeysAndValues = tuple[Tensor, Tensor]
"""Of all positions so far, (batch, n_heads, seq, head_size) each."""


class SelfAttention(nn.Module):
    """Each position looks at all that it may see, in `n_heads` ways at once.

    Query, key and value come from one matrix product. `causal`: a position sees itself and what comes before it.
    """

    def __init__(self, d_model: int, n_heads: int, causal: bool = False, rotary: Rotary | None = None) -> None:
        super().__init__()
        self.n_heads, self.causal, self.rotary = n_heads, causal, rotary
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, visible: Tensor | None = None) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq, d_model); `visible` (batch, seq): where there is a token, None: everywhere"""
        query, key, value = self._heads(x)
        return self._joined(self._attend(query, key, value, visible))

    def extend(self, x: Tensor, past: KeysAndValues | None) -> tuple[Tensor, KeysAndValues]:
        """New positions of texts (batch, new, d_model), which see the past ones and each other up to themselves; no padding.

        Returns what `forward` returns at these positions of the full text, and the keys and values for the next call.
        """
        start = 0 if past is None else past[0].shape[2]
        query, key, value = self._heads(x, start)
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        new = x.shape[1]
        mask = None if new == 1 else torch.ones(new, start + new, dtype=torch.bool, device=x.device).tril(start)
        return self._joined(functional.scaled_dot_product_attention(query, key, value, mask)), (key, value)

    def _heads(self, x: Tensor, start: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """(batch, seq, d_model) -> query, key and value, (batch, n_heads, seq, head_size) each"""
        d_model = x.shape[2]
        parts = self.qkv(x).split(d_model, dim=2)
        by_head = (part.unflatten(2, (self.n_heads, d_model // self.n_heads)) for part in parts)  # (batch, seq, n_heads, head_size)
        query, key, value = (part.transpose(1, 2) for part in by_head)
        if self.rotary is not None:
            query, key = self.rotary(query, start), self.rotary(key, start)
        return query, key, value

    def _joined(self, mixed: Tensor) -> Tensor:
        """(batch, n_heads, seq, head_size) -> (batch, seq, d_model)"""
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None) -> Tensor:
        """(batch, n_heads, seq, head_size) -> (batch, n_heads, seq, head_size)"""
        # Padding comes after a text's end, where a causal position never attends.
        return attend(query, key, value, None if self.causal else visible, self.causal)


class CrossAttention(nn.Module):
    """Each position of a target looks at all positions of its source, in `n_heads` ways at once."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query = nn.Linear(d_model, d_model)
        self.keys_and_values = nn.Linear(d_model, 2 * d_model)
        self.out = nn.Linear(d_model, d_model)

    def read(self, source: Tensor) -> KeysAndValues:
        """(batch, src, d_model) -> keys and values, (batch, n_heads, src, head_size) each: once for all positions of the target"""
        key, value = self.keys_and_values(source).chunk(2, dim=2)
        return self._by_head(key), self._by_head(value)

    def forward(self, x: Tensor, source: KeysAndValues, visible: Tensor | None) -> Tensor:
        """(batch, tgt, d_model) -> (batch, tgt, d_model); `visible` (batch, src): where the source has a token, None: everywhere"""
        mixed = attend(self._by_head(self.query(x)), *source, visible, causal=False)  # (batch, n_heads, tgt, head_size)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def weights(self, x: Tensor, source: KeysAndValues, visible: Tensor | None) -> Tensor:
        """(batch, tgt, d_model) -> (batch, n_heads, tgt, src): how much each position looks at each of the source, 1 in sum"""
        query = self._by_head(self.query(x))
        scores = query @ source[0].transpose(2, 3) * query.shape[3] ** -0.5  # (batch, n_heads, tgt, src)
        if visible is not None:
            scores = scores.masked_fill(~visible[:, None, None, :], float("-inf"))
        return scores.softmax(dim=3)

    def _by_head(self, x: Tensor) -> Tensor:
        """(batch, seq, d_model) -> (batch, n_heads, seq, head_size)"""
        return x.unflatten(2, (self.n_heads, x.shape[2] // self.n_heads)).transpose(1, 2)


def attend(query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None, causal: bool) -> Tensor:
    """(batch, n_heads, tgt, head_size), twice (batch, n_heads, src, head_size) -> (batch, n_heads, tgt, head_size)"""
    mask = None if visible is None else visible[:, None, None, :]
    if query.device.type != "cpu":
        return functional.scaled_dot_product_attention(query, key, value, mask, is_causal=causal)
    # A CPU's fused attention is slower in bfloat16 than in float32, so it is left out of autocast.
    with torch.autocast("cpu", enabled=False):
        query, key, value = query.to(_precise(query)), key.to(_precise(key)), value.to(_precise(value))
        return functional.scaled_dot_product_attention(query, key, value, mask, is_causal=causal)


def _precise(x: Tensor) -> torch.dtype:
    return torch.float32 if x.dtype == torch.bfloat16 else x.dtype
