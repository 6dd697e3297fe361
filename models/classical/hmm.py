"""Hidden Markov model (Brants 2000). No torch."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...configs.schema.models.classical import HmmConfig
from .array_file import checked, packed, words_of
from .rounds import Report
from .tag_features import Arrays, FloatArray, IntArray, Sentences
from .taggers import Tagger, word_tag_counts


class Hmm(Tagger):
    """Hidden Markov model like TnT (Brants 2000), in which a tag depends on the `order` tags before it, 1 or 2.

    A state is a tag and whether its word is capitalized: `capital * n_tags + tag`; one more state is the edge of the sentence.
    Transition probabilities of all orders are mixed by deleted interpolation. Unknown words are tagged by their suffixes. The Viterbi
    search prunes states that are a thousand times less probable than the best.
    """

    _LONGEST_SUFFIX, _RARE, _BEAM = 10, 10, float(np.log(1000))
    _FLOOR = 1e-12
    """Minimum probability of events that never occurred in training."""

    def __init__(self, config: HmmConfig, n_tags: int) -> None:
        super().__init__(config, n_tags)
        self.order = config.order
        self._edge, self._n_states = 2 * n_tags, 2 * n_tags + 1
        self._words: list[str] = []
        self._counts: IntArray = np.zeros((0, 3), dtype=np.int64)
        self._transitions: IntArray = np.zeros((0, self.order + 2), dtype=np.int64)

    def describe(self) -> dict[str, int]:
        """Numbers of tags, order, and once fitted words and distinct transitions."""
        return {"tags": self.n_tags, "order": self.order, "words": len(self._words), "transitions": len(self._transitions)}

    def _about(self) -> dict[str, Any]:
        return {**super()._about(), "order": self.order}

    def _learn(self, sentences: Sentences, tags: Sequence[Sequence[int]], seed: int, report: Report) -> None:
        self._words, self._counts = word_tag_counts(sentences, tags)
        self._transitions = self._counted_transitions(sentences, tags)
        self._estimate()

    def _arrays(self) -> Arrays:
        return {"words": packed(self._words), "counts": self._counts, "transitions": self._transitions}

    def _restore(self, arrays: Arrays) -> None:
        self._words = words_of(arrays)
        self._counts = checked(arrays["counts"], np.int64, (None, 3))
        self._transitions = checked(arrays["transitions"], np.int64, (None, self.order + 2))
        words, tags, times = self._counts.T
        if not np.array_equal(np.unique(words), np.arange(len(self._words))) or np.any(np.diff(words) < 0):
            raise ValueError("its counts do not match its words")
        limits = (tags, self.n_tags), (self._transitions[:, :-1], self._n_states)
        if any(np.any((ids < 0) | (ids >= limit)) for ids, limit in limits):
            raise ValueError("it has a tag that does not exist")
        if np.any(times < 1) or np.any(self._transitions[:, -1] < 1):
            raise ValueError("it has a count below 1")
        self._estimate()

    def _counted_transitions(self, sentences: Sentences, tags: Sequence[Sequence[int]]) -> IntArray:
        """(n, order + 2): the previous states, the next state, and the count; transitions with untagged tokens are skipped."""
        edges = [self._edge] * self.order
        states = list(edges)
        for sentence, sentence_tags in zip(sentences, tags, strict=True):
            states += [_capital(word) * self.n_tags + tag if tag >= 0 else -1 for word, tag in zip(sentence, sentence_tags, strict=True)]
            states += edges
        grams = np.lib.stride_tricks.sliding_window_view(np.array(states), self.order + 1)
        counted = (grams >= 0).all(axis=1) & (grams[:, -2:] != self._edge).any(axis=1)
        return np.column_stack(np.unique(grams[counted], axis=0, return_counts=True))

    def _estimate(self) -> None:
        """Turn counts into probabilities."""
        words, tags, times = self._counts.T
        self._ids = {word: number for number, word in enumerate(self._words)}
        self._firsts = np.searchsorted(words, np.arange(len(self._words) + 1))
        capitals = np.array([_capital(word) for word in self._words])[words]
        counts = np.bincount(capitals * self.n_tags + tags, times, 2 * self.n_tags).reshape(2, self.n_tags)
        self._emissions = np.log(times / counts[capitals, tags])
        shares = counts.sum(axis=0) / counts.sum()
        self._known_tags = np.flatnonzero(shares)
        # One extra word of each case, spread over the tags, so that a rare case does not exclude any tag.
        self._by_case = (counts + shares) / (counts.sum(axis=1, keepdims=True) + 1)
        self._spread = float(shares.std(ddof=1)) if self.n_tags > 1 else 1.0
        self._suffixes = self._counted_suffixes()
        self._estimate_transitions(np.append(np.tile(shares, 2), 0.0))

    def _counted_suffixes(self) -> dict[str, Counter[int]]:
        """For each suffix, how often rare words with it have each tag."""
        words, _, times = self._counts.T
        rare = np.bincount(words, times)[words] <= self._RARE
        suffixes: dict[str, Counter[int]] = defaultdict(Counter)
        for word, tag, frequency in self._counts[rare].tolist():
            for suffix in self._suffixes_of(self._words[word]):
                suffixes[suffix][tag] += frequency
        return dict(suffixes)

    def _suffixes_of(self, word: str) -> list[str]:
        """The word's suffixes from the empty one to the longest; capitalized words have separate ones."""
        longest = min(len(word), self._LONGEST_SUFFIX)
        return [f"{_capital(word)}{word[len(word) - length :]}" for length in range(longest + 1)]

    def _suffix_model(self, word: str) -> FloatArray:
        """(n_tags,) p(tag | suffix): the estimate from each suffix, smoothed by that from the next shorter one (Samuelsson 1993)."""
        shares = self._by_case[_capital(word)]
        for suffix in self._suffixes_of(word):
            if suffix not in self._suffixes:
                break
            tags, times = zip(*self._suffixes[suffix].items(), strict=True)
            counts = np.bincount(tags, times, self.n_tags)
            shares = (counts / counts.sum() + self._spread * shares) / (1 + self._spread)
        return shares

    def _estimate_transitions(self, extra: FloatArray) -> None:
        """Compute log p(state | row), (n_rows, n_states), and the row for each two previous states, (n_states, n_states).

        A row represents one previous state or, if the pair occurs in training, for two. `extra` (n_states,) is added to the unigram
        counts of states.
        """
        before, this, times = self._transitions[:, -3:].T
        pairs, pair = np.unique(self._transitions[:, 0] * self._n_states + before, return_inverse=True)
        contexts = [(np.zeros_like(before), 1), (before, self._n_states), (pair, len(pairs))][: self.order + 1]
        counts = [np.zeros((n_contexts, self._n_states)) for _, n_contexts in contexts]
        for table, (context, _) in zip(counts, contexts, strict=True):
            np.add.at(table, (context, this), times)
        weights = _deleted_interpolation(counts, [context for context, _ in contexts], this, times)
        counts[0] += extra
        shares = [weight * table / np.maximum(table.sum(axis=1, keepdims=True), 1) for weight, table in zip(weights, counts, strict=True)]
        mixed = shares[0] + shares[1]
        self._rows = np.tile(np.arange(self._n_states), (self._n_states, 1))
        if self.order == 2:
            self._rows[np.divmod(pairs, self._n_states)] = self._n_states + np.arange(len(pairs))
            mixed = np.concatenate([mixed, mixed[pairs % self._n_states] + shares[2]])
        self._log_transitions = np.log(np.maximum(mixed, self._FLOOR))

    def _tag(self, sentences: Sentences) -> list[list[int]]:
        candidates = {word: self._candidates(word) for word in dict.fromkeys(word for sentence in sentences for word in sentence)}
        return [self._best_path([candidates[word] for word in sentence]) for sentence in sentences]

    def _candidates(self, word: str) -> tuple[IntArray, FloatArray]:
        """The possible states of a word, and ln p(word | state), for unknown words up to a constant."""
        case = _capital(word)
        if word in self._ids:
            rows = slice(*self._firsts[self._ids[word] : self._ids[word] + 2])
            return case * self.n_tags + self._counts[rows, 1], self._emissions[rows]
        tags = self._known_tags
        return case * self.n_tags + tags, np.log(np.maximum(self._suffix_model(word)[tags], self._FLOOR) / self._by_case[case, tags])

    def _best_path(self, candidates: Sequence[tuple[IntArray, FloatArray]]) -> list[int]:
        """Viterbi over pairs of states: `scores` (before, last) are the scores of the best paths that end in these two states."""
        before = last = np.array([self._edge])
        scores, steps = np.zeros((1, 1)), []
        for states, emissions in candidates:
            paths = scores[:, :, None] + self._log_transitions[self._rows[before[:, None], last][:, :, None], states]
            scores = paths.max(axis=0) + emissions
            kept = scores.max(axis=0) >= scores.max() - self._BEAM
            before, last, scores = last, states[kept], scores[:, kept]
            steps.append((last, paths.argmax(axis=0)[:, kept]))
        scores = scores + self._log_transitions[self._rows[before[:, None], last], self._edge]
        return self._traced(steps, *np.unravel_index(int(scores.argmax()), scores.shape))

    def _traced(self, steps: Sequence[tuple[IntArray, IntArray]], before: np.intp, last: np.intp) -> list[int]:
        """The tags of the path that ends in the candidates `before` and `last` of the last two tokens."""
        tags = []
        for states, pointers in reversed(steps):
            tags.append(int(states[last]) % self.n_tags)
            before, last = pointers[before, last], before
        return tags[::-1]


def _deleted_interpolation(counts: Sequence[FloatArray], contexts: Sequence[IntArray], this: IntArray, times: IntArray) -> FloatArray:
    """Weights of the orders, (order + 1,): each n-gram votes for the order that predicts it best when one occurrence is left out.

    `counts` holds a table (n_contexts, n_states) for each order from the lowest, `contexts` the row of each n-gram in it, `this` its
    last state and `times` its count, which is its number of votes. Ties go to the higher order.
    """
    shares = np.stack([(table[context, this] - 1) / np.maximum(table.sum(axis=1)[context] - 1, 1)
                       for table, context in zip(counts, contexts, strict=True)])
    winners = len(shares) - 1 - shares[::-1].argmax(axis=0)
    return np.bincount(winners, times, len(shares)) / max(times.sum(), 1)


def _capital(word: str) -> int:
    return int(word[:1].isupper())
