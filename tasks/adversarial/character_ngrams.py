"""Likelihood of texts under a character 5-gram model of other texts."""

from collections.abc import Iterable, Sequence

import numpy as np

from ...datasets.arrays import FloatArray, IntArray
from ...models.classical.kneser_ney import KneserNey

ORDER = 5
UNKNOWN, END = 0, 1


class CharacterNgrams:
    """Character n-grams of some texts with Kneser-Ney smoothing; each text is a separate sequence with an end symbol. `alphabet`: the known
    characters; all others map to one unknown symbol.
    """

    def __init__(self, texts: Sequence[str], alphabet: Iterable[str]) -> None:
        self.ids = {character: number for number, character in enumerate(sorted(set(alphabet)), start=END + 1)}
        self.counts = KneserNey(len(self.ids) + END + 1, ORDER)
        self.counts.fit(*self._concatenated(texts))

    def nats(self, texts: Sequence[str]) -> FloatArray:
        """(texts,): -log P of each text, its end included."""
        tokens, starts = self._concatenated(texts)
        return np.add.reduceat(-self.counts.log_probabilities(tokens, starts), starts) if len(texts) else np.zeros(0)

    def _concatenated(self, texts: Sequence[str]) -> tuple[IntArray, IntArray]:
        """The tokens of all texts, concatenated, and the position where each text starts."""
        sequences = [[*(self.ids.get(character, UNKNOWN) for character in text), END] for text in texts]
        lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
        return np.array([token for sequence in sequences for token in sequence], dtype=np.int64), np.cumsum(lengths) - lengths
