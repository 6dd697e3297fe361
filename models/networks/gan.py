"""Generative adversarial networks over the codes of an autoencoder (Goodfellow et al. 2014; Zhao et al. 2018)."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ...configs.schema.adversarial import GanConfig, PlayerConfig
from ...configs.schema.sequence_to_sequence import DecodingConfig
from ...errors import ConfigError
from ..decoding import search_by
from ..head import Head
from ..layers.heads import dense_layers
from .autoencoder import Autoencoder
from .network import Network, as_tensor

ENCODED_TOGETHER = 256
"""Texts of similar length that codes are made of together."""


class Texts(Protocol):
    """The texts of a split."""

    @property
    def lengths(self) -> npt.NDArray[Any]: ...

    def ended(self, rows: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Padded ids of some of them with [EOS] behind each text, (rows, longest), and lengths that count it (rows,)."""
        ...


class Gan(Network):
    """Noise -> generator -> code -> decoder of the autoencoder -> text; text -> its encoder -> code -> discriminator -> score.

    The autoencoder is frozen: it is none of the players, and has no dropout while they learn.
    """

    config: GanConfig

    def __init__(self, config: GanConfig, n_tokens: int) -> None:
        super().__init__(config)
        if config.architecture is None:
            raise ConfigError("model.architecture is missing: without data, the run that model.codes names is not looked at. Set it next "
                              "to `data.type: sizes`, such as `architecture: {autoencoder: {type: autoencoder}}`.")
        codes, tied = config.architecture, config.architecture.tie_embeddings
        head = Head("sequence", n_tokens, tied=tied != "none", tied_source=tied == "all", bias=codes.output_bias)
        self.autoencoder = Autoencoder(codes.autoencoder, n_tokens, head).requires_grad_(False)
        self.generator = _player(config.generator, config.d_noise, codes.autoencoder.d_code)
        self.discriminator = _player(config.discriminator, codes.autoencoder.d_code, 1)
        self._codes: dict[int, tuple[Texts, npt.NDArray[np.float32]]] = {}

    def train(self, mode: bool = True) -> Self:
        """The players alone learn."""
        super().train(mode)
        self.autoencoder.eval()
        return self

    def prepared(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """`codes` (batch, d_code) of the `rows` of the `texts`. Those of all rows are made once, always in the same order, since rounding
        depends on what is encoded together; that takes a fraction of a second for thousands of names, and 4 * d_code bytes for each.
        """
        texts = inputs["texts"]
        if id(texts) not in self._codes:
            self._codes[id(texts)] = texts, self._encoded(texts)
        return {"codes": self._codes[id(texts)][1][inputs["rows"]]}

    def _encoded(self, texts: Texts) -> npt.NDArray[np.float32]:
        order = np.argsort(texts.lengths, kind="stable")
        codes = np.zeros((len(order), self.autoencoder.config.d_code), np.float32)
        for rows in np.split(order, range(ENCODED_TOGETHER, len(order), ENCODED_TOGETHER)):
            codes[rows] = self.autoencoder.coded(*texts.ended(rows))[0]
        return codes

    def noise(self, like: Tensor) -> Tensor:
        """(batch, ...) -> (batch, d_noise), drawn anew."""
        return torch.randn(len(like), self.config.d_noise, device=like.device)

    def forward(self, tokens: Tensor, lengths: Tensor, **more: Tensor) -> Tensor:
        """(batch, seq), (batch,) -> (2 batch, 1) scores of the texts, and of as many codes that are made of noise"""
        codes = self.autoencoder.codes(tokens, lengths)
        return self.discriminator(torch.cat([codes, self.generator(self.noise(codes))]))

    @torch.inference_mode()
    def judged(self, **inputs: Any) -> npt.NDArray[np.float64]:
        """(batch,): the discriminator's score of each text."""
        with self.without_dropout():
            codes = as_tensor(self.prepared(inputs)["codes"], self.device)
            return self.discriminator(codes).squeeze(1).double().cpu().numpy()

    @torch.inference_mode()
    def generate(self, noise: npt.NDArray[np.float32], max_length: int) -> tuple[list[Sequence[int]], npt.NDArray[np.float64]]:
        """(batch, d_noise) -> the tokens of the text of each, and (batch,) the discriminator's score of its code"""
        with self.without_dropout():
            codes = self.generator(as_tensor(noise, self.device))
            found = self.autoencoder.decode(codes, search_by(DecodingConfig(max_length=max_length)))
            return [texts[0].tokens for texts in found], self.discriminator(codes).squeeze(1).double().cpu().numpy()


def _player(config: PlayerConfig, n_inputs: int, n_outputs: int) -> nn.Sequential:
    sizes = [n_inputs, *config.hidden_sizes]
    return nn.Sequential(dense_layers(sizes, config.activation, config.dropout), nn.Linear(sizes[-1], n_outputs))
