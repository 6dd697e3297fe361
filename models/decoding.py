"""Decoding of targets, token by token: greedy search, beam search or sampling.

A search calls two functions of the decoder, whose memory and state are flat dictionaries of tensors. Finished sentences are removed
from the batch. The result of a sentence does not depend on the others, except in sampling.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..configs.schema.tasks.sequence_to_sequence import DecodingConfig
from ..configs.schema.tokenizer import BOS, EOS, UNK
from .head import Sampling

Memory = dict[str, Tensor]
"""The encoded source: the first dimension of each tensor is the sentence."""
State = dict[str, Tensor]
"""The state of the decoder: the first two dimensions of each tensor are the sentence and its hypothesis."""

IMPOSSIBLE = float("-inf")
CHUNK = 64
"""Number of scores in a chunk; `_best` compares the maxima of chunks first."""
BLOCK = 2**20
"""Number of scores processed at a time on a CPU: 4 MB, which the allocator reuses instead of requesting it from the system each time."""
WORTH_CUTTING = 1 / 8
"""Share of a batch that must be finished before the rest is copied into a smaller batch."""


class Decoder(Protocol):
    """A model that predicts token by token, in evaluation mode.

    The scores of a hypothesis may depend only on its sentence and its own tokens.
    """

    def encode(self, tokens: Tensor, lengths: Tensor) -> tuple[Memory, State]:
        """(batch, src), (batch,) -> the encoded source, and the state of one hypothesis for each sentence"""
        ...

    def step(self, previous: Tensor, memory: Memory, state: State) -> tuple[Tensor, State]:
        """(batch, k) last token of each hypothesis, [BOS] first -> (batch, k, vocab) logits of the next one, and the state after it"""
        ...


@dataclass(frozen=True)
class Hypothesis:
    """A decoded target, without [BOS] and [EOS]."""

    tokens: list[int]
    score: float
    """The score that ranks hypotheses: log-probability / ((5 + length) / 6)^length_penalty, the length with [EOS] (Wu et al. 2016)."""
    log_probability: float
    """Natural logarithm, including [EOS] if it was reached."""
    ended: bool = True
    """Whether [EOS] was reached; otherwise the target was cut off at the maximum length."""


Search = Callable[[Decoder, Tensor, Tensor], list[list[Hypothesis]]]
"""A decoder, (batch, src) tokens and (batch,) lengths -> the decoded targets of each sentence, the best first."""


@dataclass(frozen=True)
class _Hypotheses:
    """n hypotheses for each sentence: tokens (batch, n, length) from [BOS] on, padded with [EOS]; log-probabilities and scores (batch, n).

    A score of -inf marks an empty slot.
    """

    tokens: Tensor
    log_probabilities: Tensor
    scores: Tensor

    @staticmethod
    def start(batch: int, n: int, score: float, device: torch.device) -> "_Hypotheses":
        """Hypotheses of [BOS] alone."""
        return _Hypotheses(torch.full((batch, n, 1), BOS, device=device), torch.zeros(batch, n, device=device),
                           torch.full((batch, n), score, device=device))

    def take(self, sentences: Tensor, places: Tensor) -> "_Hypotheses":
        """The hypotheses at positions (batch', n') of the sentences (batch',)."""
        return _Hypotheses(*(_taken(tensor, sentences, places) for tensor in (self.tokens, self.log_probabilities, self.scores)))

    def of(self, sentences: Tensor) -> "_Hypotheses":
        """All hypotheses of some sentences."""
        return _Hypotheses(self.tokens[sentences], self.log_probabilities[sentences], self.scores[sentences])

    def joined(self, others: "_Hypotheses", where: Tensor) -> "_Hypotheses":
        """The best of these and of the others where `where` (batch, n) is true; as many as these, best first."""
        longer = others.tokens.shape[2] - self.tokens.shape[2]
        scores = torch.cat([self.scores, others.scores.masked_fill(~where, IMPOSSIBLE)], dim=1)
        order = scores.sort(dim=1, descending=True, stable=True).indices[:, : self.scores.shape[1]]
        both = _Hypotheses(torch.cat([pad(self.tokens, (0, longer), value=EOS), others.tokens], dim=1),
                           torch.cat([self.log_probabilities, others.log_probabilities], dim=1), scores)
        return both.take(torch.arange(len(order), device=order.device), order)


def search_by(config: DecodingConfig, n_best: int = 1) -> Search:
    """Beam search, or for a beam of 1 the cheaper greedy search, which gives the same result."""
    if config.beam_size > 1:
        return lambda decoder, tokens, lengths: beam_search(decoder, tokens, lengths, config, n_best)
    return lambda decoder, tokens, lengths: [[hypothesis] for hypothesis in greedy(decoder, tokens, lengths, config.max_length)]


def sampling_search(most: int, sampling: Sampling, device: torch.device) -> Search:
    """A search that samples one target for each sentence; it continues its random stream from call to call."""
    generator = torch.Generator(device).manual_seed(sampling.seed)
    return lambda decoder, tokens, lengths: [[hypothesis] for hypothesis in sample(decoder, tokens, lengths, most, sampling, generator)]


def greedy(decoder: Decoder, tokens: Tensor, lengths: Tensor, most: int) -> list[Hypothesis]:
    """(batch, src), (batch,) -> for each sentence the most probable token at each step, until [EOS] or `most` tokens.

    The score is the log-probability.
    """
    return _follow(decoder, tokens, lengths, most, lambda scores: _best(scores, 1)[1].squeeze(1))


def sample(
    decoder: Decoder, tokens: Tensor, lengths: Tensor, most: int, sampling: Sampling, generator: torch.Generator
) -> list[Hypothesis]:
    """(batch, src), (batch,) -> for each sentence a sampled token at each step, until [EOS] or `most` tokens.

    Score and log-probability are those of the model at temperature 1, without `top_k` and `top_p`.
    """
    return _follow(decoder, tokens, lengths, most, lambda scores: draw(scores, sampling, generator))


def draw(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    """(rows, vocab) -> (rows,) sampled token ids; of the special tokens only [UNK] and [EOS] occur.

    `top_p` keeps the smallest set of the most probable tokens whose probability reaches it (Holtzman et al. 2020), after `top_k`.
    """
    scores = _log_probabilities(logits)
    if not sampling.temperature:
        return scores.argmax(dim=1)
    scores = (scores - scores.amax(dim=1, keepdim=True)) / sampling.divisor
    if sampling.top_k is None and sampling.top_p >= 1:
        return _drawn(scores.softmax(dim=1), generator).squeeze(1)
    if sampling.top_k is None:
        scores, ids = scores.sort(dim=1, descending=True, stable=True)
    else:
        scores, ids = scores.topk(min(sampling.top_k, scores.shape[1]), dim=1)
    shares = scores.softmax(dim=1)
    shares[:, 1:].masked_fill_(shares.cumsum(dim=1)[:, :-1] >= sampling.top_p, 0.0)
    return ids.gather(1, _drawn(shares, generator)).squeeze(1)


def _drawn(shares: Tensor, generator: torch.Generator) -> Tensor:
    """(rows, n) -> (rows, 1) positions, with one random number per row; `torch.multinomial` draws one per share, which is far slower."""
    return places_at(shares, torch.rand(len(shares), 1, dtype=shares.dtype, device=shares.device, generator=generator))


def places_at(shares: Tensor, points: Tensor) -> Tensor:
    """(rows, n), (rows, 1) points from 0 to 1 -> (rows, 1): index of the share that contains each point, with shares laid end to end"""
    ends = shares.cumsum(dim=1)
    limit = ends[:, -1:] * (1 - torch.finfo(shares.dtype).eps)  # rounding must not lead beyond the last share
    return torch.searchsorted(ends, points * limit, right=True)


@torch.inference_mode()
def beam_search(
    decoder: Decoder, tokens: Tensor, lengths: Tensor, config: DecodingConfig, n_best: int = 1
) -> list[list[Hypothesis]]:
    """(batch, src), (batch,) -> for each sentence up to `n_best` hypotheses, at most `beam_size`, best first.

    A hypothesis has at most `max_length` tokens, including [EOS]; one that is still open then counts as it is. Ties are broken by the
    rank of the prefix, then by the lower token id. A beam of 1 stops when its only hypothesis ends, as `greedy` does.
    """
    memory, state = decoder.encode(tokens, lengths)
    sentences = torch.arange(len(tokens), device=tokens.device)
    over = torch.zeros_like(sentences, dtype=torch.bool)
    open_ = _Hypotheses.start(len(tokens), 1, 0.0, tokens.device)
    finished = _Hypotheses.start(len(tokens), config.beam_size, IMPOSSIBLE, tokens.device)
    done: list[tuple[Tensor, _Hypotheses]] = []
    for _ in range(config.max_length):
        logits, state = decoder.step(open_.tokens[:, :, -1], memory, state)
        finished, open_, origins = _expanded(finished, open_, logits, over, config)
        over = over | _is_over(finished, open_, config)
        ended, left = _finished_and_rest(over)
        if len(ended):
            done.append((sentences[ended], finished.of(ended)))
            sentences, over, finished, open_, origins = sentences[left], over[left], finished.of(left), open_.of(left), origins[left]
            memory = _selected(memory, left)
        if not len(left):
            break
        if len(ended) or config.beam_size > 1:
            state = {name: _taken(tensor, left, origins) for name, tensor in state.items()}
    done.append((sentences, finished.joined(open_, ~over.unsqueeze(1).expand_as(open_.scores))))
    return _by_sentence(done, n_best)


def _expanded(
    finished: _Hypotheses, open_: _Hypotheses, logits: Tensor, over: Tensor, config: DecodingConfig
) -> tuple[_Hypotheses, _Hypotheses, Tensor]:
    """Finished and open hypotheses after one more token, and which hypothesis each open one extends (batch, k).

    Each hypothesis can end in only one way, so twice as many candidates as the beam has always leave enough open ones.
    """
    _, k, vocab = logits.shape
    allowed, beam_size = vocab - (EOS - 1), config.beam_size
    candidates, origins = _candidates(open_, logits, min(2 * beam_size, k * allowed), config.length_penalty)
    ends = candidates.tokens[:, :, -1] == EOS
    in_beam = torch.arange(ends.shape[1], device=ends.device) < beam_size
    finished = finished.joined(candidates, ends & in_beam & ~over.unsqueeze(1))
    others = ends.int().sort(dim=1, stable=True).indices[:, : min(beam_size, k * (allowed - 1))]
    return finished, candidates.take(torch.arange(len(over), device=over.device), others), origins.gather(1, others)


def _candidates(open_: _Hypotheses, logits: Tensor, n: int, length_penalty: float) -> tuple[_Hypotheses, Tensor]:
    """The n best extensions of the open hypotheses by one token, best first, and which hypothesis each extends (batch, n)."""
    batch, k, vocab = logits.shape
    best = open_.log_probabilities[:, :1].clamp(min=torch.finfo(open_.log_probabilities.dtype).min)
    # The difference from the best hypothesis, not the full log-probability: rounding a long sum would make different tokens tie.
    differences = (open_.log_probabilities - best).unsqueeze(2)
    size = max(1, BLOCK // (k * vocab)) if logits.device.type == "cpu" else batch
    blocks = [_best(_log_probabilities(block).add_(difference).flatten(1), n)
              for block, difference in zip(logits.split(size), differences.split(size), strict=True)]
    values, places = (torch.cat(parts) for parts in zip(*blocks, strict=True))
    origins, log_probabilities = places // vocab, values + best
    before = _taken(open_.tokens, torch.arange(batch, device=places.device), origins)
    tokens = torch.cat([before, (places % vocab).unsqueeze(2)], dim=2)
    return _Hypotheses(tokens, log_probabilities, log_probabilities / _norm(tokens.shape[2] - 1, length_penalty)), origins


def _is_over(finished: _Hypotheses, open_: _Hypotheses, config: DecodingConfig) -> Tensor:
    """(batch,) whether a sentence has as many finished hypotheses as its beam, and with late stopping no better one is possible.

    With early stopping the best hypothesis must not be open: after label smoothing over a small vocabulary [EOS] is among the best
    tokens at every position, so a beam of early ends would be full before the right hypothesis is finished.
    """
    best, worst = finished.scores[:, 0], finished.scores[:, -1]
    if config.beam_size == 1:
        return worst > IMPOSSIBLE
    if config.early_stopping:
        return (worst > IMPOSSIBLE) & (best >= open_.scores[:, 0])
    # Log-probabilities only decrease, and their divisor is largest at the maximum length: no open hypothesis can exceed this bound.
    return worst >= open_.log_probabilities[:, 0] / _norm(config.max_length, config.length_penalty)


def _norm(length: int, length_penalty: float) -> float:
    return ((5 + length) / 6) ** length_penalty


@torch.inference_mode()
def _follow(decoder: Decoder, tokens: Tensor, lengths: Tensor, most: int, choose: Callable[[Tensor], Tensor]) -> list[Hypothesis]:
    """One hypothesis for each sentence; `choose` maps log-probabilities (rows, vocab) to the next tokens (rows,)."""
    memory, state = decoder.encode(tokens, lengths)
    sentences = torch.arange(len(tokens), device=tokens.device)
    over = torch.zeros_like(sentences, dtype=torch.bool)
    written, total = torch.full((len(tokens), 1), BOS, device=tokens.device), torch.zeros(len(tokens), 1, device=tokens.device)
    done: list[tuple[Tensor, _Hypotheses]] = []
    for _ in range(most):
        logits, state = decoder.step(written[:, -1:], memory, state)
        scores = _log_probabilities(logits.squeeze(1))
        chosen = choose(scores).masked_fill(over, EOS).unsqueeze(1)
        written = torch.cat([written, chosen], dim=1)
        total = total + scores.gather(1, chosen).masked_fill(over.unsqueeze(1), 0.0)
        over = over | (chosen == EOS).squeeze(1)
        ended, left = _finished_and_rest(over)
        if len(ended):
            done.append((sentences[ended], _Hypotheses(written[ended].unsqueeze(1), total[ended], total[ended])))
            sentences, over, written, total = sentences[left], over[left], written[left], total[left]
            memory, state = _selected(memory, left), _selected(state, left)
        if not len(left):
            break
    done.append((sentences, _Hypotheses(written.unsqueeze(1), total, total)))
    return [hypotheses[0] for hypotheses in _by_sentence(done, 1)]


def _finished_and_rest(over: Tensor) -> tuple[Tensor, Tensor]:
    """Rows to drop and rows to keep; none are dropped until enough are finished to be worth it. Here a step waits for the device."""
    rows: tuple[list[int], list[int]] = ([], [])
    for row, is_over in enumerate(over.tolist()):
        rows[not is_over].append(row)
    if len(rows[0]) < WORTH_CUTTING * len(over):
        rows = [], [*range(len(over))]
    return torch.tensor(rows[0], dtype=torch.long, device=over.device), torch.tensor(rows[1], dtype=torch.long, device=over.device)


def _selected(tensors: dict[str, Tensor], sentences: Tensor) -> dict[str, Tensor]:
    return {name: tensor.index_select(0, sentences) for name, tensor in tensors.items()}


def _by_sentence(done: Iterable[tuple[Tensor, _Hypotheses]], n_best: int) -> list[list[Hypothesis]]:
    """The best hypotheses of each sentence, in the order of the batch."""
    hypotheses: dict[int, list[Hypothesis]] = {}
    for sentences, finished in done:
        best = (tensor[:, :n_best].tolist() for tensor in (finished.tokens[:, :, 1:], finished.scores, finished.log_probabilities))
        for sentence, *rows in zip(sentences.tolist(), *best, strict=True):
            hypotheses[sentence] = [Hypothesis(ids[: ids.index(EOS)] if EOS in ids else ids, score, log_probability, EOS in ids)
                              for ids, score, log_probability in zip(*rows, strict=True) if score != IMPOSSIBLE]
    return [hypotheses[sentence] for sentence in range(len(hypotheses))]


def _taken(tensor: Tensor, sentences: Tensor, places: Tensor) -> Tensor:
    """(batch, k, ...) -> (batch', n, ...): the entries at positions (batch', n) of the sentences (batch',)."""
    rows = (sentences.unsqueeze(1) * tensor.shape[1] + places).flatten()
    return tensor.flatten(0, 1).index_select(0, rows).unflatten(0, tuple(places.shape))


def _log_probabilities(logits: Tensor) -> Tensor:
    """(..., vocab) -> (..., vocab), at least in single precision; -inf for special tokens that never occur in texts."""
    log_probabilities = logits.log_softmax(dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
    log_probabilities[..., :UNK] = log_probabilities[..., UNK + 1 : EOS] = IMPOSSIBLE
    return log_probabilities


def _best(scores: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """(rows, width) -> the n largest scores of each row and their positions (rows, n), largest first; ties go to the first.

    Only the chunks with the largest maxima are searched, since a maximum costs far less than a ranking.
    """
    even = scores.shape[1] // CHUNK * CHUNK  # columns that fill complete chunks
    if even <= 2 * n * CHUNK:
        return _ranked(scores, n)
    chunks = scores[:, :even].unflatten(1, (-1, CHUNK))
    picked = _ranked(chunks.amax(dim=2), n)[1].sort(dim=1).values  # in order, so that ties are resolved by position
    inside = chunks[torch.arange(len(scores), device=scores.device).unsqueeze(1), picked].flatten(1)
    values, places = _ranked(torch.cat([inside, scores[:, even:]], dim=1), n)
    chunk = picked.gather(1, (places // CHUNK).clamp(max=n - 1))
    return values, torch.where(places < n * CHUNK, chunk * CHUNK + places % CHUNK, even + places - n * CHUNK)


def _ranked(scores: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """As `_best`, without chunks. `topk` breaks ties arbitrarily, so those that it must not take are masked first."""
    least = scores.topk(n, dim=1).values[:, -1:]
    tied = scores == least
    surplus = tied & (tied.cumsum(dim=1) > n - (scores > least).sum(dim=1, keepdim=True))
    places = scores.masked_fill(surplus, IMPOSSIBLE).topk(n, dim=1).indices.sort(dim=1).values
    values, order = scores.gather(1, places).sort(dim=1, descending=True, stable=True)
    return values, places.gather(1, order)
