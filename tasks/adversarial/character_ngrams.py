"""How probable texts are under a 5-gram model of the characters of others."""

from collections.abc import Iterable, Sequence

import numpy as np

from ...datasets.arrays import FloatArray, IntArray
from ...models.classical.kneser_ney import KneserNey

ORDER = 5
UNKNOWN, END = 0, 1


class CharacterNgrams:
    """Kneser-Ney smoothed n-grams of some texts, each a stream of its own that ends in a sign for it. `alphabet`: all characters that count
    as known; any other is the same unknown one.
    """

    def __init__(self, texts: Sequence[str], alphabet: Iterable[str]) -> None:
        self.ids = {character: number for number, character in enumerate(sorted(set(alphabet)), start=END + 1)}
        self.counts = KneserNey(len(self.ids) + END + 1, ORDER)
        self.counts.fit(*self._streams(texts))

    def nats(self, texts: Sequence[str]) -> FloatArray:
        """(texts,): -log P of each with its end."""
        tokens, starts = self._streams(texts)
        return np.add.reduceat(-self.counts.log_probabilities(tokens, starts), starts) if len(texts) else np.zeros(0)

    def _streams(self, texts: Sequence[str]) -> tuple[IntArray, IntArray]:
        """All tokens, and where each text starts."""
        ids = [[*(self.ids.get(character, UNKNOWN) for character in text), END] for text in texts]
        lengths = np.array([len(each) for each in ids], dtype=np.int64)
        return np.array([number for each in ids for number in each], dtype=np.int64), np.cumsum(lengths) - lengths
