"""Generative adversarial networks that generate tokens by Gumbel-softmax (Jang et al. 2017; Kusner and Hernández-Lobato 2016)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...configs.schema.tasks.adversarial import GumbelGanConfig, ReaderConfig, WriterConfig
from ...configs.schema.tokenizer import BOS, EOS, SPECIAL_TOKENS, UNK
from ..decoding import places_at
from ..head import Head
from ..layers.convolutions import Convolutions
from ..layers.embedding import token_embedding
from ..layers.heads import VocabularyOutput, dense_layers
from .gan import Gan, Texts
from .recurrent_seq2seq import RecurrentDecoder

NEVER_WRITTEN = [number for number in range(len(SPECIAL_TOKENS)) if number not in (UNK, EOS)]


class Writer(nn.Module):
    """Noise -> recurrent decoder -> at each position a relaxed one-hot row over all tokens, which the next position reads.

    Its weights have the same names as in an `Autoencoder`, so that they can be initialised from one.
    """

    def __init__(self, config: WriterConfig, d_noise: int, n_tokens: int) -> None:
        super().__init__()
        self.config = config
        self.target_embedding = token_embedding(n_tokens, config.d_embedding)
        self.dropout = nn.Dropout(config.dropout)
        self.decoder = RecurrentDecoder(config, d_noise)
        self.output = VocabularyOutput(config.d_embedding, Head("sequence", n_tokens), self.target_embedding)
        barred = torch.zeros(n_tokens).index_fill(0, torch.tensor(NEVER_WRITTEN), float("-inf"))
        self.barred: Tensor
        self.register_buffer("barred", barred, persistent=False)

    def forward(self, noise: Tensor, length: int, temperature: float) -> Tensor:
        """(batch, d_noise) -> (batch, length, n_tokens)"""
        return self.write(noise, length, lambda scores, _: functional.gumbel_softmax(scores, temperature, self.config.hard))

    def write(self, noise: Tensor, length: int, choose: Callable[[Tensor, int], Tensor]) -> Tensor:
        """(batch, d_noise) -> (batch, length, n_tokens); `choose` maps scores (batch, n_tokens) and a position to a row (batch, n_tokens)

        Each row is scaled by the probability that the text has not ended: 0 after an [EOS].
        """
        memory, state = self.decoder.initial_state(noise, [noise] * self.config.n_layers, noise)
        row = functional.one_hot(noise.new_full((len(noise),), BOS, dtype=torch.long), len(self.barred)).to(noise)
        rows, continuing = [], noise.new_ones(len(noise), 1)
        for place in range(length):
            embedded = self.dropout(row @ self.target_embedding.weight).unsqueeze(1)
            states, _, state = self.decoder.read(embedded, memory, state)
            scores = self.output.scores(self.dropout(self.decoder.vectors(states))).squeeze(1).float()
            row = choose(scores + self.barred, place)
            rows.append(row * continuing)
            continuing = continuing * (1 - row[:, EOS : EOS + 1])
        return torch.stack(rows, dim=1)


class Reader(nn.Module):
    """Relaxed one-hot rows -> convolutions over their mean embeddings -> a score.

    Each position is weighted by the sum of its row, 0 after the end, so scores do not depend on padding.
    """

    def __init__(self, config: ReaderConfig, n_tokens: int) -> None:
        super().__init__()
        self.embedding = token_embedding(n_tokens, config.d_embedding)
        self.hidden = Convolutions(config.d_embedding, config.filter_widths, config.n_filters)
        sizes = [len(config.filter_widths) * config.n_filters, *config.hidden_sizes]
        self.output = nn.Sequential(nn.Dropout(config.dropout), dense_layers(sizes, config.activation, config.dropout),
                                    nn.Linear(sizes[-1], 1))

    def forward(self, rows: Tensor) -> Tensor:
        """(batch, seq, n_tokens) -> (batch, 1)"""
        states = self.hidden(rows @ self.embedding.weight).relu() * rows.sum(dim=2, keepdim=True)  # (batch, seq, n_widths * n_filters)
        return self.output(states.max(dim=1).values)


class GumbelGan(Gan):
    """Noise -> writer -> relaxed one-hot rows -> reader -> score; the rows of a real text are one-hot."""

    config: GumbelGanConfig

    def __init__(self, config: GumbelGanConfig, n_tokens: int) -> None:
        super().__init__(config)
        self.n_tokens = n_tokens
        self.generator = Writer(config.generator, config.d_noise, n_tokens)
        self.discriminator = Reader(config.discriminator, n_tokens)

    def prepared(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The texts as ids, each with [EOS] at its end."""
        texts: Texts = inputs["texts"]
        tokens, lengths = texts.ended(inputs["rows"])
        return {"tokens": tokens, "lengths": lengths}

    def real(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(batch, seq), (batch,) -> (batch, seq, n_tokens)"""
        tokens, lengths = inputs["tokens"], inputs["lengths"]
        mask = torch.arange(tokens.shape[1], device=tokens.device) < lengths.unsqueeze(1)
        return functional.one_hot(tokens.long(), self.n_tokens).float() * mask.unsqueeze(2)

    def drawn(self, real: Tensor, step: int) -> tuple[Tensor, int, float]:
        """Noise (batch, d_noise), the length of the real texts, and the temperature; the writer draws more noise at each position"""
        noise = torch.randn(len(real), self.config.d_noise, device=real.device)
        return noise, real.shape[1], self.config.generator.temperature_at(step)

    def forward(self, tokens: Tensor, lengths: Tensor, **more: Tensor) -> Tensor:
        """(batch, seq), (batch,) -> (2 batch, 1)"""
        return self.both_scores(self.real({"tokens": tokens, "lengths": lengths}))

    def n_noise(self, max_length: int) -> int:
        """`d_noise`, and one more number for each sampled token."""
        return self.config.d_noise + max_length

    def written(self, noise: Tensor, max_length: int) -> tuple[list[Sequence[int]], Tensor]:
        """Texts sampled by the probabilities of their tokens, as Gumbel-softmax with `hard` samples them, and their one-hot rows."""
        assert isinstance(self.generator, Writer)
        first, uniform = noise[:, : self.config.d_noise], torch.special.ndtr(noise[:, self.config.d_noise :])

        def sample(scores: Tensor, place: int) -> Tensor:
            probabilities = (scores / self.config.generator.sampling_temperature).softmax(dim=1)
            chosen = places_at(probabilities, uniform[:, place : place + 1]).squeeze(1)
            return functional.one_hot(chosen, self.n_tokens).float()

        rows = self.generator.write(first, max_length, sample)
        tokens, kept = rows.argmax(dim=2), rows.sum(dim=2).bool() & ~rows[:, :, EOS].bool()
        return [text[is_kept].tolist() for text, is_kept in zip(tokens, kept, strict=True)], rows
