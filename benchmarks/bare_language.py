"""The best loops that a person would write by hand for language models: nanoGPT's for a transformer, and an LSTM that carries its state.

The text is in memory after a [BOS], and a batch is cut out of it with one indexing operation.
"""

from typing import Any

import numpy as np
import torch
from bare import BareLoop, Block
from nlp.configs.schema.models.networks import NetworkConfig, RecurrentConfig
from nlp.configs.schema.models.transformers import TransformerConfig
from nlp.configs.schema.recipe import Recipe
from nlp.configs.schema.tasks.language_modeling import LanguageModelingConfig
from nlp.configs.schema.tokenizer import BOS
from nlp.datasets.arrays import IntArray
from nlp.datasets.encoded.split import Data
from nlp.datasets.encoded.texts.token_stream import TokenStream
from torch import Tensor, nn


class Gpt(nn.Module):
    """A pre-norm decoder with learned positions (Radford et al. 2019)."""

    def __init__(self, config: TransformerConfig, n_tokens: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, config.d_model, padding_idx=0)
        self.positions = nn.Embedding(config.max_positions, config.d_model)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm, self.dropout = nn.LayerNorm(config.d_model), nn.Dropout(config.dropout)
        self.scores = nn.Linear(config.d_model, n_tokens, bias=False)

    def forward(self, tokens: Tensor, goes_on: bool) -> Tensor:
        """(batch, seq) -> (batch, seq, n_tokens)"""
        x = self.dropout(self.embedding(tokens) + self.positions.weight[: tokens.shape[1]])
        for block in self.blocks:
            x = block(x)
        return self.scores(self.norm(x))


class CarryingLstm(nn.Module):
    """An LSTM whose rows continue from batch to batch."""

    def __init__(self, config: RecurrentConfig, n_tokens: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_tokens, config.d_embedding, padding_idx=0)
        self.lstm = nn.LSTM(config.d_embedding, config.hidden_size, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.scores = nn.Linear(config.hidden_size, n_tokens, bias=False)
        self.state: tuple[Tensor, Tensor] | None = None

    def forward(self, tokens: Tensor, goes_on: bool) -> Tensor:
        """(batch, seq) -> (batch, seq, n_tokens)"""
        states, (hidden, cell) = self.lstm(self.dropout(self.embedding(tokens)), self.state if goes_on else None)
        self.state = hidden.detach(), cell.detach()
        return self.scores(self.dropout(states))


def bare_language_model(config: NetworkConfig, task: LanguageModelingConfig, n_tokens: int) -> nn.Module:
    """The module for a recipe's model; it covers what the compared recipes use, not every key."""
    match config, task:
        case TransformerConfig(activation="gelu", norm="pre", positions="learned"), LanguageModelingConfig(tie_embeddings=False):
            return Gpt(config, n_tokens)
        case RecurrentConfig(type="lstm", n_layers=1), LanguageModelingConfig(tie_embeddings=False):
            return CarryingLstm(config, n_tokens)
    raise ValueError(f"no loop by hand for {config!r}")


class LanguageLoop(BareLoop):
    """On running text."""

    def __init__(self, recipe: Recipe, data: Data, n_steps: int) -> None:
        split, n_tokens = data.splits["train"], data.encoding.spec.vocab_size
        assert isinstance(split, TokenStream) and isinstance(recipe.task, LanguageModelingConfig) and n_tokens is not None
        assert isinstance(recipe.model, NetworkConfig)
        self.text, self.block, self.last = np.concatenate([[BOS], split.ids]), np.arange(split.block_size + 1), -1
        super().__init__(recipe, bare_language_model(recipe.model, recipe.task, n_tokens), n_steps)

    def examples(self, rows: IntArray) -> tuple[tuple[Any, ...], Tensor]:
        """Tokens (batch, seq) and whether they follow those of the batch before; the tokens that come next (batch, seq)."""
        window = torch.from_numpy(self.text[rows[:, None] + self.block])
        goes_on, self.last = int(rows[0]) == self.last, int(rows[0]) + len(self.block) - 1
        return (window[:, :-1], goes_on), window[:, 1:]
