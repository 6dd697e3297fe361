"""Convolutional network for pictures (LeCun et al. 1998)."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from ...configs.schema.models.networks import PictureCnnConfig
from ...errors import ConfigError
from ..head import Head
from ..layers.activations import activation
from ..layers.heads import class_count, dense_layers
from .network import Network


class PictureCnn(Network):
    """Pixels -> (convolution -> norm -> non-linearity -> max pooling) per layer -> fully connected layers -> one score for each class.

    Convolutions are zero-padded, so they keep the size of the picture; pooling divides it, and drops the remainder.
    """

    def __init__(self, config: PictureCnnConfig, picture_size: tuple[int, int], head: Head | None) -> None:
        super().__init__(config)
        self.picture_size, n_outputs = picture_size, class_count(head)
        pools = _for_each(config.pool_sizes, config)
        height, width = _pooled(self.picture_size, pools)
        sizes = [config.n_filters[-1] * height * width, *config.hidden_sizes]
        self.embedding = nn.Unflatten(1, (1, picture_size[0]))  # one channel: grey
        self.hidden = nn.Sequential(
            *(layer for (n_inputs, n_filters), size, pool in zip(pairwise([1, *config.n_filters]), _for_each(config.filter_sizes, config),
                                                                 pools, strict=True)
              for layer in _block(config, n_inputs, n_filters, size, pool)),
            nn.Flatten(), nn.Dropout(config.dropout), *dense_layers(sizes, config.activation, config.dropout))
        self._d_vector = sizes[-1]
        self.output = nn.Identity() if n_outputs is None else nn.Linear(sizes[-1], n_outputs)

    @property
    def d_vector(self) -> int:
        """Size of the vector that the output reads."""
        return self._d_vector

    def forward(self, pictures: Tensor) -> Tensor:
        """(batch, height, width) -> (batch, n_classes), without a head (batch, d_vector)"""
        return self.output(self.hidden(self.embedding(pictures)))


def _block(config: PictureCnnConfig, n_inputs: int, n_filters: int, size: int, pool: int) -> list[nn.Module]:
    norm = [nn.GroupNorm(1, n_filters)] if config.norm == "layer" else []
    return [nn.Conv2d(n_inputs, n_filters, size, padding=size // 2), *norm, activation(config.activation), nn.MaxPool2d(pool)]


def _for_each(sizes: list[int], config: PictureCnnConfig) -> list[int]:
    """One size for each convolution; a single size applies to all."""
    return sizes * len(config.n_filters) if len(sizes) == 1 else sizes


def _pooled(picture_size: tuple[int, int], pools: Sequence[int]) -> tuple[int, int]:
    """Height and width after the last pooling. Raises ConfigError if nothing is left."""
    height, width = picture_size
    for pool in pools:
        height, width = height // pool, width // pool
    if not height or not width:
        raise ConfigError(f"model.pool_sizes leaves nothing of a picture of {picture_size[0]} x {picture_size[1]} pixels after "
                          f"{len(pools)} convolutions ({', '.join(map(str, pools))}). Give smaller sizes, or 1 for no pooling, or fewer "
                          "model.n_filters.")
    return height, width
