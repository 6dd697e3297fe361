"""Recurrent encoder-decoders (Cho et al. 2014; Sutskever et al. 2014), with attention (Bahdanau et al. 2015; Luong et al. 2015)."""

import torch
from torch import Tensor, nn

from ...configs.schema.models.networks import RecurrentSeq2SeqConfig
from ...configs.schema.tasks.adversarial import WriterConfig
from ...configs.schema.tasks.autoencoding import AutoencoderConfig
from ..decoding import Memory, State
from ..head import Head
from ..layers.alignment import score, weights
from ..layers.embedding import TokenDropout, token_embedding
from ..layers.heads import VocabularyOutput
from ..layers.padding import real_tokens
from ..layers.recurrence import CELLS, Parts, RecurrentEncoder
from ..layers.recurrence import State as CellState
from .encoder_decoder import EncoderDecoder, VectorEncoder, only

AnyRecurrentConfig = RecurrentSeq2SeqConfig | AutoencoderConfig
DecoderConfig = AnyRecurrentConfig | WriterConfig


class FixedContext(nn.Module):
    """No attention: one vector of the source, its last states, is the context of every position (Cho et al. 2014)."""

    def remember(self, states: Tensor, end: Tensor, lengths: Tensor) -> Memory:
        """(batch, src, d_source), (batch, d_source) -> the last states alone"""
        return {"end": end}

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, None]:
        """(batch, n, d_state) -> (batch, 1, d_source), the same for every position; no weights"""
        return memory["end"].unsqueeze(1), None


class AttendedContext(nn.Module):
    """Attention: the mean of the source's states, weighted by their scores for the query."""

    def __init__(self, config: DecoderConfig, d_source: int) -> None:
        super().__init__()
        assert config.attention != "none"
        self.score = score(config.attention, config.hidden_size, d_source)

    def remember(self, states: Tensor, end: Tensor, lengths: Tensor) -> Memory:
        """(batch, src, d_source) -> the states, their keys, and, if there is padding, a mask of real tokens"""
        real = real_tokens(lengths, states.shape[1])
        return {"states": states, "keys": self.score.keys(states), **({"real": real} if real is not None else {})}

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """(batch, n, d_state) -> (batch, n, d_source), and the weights (batch, n, src)"""
        shares = weights(self.score(queries, memory["keys"]), memory.get("real"))
        return torch.bmm(shares, memory["states"]), shares


class RecurrentDecoder(nn.Module):
    """Recurrent layers over the target, with a context vector from the source.

    The output reads tanh(W [state; context]) (Luong et al. 2015), of the size of an embedding. With `additive`, the previous state is
    the query, and the context is an input of the cell next to the token's embedding; so is the fixed context of `none`. With `dot`,
    `general` and `concat`, the new state is the query; with `input_feeding` the output's previous vector is an input of the cell.
    Each layer starts from tanh(W h), where h are the final states of the same layer of the encoder in each direction (Bahdanau et al.
    2015 use the backward one only); an LSTM's cell state likewise.
    """

    def __init__(self, config: DecoderConfig, d_source: int) -> None:
        super().__init__()
        d_embedding, size = config.d_embedding, config.hidden_size
        self.attends_first, self.feeds = config.attention in ("none", "additive"), config.input_feeding
        self.runs_step_by_step = self.feeds or config.attention == "additive"
        self.parts = ("hidden", "cell") if config.cell == "lstm" else ("hidden",)
        self.start = nn.ModuleList(nn.Linear(d_source, len(self.parts) * size) for _ in range(config.n_layers))
        self.context = FixedContext() if config.attention == "none" else AttendedContext(config, d_source)
        d_extra = d_source if self.attends_first else d_embedding if self.feeds else 0
        self.layers = RecurrentEncoder(CELLS[config.cell], d_embedding + d_extra, size, config.n_layers, False, config.dropout)
        self.join = nn.Linear(size + d_source, d_embedding)

    def initial_state(self, states: Tensor, ends: list[Tensor], lengths: Tensor) -> tuple[Memory, State]:
        """(batch, src, d_source), (batch, d_source) of each layer -> the memory of the source, one state for each sentence"""
        state: State = {}
        for number, (start, end) in enumerate(zip(self.start, ends, strict=True)):
            first = torch.tanh(start(end)).unsqueeze(1)  # (batch, 1, size of all parts)
            state |= {f"{part}.{number}": value for part, value in zip(self.parts, first.chunk(len(self.parts), dim=2), strict=True)}
        if self.feeds:
            state["vector"] = states.new_zeros(len(states), 1, self.join.out_features)
        return self.context.remember(states, ends[-1], lengths), state

    def forward(self, x: Tensor, memory: Memory, state: State) -> tuple[Tensor, Tensor | None]:
        """(batch, tgt, d_embedding) -> input of the output layer (batch, tgt, d_embedding), and attention weights (batch, tgt, src)"""
        if not self.runs_step_by_step:
            seen, shares, _ = self._read(x, memory, state, in_a_row=True)
            return self.vectors(seen), shares
        all_seen, all_shares = [], []
        for step_input in x.split(1, dim=1):
            seen, shares, state = self.read(step_input, memory, state)
            all_seen.append(seen)
            all_shares.append(shares)
        return self.vectors(torch.cat(all_seen, dim=1)), torch.cat(all_shares, dim=1)

    def read(self, x: Tensor, memory: Memory, state: State) -> tuple[Tensor, Tensor | None, State]:
        """(batch, k, d_embedding), the next token of each hypothesis -> input of `vectors`, weights (batch, k, src), the state after"""
        return self._read(x, memory, state, in_a_row=False)

    def vectors(self, seen: Tensor) -> Tensor:
        """(batch, n, size of state and context) -> (batch, n, d_embedding); with `input_feeding` already computed"""
        return seen if self.feeds else torch.tanh(self.join(seen))

    def _read(self, x: Tensor, memory: Memory, state: State, in_a_row: bool) -> tuple[Tensor, Tensor | None, State]:
        """`in_a_row`: (batch, n, d_embedding) are n consecutive positions; otherwise one position of n hypotheses."""
        context, shares = self.context(state[f"hidden.{len(self.start) - 1}"], memory) if self.attends_first else (None, None)
        if context is not None:
            context = context.expand(-1, x.shape[1], -1)
        extra = context if self.attends_first else state.get("vector")
        x = x if extra is None else torch.cat([x, extra], dim=2)
        top, after = self._carry(x, state) if in_a_row else self._advance(x, state)
        if context is None:
            context, shares = self.context(top, memory)
        seen = torch.cat([top, context], dim=2)  # (batch, n, size of state and context)
        if self.feeds:
            seen = after["vector"] = torch.tanh(self.join(seen))
        return seen, shares, after

    def _carry(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(batch, n, d_input) -> (batch, n, d_state); the complete target at once, so no state is returned for later positions"""
        before = [tuple(part.transpose(0, 1).contiguous() for part in parts) for parts in self._by_layer(state)]
        states: list[CellState | None] = [(parts[0], parts[1]) if len(parts) == 2 else parts[0] for parts in before]
        return self.layers.carry(x, states)[0], {}

    def _advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(batch, k, d_input) -> (batch, k, d_state), the state after; each hypothesis is a separate row"""
        rows, k = x.flatten(0, 1), x.shape[1]
        top, after = self.layers.advance(rows, [tuple(part.flatten(0, 1) for part in parts) for parts in self._by_layer(state)])
        named = {f"{name}.{number}": part.unflatten(0, (-1, k)) for number, parts in enumerate(after)
                 for name, part in zip(self.parts, parts, strict=True)}
        return top.unflatten(0, (-1, k)), named

    def _by_layer(self, state: State) -> list[Parts]:
        return [tuple(state[f"{name}.{number}"] for name in self.parts) for number in range(len(self.start))]


class RecurrentSeq2Seq(EncoderDecoder):
    """Embedding -> recurrent encoder, and decoder over the target so far -> a score for each word of the target's vocabulary.

    `source`: the size of a source vocabulary, or an encoder of another kind of source, from whose vector each decoder layer starts.
    """

    def __init__(self, config: AnyRecurrentConfig, source: int | VectorEncoder, head: Head) -> None:
        super().__init__(config)
        self.token_dropout = TokenDropout(config.token_dropout)
        self.source_embedding = token_embedding(source, config.d_embedding) if isinstance(source, int) else None
        self.target_embedding = token_embedding(head.n_outputs, config.d_embedding)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = self.new_encoder(config) if isinstance(source, int) else source
        d_source = self.encoder.d_output if isinstance(self.encoder, RecurrentEncoder) else self.encoder.d_vector
        self.decoder = RecurrentDecoder(config, d_source)
        self.output = VocabularyOutput(config.d_embedding, head, self.target_embedding, self.source_embedding)

    def forward(self, tokens: Tensor, lengths: Tensor, previous: Tensor, teacher_forcing: float = 1.0,
                asked: Tensor | None = None) -> Tensor:
        """(batch, src), (batch,), (batch, tgt) previous tokens -> (batch, tgt, n_words), or (n, n_words) at the positions `asked`

        With `teacher_forcing` below 1, each position except the first reads at random either `previous` or the model's most probable
        word at the previous position (Bengio et al. 2015); no gradient flows through that choice.
        """
        return self.scores_after(self.encode(tokens, lengths), lengths, previous, teacher_forcing, asked)

    def scores_after(self, start: tuple[Memory, State], lengths: Tensor, previous: Tensor, teacher_forcing: float = 1.0,
                     asked: Tensor | None = None) -> Tensor:
        """The result of `forward`, given that of `encode`."""
        memory, state = start
        if teacher_forcing < 1:
            return self.output(only(self._partly_forced(previous, memory, state, teacher_forcing), asked), lengths)
        vectors, _ = self.decoder(self._embedded(previous), memory, state)
        return self.output(self.dropout(only(vectors, asked)), lengths)

    def new_encoder(self, config: AnyRecurrentConfig) -> RecurrentEncoder:
        """The encoder of source texts."""
        return RecurrentEncoder(CELLS[config.cell], config.d_embedding, config.hidden_size, config.n_layers, config.bidirectional,
                                config.dropout)

    def alignments(self, tokens: Tensor, lengths: Tensor, previous: Tensor) -> Tensor | None:
        """(batch, tgt, src): attention weights of each target position over the source; None without attention."""
        memory, state = self.encode(tokens, lengths)
        return self.decoder(self._embedded(previous), memory, state)[1]

    def encode(self, tokens: Tensor, lengths: Tensor) -> tuple[Memory, State]:
        """(batch, src) -> the memory of each source, and the state of one hypothesis (batch, 1, ...) for each"""
        if isinstance(self.encoder, RecurrentEncoder):
            assert self.source_embedding is not None
            states, ends = self.encoder.with_ends(self.dropout(self.source_embedding(self.token_dropout(tokens))), lengths)
        else:
            vector = self.encoder(tokens)  # (batch, d_vector)
            states, ends = vector.unsqueeze(1), [vector] * len(self.decoder.start)
        return self.decoder.initial_state(states, ends, lengths)

    def step(self, previous: Tensor, memory: Memory, state: State) -> tuple[Tensor, State]:
        """(batch, k), the last token of each of k hypotheses -> (batch, k, n_words), and the state after it"""
        seen, _, after = self.decoder.read(self._embedded(previous), memory, state)
        return self.output.scores(self.dropout(self.decoder.vectors(seen))), after

    def _embedded(self, previous: Tensor) -> Tensor:
        return self.dropout(self.target_embedding(previous))

    def _partly_forced(self, previous: Tensor, memory: Memory, state: State, share: float) -> Tensor:
        """(batch, tgt) -> (batch, tgt, d_embedding), the input of the output layer; a `share` of the tokens comes from `previous`."""
        own, vectors = torch.rand(previous.shape, device=previous.device) >= share, []  # (batch, tgt)
        for position, given in enumerate(previous.split(1, dim=1)):
            tokens = self._replaced(given, own[:, position], vectors[-1]) if position else given
            seen, _, state = self.decoder.read(self._embedded(tokens), memory, state)
            vectors.append(self.dropout(self.decoder.vectors(seen)))
        return torch.cat(vectors, dim=1)

    @torch.no_grad()
    def _replaced(self, given: Tensor, own: Tensor, vectors: Tensor) -> Tensor:
        """(batch, 1), (batch,), (batch, 1, d_embedding) -> (batch, 1): the model's own word where `own`, computed only there."""
        chosen = self.output.scores(vectors[own]).argmax(dim=2)  # (number of own tokens, 1)
        return given.masked_scatter(own.unsqueeze(1), chosen.to(given.dtype))
