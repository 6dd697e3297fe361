"""What encoder-decoders have in common: a source in, and a score for each word of the target's vocabulary at each of its places."""

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
"""What reads a source that is no text, and gives one vector: for a decoder a source of one place."""


class EncoderDecoder(Network):
    """Reads a source, then predicts the target token by token; `forward` gives the scores of all positions at once.

    Texts that are sources end in [EOS]; those of a batch are filled up with [PAD] behind it, and no result depends on how far. A
    decoder's state is held by hypothesis, (batch, k, ...), its memory of the source by sentence, (batch, ...).

    Whatever the source is, it is called `tokens` here: (batch, src) ids of a text, (batch, 1) the number of a label, or the pixels of a
    picture, (batch, height, width); the last two have a length of 1.
    """

    def forward(self, tokens: Tensor, lengths: Tensor, previous: Tensor, teacher_forcing: float = 1.0,
                asked: Tensor | None = None) -> Tensor:
        """(batch, src), (batch,), (batch, tgt) -> (batch, tgt, n_words), or (n, n_words) where `asked` (n,) names places in (batch * tgt)

        `previous` is the target token before each place, [BOS] first. Below 1, `teacher_forcing` is the share of places that are
        given it; the others are given the model's own prediction (Bengio et al. 2015).
        """
        raise NotImplementedError

    def encode(self, tokens: Tensor, lengths: Tensor) -> tuple[Memory, State]:
        """(batch, src), (batch,) -> what is known of the source, and the state of one hypothesis for each"""
        raise NotImplementedError

    def step(self, previous: Tensor, memory: Memory, state: State) -> tuple[Tensor, State]:
        """(batch, k), the last token of each hypothesis -> (batch, k, n_words), and the state after it"""
        raise NotImplementedError

    def alignments(self, tokens: Tensor, lengths: Tensor, previous: Tensor) -> Tensor | None:
        """(batch, tgt, src): how much each place of the target looked at each of the source, 1 in sum; None without attention"""
        raise NotImplementedError

    def prepared(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Pictures are the source."""
        return {"tokens" if name == "pictures" else name: value for name, value in inputs.items()}

    @torch.inference_mode()
    def search(self, search: Search, tokens: npt.NDArray[Any], lengths: npt.NDArray[Any]) -> list[list[Hypothesis]]:
        """Targets of sources given as numpy arrays, the best first; leaves the network in the mode it was in."""
        with self.without_dropout():
            tensors = as_tensors({"tokens": tokens, "lengths": lengths}, self.device)
            return search(self, tensors["tokens"], tensors["lengths"])

    @torch.inference_mode()
    def aligned(self, tokens: npt.NDArray[Any], lengths: npt.NDArray[Any], previous: npt.NDArray[Any]) -> npt.NDArray[np.float32] | None:
        """`alignments` of numpy arrays, without dropout; None without attention."""
        with self.without_dropout():
            weights = self.alignments(**as_tensors({"tokens": tokens, "lengths": lengths, "previous": previous}, self.device))
            return None if weights is None else weights.float().cpu().numpy()


def only(x: Tensor, asked: Tensor | None) -> Tensor:
    """(batch, tgt, size) -> (n, size) at the selected positions; all of them by default"""
    return x if asked is None else functional.embedding(asked, x.flatten(0, 1))  # its gradient takes less time than that of an index


def own_choices(previous: Tensor, logits: Tensor, teacher_forcing: float) -> Tensor:
    """(batch, tgt), (batch, tgt, n_words) -> (batch, tgt): the model's own previous token, drawn per position.

    The first place keeps its [BOS]; no gradient goes through the choice.
    """
    predicted = logits.detach().argmax(dim=2)[:, :-1]
    own = torch.rand(predicted.shape, device=predicted.device) >= teacher_forcing
    return torch.cat([previous[:, :1], torch.where(own, predicted.to(previous.dtype), previous[:, 1:])], dim=1)
