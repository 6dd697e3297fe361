"""Statistical taggers, one tag for each token: their base class, and the simplest of them. No torch."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...configs.schema.models.classical import AnyTaggerConfig, MostFrequentTagConfig
from ...errors import RunError, TrainingError
from .array_file import checked, opened_arrays, packed, words_of, write_arrays
from .classifier import Targets
from .rounds import Report, silent
from .tag_features import UNKNOWN_TAG, Arrays, IntArray, Sentences


class Tagger(ABC):
    """Base class of taggers, which are fitted once on all sentences and saved as arrays in a file that runs no code."""

    scores_are: Literal["tags"] = "tags"

    def __init__(self, config: AnyTaggerConfig, n_tags: int) -> None:
        self.config, self.n_tags = config, n_tags
        self._fitted = False

    def fit(self, sentences: Sentences, targets: Targets, seed: int, report: Report = silent) -> None:
        """Learn from tokens and the `tags` in `targets`, ids (n_sentences, longest).

        Raises TrainingError for ids outside the number of tags, or if no token has a tag.
        """
        ids = np.where(targets["tags"][1], targets["tags"][0], UNKNOWN_TAG)
        tags = [row[: len(sentence)].tolist() for row, sentence in zip(ids, sentences, strict=True)]
        present = {tag for row in tags for tag in row} - {UNKNOWN_TAG}
        if not present or not present <= set(range(self.n_tags)):
            raise TrainingError(f"A {self.config.type} tagger learns from tag ids between 0 and {self.n_tags - 1}; the training "
                                f"sentences have {sorted(present) or 'none'}. Check the data.")
        self._learn(sentences, tags, seed, report)
        self._fitted = True

    def tag(self, sentences: Sentences) -> list[list[int]]:
        """The tag id of each token of each sentence."""
        self._check_fitted()
        return self._tag(sentences)

    def save(self, folder: Path) -> None:
        """Write `model.npz` into an existing folder."""
        self._check_fitted()
        write_arrays(folder, self._about(), self._arrays())

    def load(self, folder: Path) -> None:
        """Read `model.npz`. Raises RunError for a damaged file, or one of another type or size; runs no code."""
        with opened_arrays(folder, self._about()) as arrays:
            self._restore(arrays)
        self._fitted = True

    @abstractmethod
    def describe(self) -> dict[str, int]:
        """Sizes of the model, by name."""

    @abstractmethod
    def _learn(self, sentences: Sentences, tags: Sequence[Sequence[int]], seed: int, report: Report) -> None: ...

    @abstractmethod
    def _tag(self, sentences: Sentences) -> list[list[int]]: ...

    @abstractmethod
    def _arrays(self) -> Arrays:
        """The arrays to save, which `_restore` reads."""

    @abstractmethod
    def _restore(self, arrays: Arrays) -> None:
        """Restore the model from its arrays. Raises KeyError or ValueError for inconsistent arrays."""

    def _about(self) -> dict[str, Any]:
        return {"type": self.config.type, "n_tags": self.n_tags}

    def _check_fitted(self) -> None:
        if not self._fitted:
            raise RunError(f"The {self.config.type} tagger has not been fitted or loaded; train it first.")


class MostFrequentTag(Tagger):
    """Each word gets its most frequent tag, an unknown word the most frequent tag overall; ties go to the lowest id."""

    def __init__(self, config: MostFrequentTagConfig, n_tags: int) -> None:
        super().__init__(config, n_tags)
        self._tags: dict[str, int] = {}
        self._default = 0

    def describe(self) -> dict[str, int]:
        """Numbers of tags, and once fitted of words."""
        return {"tags": self.n_tags, "words": len(self._tags)}

    def _learn(self, sentences: Sentences, tags: Sequence[Sequence[int]], seed: int, report: Report) -> None:
        words, counts = word_tag_counts(sentences, tags)
        # The dictionary keeps the last row of each word.
        best_last = counts[np.lexsort((-counts[:, 1], counts[:, 2]))]
        self._tags = {words[word]: tag for word, tag, _ in best_last.tolist()}
        self._default = int(np.bincount(counts[:, 1], counts[:, 2]).argmax())

    def _tag(self, sentences: Sentences) -> list[list[int]]:
        return [[self._tags.get(word, self._default) for word in sentence] for sentence in sentences]

    def _arrays(self) -> Arrays:
        return {"words": packed(list(self._tags)), "tags": np.array([self._default, *self._tags.values()])}

    def _restore(self, arrays: Arrays) -> None:
        words = words_of(arrays)
        tags = checked(arrays["tags"], np.int64, (len(words) + 1,))
        if tags.min() < 0 or tags.max() >= self.n_tags:
            raise ValueError("it has a tag that does not exist")
        self._default, *rest = tags.tolist()
        self._tags = dict(zip(words, rest, strict=True))


def word_tag_counts(sentences: Sentences, tags: Sequence[Sequence[int]]) -> tuple[list[str], IntArray]:
    """Words in order of first occurrence with a tag, and (n, 3): word, tag and count, sorted."""
    pairs = Counter(pair for sentence, row in zip(sentences, tags, strict=True) for pair in zip(sentence, row, strict=True))
    ids: dict[str, int] = {}
    counts = [(ids.setdefault(word, len(ids)), tag, times) for (word, tag), times in pairs.items() if tag != UNKNOWN_TAG]
    return list(ids), np.array(sorted(counts))
