"""Base class of encoder-decoders: a source in, and a score for each word of the target vocabulary at each target position."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from ..decoding import Hypothesis, Memory, Search, State
from .label_encoder import LabelEncoder
from .network import Network, as_tensors
from .picture_cnn import PictureCnn

VectorEncoder = LabelEncoder | PictureCnn
"""Encoders of sources that are not text: one vector, which is a source of length 1 for the decoder."""


class EncoderDecoder(Network):
    """Encodes a source, then predicts the target token by token; `forward` returns the scores of all positions at once.

    Source texts end in [EOS] and are padded with [PAD] after it; no result depends on the amount of padding. The state of a
    decoder has entries for each hypothesis, (batch, k, ...), its memory of the source for each sentence, (batch, ...).

    The source is always called `tokens` here: (batch, src) ids of a text, (batch, 1) the id of a label, or the pixels of a
    picture, (batch, height, width); the last two have a length of 1.
    """

    def forward(self, tokens: Tensor, lengths: Tensor, previous: Tensor, teacher_forcing: float = 1.0,
                asked: Tensor | None = None) -> Tensor:
        """(batch, src), (batch,), (batch, tgt) -> (batch, tgt, n_words), or (n, n_words) for positions `asked` (n,) in (batch * tgt)

        `previous` is the target token before each position, [BOS] first. `teacher_forcing` below 1 is the share of positions that read
        it; the others read the model's own prediction (Bengio et al. 2015).
        """
        raise NotImplementedError

    def encode(self, tokens: Tensor, lengths: Tensor) -> tuple[Memory, State]:
        """(batch, src), (batch,) -> the memory of each source, and the state of one hypothesis for each"""
        raise NotImplementedError

    def step(self, previous: Tensor, memory: Memory, state: State) -> tuple[Tensor, State]:
        """(batch, k), the last token of each hypothesis -> (batch, k, n_words), and the state after it"""
        raise NotImplementedError

    def alignments(self, tokens: Tensor, lengths: Tensor, previous: Tensor) -> Tensor | None:
        """(batch, tgt, src): attention weights of each target position over the source, which sum to 1; None without attention"""
        raise NotImplementedError

    def prepared(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of `forward`: pictures are passed as `tokens`."""
        return {"tokens" if name == "pictures" else name: value for name, value in inputs.items()}

    @torch.inference_mode()
    def search(self, search: Search, tokens: npt.NDArray[Any], lengths: npt.NDArray[Any]) -> list[list[Hypothesis]]:
        """Targets of sources given as numpy arrays, the best first; restores the network's training mode."""
        with self.without_dropout():
            tensors = as_tensors({"tokens": tokens, "lengths": lengths}, self.device)
            return search(self, tensors["tokens"], tensors["lengths"])

    @torch.inference_mode()
    def aligned(self, tokens: npt.NDArray[Any], lengths: npt.NDArray[Any], previous: npt.NDArray[Any]) -> npt.NDArray[np.float32] | None:
        """`alignments` for numpy arrays, without dropout; None without attention."""
        with self.without_dropout():
            weights = self.alignments(**as_tensors({"tokens": tokens, "lengths": lengths, "previous": previous}, self.device))
            return None if weights is None else weights.float().cpu().numpy()


def only(x: Tensor, asked: Tensor | None) -> Tensor:
    """(batch, tgt, size) -> (n, size) at the selected positions; all of them by default"""
    return x if asked is None else functional.embedding(asked, x.flatten(0, 1))  # its backward pass is faster than that of indexing


def own_choices(previous: Tensor, logits: Tensor, teacher_forcing: float) -> Tensor:
    """(batch, tgt), (batch, tgt, n_words) -> (batch, tgt): `previous`, or at random positions the model's own prediction.

    The first position keeps its [BOS]; no gradient flows through the predictions.
    """
    predicted = logits.detach().argmax(dim=2)[:, :-1]
    own = torch.rand(predicted.shape, device=predicted.device) >= teacher_forcing
    return torch.cat([previous[:, :1], torch.where(own, predicted.to(previous.dtype), previous[:, 1:])], dim=1)
