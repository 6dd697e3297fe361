"""Recurrent language models, which carry their state from block to block (Mikolov et al. 2010)."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ...configs.schema.models.networks import RecurrentConfig
from ...errors import ConfigError
from ..head import Head
from ..layers.embedding import TokenDropout, token_embedding
from ..layers.heads import VocabularyOutput
from ..layers.recurrence import CELLS, RecurrentEncoder, RecurrentLayer, State
from .network import Network

FloatArray = npt.NDArray[np.floating[Any]]


class Carried:
    """The final states of the rows of a batch, and the position in the text where each row would continue."""

    def __init__(self, states: list[State], places: Tensor) -> None:
        self.states, self.places = states, places

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by name: `places`, and the one or two tensors of each layer."""
        named = {f"{number}.{part}": tensor for number, state in enumerate(self.states) for part, tensor in enumerate(_parts(state))}
        return {"places": self.places, **named}

    @staticmethod
    def restored(tensors: Mapping[str, Tensor], cells: Sequence[nn.RNNBase]) -> "Carried":
        """The inverse of `tensors`, given the cell of each layer. Raises ValueError for tensors that do not fit."""
        n_parts = 2 if isinstance(cells[0], nn.LSTM) else 1
        names = [[f"{number}.{part}" for part in range(n_parts)] for number in range(len(cells))]
        if tensors.keys() != {"places", *chain(*names)}:
            raise ValueError(f"the states that the model carries are named {', '.join(tensors)}")
        places = tensors["places"]
        shape = (1, len(places) if places.ndim else 0, cells[0].hidden_size)
        states = [tensor for name, tensor in tensors.items() if name != "places"]
        fit = all(state.shape == shape and state.is_floating_point() for state in states)
        if places.dtype != torch.int64 or places.ndim != 1 or not fit:
            raise ValueError("the states that the model carries do not fit it")
        if not all(state.isfinite().all() for state in states):
            raise ValueError("the states that the model carries are not finite")
        layers = [tuple(tensors[name] for name in layer_names) for layer_names in names]
        return Carried([parts if len(parts) == 2 else parts[0] for parts in layers], places)


class RecurrentLanguageModel(Network):
    """Embedding -> recurrent layers -> a score for each word of the vocabulary at each position.

    A row whose text continues where the same row of the last batch ended starts from its final state; every other row starts
    from zero. Training and evaluation keep separate states.
    """

    def __init__(self, config: RecurrentConfig, n_tokens: int, head: Head) -> None:
        super().__init__(config)
        if head.tied and config.hidden_size != config.d_embedding:
            raise ConfigError(f"task.tie_embeddings needs model.hidden_size ({config.hidden_size}) and model.d_embedding "
                              f"({config.d_embedding}) to be equal; make them so, or set it to false.")
        self.token_dropout = TokenDropout(config.token_dropout)
        self.embedding = token_embedding(n_tokens, config.d_embedding)
        self.dropout = nn.Dropout(config.dropout)
        self.hidden = RecurrentEncoder(CELLS[config.type], config.d_embedding, config.hidden_size, config.n_layers, False, config.dropout)
        self.output = VocabularyOutput(config.hidden_size, head, self.embedding)
        self.carried: dict[bool, Carried | None] = {True: None, False: None}

    def forward(self, tokens: Tensor, lengths: Tensor, places: Tensor | None = None) -> Tensor:
        """(batch, seq), (batch,), (batch,) positions in the text -> (batch, seq, n_words); without positions every row is a new text"""
        places = torch.zeros_like(lengths) if places is None else places
        before = self._states(places)
        x, after = self.hidden.carry(self.dropout(self.embedding(self.token_dropout(tokens))), before)
        self.carried[self.training] = Carried([_detached(state) for state in after], places + lengths)
        return self.output(self.dropout(x), lengths)

    def carried_tensors(self) -> dict[str, Tensor]:
        """The states that training continues from."""
        carried = self.carried[True]
        return carried.tensors() if carried is not None else {}

    def restore_carried(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore the output of `carried_tensors`. Raises ValueError for tensors that do not fit."""
        cells = [layer.ahead for layer in self.hidden.layers if isinstance(layer, RecurrentLayer)]
        self.carried[True] = Carried.restored(tensors, cells) if tensors else None

    def read_on(self, tokens: Tensor, past: list[State] | None) -> tuple[Tensor, list[State]]:
        """(batch, seq) tokens after `past` -> (batch, seq, hidden_size) states, and the past for the next call

        The past may be of a single text, which is then the beginning of all rows.
        """
        before: list[State | None] = [None] * len(self.hidden.layers)
        if past is not None:
            before = [_mapped(state, lambda part: part.expand(-1, len(tokens), -1).contiguous()) for state in past]
        return self.hidden.carry(self.embedding(tokens), before)

    @torch.inference_mode()
    def next_scores(self, ids: Sequence[int], past: list[State] | None) -> tuple[FloatArray, list[State]]:
        """Scores (n_words,) of the token after `ids`, which continue the text `past`, and the states for the next call."""
        self.eval()
        x, now = self.read_on(torch.tensor([list(ids)], device=self.device), past)
        return self.output.scores(x[0, -1]).double().cpu().numpy(), now

    def _states(self, places: Tensor) -> list[Any]:
        """The initial state of each layer: the carried state for rows whose text continues, zero for others."""
        carried = self.carried[self.training]
        if carried is None or len(carried.places) < len(places):
            return [None] * len(self.hidden.layers)
        continues = (carried.places[: len(places)] == places).view(1, -1, 1)
        return [_mapped(state, lambda part: part[:, : len(places)] * continues) for state in carried.states]


def _mapped(state: State, function: Any) -> State:
    return (function(state[0]), function(state[1])) if isinstance(state, tuple) else function(state)


def _parts(state: State) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def _detached(state: State) -> State:
    """The state detached from the graph: gradients end where a block starts (truncated backpropagation through time)."""
    return _mapped(state, torch.Tensor.detach)
