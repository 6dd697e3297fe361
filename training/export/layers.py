"""Layers that ONNX lacks, replaced by equivalent ones: bags of tokens, and recurrence over texts of any length."""

from copy import deepcopy
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.onnx import ops

from ...models.layers.embedding import AverageEmbedding, SparseLinear

OPSET = 14
"""Version of ONNX that last changed the recurrent operators."""


def with_onnx_layers(network: nn.Module) -> nn.Module:
    """A copy of a network in evaluation mode whose bags are padded and whose recurrent layers are operators of ONNX."""
    copied = deepcopy(network).eval()
    for module in list(copied.modules()):
        for name, layer in list(module.named_children()):
            if isinstance(layer, AverageEmbedding | SparseLinear):
                module.add_module(name, PaddedBag(layer))
            elif isinstance(layer, nn.RNNBase):
                module.add_module(name, Recurrence(layer))
    return copied


class PaddedBag(nn.Module):
    """The sum or mean of the vectors of a bag's tokens, for bags that are padded to equal length instead of stored end to end."""

    def __init__(self, layer: AverageEmbedding | SparseLinear) -> None:
        super().__init__()
        self.is_mean = isinstance(layer, AverageEmbedding)
        self.weight = layer.bag.weight if isinstance(layer, AverageEmbedding) else layer.weight
        self.bias = 0.0 if isinstance(layer, AverageEmbedding) else layer.bias

    def forward(self, tokens: Tensor, lengths: Tensor, weights: Tensor | None = None) -> Tensor:
        """(batch, tokens), (batch,), (batch, tokens) -> (batch, size); without weights each token counts 1"""
        counts = (torch.arange(tokens.shape[1]) < lengths.unsqueeze(1)).float()  # (batch, tokens)
        counts = counts if weights is None else counts * weights
        total = (counts.unsqueeze(1) @ functional.embedding(tokens, self.weight)).squeeze(1)  # (batch, size)
        return total / lengths.clamp(min=1).unsqueeze(1) if self.is_mean else total + self.bias


class Recurrence(nn.Module):
    """One recurrent layer in one direction as ONNX's operator, from a zero state.

    The exporter would otherwise write one copy of the cell for each token of its example.
    """

    GATES: ClassVar[dict[str, tuple[int, ...]]] = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}
    """ONNX's order of gates as places in torch's: input, output, forget, cell of an LSTM; update, reset, new of a GRU."""

    inward: Tensor
    recurrent: Tensor
    bias: Tensor

    def __init__(self, cell: nn.RNNBase) -> None:
        super().__init__()
        self.operator, self.d_state = type(cell).__name__, cell.hidden_size
        self.attributes: dict[str, Any] = {"hidden_size": cell.hidden_size}
        self.attributes |= {"linear_before_reset": 1} if isinstance(cell, nn.GRU) else {}  # as in torch and cuDNN
        parts = {name: self._in_order(parameter) for name, parameter in cell.named_parameters()}
        self.register_buffer("inward", parts["weight_ih_l0"].unsqueeze(0))
        self.register_buffer("recurrent", parts["weight_hh_l0"].unsqueeze(0))
        self.register_buffer("bias", torch.cat([parts["bias_ih_l0"], parts["bias_hh_l0"]]).unsqueeze(0))

    def _in_order(self, parameter: Tensor) -> Tensor:
        gates = parameter.detach().split(self.d_state)
        return torch.cat([gates[place] for place in self.GATES[self.operator]])

    def forward(self, x: Tensor, before: None = None) -> tuple[Tensor, Tensor]:
        """(batch, seq, d_input) -> (batch, seq, d_state), and the last state (1, batch, d_state)"""
        batch, seq, _ = x.shape
        states, last = ops.symbolic_multi_out(
            self.operator, [x.transpose(0, 1), self.inward, self.recurrent, self.bias], self.attributes, version=OPSET,
            dtypes=[x.dtype, x.dtype], shapes=[[seq, 1, batch, self.d_state], [1, batch, self.d_state]])
        return states.squeeze(1).transpose(0, 1), last
