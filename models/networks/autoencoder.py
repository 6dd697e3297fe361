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
    """Recurrent layers, and the code: a linear map of what all of them ended in, whose numbers have mean 0 and variance 1.

    Without that the decoder takes many steps to notice a code, which at first is near 0 whatever the text. A variational one gives mean
    and log variance as they are.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(CELLS[config.cell], config.d_embedding, config.hidden_size, config.n_layers, config.bidirectional, config.dropout)
        self.code = nn.Linear(config.n_layers * self.d_output, config.d_code * (1 if config.variational is None else 2))
        self.d_code, self.d_output = config.d_code, config.d_code

    def codes(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor | None]:
        """(batch, seq, d_embedding) -> (batch, d_code), the codes or their means; and log variances (batch, d_code), None without any"""
        code = self.code(torch.cat(self.with_ends(x, lengths)[1], dim=1))
        if code.shape[1] == self.d_code:
            return functional.layer_norm(code, (self.d_code,)), None
        mean, log_variance = code.chunk(2, dim=1)
        return mean, log_variance


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """(...), (...) -> (...): nats of the Kullback-Leibler divergence of N(mean, variance) from N(0, 1), each number by itself"""
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


class Autoencoder(RecurrentSeq2Seq):
    """Embedding -> recurrent encoder -> code (batch, d_code) -> recurrent decoder -> a score for each word at each place.

    `codes` and `decode` are the two halves by themselves: texts to codes, and codes, wherever they come from, to texts.
    """

    config: AutoencoderConfig
    encoder: CodeEncoder

    def new_encoder(self, config: AnyRecurrentConfig) -> CodeEncoder:
        """What makes the code."""
        assert isinstance(config, AutoencoderConfig)
        return CodeEncoder(config)

    @property
    def reads(self) -> Inputs:
        """The text, and the token before each place of it."""
        return Inputs({"tokens", "previous"})

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, tokens: Tensor, lengths: Tensor, previous: Tensor, teacher_forcing: float = 1.0, asked: Tensor | None = None
    ) -> Tensor | dict[str, Tensor]:
        """(batch, seq), (batch,), (batch, tgt) the token before each place -> (batch, tgt, n_words), or (n, n_words) at the places `asked`

        A variational one draws its codes in training, mean + deviation * noise, and then gives beside `scores` the nats of `divergence`
        (batch, d_code).
        """
        mean, log_variance = self._codes(tokens, lengths)
        if log_variance is None or not self.training:
            return self.scores_after(self.start(mean), lengths, previous, teacher_forcing, asked)
        drawn = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        scores = self.scores_after(self.start(drawn), lengths, previous, teacher_forcing, asked)
        return {"scores": scores, "divergence": divergence(mean, log_variance)}

    def codes(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq) ids with [EOS] behind each text, (batch,) lengths that count it -> (batch, d_code), with gradients; of a variational
        one the means
        """
        return self._codes(tokens, lengths)[0]

    @torch.inference_mode()
    def decode(self, codes: Tensor | npt.NDArray[np.float32], search: Search) -> list[list[Hypothesis]]:
        """(batch, d_code) -> for each code the texts that the search finds, the best first; without gradients or dropout

        For greedy search: `search_by(DecodingConfig(max_length=30))` of `models/decoding.py`.
        """
        given: Tensor = as_tensor(codes, self.device)
        with self.without_dropout():
            return search(_FromCodes(self), given, given)

    def start(self, codes: Tensor) -> tuple[Memory, State]:
        """(batch, d_code) -> what the decoder remembers, and its state before the first token; see `scores_after` and `step`"""
        return self.decoder.initial_state(codes, [codes] * self.config.n_layers, codes)

    def encode(self, tokens: Tensor, lengths: Tensor) -> tuple[Memory, State]:
        """The start of the decoder at the codes of these texts, as a search wants it."""
        return self.start(self.codes(tokens, lengths))

    @torch.inference_mode()
    def coded(self, tokens: npt.NDArray[Any], lengths: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64] | None]:
        """`codes` of numpy arrays, without dropout; and of a variational one the nats of each text's divergence (batch,)"""
        with self.without_dropout():
            given: Mapping[str, Tensor] = as_tensors({"tokens": tokens, "lengths": lengths}, self.device)
            mean, log_variance = self._codes(**given)
        nats = None if log_variance is None else divergence(mean.double(), log_variance.double()).sum(dim=1).cpu().numpy()
        return mean.float().cpu().numpy(), nats

    def _codes(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor | None]:
        assert self.source_embedding is not None, "it reads texts"
        return self.encoder.codes(self.dropout(self.source_embedding(self.token_dropout(tokens))), lengths)


class _FromCodes:
    """The decoder of an autoencoder as a search knows it, with codes in the place of the tokens that it reads."""

    def __init__(self, network: Autoencoder) -> None:
        self.network, self.step = network, network.step

    def encode(self, tokens: Tensor, lengths: Tensor) -> tuple[Memory, State]:
        """(batch, d_code) -> the start of the decoder"""
        return self.network.start(tokens)


class CodeClassifier(SequenceNetwork):
    """The same encoder, and scores for classes, or a number, of the code; without a head the code itself.

    Its weights have the names that they have in an `Autoencoder`, so that `model.init_from` finds them.
    """

    def __init__(self, config: AutoencoderConfig, n_tokens: int, head: Head | None) -> None:
        super().__init__(config)
        self.token_dropout = TokenDropout(config.token_dropout)
        self.source_embedding = token_embedding(n_tokens, config.d_embedding)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = CodeEncoder(config)
        self.output = TextOutput(nn.Identity(), nn.Dropout(config.dropout), config.d_code, class_count(head))

    def encode(self, tokens: Tensor, lengths: Tensor, **more: Tensor) -> Tensor:
        """(batch, seq) -> (batch, seq, hidden_size), twice that in both directions"""
        return self.encoder(self._embedded(tokens), lengths)

    def forward(self, tokens: Tensor, lengths: Tensor, **more: Any) -> Tensor:
        """(batch, seq) -> (batch, n_classes); an autoencoder's texts end in [EOS], so that is put behind these"""
        assert isinstance(self.output, TextOutput)
        ended = functional.pad(tokens, (0, 1)).scatter(1, lengths.unsqueeze(1).long(), EOS)
        return self.output.classify(self.encoder.codes(self._embedded(ended), lengths + 1)[0])

    def _embedded(self, tokens: Tensor) -> Tensor:
        return self.dropout(self.source_embedding(self.token_dropout(tokens)))


def build_autoencoder(config: AutoencoderConfig, n_tokens: int, head: Head | None) -> Autoencoder | CodeClassifier:
    """The whole of it where texts are to be written, otherwise what reads."""
    if head is not None and head.kind == "sequence":
        return Autoencoder(config, n_tokens, head)
    return CodeClassifier(config, n_tokens, head)
