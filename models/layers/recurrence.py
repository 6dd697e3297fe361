"""Recurrent layers: Elman RNN, LSTM (Hochreiter and Schmidhuber 1997), GRU (Cho et al. 2014)."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

Cell = Callable[..., nn.RNNBase]
State = Tensor | tuple[Tensor, Tensor]
"""A state (1, batch, d_state), or two of them for an LSTM."""

CELLS: dict[Literal["rnn", "lstm", "gru"], Cell] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}

Parts = tuple[Tensor, ...]
"""A state at one position: (batch, d_state), or two of them for an LSTM, the hidden state first."""


class _Reverse(torch.autograd.Function):
    """Reverses the order of rows. Reversing twice changes nothing, so the backward pass reverses too, without a slow scatter."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, places: Tensor) -> Tensor:
        """(batch, seq, size) -> (batch, seq, size)"""
        ctx.save_for_backward(places)
        return x.reshape(-1, x.shape[-1]).index_select(0, places).view(x.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """(batch, seq, size) -> (batch, seq, size)"""
        return _Reverse.apply(gradients[0], ctx.saved_tensors[0]), None  # type: ignore[return-value]


def reverse(x: Tensor, places: Tensor) -> Tensor:
    """(batch, seq, size) -> (batch, seq, size): each text reversed, with its padding still at the end"""
    return _Reverse.apply(x, places)  # type: ignore[return-value]


def reversed_places(lengths: Tensor, seq: int) -> Tensor:
    """(batch,) -> (batch * seq,): for `reverse`, the row that moves to each position."""
    positions = torch.arange(seq, device=lengths.device)
    ends = lengths.unsqueeze(1)
    within = torch.where(positions < ends, ends - 1 - positions, positions)  # (batch, seq)
    return (within + seq * torch.arange(lengths.shape[0], device=lengths.device).unsqueeze(1)).flatten()


class RecurrentLayer(nn.Module):
    """One layer, in one direction or both; padding at the end of a text never affects its states.

    Both directions are two unidirectional modules, the backward one over the reversed text: a bidirectional `nn.LSTM` over padded texts
    would start in the padding, and one over packed texts is several times slower.
    """

    def __init__(self, cell: Cell, d_input: int, d_state: int, bidirectional: bool) -> None:
        super().__init__()
        self.ahead = cell(d_input, d_state, batch_first=True)
        self.back = cell(d_input, d_state, batch_first=True) if bidirectional else None
        for direction in (self.ahead, self.back):
            if direction is not None:
                start_weights(direction)

    def directions(self, x: Tensor, places: Tensor) -> list[Tensor]:
        """(batch, seq, d_input) -> (batch, seq, d_state) for each direction, in its reading order"""
        ahead, _ = self.ahead(x)
        return [ahead] if self.back is None else [ahead, self.back(reverse(x, places))[0]]

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        """(batch, seq, d_input) -> (batch, seq, d_state), or 2 * d_state: the concatenated states of both directions"""
        ahead, *back = self.directions(x, places)
        return torch.cat([ahead, reverse(back[0], places)], dim=2) if back else ahead


def start_weights(cell: nn.RNNBase) -> None:
    """Initialise a cell: Glorot for input weights, orthogonal for recurrent ones (Saxe et al. 2014), biases 0, an LSTM's forget bias 1.

    A forget bias of 1 lets gradients reach the beginning of a text (Jozefowicz et al. 2015). Only one of torch's two biases is set to it.
    """
    for name, weight in cell.named_parameters():
        if weight.ndim == 1:
            nn.init.zeros_(weight)
            if isinstance(cell, nn.LSTM) and name.startswith("bias_ih"):
                nn.init.ones_(weight[cell.hidden_size : 2 * cell.hidden_size])
            continue
        for gate in weight.split(cell.hidden_size):
            (nn.init.orthogonal_ if name.startswith("weight_hh") else nn.init.xavier_uniform_)(gate)


def advance(cell: nn.RNNBase, x: Tensor, state: Parts) -> Parts:
    """(batch, d_input), the state before -> the state after one position.

    Uses torch's single cells with the layer's weights: for one position a full `nn.LSTM` takes a third longer on a CPU.
    """
    weights: Any = (cell.weight_ih_l0, cell.weight_hh_l0, cell.bias_ih_l0, cell.bias_hh_l0)
    if isinstance(cell, nn.LSTM):
        return torch.lstm_cell(x, state, *weights)
    step = torch.gru_cell if isinstance(cell, nn.GRU) else torch.rnn_tanh_cell
    return (step(x, state[0], *weights),)


class RecurrentEncoder(nn.Module):
    """Stacked layers with dropout between them."""

    def __init__(
        self, cell: Cell, d_input: int, d_state: int, n_layers: int, bidirectional: bool, dropout: float
    ) -> None:
        super().__init__()
        self.d_state, self.d_output = d_state, d_state * (2 if bidirectional else 1)
        inputs = [d_input] + [self.d_output] * (n_layers - 1)
        self.layers = nn.ModuleList(RecurrentLayer(cell, size, d_state, bidirectional) for size in inputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(batch, seq, d_input) -> (batch, seq, d_output)"""
        top, below, places = self._below(x, lengths)
        return top(below, places)

    def directions(self, x: Tensor, lengths: Tensor) -> list[Tensor]:
        """(batch, seq, d_input) -> (batch, seq, d_state) for each direction of the top layer, in its reading order"""
        top, below, places = self._below(x, lengths)
        return top.directions(below, places)

    def with_ends(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(batch, seq, d_input) -> (batch, seq, d_output), and the final states of each layer in both directions, (batch, d_output)"""
        places, ends = reversed_places(lengths, x.shape[1]), []
        for number, layer in enumerate(self.layers):
            x = layer(self.dropout(x) if number else x, places)
            last = x[torch.arange(len(x), device=x.device), lengths - 1, : self.d_state]
            ends.append(torch.cat([last, x[:, 0, self.d_state :]], dim=1))  # the backward direction reads the first token last
        return x, ends

    def carry(self, x: Tensor, states: list[State | None]) -> tuple[Tensor, list[State]]:
        """(batch, seq, d_input), the state of each layer before -> (batch, seq, d_output), and after; one direction only"""
        after: list[State] = []
        for number, (layer, before) in enumerate(zip(self.layers, states, strict=True)):
            assert isinstance(layer, RecurrentLayer)
            x, state = layer.ahead(self.dropout(x) if number else x, before)
            after.append(state)
        return x, after

    def advance(self, x: Tensor, states: list[Parts]) -> tuple[Tensor, list[Parts]]:
        """(batch, d_input), the state of each layer before -> (batch, d_state), and after: `carry` for one position"""
        after: list[Parts] = []
        for number, (layer, before) in enumerate(zip(self.layers, states, strict=True)):
            assert isinstance(layer, RecurrentLayer)
            after.append(advance(layer.ahead, self.dropout(x) if number else x, before))
            x = after[-1][0]
        return x, after

    def _below(self, x: Tensor, lengths: Tensor) -> tuple[RecurrentLayer, Tensor, Tensor]:
        """The top layer, its input, and the reading order of the backward direction."""
        places = reversed_places(lengths, x.shape[1])
        *lower, top = self.layers
        for layer in lower:
            x = self.dropout(layer(x, places))
        assert isinstance(top, RecurrentLayer)
        return top, x, places
