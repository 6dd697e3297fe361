"""The best loops that a person would write by hand for translation: a transformer, and a GRU with attention over a bidirectional one.

Tokens lie end to end, and only attention and recurrent layers see rows that are filled up: a fifth of such rows is padding, which no
other layer then pays for, least of all the scores for a whole vocabulary.
"""

import math
from typing import Any

import numpy as np
import torch
from bare import NON_LINEARITIES, BareLoop, Block, Texts, sinusoids
from nlp.configs.schema.models.networks import NetworkConfig, RecurrentSeq2SeqConfig
from nlp.configs.schema.models.transformers import TransformerSeq2SeqConfig
from nlp.configs.schema.recipe import Recipe
from nlp.configs.schema.tasks.sequence_to_sequence import SequenceToSequenceConfig
from nlp.configs.schema.tokenizer import BOS, EOS
from nlp.datasets.arrays import IntArray, Ragged
from nlp.datasets.encoded.split import Data
from nlp.datasets.encoded.texts.text_pairs import PairSplit, TextSources
from torch import Tensor, nn
from torch.nn import functional


class PackedBlock(Block):
    """A block of the encoder over tokens that lie end to end."""

    def forward(self, x: Tensor, order: Tensor) -> Tensor:  # type: ignore[override]
        """(n, d_model), the index of the token at each position (batch, seq), -1: none -> (n, d_model)"""
        query, key, value = spread(self.qkv(self.norm_1(x)), order).chunk(3, dim=2)
        x = x + self.dropout(self.out(packed(attended(query, key, value, self.n_heads, order >= 0), order)))
        return x + self.dropout(self.narrow(self.non_linearity(self.wide(self.norm_2(x)))))


class DecoderBlock(nn.Module):
    """Attention to the target so far, attention to the source, and feed-forward; each behind a layer norm and beside a residual path."""

    def __init__(self, config: TransformerSeq2SeqConfig) -> None:
        super().__init__()
        size = config.d_model
        self.n_heads, self.non_linearity = config.n_heads, NON_LINEARITIES[config.activation]
        self.qkv, self.out = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.query, self.source, self.found = nn.Linear(size, size), nn.Linear(size, 2 * size), nn.Linear(size, size)
        self.wide, self.narrow = nn.Linear(size, config.d_ff), nn.Linear(config.d_ff, size)
        self.norm_1, self.norm_2, self.norm_3 = nn.LayerNorm(size), nn.LayerNorm(size), nn.LayerNorm(size)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, order: Tensor, source: Tensor, source_order: Tensor) -> Tensor:
        """(n, d_model), (batch, tgt), (n_source, d_model), (batch, src) -> (n, d_model)"""
        query, key, value = spread(self.qkv(self.norm_1(x)), order).chunk(3, dim=2)
        x = x + self.dropout(self.out(packed(attended(query, key, value, self.n_heads, None), order)))
        query, (key, value) = spread(self.query(self.norm_2(x)), order), spread(self.source(source), source_order).chunk(2, dim=2)
        x = x + self.dropout(self.found(packed(attended(query, key, value, self.n_heads, source_order >= 0), order)))
        return x + self.dropout(self.narrow(self.non_linearity(self.wide(self.norm_3(x)))))


class TranslatingTransformer(nn.Module):
    """A pre-norm encoder and decoder with sinusoids, and one matrix for source, target and output (Vaswani et al. 2017)."""

    sinusoids: Tensor

    def __init__(self, config: TransformerSeq2SeqConfig, n_tokens: int) -> None:
        super().__init__()
        size = config.d_model
        self.embedding = nn.Embedding(n_tokens, size, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=size**-0.5)
        self.register_buffer("sinusoids", sinusoids(config.max_positions, size), persistent=False)
        self.encoder = nn.ModuleList(PackedBlock(config) for _ in range(config.n_encoder_layers))
        self.source_norm = nn.LayerNorm(size)
        self.decoder = nn.ModuleList(DecoderBlock(config) for _ in range(config.n_decoder_layers))
        self.norm, self.dropout = nn.LayerNorm(size), nn.Dropout(config.dropout)
        self.bias = nn.Parameter(torch.zeros(n_tokens))  # of the output, whose matrix is the embedding's

    def forward(self, tokens: Tensor, order: Tensor, previous: Tensor, target_order: Tensor) -> Tensor:
        """(n_source,), (batch, src), (n,), (batch, tgt) -> (n, n_tokens), scores at each place of the targets"""
        source, x = self.placed(tokens, order), self.placed(previous, target_order)
        for block in self.encoder:
            source = block(source, order)
        source = self.source_norm(source)
        for block in self.decoder:
            x = block(x, target_order, source, order)
        return functional.linear(self.norm(x), self.embedding.weight, self.bias)

    def placed(self, tokens: Tensor, order: Tensor) -> Tensor:
        """(n,), (batch, seq) -> (n, d_model)"""
        places = torch.arange(order.shape[1]).expand_as(order)[order >= 0]
        return self.dropout(self.embedding(tokens) * math.sqrt(self.sinusoids.shape[1]) + self.sinusoids[places])


class TranslatingGru(nn.Module):
    """A GRU over the target that looks back at one from both ends (Luong et al. 2015), and one matrix for source, target and output."""

    def __init__(self, config: RecurrentSeq2SeqConfig, n_tokens: int) -> None:
        super().__init__()
        d_embedding, size = config.d_embedding, config.hidden_size
        self.embedding = nn.Embedding(n_tokens, d_embedding, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.ahead = nn.GRU(d_embedding, size, batch_first=True)
        self.back = nn.GRU(d_embedding, size, batch_first=True)
        self.start = nn.Linear(2 * size, size)
        self.key = nn.Linear(2 * size, size, bias=False)
        self.decoder = nn.GRU(d_embedding, size, batch_first=True)
        self.join = nn.Linear(3 * size, d_embedding)
        self.dropout = nn.Dropout(config.dropout)
        self.bias = nn.Parameter(torch.zeros(n_tokens))  # of the output, whose matrix is the embedding's

    def forward(self, tokens: Tensor, order: Tensor, previous: Tensor, target_order: Tensor) -> Tensor:
        """(n_source,), (batch, src), (n,), (batch, tgt) -> (n, n_tokens), scores at each place of the targets"""
        real, rows = order >= 0, torch.arange(len(order))
        source, lengths = self.dropout(self.embedding(tokens)), real.sum(dim=1)
        places = torch.arange(order.shape[1]).expand_as(order)
        reverse = torch.where(real, lengths.unsqueeze(1) - 1 - places, places) + order.shape[1] * rows.unsqueeze(1)  # (batch, src)
        ahead, _ = self.ahead(spread(source, order))
        back, _ = self.back(spread(source, order.flatten()[reverse]))
        end = torch.cat([ahead[rows, lengths - 1], back[rows, lengths - 1]], dim=1)
        states = torch.cat([ahead, functional.embedding(reverse, back.flatten(0, 1))], dim=2)  # (batch, src, 2 * size)
        first = torch.tanh(self.start(end)).unsqueeze(0)
        queries, _ = self.decoder(spread(self.dropout(self.embedding(previous)), target_order), first)
        fits = torch.bmm(queries, self.key(states).transpose(1, 2)).masked_fill(~real.unsqueeze(1), -math.inf)  # (batch, tgt, src)
        found = torch.bmm(fits.softmax(dim=2), states)
        vectors = torch.tanh(self.join(packed(torch.cat([queries, found], dim=2), target_order)))  # (n, d_embedding)
        return functional.linear(self.dropout(vectors), self.embedding.weight, self.bias)


def attended(query: Tensor, key: Tensor, value: Tensor, n_heads: int, real: Tensor | None) -> Tensor:
    """(batch, tgt, size), twice (batch, src, size) -> (batch, tgt, size); without `real` (batch, src) each place sees those before it"""
    parts = (part.float().unflatten(2, (n_heads, -1)).transpose(1, 2) for part in (query, key, value))
    mask = None if real is None else real[:, None, None, :]
    with torch.autocast("cpu", enabled=False):  # slower in bfloat16 than in float32
        return functional.scaled_dot_product_attention(*parts, mask, is_causal=real is None).transpose(1, 2).flatten(2)


def spread(x: Tensor, order: Tensor) -> Tensor:
    """(n, size) -> (batch, seq, size); values on padding are meaningless"""
    return functional.embedding(order.clamp(min=0), x)  # its gradient takes less time than that of an index


def packed(x: Tensor, order: Tensor) -> Tensor:
    """(batch, seq, size) -> (n, size)"""
    return functional.embedding((order.flatten() >= 0).nonzero().squeeze(1), x.flatten(0, 1))


def bare_translator(config: NetworkConfig, task: SequenceToSequenceConfig, n_tokens: int) -> nn.Module:
    """The module for a recipe's model; it covers what the compared recipes use, not every key."""
    match config, task:
        case TransformerSeq2SeqConfig(norm="pre", positions="sinusoidal"), SequenceToSequenceConfig(tie_embeddings="all"):
            return TranslatingTransformer(config, n_tokens)
        case (RecurrentSeq2SeqConfig(cell="gru", bidirectional=True, n_layers=1, attention="general", input_feeding=False),
              SequenceToSequenceConfig(tie_embeddings="all")):
            return TranslatingGru(config, n_tokens)
    raise ValueError(f"no loop by hand for {config!r}")


class PairLoop(BareLoop):
    """On pairs of texts that lie encoded in memory."""

    def __init__(self, recipe: Recipe, data: Data, n_steps: int) -> None:
        split, n_tokens = data.splits["train"], data.encoding.spec.vocab_size
        assert isinstance(split, PairSplit) and isinstance(split.sources, TextSources) and n_tokens is not None
        assert isinstance(recipe.task, SequenceToSequenceConfig)
        assert isinstance(recipe.model, NetworkConfig) and split.targets is not None
        self.sources = Texts(with_each(split.sources.ids, EOS, behind=True))
        self.targets = Texts(with_each(split.targets, EOS, behind=True))
        self.previous = Texts(with_each(split.targets, BOS, behind=False))
        super().__init__(recipe, bare_translator(recipe.model, recipe.task, n_tokens), n_steps)
        self.smoothing = recipe.task.label_smoothing

    def examples(self, rows: IntArray) -> tuple[tuple[Any, ...], Tensor]:
        """Sources, and the token before each position of the targets, concatenated with their indices; the tokens there (n,)."""
        (tokens, starts), (previous, target_starts) = self.sources.flat(rows), self.previous.flat(rows)
        orders = order(starts, self.sources.lengths[rows]), order(target_starts, self.previous.lengths[rows])
        inputs = tokens, orders[0], previous, orders[1]
        return tuple(map(torch.from_numpy, inputs)), torch.from_numpy(self.targets.flat(rows)[0].astype(np.int64))


def with_each(texts: Ragged, token: int, behind: bool) -> Ragged:
    """Texts with a token behind each, or before it."""
    places = texts.offsets[1:] if behind else texts.offsets[:-1]
    return Ragged(np.insert(texts.ids, places, token), texts.offsets + np.arange(len(texts.offsets)))


def order(starts: IntArray, lengths: IntArray) -> IntArray:
    """(batch,), (batch,) -> (batch, longest): the index of the token at each position, -1: none"""
    within = np.arange(lengths.max())
    return np.where(within < lengths[:, None], starts[:, None] + within, -1)
