"""Generative adversarial networks (Goodfellow et al. 2014), also over the codes of an autoencoder (Zhao et al. 2018)."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ...configs.schema.tasks.adversarial import GanConfig, PlayerConfig
from ...configs.schema.tasks.sequence_to_sequence import DecodingConfig
from ...errors import ConfigError
from ..decoding import search_by
from ..head import Head
from ..layers.heads import dense_layers
from .autoencoder import Autoencoder
from .network import Network, as_tensor, as_tensors

ENCODE_BATCH = 256
"""Texts of similar length that are encoded together."""


class Texts(Protocol):
    """The texts of a split."""

    @property
    def lengths(self) -> npt.NDArray[Any]: ...

    def ended(self, rows: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Padded ids of some rows, [EOS] after each text (rows, longest), and lengths that include it (rows,)."""
        ...


class Gan(Network):
    """Noise -> generator -> sample; a sample, or the representation of a real text -> discriminator -> score."""

    generator: nn.Module
    discriminator: nn.Module

    def real(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """The output of `prepared` for real texts -> the input of the discriminator (batch, ...)"""
        raise NotImplementedError

    def drawn(self, real: Tensor, step: int) -> tuple[Any, ...]:
        """Inputs of the generator, with fresh noise, for as many samples as there are real texts."""
        raise NotImplementedError

    def n_noise(self, max_length: int) -> int:
        """Size of the noise that a text of at most `max_length` tokens is generated from."""
        raise NotImplementedError

    def written(self, noise: Tensor, max_length: int) -> tuple[list[Sequence[int]], Tensor]:
        """(batch, n_noise) -> the tokens of each text, and the input of the discriminator (batch, ...)"""
        raise NotImplementedError

    def both_scores(self, real: Tensor) -> Tensor:
        """(batch, ...) -> (2 batch, 1): scores of the real texts, then of as many samples"""
        return self.discriminator(torch.cat([real, self.generator(*self.drawn(real, 1))]))

    @torch.inference_mode()
    def judged(self, **inputs: Any) -> npt.NDArray[np.float64]:
        """(batch,): the discriminator's score of each real text."""
        with self.without_dropout():
            return _numbers(self.discriminator(self.real(as_tensors(self.prepared(inputs), self.device))))

    @torch.inference_mode()
    def generate(self, noise: npt.NDArray[np.float32], max_length: int) -> tuple[list[Sequence[int]], npt.NDArray[np.float64]]:
        """(batch, n_noise) -> the tokens of each text, and its score by the discriminator (batch,)"""
        with self.without_dropout():
            texts, samples = self.written(as_tensor(noise, self.device), max_length)
            return texts, _numbers(self.discriminator(samples))


class CodeGan(Gan):
    """Noise -> generator -> code -> decoder of the autoencoder -> text; text -> its encoder -> code -> discriminator -> score.

    The autoencoder is frozen: only the players are trained, and it applies no dropout meanwhile.
    """

    config: GanConfig

    def __init__(self, config: GanConfig, n_tokens: int) -> None:
        super().__init__(config)
        if config.architecture is None:
            raise ConfigError("model.architecture is missing: without data, the run named by model.codes is not read. Set it beside "
                              "`data.type: sizes`, such as `architecture: {autoencoder: {type: autoencoder}}`.")
        codes, tied = config.architecture, config.architecture.tie_embeddings
        head = Head("sequence", n_tokens, tied=tied != "none", tied_source=tied == "all", bias=codes.output_bias)
        self.autoencoder = Autoencoder(codes.autoencoder, n_tokens, head).requires_grad_(False)
        self.generator = _player(config.generator, config.d_noise, codes.autoencoder.d_code)
        self.discriminator = _player(config.discriminator, codes.autoencoder.d_code, 1)
        self._codes: dict[int, tuple[Texts, npt.NDArray[np.float32]]] = {}

    def train(self, mode: bool = True) -> Self:
        """Only the players are trained; the autoencoder stays in evaluation mode."""
        super().train(mode)
        self.autoencoder.eval()
        return self

    def prepared(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """`codes` (batch, d_code) of the given `rows` of `texts`. All rows are encoded once, always in the same order, since rounding
        depends on what is encoded together; that takes a fraction of a second for thousands of names, and 4 * d_code bytes for each.
        """
        texts = inputs["texts"]
        if id(texts) not in self._codes:
            self._codes[id(texts)] = texts, self._encoded(texts)
        return {"codes": self._codes[id(texts)][1][inputs["rows"]]}

    def _encoded(self, texts: Texts) -> npt.NDArray[np.float32]:
        order = np.argsort(texts.lengths, kind="stable")
        codes = np.zeros((len(order), self.autoencoder.config.d_code), np.float32)
        for rows in np.split(order, range(ENCODE_BATCH, len(order), ENCODE_BATCH)):
            codes[rows] = self.autoencoder.coded(*texts.ended(rows))[0]
        return codes

    def real(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """The codes of the real texts."""
        return inputs["codes"]

    def drawn(self, real: Tensor, step: int) -> tuple[Tensor]:
        """(batch, d_noise)"""
        return (torch.randn(len(real), self.config.d_noise, device=real.device),)

    def forward(self, tokens: Tensor, lengths: Tensor, **more: Tensor) -> Tensor:
        """(batch, seq), (batch,) -> (2 batch, 1)"""
        return self.both_scores(self.autoencoder.codes(tokens, lengths))

    def n_noise(self, max_length: int) -> int:
        """The size of the noise that a code is generated from, whatever the length."""
        return self.config.d_noise

    def written(self, noise: Tensor, max_length: int) -> tuple[list[Sequence[int]], Tensor]:
        """The texts of the generated codes, and the codes."""
        codes = self.generator(noise)
        hypotheses = self.autoencoder.decode(codes, search_by(DecodingConfig(max_length=max_length)))
        return [ranked[0].tokens for ranked in hypotheses], codes


def _player(config: PlayerConfig, n_inputs: int, n_outputs: int) -> nn.Sequential:
    sizes = [n_inputs, *config.hidden_sizes]
    return nn.Sequential(dense_layers(sizes, config.activation, config.dropout), nn.Linear(sizes[-1], n_outputs))


def _numbers(scores: Tensor) -> npt.NDArray[np.float64]:
    """(batch, 1) -> (batch,)"""
    return scores.squeeze(1).double().cpu().numpy()
