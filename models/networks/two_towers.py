"""Two texts, each encoded as a vector, and an output that reads both vectors (Bromley et al. 1993; Conneau et al. 2017)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...configs.schema.models.networks import NetworkConfig
from ...configs.schema.models.towers import TowersConfig
from ..head import Head
from ..layers.heads import class_count, dense_layers
from ..two_texts import apart
from .network import Network, as_tensors


class TwoTowers(Network):
    """Encoder of the first text, encoder of the second (the same one if weights are shared), output over both vectors."""

    def __init__(self, config: NetworkConfig, towers: TowersConfig, new_encoder: Callable[[], Network], head: Head | None) -> None:
        super().__init__(config)
        self.first = new_encoder()
        self.second = None if towers.shared else new_encoder()
        by_vectors = head is not None and head.kind == "ranking"
        self.output = (VectorOutput(towers) if by_vectors else
                       PairOutput(towers, self.first.d_vector, config.dropout, class_count(head)))

    def encode(self, second: bool = False, **inputs: Tensor) -> Tensor:
        """One text of each row, as the inputs of its encoder -> (batch, d_vector)"""
        tower = self.second if second and self.second is not None else self.first
        return tower(**inputs)

    def forward(self, **inputs: Any) -> Tensor | dict[str, Tensor]:
        """The inputs of both texts, those of the second as `other_...` -> (batch, n_outputs), or for ranking a vector of each text"""
        own, others = apart(inputs)
        return self.output(self.encode(**own), self.encode(second=True, **others))

    @torch.inference_mode()
    def vectors(self, second: bool = False, **inputs: Any) -> npt.NDArray[np.float32]:
        """(batch, d_vector): vectors of first or of second texts, whose dot products are scores; for ranking."""
        assert isinstance(self.output, VectorOutput), "only a model for ranking has vectors"
        with self.without_dropout():
            return self.output.scaled(self.encode(second, **as_tensors(inputs, self.device))).float().cpu().numpy()


class VectorOutput(nn.Module):
    """The vectors themselves, scaled to length 1 for the cosine: a score is a dot product."""

    def __init__(self, towers: TowersConfig) -> None:
        super().__init__()
        self.combine = towers.combine

    def forward(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        """(n_first, d_vector), (n_second, d_vector) -> the vectors by name"""
        return {"queries": self.scaled(first), "candidates": self.scaled(second)}

    def scaled(self, vectors: Tensor) -> Tensor:
        """(n, d_vector) -> (n, d_vector)"""
        return functional.normalize(vectors, dim=1) if self.combine == "cosine" else vectors


class PairOutput(nn.Module):
    """From the vectors of two texts to scores; without `n_outputs`, to the input of the scores."""

    def __init__(self, towers: TowersConfig, d_vector: int, dropout: float, n_outputs: int | None) -> None:
        super().__init__()
        self.combine = towers.combine
        d_combined = {"concatenation": 4 * d_vector, "symmetric": 2 * d_vector, "cosine": 1, "dot": 1}[towers.combine]
        sizes = [d_combined, *towers.hidden_sizes]
        self.hidden = nn.Sequential(nn.Dropout(0.0 if d_combined == 1 else dropout), *dense_layers(sizes, "relu", dropout))
        self.scores = nn.Identity() if n_outputs is None else nn.Linear(sizes[-1], n_outputs)
        if towers.combine == "cosine" and isinstance(self.scores, nn.Linear):
            # Initially 1 for a cosine of 1 and -1 for a cosine of 0: a random sign would first have to be unlearned.
            nn.init.constant_(self.scores.weight, 2.0)
            nn.init.constant_(self.scores.bias, -1.0)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(batch, d_vector), (batch, d_vector) -> (batch, n_outputs)"""
        return self.scores(self.hidden(self.combined(first, second)))

    def combined(self, first: Tensor, second: Tensor) -> Tensor:
        """(batch, d_vector), (batch, d_vector) -> (batch, d_combined)"""
        if self.combine == "cosine":
            return functional.cosine_similarity(first, second).unsqueeze(1)
        if self.combine == "dot":
            return (first * second).sum(dim=1, keepdim=True)
        symmetric = [(first - second).abs(), first * second]
        return torch.cat(symmetric if self.combine == "symmetric" else [first, second, *symmetric], dim=1)
