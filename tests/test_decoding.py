"""The searches against all sequences there are, and against a search in plain Python, one sentence at a time."""

import math
from collections import Counter
from itertools import product

import pytest
import torch
from contracts import one_thread
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.configs.schema.tasks.sequence_to_sequence import DecodingConfig
from nlp.configs.schema.tokenizer import BOS, EOS, UNK
from nlp.models import decoding as searches
from nlp.models.decoding import CHUNK, Hypothesis, Sampling, _best, beam_search, draw, greedy, sample
from nlp.tasks.task import PredictOptions
from torch import Tensor, nn

__all__ = ["one_thread"]

VOCAB = 11
ALLOWED = [UNK, *range(EOS, VOCAB)]
FORBIDDEN = sorted({*range(VOCAB)} - {*ALLOWED})
PRIMES = (53, 59, 61)


class Table:
    """Logits by sentence and by a number that encodes the prefix, so that a state in the wrong place is found out.

    What the source's first token names is the sentence. Logits (sentences, sum of PRIMES, vocab): a prefix has the sum of three rows.
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self.rows: list[int] = []

    def encode(self, tokens: Tensor, lengths: Tensor):
        return {"sentence": tokens[:, 0]}, {"prefix": torch.zeros(len(tokens), 1, dtype=torch.long)}

    def step(self, previous: Tensor, memory, state):
        self.rows.append(len(previous))
        prefix = (state["prefix"] * 7 + previous) % math.prod(PRIMES)
        return self.at(memory["sentence"].unsqueeze(1), prefix), {"prefix": prefix}

    def at(self, sentence, prefix):
        first, second, third = PRIMES
        places = (prefix % first, first + prefix % second, first + second + prefix % third)
        return sum(self.logits[sentence, place] for place in places)

    def scores_after(self, sentence: int, tokens: tuple[int, ...]) -> list[float]:
        """Log-probabilities of the next token, by hand."""
        prefix = 0
        for token in (BOS, *tokens):
            prefix = (prefix * 7 + token) % math.prod(PRIMES)
        return self.at(sentence, prefix).log_softmax(0).tolist()


class Chain:
    """Probabilities by the last token."""

    def __init__(self, following: dict[int, dict[int, float]]) -> None:
        self.logits = torch.full((VOCAB, VOCAB), -30.0, dtype=torch.double)
        for token, shares in following.items():
            self.logits[token, [*shares]] = torch.tensor([*shares.values()], dtype=torch.double).log()
        self.steps = 0

    def encode(self, tokens: Tensor, lengths: Tensor):
        return {}, {}

    def step(self, previous: Tensor, memory, state):
        self.steps += 1
        return self.logits[previous], {}


class Recurrent(nn.Module):
    """Embedding, attention over the source's embeddings and a GRU cell: its output needs the right memory and the right state."""

    def __init__(self, size: int = 8) -> None:
        super().__init__()
        self.embedding, self.cell, self.output = nn.Embedding(VOCAB, size), nn.GRUCell(2 * size, size), nn.Linear(size, VOCAB)

    def encode(self, tokens: Tensor, lengths: Tensor):
        real = torch.arange(tokens.shape[1]) < lengths.unsqueeze(1)
        return {"source": self.embedding(tokens), "real": real}, {"h": self.embedding(tokens[:, :1])}

    def step(self, previous: Tensor, memory, state):
        h = state["h"]
        weights = (h @ memory["source"].mT).masked_fill(~memory["real"].unsqueeze(1), -math.inf).softmax(dim=2)
        x = torch.cat([self.embedding(previous), weights @ memory["source"]], dim=2)
        h = self.cell(x.flatten(0, 1), h.flatten(0, 1)).view_as(h)
        return 3 * self.output(h), {"h": h}


def table(seed: int, sentences: int = 1, ends: float = 0.0) -> Table:
    """Random logits; `ends` is added to that of [EOS]."""
    logits = torch.randn(sentences, sum(PRIMES), VOCAB, dtype=torch.double, generator=torch.Generator().manual_seed(seed))
    logits[..., EOS] += ends / 3
    logits[..., FORBIDDEN] += 2  # the model may well think of them
    return Table(logits)


def equal_table(sentences: int = 1) -> Table:
    return Table(torch.zeros(sentences, sum(PRIMES), VOCAB, dtype=torch.double))


def sources(sentences: int) -> tuple[Tensor, Tensor]:
    return torch.arange(sentences).unsqueeze(1), torch.ones(sentences, dtype=torch.long)


def decoding(beam_size: int = 1, length_penalty: float = 1.0, early_stopping: bool = True, max_length: int = 6) -> DecodingConfig:
    return DecodingConfig(beam_size=beam_size, length_penalty=length_penalty, early_stopping=early_stopping, max_length=max_length)


def normalised(log_probability: float, length: int, length_penalty: float) -> float:
    return log_probability / ((5 + length) / 6) ** length_penalty


def probability_by_hand(decoder: Table, sentence: int, tokens: list[int], most: int) -> float:
    printed = [*tokens, EOS] if len(tokens) < most else tokens
    return sum(decoder.scores_after(sentence, tuple(printed[:place]))[token] for place, token in enumerate(printed))


def all_of_them(decoder: Table, config: DecodingConfig) -> list[Hypothesis]:
    """Every target of the first sentence, best first."""
    words = [token for token in ALLOWED if token != EOS]
    reported = []
    for n in range(config.max_length + 1):
        for tokens in product(words, repeat=n):
            log_probability = probability_by_hand(decoder, 0, list(tokens), config.max_length)
            length = min(n + 1, config.max_length)
            reported.append(Hypothesis(list(tokens), normalised(log_probability, length, config.length_penalty), log_probability))
    return sorted(reported, key=lambda hypothesis: -hypothesis.score)


def in_plain_python(decoder: Table, sentence: int, config: DecodingConfig) -> list[Hypothesis]:
    """The same search with lists; late stopping stops at the greatest length alone."""
    opened, finished = [((), 0.0)], []
    for length in range(1, config.max_length + 1):
        reported = [(tokens, total, decoder.scores_after(sentence, tokens)) for tokens, total in opened]
        found = [((*tokens, token), total + scores[token]) for tokens, total, scores in reported for token in ALLOWED]
        found = sorted(found, key=lambda each: -each[1])[: 2 * config.beam_size]
        ended = [each for each in found[: config.beam_size] if each[0][-1] == EOS]
        finished += [Hypothesis([*tokens[:-1]], normalised(total, length, config.length_penalty), total) for tokens, total in ended]
        finished = sorted(finished, key=lambda each: -each.score)[: config.beam_size]
        opened = [each for each in found if each[0][-1] != EOS][: config.beam_size]
        best_open = max((normalised(total, length, config.length_penalty) for _, total in opened), default=-math.inf)
        if len(finished) == config.beam_size and config.early_stopping and (config.beam_size == 1 or finished[0].score >= best_open):
            return finished
    finished += [Hypothesis([*tokens], normalised(total, length, config.length_penalty), total) for tokens, total in opened]
    return sorted(finished, key=lambda each: -each.score)[: config.beam_size]


def assert_same(found: list[Hypothesis], expected: list[Hypothesis]) -> None:
    assert [each.tokens for each in found] == [each.tokens for each in expected]
    assert [each.score for each in found] == pytest.approx([each.score for each in expected], abs=1e-6)
    assert [each.log_probability for each in found] == pytest.approx([each.log_probability for each in expected], abs=1e-6)


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0, 2.5])
def test_a_beam_wide_enough_ranks_all_sequences(length_penalty):
    for seed in range(3):
        decoder = table(seed)
        config = decoding(1_000, length_penalty, early_stopping=False, max_length=4)
        expected = all_of_them(decoder, config)
        assert len(expected) == 1 + 5 + 25 + 125 + 625
        assert_same(beam_search(decoder, *sources(1), config, n_best=1_000)[0], expected)


configs = st.builds(decoding, st.integers(1, 7), st.sampled_from([0.0, 0.3, 1.0, 3.0]), st.booleans(), st.integers(1, 12))


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 20), configs, st.sampled_from([-3.0, 0.0, 3.0, 6.0]))
def test_a_batch_gets_what_each_sentence_gets_in_plain_python(seed, sentences, config, ends):
    if config.beam_size == 1:
        config = config.model_copy(update={"early_stopping": True})  # what a beam of one does anyway
    decoder = table(seed, sentences, ends)
    for sentence, found in enumerate(beam_search(decoder, *sources(sentences), config, n_best=config.beam_size)):
        assert_same(found, in_plain_python(decoder, sentence, config))


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 6), st.booleans())
def test_a_network_gives_the_same_for_a_batch_and_for_one_sentence_at_a_time(seed, sentences, beam_size, early_stopping):
    torch.manual_seed(seed)
    decoder = Recurrent().double().eval()
    tokens, lengths = torch.randint(EOS, VOCAB, (sentences, 5)), torch.randint(1, 6, (sentences,))
    config = decoding(beam_size, 0.8, early_stopping, max_length=15)
    together = beam_search(decoder, tokens, lengths, config, n_best=beam_size)
    followed = greedy(decoder, tokens, lengths, most=15)
    for row, (found, chosen) in enumerate(zip(together, followed, strict=True)):
        length = int(lengths[row])
        alone = tokens[row : row + 1, :length], lengths[row : row + 1]
        assert_same(found, beam_search(decoder, *alone, config, n_best=beam_size)[0])
        assert_same([chosen], greedy(decoder, *alone, most=15))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(1, 12), st.sampled_from([-3.0, 0.0, 3.0]), st.booleans())
def test_a_beam_of_one_is_greedy_and_greedy_takes_the_most_probable_token(seed, sentences, most, ends, early_stopping):
    decoder = table(seed, sentences, ends)
    followed = greedy(decoder, *sources(sentences), most)
    searched = beam_search(decoder, *sources(sentences), decoding(1, 2.0, early_stopping, most))
    assert [each.tokens for each in followed] == [found.tokens for (found,) in searched]
    assert [each.log_probability for each in followed] == [found.log_probability for (found,) in searched]
    for sentence, hypothesis in enumerate(followed):
        printed = [*hypothesis.tokens, EOS][:most]
        for place, token in enumerate(printed):
            scores = decoder.scores_after(sentence, tuple(printed[:place]))
            assert token == max(ALLOWED, key=lambda other: scores[other])
        assert hypothesis.log_probability == pytest.approx(probability_by_hand(decoder, sentence, hypothesis.tokens, most))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), configs)
def test_hypotheses_are_sorted_distinct_allowed_and_truly_scored(seed, config):
    decoder = table(seed, 2)
    for sentence, found in enumerate(beam_search(decoder, *sources(2), config, n_best=config.beam_size)):
        assert 0 < len(found) <= config.beam_size
        assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
        assert len({tuple(each.tokens) for each in found}) == len(found)
        for each in found:
            assert not {*each.tokens} & {*FORBIDDEN, EOS}
            assert len(each.tokens) <= config.max_length
            reported = probability_by_hand(decoder, sentence, each.tokens, config.max_length)
            length = min(len(each.tokens) + 1, config.max_length)
            assert each.log_probability == pytest.approx(reported, abs=1e-6)
            assert each.score == pytest.approx(normalised(reported, length, config.length_penalty), abs=1e-6)


def test_n_best_is_the_start_of_all():
    decoder, config = table(3, 4), decoding(5)
    complete = beam_search(decoder, *sources(4), config, n_best=5)
    assert beam_search(decoder, *sources(4), config, n_best=2) == [found[:2] for found in complete]


@pytest.mark.parametrize("beam_size", [1, 2, 5])
def test_of_equals_the_first(beam_size):
    """All tokens are equally probable everywhere, so that only the order decides."""
    config = decoding(beam_size, 0.0, True, max_length=5)
    (found,) = beam_search(equal_table(), *sources(1), config, n_best=beam_size)
    assert_same(found, in_plain_python(equal_table(), 0, config))
    assert_same(greedy(equal_table(), *sources(1), 5), [Hypothesis([UNK] * 5, 5 * -math.log(VOCAB), 5 * -math.log(VOCAB))])


def test_when_it_stops():
    """[] has probability 0.5, [8] 0.1, [7] 0.08, and [7, 8] 0.32, which is the best of them by far for a target of its length."""
    following = {BOS: {EOS: 0.5, 7: 0.4, 8: 0.1}, 7: {8: 0.8, EOS: 0.2}, 8: {EOS: 1.0}}
    early, late = Chain(following), Chain(following)
    (first,) = beam_search(early, *sources(1), decoding(2, 3.0, True, 8), n_best=2)
    assert [each.tokens for each in first] == [[], [8]], "two have ended"
    assert early.steps == 2
    (second,) = beam_search(late, *sources(1), decoding(2, 3.0, False, 8), n_best=2)
    assert [each.tokens for each in second] == [[7, 8], []]
    assert [each.score for each in second] == pytest.approx([math.log(0.32) / (8 / 6) ** 3, math.log(0.5)])
    assert late.steps == 3, "what is open then cannot come above them at any length"


def test_ends_that_come_too_early_do_not_fill_a_beam():
    """[EOS] has probability 0.1 everywhere, so that [] and [7] have ended before [7, 8, 9], which has 0.729."""
    decoder = Chain({BOS: {7: 0.9, EOS: 0.1}, 7: {8: 0.9, EOS: 0.1}, 8: {9: 0.9, EOS: 0.1}, 9: {EOS: 1.0}})
    (found,) = beam_search(decoder, *sources(1), decoding(2, 1.0, True, 8), n_best=2)
    assert found[0].tokens == [7, 8, 9]
    assert decoder.steps == 4


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 5), st.sampled_from([0.0, 1.0, 2.0]))
def test_late_stopping_finds_no_worse(seed, beam_size, length_penalty):
    decoder = table(seed, 4, ends=2.0)
    early, late = (beam_search(decoder, *sources(4), decoding(beam_size, length_penalty, stops, 12)) for stops in (True, False))
    assert all(after[0].score >= before[0].score - 1e-9 for before, after in zip(early, late, strict=True))


@pytest.mark.parametrize("search", ["greedy", "beam"])
def test_sentences_that_are_over_leave_the_batch(search):
    decoder = table(5, 32)
    decoder.logits[:, :, EOS] += torch.linspace(-2, 3, 32).unsqueeze(1)
    if search == "greedy":
        greedy(decoder, *sources(32), 30)
    else:
        beam_search(decoder, *sources(32), decoding(4, max_length=30))
    assert decoder.rows == sorted(decoder.rows, reverse=True)
    assert decoder.rows[0] == 32
    assert decoder.rows[-1] < 16
    assert len({*decoder.rows}) > 4


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_when_they_leave_changes_nothing(share, early_stopping, monkeypatch):
    config = decoding(3, 3.0, early_stopping, max_length=20)
    decoder = table(8, 16, ends=2.0)
    followed, searched = greedy(decoder, *sources(16), 20), beam_search(decoder, *sources(16), config, n_best=3)
    monkeypatch.setattr(searches, "WORTH_CUTTING", share)
    assert_same(greedy(decoder, *sources(16), 20), followed)
    for found, expected in zip(beam_search(decoder, *sources(16), config, n_best=3), searched, strict=True):
        assert_same(found, expected)


def test_without_an_end_the_longest_counts_as_it_is():
    decoder = table(2, 3, ends=-50.0)
    for hypothesis in greedy(decoder, *sources(3), 7):
        assert len(hypothesis.tokens) == 7
    for found in beam_search(decoder, *sources(3), decoding(3, max_length=7), n_best=3):
        assert [len(each.tokens) for each in found] == [7, 7, 7]


def test_what_is_impossible_is_not_found():
    logits = torch.full((1, sum(PRIMES), VOCAB), -math.inf, dtype=torch.double)
    logits[..., 7] = logits[..., EOS] = 0.0
    (found,) = beam_search(Table(logits), *sources(1), decoding(4, 0.0, False, 3), n_best=4)
    assert [each.tokens for each in found] == [[], [7], [7, 7], [7, 7, 7]]
    assert [each.log_probability for each in found] == pytest.approx([math.log(p) for p in (1 / 2, 1 / 4, 1 / 8, 1 / 8)])
    logits[..., 7] = -math.inf
    assert beam_search(Table(logits), *sources(1), decoding(4), n_best=4) == [[Hypothesis([], 0.0, 0.0)]]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 3), st.sampled_from([1, 2, 5]), st.integers(10, 2_000), st.sampled_from([2, 50, 800, 10**6]))
def test_the_best_by_chunks_are_the_best(seed, rows, n, width, kinds):
    scores = torch.randint(kinds, (rows, width), generator=torch.Generator().manual_seed(seed)).double()
    values, places = _best(scores, n)
    expected = scores.sort(dim=1, descending=True, stable=True)
    assert torch.equal(values, expected.values[:, :n])
    assert torch.equal(places, expected.indices[:, :n])
    assert 2 * 5 * CHUNK < 2_000, "else no width is looked at by chunks"


def test_of_equals_in_two_chunks_the_first_though_the_later_chunk_has_the_maximum():
    scores = torch.zeros(1, 20 * CHUNK)
    scores[0, [5 * CHUNK, 5 * CHUNK + 1, 2 * CHUNK]] = torch.tensor([2.0, 1.0, 1.0])
    assert _best(scores, 2)[1].tolist() == [[5 * CHUNK, 2 * CHUNK]]


def drawn(logits: list[float], sampling: Sampling, times: int) -> Counter:
    """How often each of the tokens that follow [EOS] was drawn."""
    row = torch.full((1, VOCAB), -math.inf, dtype=torch.double)
    row[0, EOS + 1 : EOS + 1 + len(logits)] = torch.tensor(logits, dtype=torch.double)
    generator = torch.Generator().manual_seed(sampling.seed)
    return Counter((draw(row.expand(times, -1), sampling, generator) - (EOS + 1)).tolist())


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("top_k", [None, 3])
def test_tokens_are_drawn_with_the_probabilities_of_the_softmax(temperature, top_k):
    logits, times = [1.0, 0.2, -0.7, -1.0], 20_000
    shares = [math.exp(logit / temperature) for logit in logits[:top_k]]
    counts = drawn(logits, Sampling(temperature, top_k, seed=11), times)
    assert {*counts} == {*range(len(shares))}
    expected = [times * share / sum(shares) for share in shares]
    chi_square = sum((counts[place] - each) ** 2 / each for place, each in enumerate(expected))
    assert chi_square < 16.27, "one in a thousand at three degrees of freedom"


@pytest.mark.parametrize(
    ("top_p", "top_k", "kept"),
    [(0.3, None, 1), (0.45, None, 1), (0.55, None, 2), (0.79, None, 2), (0.85, None, 3), (0.95, None, 4), (1.0, None, 4),
     (0.65, 3, 2), (0.5, 3, 1), (0.0, None, 1)],
)
def test_the_nucleus_is_the_smallest_set_that_reaches_its_share(top_p, top_k, kept):
    """Shares 0.5, 0.3, 0.1, 0.1, the first three of them 5/9, 3/9, 1/9."""
    counts = drawn([math.log(share) for share in (0.5, 0.3, 0.1, 0.1)], Sampling(1.0, top_k, top_p, seed=5), 4_000)
    assert len(counts) == kept


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.sampled_from([Sampling(0.0), Sampling(1e-6), Sampling(2.0, top_k=1), Sampling(1.0, top_p=1e-6)]))
def test_what_leaves_no_choice_is_greedy(seed, sampling):
    decoder = table(seed, 5)
    generator = torch.Generator().manual_seed(seed)
    assert_same(sample(decoder, *sources(5), 8, sampling, generator), greedy(decoder, *sources(5), 8))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.sampled_from([Sampling(), Sampling(1.5, top_k=4), Sampling(0.7, top_p=0.9)]))
def test_what_is_drawn_comes_again_with_its_seed_and_has_the_score_of_the_model(seed, sampling):
    decoder = table(seed, 6)
    first, second = (sample(decoder, *sources(6), 8, sampling, torch.Generator().manual_seed(seed)) for _ in range(2))
    assert first == second
    for sentence, each in enumerate(first):
        assert not {*each.tokens} & {*FORBIDDEN, EOS}
        assert each.score == each.log_probability == pytest.approx(probability_by_hand(decoder, sentence, each.tokens, 8), abs=1e-6)


def test_other_seeds_draw_other_texts():
    texts = {str(sample(table(1), *sources(1), 8, Sampling(), torch.Generator().manual_seed(seed))) for seed in range(10)}
    assert len(texts) > 5


def test_half_precision_is_summed_in_single():
    decoder = Chain({token: {7: 0.3, 8: 0.2, 9: 0.1} for token in (BOS, 7, 8, 9)})
    decoder.logits = decoder.logits.bfloat16()
    exact = 20 * float(decoder.logits[BOS].double().log_softmax(0)[7])
    (found,) = beam_search(decoder, *sources(1), decoding(2, 0.0, max_length=20))
    for each in (*greedy(decoder, *sources(1), 20), *found):
        assert each.tokens == [7] * 20
        assert each.log_probability == pytest.approx(exact, rel=1e-5)


def test_options_that_are_not_given_keep_their_defaults():
    assert PredictOptions(length=5, beam_size=3, seed=7).sampling() is None
    assert PredictOptions(top_k=4, seed=7).sampling() == Sampling(top_k=4, seed=7)
    assert PredictOptions(temperature=0.0, top_p=0.5).sampling() == Sampling(temperature=0.0, top_p=0.5, seed=0)
