"""Transformer encoder and decoder (Vaswani et al. 2017)."""

from collections.abc import Callable
from itertools import islice

import torch
from torch import Tensor, nn

from ...configs.schema.models.transformers import TransformerSeq2SeqConfig
from ..decoding import Memory, State
from ..head import Head
from ..layers.attention import CrossAttention, KeysAndValues
from ..layers.embedding import TokenDropout, token_embedding
from ..layers.heads import VocabularyOutput
from ..layers.padding import real_tokens
from ..layers.transformer_blocks import PositionedEmbedding, Stack, first_spread, start_weights
from .encoder_decoder import EncoderDecoder, VectorEncoder, only, own_choices
from .transformer import encoder, feed_forward, final_norm, n_blocks, norm_layer_of, relative_positions, self_attention


class DecoderBlock(nn.Module):
    """Attention to the target so far, attention to the source, then feed-forward, each with a residual connection.

    A norm is applied before each of the three (`pre`), or after each sum (`post`).
    """

    def __init__(self, config: TransformerSeq2SeqConfig) -> None:
        super().__init__()
        self.attention = self_attention(config, causal=True)
        self.source_attention = CrossAttention(config.d_model, config.n_heads, n_kv_heads=config.n_kv_heads, bias=config.bias,
                                               dropout=config.attention_dropout)
        self.feed_forward = feed_forward(config)
        self.attention_norm, self.source_norm, self.feed_forward_norm = (norm_layer_of(config)() for _ in range(3))
        self.pre, self.dropout = config.norm == "pre", nn.Dropout(config.dropout)

    def forward(self, x: Tensor, source: KeysAndValues, visible: Tensor | None, by_distance: Tensor | None = None) -> Tensor:
        """(batch, tgt, d_model) -> (batch, tgt, d_model); `visible` (batch, src): true for real source tokens, None: all are real"""
        x = self._attended(x, by_distance)
        return self._after_attention(x, source, visible)

    def extend(self, x: Tensor, past: KeysAndValues | None, source: KeysAndValues, visible: Tensor | None,
               by_distance: Tensor | None = None) -> tuple[Tensor, KeysAndValues]:
        """(batch, k, d_model), one position of each hypothesis -> the same, and (batch * k, ...) keys and values for the next step"""
        rows = x.flatten(0, 1).unsqueeze(1)  # (batch * k, 1, d_model)
        mixed, now = self.attention.extend(self.attention_norm(rows) if self.pre else rows, past, by_distance)
        rows = rows + mixed if self.pre else self.attention_norm(rows + mixed)
        # All hypotheses of a sentence attend to the same source, as k positions of one target would.
        return self._after_attention(rows.view_as(x), source, visible), now

    def source_weights(self, x: Tensor, source: KeysAndValues, visible: Tensor | None, by_distance: Tensor | None = None) -> Tensor:
        """(batch, tgt, d_model) -> (batch, n_heads, tgt, src): attention weights of each target position over the source"""
        x = self._attended(x, by_distance)
        return self.source_attention.weights(self.source_norm(x) if self.pre else x, source, visible)

    def _attended(self, x: Tensor, by_distance: Tensor | None) -> Tensor:
        return self._added(x, self.attention_norm, lambda query: self.attention(query, by_distance=by_distance))

    def _after_attention(self, x: Tensor, source: KeysAndValues, visible: Tensor | None) -> Tensor:
        x = self._added(x, self.source_norm, lambda query: self.source_attention(query, source, visible))
        return self._added(x, self.feed_forward_norm, self.feed_forward)

    def _added(self, x: Tensor, norm: nn.Module, layer: Callable[[Tensor], Tensor]) -> Tensor:
        return x + self.dropout(layer(norm(x))) if self.pre else norm(x + self.dropout(layer(x)))


class TransformerDecoder(Stack[DecoderBlock]):
    """The decoder blocks of an encoder-decoder."""

    def read(self, source: Tensor) -> list[KeysAndValues]:
        """(batch, src, d_model) -> keys and values for each pass through a block; the same block gives the same ones in each pass"""
        return [block.source_attention.read(source) for block in islice(self.passes(), len(self.blocks))] * self.n_passes

    def forward(self, x: Tensor, sources: list[KeysAndValues], visible: Tensor | None) -> Tensor:
        """(batch, tgt, d_model) -> (batch, tgt, d_model)"""
        by_distance = self.by_distance(x.shape[1], x.shape[1])
        for block, source in zip(self.passes(), sources, strict=True):
            x = block(x, source, visible, by_distance)
        return self.norm(x)

    def extend(self, x: Tensor, pasts: list[KeysAndValues | None], sources: list[KeysAndValues], visible: Tensor | None
               ) -> tuple[Tensor, list[KeysAndValues]]:
        """(batch, k, d_model), the cache of each block -> (batch, k, d_model), and the new caches"""
        by_distance = self.by_distance(1, 1 + (pasts[0][0].shape[2] if pasts[0] is not None else 0))
        kept: list[KeysAndValues] = []
        for block, past, source in zip(self.passes(), pasts, sources, strict=True):
            x, now = block.extend(x, past, source, visible, by_distance)
            kept.append(now)
        return self.norm(x), kept

    def source_weights(self, x: Tensor, sources: list[KeysAndValues], visible: Tensor | None) -> Tensor:
        """(batch, tgt, d_model) -> (batch, tgt, src): attention weights over the source in the top block, averaged over its heads"""
        by_distance = self.by_distance(x.shape[1], x.shape[1])
        *below, top = zip(self.passes(), sources, strict=True)
        for block, source in below:
            x = block(x, source, visible, by_distance)
        return top[0].source_weights(x, top[1], visible, by_distance).mean(dim=1)


class TransformerSeq2Seq(EncoderDecoder):
    """Source embedding -> encoder; target embedding -> decoder, which attends to the encoder's states -> a score for each word.

    `source`: the size of a source vocabulary, or an encoder of another kind of source, whose vector, projected to d_model, is the only
    state.
    """

    def __init__(self, config: TransformerSeq2SeqConfig, source: int | VectorEncoder, head: Head) -> None:
        super().__init__(config)
        d_model, spread = config.d_model, first_spread(config.positions, config.d_model)
        words = [token_embedding(size, d_model, spread) for size in (source, head.n_outputs) if isinstance(size, int)]
        self.token_dropout = TokenDropout(config.token_dropout)
        embeddings = [PositionedEmbedding(tokens, d_model, config.positions, config.max_positions, config.dropout) for tokens in words]
        self.source_embedding, self.target_embedding = embeddings[0] if isinstance(source, int) else None, embeddings[-1]
        self.encoder = encoder(config, config.n_encoder_layers) if isinstance(source, int) else nn.Sequential(
            source, nn.Linear(source.d_vector, d_model))
        self.decoder = decoder(config)
        self.output = VocabularyOutput(d_model, head, words[-1], words[0] if isinstance(source, int) else None)
        if isinstance(self.encoder, Stack):
            start_weights(self.encoder, config.norm, n_added=2 * config.n_encoder_layers)
        start_weights(self.decoder, config.norm, n_added=3 * config.n_decoder_layers)

    def forward(self, tokens: Tensor, lengths: Tensor, previous: Tensor, teacher_forcing: float = 1.0,
                asked: Tensor | None = None) -> Tensor:
        """(batch, src), (batch,), (batch, tgt) -> (batch, tgt, n_words), or (n, n_words) at the positions `asked` (n,)

        `teacher_forcing` below 1 takes two passes: the first computes the model's own predictions, the second reads some of them
        (Mihaylova and Martins 2019).
        """
        sources, visible = self._read(tokens, lengths)
        if teacher_forcing < 1:
            with torch.no_grad():
                previous = own_choices(previous, self._target_scores(previous, sources, visible), teacher_forcing)
        return self._target_scores(previous, sources, visible, asked)

    def encode(self, tokens: Tensor, lengths: Tensor) -> tuple[Memory, State]:
        """(batch, src), (batch,) -> keys, values and mask of the source; an empty state"""
        sources, _ = self._read(tokens, lengths)
        memory = {f"{name}{number}": part for number, source in enumerate(sources) for name, part in zip("kv", source, strict=True)}
        batch, n_heads, n_places, size = sources[0][0].shape
        visible = torch.arange(n_places, device=tokens.device) < lengths.unsqueeze(1)
        empty = sources[0][0].new_zeros(batch, 1, n_heads, 0, size)
        return {"visible": visible, **memory}, dict.fromkeys(memory, empty)

    def step(self, previous: Tensor, memory: Memory, state: State) -> tuple[Tensor, State]:
        """(batch, k) -> (batch, k, n_words), and keys and values (batch, k, n_heads, n_positions, head_size) of each block"""
        sources, pasts = _by_block(memory), [_flat(past) for past in _by_block(state)]
        x = self.target_embedding(previous.reshape(-1, 1), start=pasts[0][0].shape[2])  # (batch * k, 1, d_model)
        x, kept = self.decoder.extend(x.view(*previous.shape, -1), list(pasts), sources, memory["visible"])
        after = {f"{name}{number}": part.unflatten(0, previous.shape)
                 for number, block in enumerate(kept) for name, part in zip("kv", block, strict=True)}
        return self.output.scores(x), after

    def alignments(self, tokens: Tensor, lengths: Tensor, previous: Tensor) -> Tensor:
        """(batch, tgt, src): attention weights of the top block, averaged over its heads"""
        return self.decoder.source_weights(self.target_embedding(previous), *self._read(tokens, lengths))

    def _read(self, tokens: Tensor, lengths: Tensor) -> tuple[list[KeysAndValues], Tensor | None]:
        """Keys and values of the source for each decoder block, and the mask of real tokens."""
        if self.source_embedding is None:
            return self.decoder.read(self.encoder(tokens).unsqueeze(1)), None
        visible = real_tokens(lengths, tokens.shape[1])
        return self.decoder.read(self.encoder(self.source_embedding(self.token_dropout(tokens)), visible)), visible

    def _target_scores(self, previous: Tensor, sources: list[KeysAndValues], visible: Tensor | None, asked: Tensor | None = None) -> Tensor:
        """(batch, tgt) -> (batch, tgt, n_words), or (n, n_words)"""
        return self.output.scores(only(self.decoder(self.target_embedding(previous), sources, visible), asked))


def decoder(config: TransformerSeq2SeqConfig) -> TransformerDecoder:
    """The blocks of the decoder."""
    blocks = [DecoderBlock(config) for _ in range(n_blocks(config, config.n_decoder_layers))]
    return TransformerDecoder(blocks, final_norm(config), relative_positions(config, causal=True), config.n_decoder_layers // len(blocks))


def _by_block(tensors: dict[str, Tensor]) -> list[KeysAndValues]:
    """`k0`, `v0`, `k1`, ... -> keys and values of each block"""
    return [(tensors[f"k{number}"], tensors[f"v{number}"]) for number in range(sum(name[0] == "k" for name in tensors))]


def _flat(past: KeysAndValues) -> KeysAndValues:
    """(batch, k, n_heads, n_positions, head_size) -> (batch * k, n_heads, n_positions, head_size)"""
    return past[0].flatten(0, 1), past[1].flatten(0, 1)
