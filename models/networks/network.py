"""Base classes of all networks: numpy arrays in, scores out, in three visible parts."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...configs.schema.models.model_base import Inputs
from ...configs.schema.models.networks import NetworkConfig
from ..layers.biaffine import TreeOutput
from ..layers.heads import TextOutput

ScoredTargets = tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]
"""For each target: its cross-entropy in nats, and whether it has the highest score."""


class Network(nn.Module):
    """A network is Embedding -> Hidden -> Output; `forward(**inputs)` returns logits, or with several outputs a dictionary of them.

    `config` is the `model:` section of the recipe. Weights that two parts share are one `nn.Parameter` under two names.
    """

    scores_are: ClassVar[Literal["logits"]] = "logits"
    text_features: Mapping[str, int] = MappingProxyType({})
    """Arrays that `prepared` computes from the texts: name -> size per text."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config

    @property
    def reads(self) -> Inputs:
        """Names of the inputs of `forward`."""
        return self.config.inputs

    @property
    def d_vector(self) -> int:
        """Size of the vector of a text, the output of a network without a head."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device

    def describe(self) -> dict[str, int]:
        """Number of parameters; a weight that two parts share counts once."""
        return {"parameters": sum(parameter.numel() for parameter in self.parameters())}

    @property
    def imitation(self) -> Callable[[int], float] | None:
        """For a network that learns from a teacher inside it: step -> the teacher's share of the loss. In training, `forward` then
        returns `scores`, and the teacher's log-probabilities as `teacher`.
        """
        return None

    def layers(self) -> list[list[str]]:
        """The names of the weights layer by layer, from the embedding to the output. Weights after the blocks of a stack, such as its
        final norm, belong to the last block.
        """
        layers: dict[str, list[str]] = {}
        last = ""
        for name, _ in self.named_parameters():
            part = name.partition(".")[0]
            block = re.match(r"(\w+\.)+?(blocks|layers)\.\d+\.", name)
            key = block[0] if block else "embedding" if part.endswith("embedding") else part
            last = last if not block and last.startswith(f"{part}.") else key
            layers.setdefault(last, []).append(name)
        return list(layers.values())

    def carried_tensors(self) -> dict[str, Tensor]:
        """Tensors besides the weights that training carries from batch to batch; empty except for recurrent language models."""
        return {}

    def restore_carried(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore the output of `carried_tensors`. Raises ValueError for other tensors."""
        if tensors:
            raise ValueError(f"it carries {', '.join(tensors)} from batch to batch, and this model carries nothing")

    def scores(self, **inputs: Any) -> npt.NDArray[np.float32]:
        """Logits of a batch given as numpy arrays, for a network with one output; see `outputs`."""
        return self.outputs(**inputs)["scores"]

    @torch.inference_mode()
    def outputs(self, **inputs: Any) -> dict[str, npt.NDArray[np.float32]]:
        """Logits of each output by name, without dropout; a single output is called `scores`.

        Restores the network's training mode.
        """
        logits = self._logits(inputs)
        by_name = logits if isinstance(logits, dict) else {"scores": logits}
        return {name: scores.cpu().numpy() for name, scores in by_name.items()}

    @torch.inference_mode()
    def score_targets(
        self, targets: npt.NDArray[Any], mask: npt.NDArray[Any], **inputs: Any
    ) -> ScoredTargets:
        """For each target: its cross-entropy in nats, 0 where the mask is false, and whether it has the highest score.

        targets and mask (batch, seq), or (n,) if the inputs select n tokens by `asked`. The amount of data copied from the device does
        not grow with the vocabulary.
        """
        logits = self._logits(inputs)
        assert isinstance(logits, Tensor)
        return _scored(logits, targets, mask)

    @torch.inference_mode()
    def score_outputs(self, targets: Mapping[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]], **inputs: Any) -> dict[str, ScoredTargets]:
        """The same for each output of a network with several, by name; `targets` holds the targets and mask of each."""
        logits = self._logits(inputs)
        assert isinstance(logits, dict)
        return {name: _scored(scores, *targets[name]) for name, scores in logits.items()}

    @torch.inference_mode()
    def relation_scores(self, given: Mapping[str, npt.NDArray[np.float32]], heads: npt.NDArray[np.int64],
                        real: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        """For a parser: `outputs`, (batch, n_words) heads, and a mask of n words -> (n, n_relations) scores of their relations."""
        assert isinstance(self.output, TreeOutput)
        with self.without_dropout():
            tensors = as_tensors({"dependents": given["dependents"], "heads": given["heads"], "chosen": heads, "real": real}, self.device)
            return self.output.relation_scores(**tensors).float().cpu().numpy()

    def prepared(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs of `forward`, still as arrays, from those of a batch."""
        return dict(inputs)

    def _logits(self, inputs: Mapping[str, Any]) -> Tensor | dict[str, Tensor]:
        """Logits without dropout, still on the device, in float32."""
        with self.without_dropout():
            logits = self(**as_tensors(self.prepared(inputs), self.device))
            return {name: scores.float() for name, scores in logits.items()} if isinstance(logits, dict) else logits.float()

    @contextmanager
    def without_dropout(self) -> Iterator[None]:
        """Evaluation mode inside the `with` block; restores the network's training mode after it."""
        was_training = self.training
        self.eval()
        try:
            yield
        finally:
            self.train(was_training)


def _scored(logits: Tensor, targets: npt.NDArray[Any], mask: npt.NDArray[Any]) -> ScoredTargets:
    gold = torch.from_numpy(np.where(mask, targets, -1)).to(logits.device)
    losses = functional.cross_entropy(logits.flatten(0, -2), gold.flatten(), reduction="none", ignore_index=-1).view_as(gold)
    return losses.double().cpu().numpy(), (logits.argmax(dim=-1) == gold).cpu().numpy()


def as_tensor(array: Any, device: torch.device) -> Any:
    """An array as a tensor on the device; anything else, such as a list of texts, is returned unchanged.

    A read-only array (a memory map) is copied first, since a tensor may be written to.
    """
    if not isinstance(array, np.ndarray):
        return array
    return torch.from_numpy(array if array.flags.writeable else array.copy()).to(device, non_blocking=True)


def as_tensors(arrays: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """The named arguments of a model on the device."""
    return {name: as_tensor(array, device) for name, array in arrays.items()}


class SequenceNetwork(Network):
    """A network that reads tokens in order: `encode`, and then the output that the task needs.

    Texts of a batch are padded at their end with token 0, [PAD]; no result depends on the amount of padding.
    """

    output: nn.Module

    @property
    def d_vector(self) -> int:
        """Size of the vector from which a classifier computes its scores."""
        assert isinstance(self.output, TextOutput), "a model of single tokens has no vector of a text"
        return self.output.d_hidden

    def encode(self, tokens: Tensor, lengths: Tensor, **more: Tensor) -> Tensor:
        """(batch, seq) -> (batch, seq, d_model)"""
        raise NotImplementedError

    def forward(
        self, tokens: Tensor, lengths: Tensor, *, first_pieces: Tensor | None = None, asked: Tensor | None = None, **more: Tensor
    ) -> Tensor | dict[str, Tensor]:
        """(batch, seq) -> (batch, n_outputs), or whatever the output computes from the states; several outputs by name.

        `first_pieces` (batch, n_words), for tokens that are pieces of words: the position of each word's first piece, -1 on padding.
        The output then reads words, each by the state of its first piece (Devlin et al. 2019). `asked` (n,), positions in the flattened
        batch, restricts the scores to these tokens.
        """
        states = self.encode(tokens, lengths, **more)
        if asked is not None:
            return self.output(states, lengths, asked)
        if first_pieces is not None:
            indices = first_pieces.clamp(min=0).unsqueeze(2).expand(-1, -1, states.shape[2])
            states, lengths = states.gather(1, indices), (first_pieces >= 0).sum(dim=1)
        return self.output(states, lengths)


