"""Searching for a target, token by token: greedily, with a beam, or by drawing.

A search knows the decoder by two functions, and what it carries from step to step by flat dictionaries of tensors. Sentences that are
over leave the batch. The result of a sentence does not depend on the others, except for random draws.
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
"""What was read: the first dimension of each tensor is the sentence."""
State = dict[str, Tensor]
"""What was written: the first two dimensions of each tensor are the sentence and its hypothesis."""

IMPOSSIBLE = float("-inf")
CHUNK = 64
"""Scores that are looked at by their maximum first."""
BLOCK = 2**20
"""Number of scores processed at a time on a CPU: 4 MB, which the allocator reuses instead of requesting it from the system each time."""
WORTH_CUTTING = 1 / 8
"""Share of a batch that must be over before the rest is copied together."""


class Decoder(Protocol):
    """A model that writes token by token, in evaluation mode.

    The scores of a hypothesis may depend on nothing but its sentence and its own tokens.
    """

    def encode(self, tokens: Tensor, lengths: Tensor) -> tuple[Memory, State]:
        """(batch, src), (batch,) -> what was read, and the state of one hypothesis for each sentence"""
        ...

    def step(self, previous: Tensor, memory: Memory, state: State) -> tuple[Tensor, State]:
        """(batch, k) last token of each hypothesis, [BOS] first -> (batch, k, vocab) logits of the next one, and the state after it"""
        ...


@dataclass(frozen=True)
class Hypothesis:
    """A target that was found, without [BOS] and [EOS]."""

    tokens: list[int]
    score: float
    """What hypotheses are compared by: log-probability / ((5 + length) / 6)^length_penalty, the length with [EOS] (Wu et al. 2016)."""
    log_probability: float
    """Natural logarithm, of [EOS] too where it was reached."""
    ended: bool = True
    """Whether [EOS] was reached; otherwise the target was cut off at the greatest length."""


Search = Callable[[Decoder, Tensor, Tensor], list[list[Hypothesis]]]
"""A decoder, (batch, src) tokens and (batch,) lengths -> of each sentence the targets that were found, the best first."""


@dataclass(frozen=True)
class _Hypotheses:
    """The same number for each sentence: tokens (batch, n, length) from [BOS] on, filled up with [EOS]; the rest (batch, n).

    A score of -inf marks a place that no hypothesis has taken yet.
    """

    tokens: Tensor
    log_probabilities: Tensor
    scores: Tensor

    @staticmethod
    def start(batch: int, n: int, score: float, device: torch.device) -> "_Hypotheses":
        """Of [BOS] alone."""
        return _Hypotheses(torch.full((batch, n, 1), BOS, device=device), torch.zeros(batch, n, device=device),
                           torch.full((batch, n), score, device=device))

    def take(self, sentences: Tensor, places: Tensor) -> "_Hypotheses":
        """Of the sentences (batch',), those at the places (batch', n')."""
        return _Hypotheses(*(_taken(each, sentences, places) for each in (self.tokens, self.log_probabilities, self.scores)))

    def of(self, sentences: Tensor) -> "_Hypotheses":
        """All hypotheses of some sentences."""
        return _Hypotheses(self.tokens[sentences], self.log_probabilities[sentences], self.scores[sentences])

    def joined(self, others: "_Hypotheses", where: Tensor) -> "_Hypotheses":
        """The best of these and of the others where (batch, n) is true; as many as these, best first."""
        longer = others.tokens.shape[2] - self.tokens.shape[2]
        scores = torch.cat([self.scores, others.scores.masked_fill(~where, IMPOSSIBLE)], dim=1)
        order = scores.sort(dim=1, descending=True, stable=True).indices[:, : self.scores.shape[1]]
        both = _Hypotheses(torch.cat([pad(self.tokens, (0, longer), value=EOS), others.tokens], dim=1),
                           torch.cat([self.log_probabilities, others.log_probabilities], dim=1), scores)
        return both.take(torch.arange(len(order), device=order.device), order)


def search_by(config: DecodingConfig, n_best: int = 1) -> Search:
    """A beam, or where it would have one place, which finds the same, the cheaper greedy search."""
    if config.beam_size > 1:
        return lambda decoder, tokens, lengths: beam_search(decoder, tokens, lengths, config, n_best)
    return lambda decoder, tokens, lengths: [[each] for each in greedy(decoder, tokens, lengths, config.max_length)]


def sampling_search(most: int, sampling: Sampling, device: torch.device) -> Search:
    """A search that samples one target for each sentence; it continues its random stream from call to call."""
    generator = torch.Generator(device).manual_seed(sampling.seed)
    return lambda decoder, tokens, lengths: [[each] for each in sample(decoder, tokens, lengths, most, sampling, generator)]


def greedy(decoder: Decoder, tokens: Tensor, lengths: Tensor, most: int) -> list[Hypothesis]:
    """(batch, src), (batch,) -> for each sentence the most probable token each time, until [EOS] or `most` tokens.

    The score is the log-probability.
    """
    return _follow(decoder, tokens, lengths, most, lambda scores: _best(scores, 1)[1].squeeze(1))


def sample(
    decoder: Decoder, tokens: Tensor, lengths: Tensor, most: int, sampling: Sampling, generator: torch.Generator
) -> list[Hypothesis]:
    """(batch, src), (batch,) -> for each sentence a token drawn each time, until [EOS] or `most` tokens.

    Score and log-probability are those of the model at temperature 1, with no token left out.
    """
    return _follow(decoder, tokens, lengths, most, lambda scores: draw(scores, sampling, generator))


def draw(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    """(rows, vocab) -> (rows,) token ids, none of a special token but [UNK] and [EOS].

    `top_p` keeps the smallest set of most probable tokens whose share reaches it (Holtzman et al. 2020), of those that `top_k` left.
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
    """(rows, n) -> (rows, 1) places, by one random number a row; `torch.multinomial` takes one for each share, which costs far more."""
    return places_at(shares, torch.rand(len(shares), 1, dtype=shares.dtype, device=shares.device, generator=generator))


def places_at(shares: Tensor, points: Tensor) -> Tensor:
    """(rows, n), (rows, 1) from 0 to 1 -> (rows, 1): in which share each point lies, of all shares of its row end to end"""
    reached = shares.cumsum(dim=1)
    below = reached[:, -1:] * (1 - torch.finfo(shares.dtype).eps)  # rounding must not lead beyond the last share
    return torch.searchsorted(reached, points * below, right=True)


@torch.inference_mode()
def beam_search(
    decoder: Decoder, tokens: Tensor, lengths: Tensor, config: DecodingConfig, n_best: int = 1
) -> list[list[Hypothesis]]:
    """(batch, src), (batch,) -> for each sentence up to `n_best` hypotheses, at most `beam_size`, best first.

    A hypothesis has at most `max_length` tokens, [EOS] among them; one that is open then counts as it is. Of equals, the one whose
    beginning ranked higher goes first, then the lower token id. A beam of 1 stops where its one hypothesis ends, as `greedy` does.
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
        ended, left = _parted(over)
        if len(ended):
            done.append((sentences[ended], finished.of(ended)))
            sentences, over, finished, open_, origins = sentences[left], over[left], finished.of(left), open_.of(left), origins[left]
            memory = _cut(memory, left)
        if not len(left):
            break
        if len(ended) or config.beam_size > 1:
            state = {name: _taken(tensor, left, origins) for name, tensor in state.items()}
    done.append((sentences, finished.joined(open_, ~over.unsqueeze(1).expand_as(open_.scores))))
    return _read(done, n_best)


def _expanded(
    finished: _Hypotheses, open_: _Hypotheses, logits: Tensor, over: Tensor, config: DecodingConfig
) -> tuple[_Hypotheses, _Hypotheses, Tensor]:
    """Finished and open hypotheses after one more token, and which hypothesis each open one comes from (batch, k).

    Each hypothesis can end in one way only, so that of twice as many candidates as are wanted enough stay open.
    """
    _, k, vocab = logits.shape
    allowed, beam_size = vocab - (EOS - 1), config.beam_size
    found, origins = _candidates(open_, logits, min(2 * beam_size, k * allowed), config.length_penalty)
    ends = found.tokens[:, :, -1] == EOS
    among_the_best = torch.arange(ends.shape[1], device=ends.device) < beam_size
    finished = finished.joined(found, ends & among_the_best & ~over.unsqueeze(1))
    others = ends.int().sort(dim=1, stable=True).indices[:, : min(beam_size, k * (allowed - 1))]
    return finished, found.take(torch.arange(len(over), device=over.device), others), origins.gather(1, others)


def _candidates(open_: _Hypotheses, logits: Tensor, n: int, length_penalty: float) -> tuple[_Hypotheses, Tensor]:
    """The n best of all that one more token makes of the open ones, best first, and which each comes from (batch, n)."""
    batch, k, vocab = logits.shape
    best = open_.log_probabilities[:, :1].clamp(min=torch.finfo(open_.log_probabilities.dtype).min)
    # The difference from the best hypothesis, not the full logarithm: rounding a long sum would make ties of tokens that are not equal.
    behind = (open_.log_probabilities - best).unsqueeze(2)
    size = max(1, BLOCK // (k * vocab)) if logits.device.type == "cpu" else batch
    blocks = [_best(_log_probabilities(part).add_(less).flatten(1), n)
              for part, less in zip(logits.split(size), behind.split(size), strict=True)]
    values, places = (torch.cat(each) for each in zip(*blocks, strict=True))
    origins, log_probabilities = places // vocab, values + best
    before = _taken(open_.tokens, torch.arange(batch, device=places.device), origins)
    tokens = torch.cat([before, (places % vocab).unsqueeze(2)], dim=2)
    return _Hypotheses(tokens, log_probabilities, log_probabilities / _norm(tokens.shape[2] - 1, length_penalty)), origins


def _is_over(finished: _Hypotheses, open_: _Hypotheses, config: DecodingConfig) -> Tensor:
    """(batch,) whether a sentence has as many finished hypotheses as its beam, and with late stopping no hope of better ones.

    With early stopping the best must not be open: a model that was taught with label smoothing over few words gives every place an
    [EOS] that is among the best of its beam, and a beam of such ends would be full before the right one has come to its own.
    """
    best, worst = finished.scores[:, 0], finished.scores[:, -1]
    if config.beam_size == 1:
        return worst > IMPOSSIBLE
    if config.early_stopping:
        return (worst > IMPOSSIBLE) & (best >= open_.scores[:, 0])
    # Log-probability only falls, and its divisor is greatest at the greatest length: no open hypothesis can come above this.
    return worst >= open_.log_probabilities[:, 0] / _norm(config.max_length, config.length_penalty)


def _norm(length: int, length_penalty: float) -> float:
    return ((5 + length) / 6) ** length_penalty


@torch.inference_mode()
def _follow(decoder: Decoder, tokens: Tensor, lengths: Tensor, most: int, choose: Callable[[Tensor], Tensor]) -> list[Hypothesis]:
    """One hypothesis for each sentence, by a choice (rows, vocab) log-probabilities -> (rows,) each time."""
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
        ended, left = _parted(over)
        if len(ended):
            done.append((sentences[ended], _Hypotheses(written[ended].unsqueeze(1), total[ended], total[ended])))
            sentences, over, written, total = sentences[left], over[left], written[left], total[left]
            memory, state = _cut(memory, left), _cut(state, left)
        if not len(left):
            break
    done.append((sentences, _Hypotheses(written.unsqueeze(1), total, total)))
    return [hypotheses[0] for hypotheses in _read(done, 1)]


def _parted(over: Tensor) -> tuple[Tensor, Tensor]:
    """Rows to drop and rows to keep; none are dropped before enough are finished that it pays. Here a step waits for the device."""
    rows: tuple[list[int], list[int]] = ([], [])
    for row, is_over in enumerate(over.tolist()):
        rows[not is_over].append(row)
    if len(rows[0]) < WORTH_CUTTING * len(over):
        rows = [], [*range(len(over))]
    return torch.tensor(rows[0], dtype=torch.long, device=over.device), torch.tensor(rows[1], dtype=torch.long, device=over.device)


def _cut(tensors: dict[str, Tensor], sentences: Tensor) -> dict[str, Tensor]:
    return {name: tensor.index_select(0, sentences) for name, tensor in tensors.items()}


def _read(done: Iterable[tuple[Tensor, _Hypotheses]], n_best: int) -> list[list[Hypothesis]]:
    """The best hypotheses of each sentence, by sentence."""
    hypotheses: dict[int, list[Hypothesis]] = {}
    for sentences, found in done:
        best = (each[:, :n_best].tolist() for each in (found.tokens[:, :, 1:], found.scores, found.log_probabilities))
        for sentence, *rows in zip(sentences.tolist(), *best, strict=True):
            hypotheses[sentence] = [Hypothesis(ids[: ids.index(EOS)] if EOS in ids else ids, score, log_probability, EOS in ids)
                              for ids, score, log_probability in zip(*rows, strict=True) if score != IMPOSSIBLE]
    return [hypotheses[sentence] for sentence in range(len(hypotheses))]


def _taken(tensor: Tensor, sentences: Tensor, places: Tensor) -> Tensor:
    """(batch, k, ...) -> (batch', n, ...): of the sentences (batch',), the entries at the positions (batch', n)."""
    rows = (sentences.unsqueeze(1) * tensor.shape[1] + places).flatten()
    return tensor.flatten(0, 1).index_select(0, rows).unflatten(0, tuple(places.shape))


def _log_probabilities(logits: Tensor) -> Tensor:
    """(..., vocab) -> (..., vocab), at least in single precision; -inf for the special tokens that no text holds."""
    found = logits.log_softmax(dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
    found[..., :UNK] = found[..., UNK + 1 : EOS] = IMPOSSIBLE
    return found


def _best(scores: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """(rows, width) -> the n greatest of each row and their places (rows, n), greatest first, of equals the first.

    Only the chunks with the greatest maxima are looked into, since a maximum costs far less than a ranking.
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
    """What `_best` gives. `topk` leaves open which of equals it takes, so those that it must not take are put out of its way."""
    least = scores.topk(n, dim=1).values[:, -1:]
    level = scores == least
    beyond = level & (level.cumsum(dim=1) > n - (scores > least).sum(dim=1, keepdim=True))
    places = scores.masked_fill(beyond, IMPOSSIBLE).topk(n, dim=1).indices.sort(dim=1).values
    values, order = scores.gather(1, places).sort(dim=1, descending=True, stable=True)
    return values, places.gather(1, order)
