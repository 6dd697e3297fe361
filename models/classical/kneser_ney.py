"""N-gram language model with interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999). No torch.

The n-grams of each order are one ascending array of integers: the id of the context, which is an n-gram of the next lower order,
times the number of symbols, plus the last symbol. N-grams are counted by sorting and looked up by binary search, without Python
loops over tokens.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import RunError, TrainingError
from .array_file import find, opened_arrays, write_arrays

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.float64]

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""Discounts of counts 1, 2, and 3 or more in an order whose counts of counts allow no estimate (KenLM's choice)."""


class KneserNey:
    """p(token | the `order` - 1 tokens before it in its stream), over token ids from 0 to `vocab_size` - 1.

    Each order discounts its counts and gives the saved probability mass to the next lower order, down to equal shares for all tokens
    except the `excluded` ones, which have probability 0. Below the highest order, the count of an n-gram is the number of distinct
    symbols that it follows. An n-gram at the start of a stream follows nothing, and keeps its frequency (Heafield et al. 2013).
    """

    def __init__(self, vocab_size: int, order: int = 3, excluded: Sequence[int] = ()) -> None:
        self.vocab_size, self.order, self.excluded = vocab_size, order, sorted(set(excluded))
        self._start, self._n_symbols = vocab_size, vocab_size + 1
        self._keys: list[IntArray] = []
        self._counts: list[IntArray] = []
        self._mass: list[FloatArray] = []
        self._rest: list[FloatArray] = []

    def fit(self, tokens: IntArray, starts: IntArray | None = None) -> None:
        """Count concatenated streams: tokens (n,), and the ascending positions where each starts (None: one stream).

        Raises TrainingError for a token that is excluded, and RunError for one outside the vocabulary.
        """
        symbols, before = self._symbols(tokens, starts)
        if np.isin(tokens, self.excluded).any():
            raise TrainingError(f"The training text has one of the token ids {self.excluded}, which the language model is set to "
                                "exclude; give it a text without them.")
        # The first order contains every symbol, so a symbol is its own id there.
        keys: list[IntArray] = [np.arange(self._n_symbols)]
        frequencies: list[IntArray] = [np.bincount(symbols[before > 0], minlength=self._n_symbols)]
        grams, follows = symbols, []
        for n in range(2, self.order + 1):
            ends = np.flatnonzero(before >= n - 1)
            pairs = grams[ends - 1] * self._n_symbols + symbols[ends]
            distinct, first, inverse, times = np.unique(pairs, return_index=True, return_inverse=True, return_counts=True)
            # Each distinct n-gram counts once for the shorter n-gram that is its end.
            follows.append(np.bincount(grams[ends[first]], minlength=len(keys[-1])))
            keys.append(distinct)
            frequencies.append(times)
            grams = np.full(len(symbols), -1)
            grams[ends] = inverse
        lower = [np.where(kinds > 0, kinds, times) for kinds, times in zip(follows, frequencies[:-1], strict=True)]
        self._smooth(keys, [*lower, frequencies[-1]])

    def log_probabilities(self, tokens: IntArray, starts: IntArray | None = None) -> FloatArray:
        """(n,) tokens of concatenated streams -> (n,) natural log-probabilities; -inf for an excluded token.

        Raises RunError for a token outside the vocabulary.
        """
        symbols, before = self._symbols(tokens, starts)
        probabilities = self._uniform()[symbols]
        contexts, grams = np.zeros_like(symbols), symbols
        for n, (keys, mass, rest) in enumerate(self._orders(), start=1):
            if n > 1:
                contexts = np.where(before >= n - 1, np.roll(grams, 1), -1)
                grams = find(keys, contexts * self._n_symbols + symbols)
            probabilities = rest[contexts] * probabilities + mass[grams]
        with np.errstate(divide="ignore"):
            return np.log(probabilities[before > 0])

    def next_probabilities(self, context: Sequence[int]) -> FloatArray:
        """(vocab_size,) probabilities of the token after `context`, the complete stream so far.

        Raises RunError for a token outside the vocabulary.
        """
        history = self._symbols(np.array(context, dtype=np.int64), None)[0].tolist()
        probabilities, orders = self._uniform(), self._orders()
        for length, (keys, mass, rest) in enumerate(orders[: len(history) + 1]):
            gram = self._gram(history[len(history) - length :])
            if gram < 0:
                break
            first, last = np.searchsorted(keys, [gram * self._n_symbols, (gram + 1) * self._n_symbols])
            probabilities *= rest[gram]
            probabilities[keys[first:last] % self._n_symbols] += mass[first:last]
        return probabilities[: self.vocab_size]

    def save(self, folder: Path) -> None:
        """Write `model.npz` into an existing folder."""
        self._orders()
        keys = {f"keys_{n}": keys for n, keys in enumerate(self._keys, start=1) if n > 1}
        write_arrays(folder, self._about(), {**keys, **{f"counts_{n}": counts for n, counts in enumerate(self._counts, start=1)}})

    def load(self, folder: Path) -> None:
        """Read `model.npz`. Raises RunError for a damaged file, or one of another type or size; runs no code."""
        with opened_arrays(folder, self._about()) as arrays:
            keys = [np.arange(self._n_symbols), *(arrays[f"keys_{n}"] for n in range(2, self.order + 1))]
            counts = [arrays[f"counts_{n}"] for n in range(1, self.order + 1)]
            self._check(keys, counts)
            self._smooth(keys, counts)

    def describe(self) -> dict[str, int]:
        """Vocabulary size and order, and once fitted the number of distinct n-grams of each order."""
        seen = {f"{n}-grams": int(np.count_nonzero(counts)) for n, counts in enumerate(self._counts, start=1)}
        return {"vocabulary": self.vocab_size, "order": self.order, **seen}

    def _symbols(self, tokens: IntArray, starts: IntArray | None) -> tuple[IntArray, IntArray]:
        """The tokens with a start symbol before each stream, and for each symbol its position in its stream."""
        if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) < self.vocab_size:
            raise RunError(f"A text has token ids from {int(tokens.min())} to {int(tokens.max())}, but the language model knows "
                           f"0 to {self.vocab_size - 1}: the tokenizer and the model are not of the same run.")
        symbols = np.insert(tokens.astype(np.int64), [0] if starts is None else starts, self._start)
        indices = np.arange(len(symbols))
        return symbols, indices - np.maximum.accumulate(np.where(symbols == self._start, indices, 0))

    def _smooth(self, keys: list[IntArray], counts: list[IntArray]) -> None:
        """Compute from counts the discounted probability mass of each n-gram, and the share of each context for the next lower order."""
        self._keys, self._counts, self._mass, self._rest = keys, counts, [], []
        for n, (pairs, times) in enumerate(zip(keys, counts, strict=True)):
            contexts, n_contexts = pairs // self._n_symbols, len(keys[n - 1]) if n else 1
            discounts = _discounts(times)[np.minimum(times, 3)]
            totals, saved = (np.bincount(contexts, weights, n_contexts) for weights in (times, discounts))
            rest = np.where(totals > 0, saved / np.maximum(totals, 1), 1.0)
            # The last entry is for the id -1: unseen n-grams add nothing, and leave all mass to the next lower order.
            self._mass.append(np.append((times - discounts) / np.maximum(totals, 1)[contexts], 0.0))
            self._rest.append(np.append(rest, 1.0))

    def _orders(self) -> list[tuple[IntArray, FloatArray, FloatArray]]:
        if not self._keys:
            raise RunError("The Kneser-Ney model has not been fitted or loaded; train it first.")
        return list(zip(self._keys, self._mass, self._rest, strict=True))

    def _uniform(self) -> FloatArray:
        """(n_symbols,) equal shares for all symbols that may be predicted."""
        shares = np.ones(self._n_symbols)
        shares[[self._start, *self.excluded]] = 0.0
        return shares / shares.sum()

    def _gram(self, symbols: Sequence[int]) -> int:
        """The id of an n-gram in its order, -1 if it was not seen; the empty n-gram, the context of order 1, has id 0."""
        gram = 0
        for keys, symbol in zip(self._keys, symbols, strict=False):
            gram = int(find(keys, np.array([gram * self._n_symbols + symbol]))[0]) if gram >= 0 else -1
        return gram

    def _about(self) -> dict[str, Any]:
        return {"type": "kneser_ney", "vocab_size": self.vocab_size, "order": self.order, "excluded": self.excluded}

    def _check(self, keys: list[IntArray], counts: list[IntArray]) -> None:
        """Raise ValueError for arrays with indices out of range, or that predict the start symbol."""
        for n, (pairs, times) in enumerate(zip(keys, counts, strict=True), start=1):
            if {pairs.dtype, times.dtype} != {np.dtype(np.int64)} or pairs.ndim != 1 or pairs.shape != times.shape:
                raise ValueError(f"the arrays of order {n} do not match")
            if np.any(np.diff(pairs) <= 0) or np.any(times < (n > 1)):
                raise ValueError(f"the n-grams of order {n} are not sorted, or have counts below 1")
            if n > 1 and len(pairs) and not 0 <= pairs[0] <= pairs[-1] < len(keys[n - 2]) * self._n_symbols:
                raise ValueError(f"an n-gram of order {n} has a context that does not exist")
            if np.any(times[pairs % self._n_symbols == self._start]):
                raise ValueError("a start symbol is predicted")


def _discounts(counts: IntArray) -> FloatArray:
    """Discounts of counts 0, 1, 2, and 3 or more, (4,), by equation 26 of Chen and Goodman.

    The equation requires that counts of 1 to 4 all occur, and can give negative discounts for counts far from Zipf's law.
    """
    ones, twos, threes, fours = (int(np.count_nonzero(counts == n)) for n in (1, 2, 3, 4))
    if 0 in (ones, twos, threes, fours):
        return np.array([0.0, *FALLBACK_DISCOUNTS])
    share = ones / (ones + 2 * twos)
    discounts = np.array([0.0, 1 - 2 * share * twos / ones, 2 - 3 * share * threes / twos, 3 - 4 * share * fours / threes])
    return discounts if discounts.min() >= 0 else np.array([0.0, *FALLBACK_DISCOUNTS])
