"""Transformer (Vaswani et al. 2017): an encoder, or with `causal` a decoder-only stack."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ...configs.schema.models.transformers import TransformerBlocksConfig, TransformerConfig
from ...errors import ConfigError
from ..head import Heads
from ..layers.attention import SelfAttention
from ..layers.biaffine import TreeOutput
from ..layers.embedding import TokenDropout
from ..layers.heads import Outputs, TagOutput, VocabularyOutput, output
from ..layers.norms import norm_layer
from ..layers.padding import real_tokens
from ..layers.pooling import pooling
from ..layers.positions import RelativePositions, Rotary
from ..layers.transformer_blocks import (
    Block,
    FeedForward,
    NormLayer,
    Past,
    PositionedEmbedding,
    TransformerEncoder,
    first_spread,
    start_linear,
    start_weights,
)
from ..layers.word_embedding import ColumnEmbedding, WordEmbedding, character_features_size, column_embedding
from .network import SequenceNetwork

FloatArray = npt.NDArray[np.floating[Any]]


class TransformerEmbedding(PositionedEmbedding):
    """The sum of token, position and segment embeddings (Vaswani et al. 2017; Devlin et al. 2019)."""

    def __init__(self, config: TransformerConfig, n_tokens: int, n_characters: int | None, columns: Sequence[int]) -> None:
        size, positions = config.d_embedding or config.d_model, config.positions
        extra = column_embedding(config, columns)
        words = WordEmbedding(n_tokens, size - _d_extra(config, size, extra), config.characters, n_characters,
                              first_spread(positions, size), extra)
        super().__init__(words, size, positions, config.max_positions, config.dropout)
        self.segments = nn.Embedding(config.n_segments, size) if config.n_segments else None
        if self.segments is not None:
            nn.init.normal_(self.segments.weight, std=0.02)
        self.norm = norm_layer(config.norm_type, size, config.norm_eps, config.bias) if config.embedding_norm else nn.Identity()
        self.projection = nn.Linear(size, config.d_model, bias=config.bias) if config.d_embedding is not None else nn.Identity()
        if isinstance(self.projection, nn.Linear):
            start_linear(self.projection)

    def forward(self, tokens: Tensor, start: int = 0, segments: Tensor | None = None, **spelled: Tensor) -> Tensor:
        """(batch, seq) -> (batch, seq, d_model); the first token is at position `start`; without `segments` all tokens are in segment 0"""
        x = self.placed(tokens, start, **spelled)
        if self.segments is not None:
            x = x + (self.segments.weight[0] if segments is None else self.segments(segments))
        return self.projection(self.dropout(self.norm(x)))


def _d_extra(config: TransformerConfig, d_embedding: int, columns: ColumnEmbedding | None) -> int:
    """The part of the embedding's size that the features of characters and additional columns take."""
    size, sources = character_features_size(config.characters), "model.characters gives"
    if columns is not None:
        size += columns.d_output
        sources = "the columns give" if config.characters is None else "model.characters and the columns give"
    if size >= d_embedding:
        raise ConfigError(f"{sources} {size} features, which leaves nothing of the embedding's {d_embedding} for the "
                          "word itself; make one smaller or the other larger.")
    return size


class Transformer(SequenceNetwork):
    """Embedding -> blocks of attention and feed-forward -> the output of the task, such as a class, or a word at each position.

    Texts longer than `max_positions` are truncated. A tagger reads all of a text, in windows of that many tokens that are encoded
    independently.
    """

    def __init__(self, config: TransformerConfig, n_tokens: int, n_characters: int | None, head: Heads,
                 columns: Sequence[int] = ()) -> None:
        super().__init__(config)
        self.token_dropout = TokenDropout(config.token_dropout)
        self.causal, self.max_positions = config.causal, config.max_positions
        self.embedding = TransformerEmbedding(config, n_tokens, n_characters, columns)
        self.hidden = encoder(config, config.n_layers, config.causal)
        assert isinstance(self.embedding.words, WordEmbedding)
        self.output = _output(config, head, self.embedding.words.tokens)
        self.reads_all = any(isinstance(module, TagOutput | TreeOutput) for module in self.output.modules())
        start_weights(self.hidden, config.norm, n_added=2 * config.n_layers)

    def encode(self, tokens: Tensor, lengths: Tensor, **more: Tensor) -> Tensor:
        """(batch, seq) -> (batch, seq, d_model)"""
        size = self.max_positions
        starts = range(0, tokens.shape[1], size) if tokens.shape[1] > size else [0]  # an exported graph has a single window of any size
        windows = [self._read(tokens[:, start : start + size], (lengths - start).clamp(min=1, max=size), **_window(more, start, size))
                   for start in starts]
        return windows[0] if len(windows) == 1 else torch.cat(windows, dim=1)

    def _read(self, tokens: Tensor, lengths: Tensor, segments: Tensor | None = None, **spelled: Tensor) -> Tensor:
        """(batch, seq) -> (batch, seq, d_model); at most `max_positions` tokens"""
        # Padding is at the end of a text, which no causal position attends to.
        visible = None if self.causal else real_tokens(lengths, tokens.shape[1])
        return self.hidden(self.embedding(self.token_dropout(tokens), segments=segments, **spelled), visible)

    def forward(
        self, tokens: Tensor, lengths: Tensor, *, first_pieces: Tensor | None = None, asked: Tensor | None = None, **more: Tensor
    ) -> Tensor | dict[str, Tensor]:
        """(batch, seq) -> (batch, n_classes), (batch, n_words, n_tags), (batch, seq, n_words) or (n, n_words); several outputs by name"""
        more.pop("places", None)  # the position of a block in its text, which is not used: blocks are independent
        longest = self.max_positions
        if tokens.shape[1] > longest and not self.reads_all:
            tokens, lengths, more = tokens[:, :longest], lengths.clamp(max=longest), _window(more, 0, longest)
        return super().forward(tokens, lengths, first_pieces=first_pieces, asked=asked, **more)

    def read_on(self, tokens: Tensor, past: Past | None) -> tuple[Tensor, Past]:
        """(batch, seq) tokens after `past` -> (batch, seq, d_model) states, and the past for the next call; causal, no dropout

        The past may be of a single text, which is then the beginning of all rows. At most `max_positions` tokens in total.
        """
        start = 0 if past is None else past[0][0].shape[2]
        before = None if past is None else [(key.expand(len(tokens), -1, -1, -1), value.expand(len(tokens), -1, -1, -1))
                                            for key, value in past]
        return self.hidden.extend(self.embedding(tokens, start=start), before)

    @torch.inference_mode()
    def next_scores(self, ids: Sequence[int], past: Past | None) -> tuple[FloatArray, Past]:
        """Scores (n_words,) of the token after `ids`, which continue the text `past`, and the cache for the next call.

        Keys and values are cached, so each new token costs one position. Raises ValueError if the text has more than `max_positions`
        tokens.
        """
        start = 0 if past is None else past[0][0].shape[2]
        if start + len(ids) > self.max_positions:
            raise ValueError(f"the text has {start + len(ids)} tokens, and the model has {self.max_positions} positions")
        self.eval()
        states, now = self.read_on(torch.tensor([list(ids)], device=self.device), past)
        assert isinstance(self.output, VocabularyOutput)
        return self.output.scores(states[0, -1]).double().cpu().numpy(), now


def _window(more: Mapping[str, Tensor], start: int, size: int) -> dict[str, Tensor]:
    """The inputs for `size` tokens from `start` on; the characters of words have no position."""
    return {name: value[:, start : start + size] if name in ("segments", "spelling", "columns") else value for name, value in more.items()}


def encoder(config: TransformerBlocksConfig, n_layers: int, causal: bool = False) -> TransformerEncoder:
    """The blocks of an encoder, or with `causal` of a decoder-only stack."""
    blocks = [Block(self_attention(config, causal), feed_forward(config), norm_layer_of(config), config.norm, config.dropout)
              for _ in range(n_blocks(config, n_layers))]
    return TransformerEncoder(blocks, final_norm(config), relative_positions(config, causal), n_layers // len(blocks))


def n_blocks(config: TransformerBlocksConfig, n_layers: int) -> int:
    """Number of blocks with separate weights."""
    return 1 if config.share_layers else n_layers


def self_attention(config: TransformerBlocksConfig, causal: bool) -> SelfAttention:
    """The self-attention of a block, with rotary positions if the recipe has them."""
    head_size = config.d_model // config.n_heads
    rotary = Rotary(config.max_positions, head_size, config.rotary_base) if config.positions == "rotary" else None
    return SelfAttention(config.d_model, config.n_heads, causal, rotary, n_kv_heads=config.n_kv_heads, bias=config.bias,
                         dropout=config.attention_dropout)


def relative_positions(config: TransformerBlocksConfig, causal: bool) -> RelativePositions | None:
    """Relative positions, shared by all blocks; None if the recipe has other positions."""
    return RelativePositions(config.max_positions, config.n_heads, causal) if config.positions == "relative" else None


def feed_forward(config: TransformerBlocksConfig) -> FeedForward:
    """The feed-forward layer of each block."""
    return FeedForward(config.d_model, config.d_ff, config.activation, gated=config.gated, bias=config.bias)


def norm_layer_of(config: TransformerBlocksConfig) -> NormLayer:
    """A function that builds a norm."""
    return partial(norm_layer, config.norm_type, config.d_model, config.norm_eps, config.bias)


def final_norm(config: TransformerBlocksConfig) -> nn.Module:
    """The norm after all blocks, for `pre` norm; otherwise the identity."""
    return norm_layer_of(config)() if config.norm == "pre" else nn.Identity()


def _output(config: TransformerConfig, head: Heads, embedding: nn.Embedding, is_only: bool = True) -> nn.Module:
    if isinstance(head, Mapping):
        return Outputs({name: _output(config, part, embedding, is_only=False) for name, part in head.items()})
    d_model = config.d_model
    if head is not None and head.kind == "vocabulary":
        if config.pooler and is_only:
            raise ConfigError("model.pooler computes one vector for a text, which a model of single tokens does not use; remove it.")
        return VocabularyOutput(d_model, head, embedding)
    pooler = [nn.Linear(d_model, d_model), nn.Tanh()] if config.pooler else []
    return output(head, pooling(config.pooling, d_model), nn.Sequential(*pooler, nn.Dropout(config.dropout)), d_model)
