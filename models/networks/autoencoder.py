"""Autoencoders: the whole text passes through one vector, the code (Hinton and Salakhutdinov 2006; Kingma and Welling 2014)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...configs.schema.models.model_base import Inputs
from ...configs.schema.tasks.autoencoding import AutoencoderConfig
from ...configs.schema.tokenizer import EOS
from ..decoding import Hypothesis, Memory, Search, State
from ..head import Head
from ..layers.embedding import TokenDropout, token_embedding
from ..layers.heads import TextOutput, class_count
from ..layers.recurrence import CELLS, RecurrentEncoder
from .network import SequenceNetwork, as_tensor, as_tensors
from .recurrent_seq2seq import AnyRecurrentConfig, RecurrentSeq2Seq


class CodeEncoder(RecurrentEncoder):
    """Recurrent layers, and the code: a linear map of the final states of all layers, normalised to mean 0 and variance 1.

    Without normalisation, codes are near 0 at first whatever the text, and the decoder takes many steps to use them. Mean and log variance
    of a variational code are not normalised.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(CELLS[config.cell], config.d_embedding, config.hidden_size, config.n_layers, config.bidirectional, config.dropout)
        self.code = nn.Linear(config.n_layers * self.d_output, config.d_code * (1 if config.variational is None else 2))
        self.d_code, self.d_output = config.d_code, config.d_code

    def codes(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor | None]:
        """(batch, seq, d_embedding) -> codes or their means (batch, d_code), and log variances (batch, d_code), None if not variational"""
        code = self.code(torch.cat(self.with_ends(x, lengths)[1], dim=1))
        if code.shape[1] == self.d_code:
            return functional.layer_norm(code, (self.d_code,)), None
        mean, log_variance = code.chunk(2, dim=1)
        return mean, log_variance


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """(...), (...) -> (...): nats of the Kullback-Leibler divergence of N(mean, variance) from N(0, 1), elementwise"""
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


class Autoencoder(RecurrentSeq2Seq):
    """Embedding -> recurrent encoder -> code (batch, d_code) -> recurrent decoder -> a score for each word at each position.

    `codes` and `decode` are the two halves: texts to codes, and codes from any source to texts.
    """

    config: AutoencoderConfig
    encoder: CodeEncoder

    def new_encoder(self, config: AnyRecurrentConfig) -> CodeEncoder:
        """The encoder that computes the code."""
        assert isinstance(config, AutoencoderConfig)
        return CodeEncoder(config)

    @property
    def reads(self) -> Inputs:
        """The text, and the token before each position."""
        return Inputs({"tokens", "previous"})

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, tokens: Tensor, lengths: Tensor, previous: Tensor, teacher_forcing: float = 1.0, asked: Tensor | None = None
    ) -> Tensor | dict[str, Tensor]:
        """(batch, seq), (batch,), (batch, tgt) the token before each position -> (batch, tgt, n_words), or (n, n_words) where `asked`

        In training, a variational model samples codes, mean + deviation * noise, and returns `scores` and `divergence` (batch, d_code) in
        nats.
        """
        mean, log_variance = self._codes(tokens, lengths)
        if log_variance is None or not self.training:
            return self.scores_after(self.start(mean), lengths, previous, teacher_forcing, asked)
        sampled = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        scores = self.scores_after(self.start(sampled), lengths, previous, teacher_forcing, asked)
        return {"scores": scores, "divergence": divergence(mean, log_variance)}

    def codes(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq) ids with [EOS] after each text, (batch,) lengths that include it -> (batch, d_code), with gradients; the means if
        variational
        """
        return self._codes(tokens, lengths)[0]

    @torch.inference_mode()
    def decode(self, codes: Tensor | npt.NDArray[np.float32], search: Search) -> list[list[Hypothesis]]:
        """(batch, d_code) -> for each code the texts that the search finds, best first; without gradients or dropout

        For greedy search: `search_by(DecodingConfig(max_length=30))` of `models/decoding.py`.
        """
        inputs: Tensor = as_tensor(codes, self.device)
        with self.without_dropout():
            return search(_FromCodes(self), inputs, inputs)

    def start(self, codes: Tensor) -> tuple[Memory, State]:
        """(batch, d_code) -> the memory of the decoder, and its state before the first token; see `scores_after` and `step`"""
        return self.decoder.initial_state(codes, [codes] * self.config.n_layers, codes)

    def encode(self, tokens: Tensor, lengths: Tensor) -> tuple[Memory, State]:
        """The start of the decoder from the codes of these texts; a search calls this."""
        return self.start(self.codes(tokens, lengths))

    @torch.inference_mode()
    def coded(self, tokens: npt.NDArray[Any], lengths: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64] | None]:
        """`codes` from and to numpy arrays, without dropout; for a variational model also the divergence of each text in nats (batch,)"""
        with self.without_dropout():
            inputs: Mapping[str, Tensor] = as_tensors({"tokens": tokens, "lengths": lengths}, self.device)
            mean, log_variance = self._codes(**inputs)
        nats = None if log_variance is None else divergence(mean.double(), log_variance.double()).sum(dim=1).cpu().numpy()
        return mean.float().cpu().numpy(), nats

    def _codes(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor | None]:
        assert self.source_embedding is not None, "an autoencoder reads texts"
        return self.encoder.codes(self.dropout(self.source_embedding(self.token_dropout(tokens))), lengths)


class _FromCodes:
    """The decoder of an autoencoder in the form that a search expects, with codes in place of source tokens."""

    def __init__(self, network: Autoencoder) -> None:
        self.network, self.step = network, network.step

    def encode(self, tokens: Tensor, lengths: Tensor) -> tuple[Memory, State]:
        """(batch, d_code) -> the start of the decoder"""
        return self.network.start(tokens)


class CodeClassifier(SequenceNetwork):
    """The same encoder, with class scores or a number computed from the code; without a head it returns the code.

    Its weights have the same names as in an `Autoencoder`, so that `model.init_from` finds them.
    """

    def __init__(self, config: AutoencoderConfig, n_tokens: int, head: Head | None) -> None:
        super().__init__(config)
        self.token_dropout = TokenDropout(config.token_dropout)
        self.source_embedding = token_embedding(n_tokens, config.d_embedding)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = CodeEncoder(config)
        self.output = TextOutput(nn.Identity(), nn.Dropout(config.dropout), config.d_code, class_count(head))

    def encode(self, tokens: Tensor, lengths: Tensor, **more: Tensor) -> Tensor:
        """(batch, seq) -> (batch, seq, hidden_size), twice that if bidirectional"""
        return self.encoder(self._embedded(tokens), lengths)

    def forward(self, tokens: Tensor, lengths: Tensor, **more: Any) -> Tensor:
        """(batch, seq) -> (batch, n_classes); appends [EOS] to each text, as the autoencoder does"""
        assert isinstance(self.output, TextOutput)
        ended = functional.pad(tokens, (0, 1)).scatter(1, lengths.unsqueeze(1).long(), EOS)
        return self.output.classify(self.encoder.codes(self._embedded(ended), lengths + 1)[0])

    def _embedded(self, tokens: Tensor) -> Tensor:
        return self.dropout(self.source_embedding(self.token_dropout(tokens)))


def build_autoencoder(config: AutoencoderConfig, n_tokens: int, head: Head | None) -> Autoencoder | CodeClassifier:
    """An `Autoencoder` to generate texts, otherwise its encoder in a `CodeClassifier`."""
    if head is not None and head.kind == "sequence":
        return Autoencoder(config, n_tokens, head)
    return CodeClassifier(config, n_tokens, head)
