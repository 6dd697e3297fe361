"""Similarity features of two texts, the input of classical models of pairs."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...configs.schema.tokenizer import NgramTokenizer, SimilarityTokenizer
from ..arrays import FloatArray, IntArray, Ragged
from .latent import Latent
from .ngrams import Ngrams
from .tokenizer import BETWEEN, Tokenizer, encodable

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LATENT_OF = "ngrams"
"""The n-grams from which latent dimensions are computed."""
Measure = Callable[[Sequence[str], Sequence[str]], FloatArray]
"""(rows,) texts and (rows,) others -> (rows,) numbers."""
Compare = Callable[[Sequence[str], Sequence[str]], float]
"""The parts of two texts -> a number."""


class Similarities(Tokenizer):
    """A text is a pair separated by a tab; its tokens are the names of the similarities, its weights their values.

    `parts` are the n-grams whose weights are compared by cosine, `latent` the latent dimensions of character n-grams. All similarities
    are symmetric in the two texts.
    """

    def __init__(self, config: SimilarityTokenizer, parts: Mapping[str, Ngrams], latent: Latent) -> None:
        self._config, self.parts, self.latent = config, parts, latent
        self._measures: dict[str, Measure] = {
            **{f"cosine_of_{part}": self._cosine(ngrams.encode, ngrams.vocab_size) for part, ngrams in parts.items()},
            "cosine_of_latent": self._cosine(self._latent_rows, latent.size),
            **{name: partial(self._each, measure, parts_of) for name, (measure, parts_of) in COUNTED.items()},
        }

    @classmethod
    def fit(cls, config: SimilarityTokenizer, pairs: Sequence[str]) -> "Similarities":
        """Weight n-grams by all texts of the training pairs."""
        texts = [text for pair in encodable(pairs) for text in pair.split(BETWEEN, 1)]
        parts = {name: Ngrams.fit(settings, texts) for name, settings in _parts(config).items()}
        ngrams = parts[LATENT_OF]
        size = max(1, min(config.latent, len(texts) - 1, ngrams.vocab_size - 1))
        return cls(config, parts, Latent.fit(ngrams.encode(texts), ngrams.vocab_size, size))

    @classmethod
    def from_files(cls, config: SimilarityTokenizer, files: Mapping[str, bytes]) -> "Similarities":
        """Load what `files` returned."""
        def of(part: str) -> dict[str, bytes]:
            return {name.removeprefix(f"{part}-"): content for name, content in files.items() if name.startswith(f"{part}-")}

        parts = {part: Ngrams.from_files(settings, of(part)) for part, settings in _parts(config).items()}
        return cls(config, parts, Latent.from_files(files, parts[LATENT_OF].vocab_size))

    @property
    def config(self) -> SimilarityTokenizer:
        return self._config

    @property
    def names(self) -> list[str]:
        """The similarities in the order of their ids."""
        return list(self._measures)

    @property
    def vocab_size(self) -> int:
        return len(self._measures)

    def encode(self, texts: Sequence[str]) -> Ragged:
        """(rows,) pairs -> all similarities of each."""
        pairs = [text.partition(BETWEEN) for text in encodable(texts)]
        firsts, others = [first for first, _, _ in pairs], [other for _, _, other in pairs]
        columns = [measure(firsts, others) for measure in self._measures.values()]
        values = np.stack(columns, axis=1).astype(np.float32)
        n_rows, n_names = values.shape
        return Ragged(np.tile(np.arange(n_names, dtype=np.int32), n_rows), np.arange(n_rows + 1, dtype=np.int64) * n_names, values.ravel())

    def tokens(self, ids: Sequence[int] | IntArray) -> list[str]:
        """The similarities by name."""
        names = self.names
        return [names[int(number)] for number in ids]

    def unknown_share(self, encoded: Ragged) -> float:
        """0, since every pair has all similarities."""
        return 0.0

    def files(self) -> Mapping[str, bytes]:
        """The files of the n-grams, with the part as prefix of their names, and the latent dimensions."""
        weights = {f"{part}-{name}": content for part, ngrams in self.parts.items() for name, content in ngrams.files().items()}
        return {**weights, **self.latent.files()}

    def steps(self, text: str) -> list[tuple[str, str]]:
        """Both texts, and each similarity with its value."""
        values = self.encode([text]).weights
        assert values is not None
        return [("text", text), ("similarities", " ".join(f"{name}={value:.3f}" for name, value in zip(self.names, values, strict=True)))]

    def _latent_rows(self, texts: Sequence[str]) -> Ragged:
        return self.latent.beside(self.parts[LATENT_OF].encode(texts), 0)

    @staticmethod
    def _cosine(encode: Callable[[Sequence[str]], Ragged], n_columns: int) -> Measure:
        def cosine(firsts: Sequence[str], others: Sequence[str]) -> FloatArray:
            a, b = (_unit_rows(encode(texts), n_columns) for texts in (firsts, others))
            return np.asarray(a.multiply(b).sum(axis=1), dtype=np.float64).ravel()

        return cosine

    def _each(self, measure: Compare, parts_of: Callable[[str], list[str]], firsts: Sequence[str], others: Sequence[str]) -> FloatArray:
        lowered = ([text.lower() if self.config.lowercase else text for text in texts] for texts in (firsts, others))
        return np.array([measure(parts_of(a), parts_of(b)) for a, b in zip(*lowered, strict=True)], dtype=np.float64)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _beginnings(text: str) -> list[str]:
    """The first two characters of each word: roughly a Korean word without its endings."""
    return [word[:2] for word in _words(text)]


def _numbers(text: str) -> list[str]:
    return re.findall(r"\d+", text)


def _shared(a: Sequence[str], b: Sequence[str]) -> float:
    """The share of all distinct parts that both texts have (Jaccard); 1 if there are none."""
    both, either = set(a) & set(b), set(a) | set(b)
    return len(both) / len(either) if either else 1.0


def _contained(a: Sequence[str], b: Sequence[str]) -> float:
    """Of the text with fewer distinct parts, the share that the other text also has; 1 if it has none."""
    fewer = min(len(set(a)), len(set(b)))
    return len(set(a) & set(b)) / fewer if fewer else 1.0


def _lengths(a: Sequence[str], b: Sequence[str]) -> float:
    """The shorter length as a share of the longer one; 1 for two empty texts."""
    longer = max(len(a), len(b))
    return min(len(a), len(b)) / longer if longer else 1.0


COUNTED: Mapping[str, tuple[Compare, Callable[[str], list[str]]]] = {
    "shared_words": (_shared, _words),
    "contained_words": (_contained, _words),
    "shared_beginnings": (_shared, _beginnings),
    "shared_numbers": (_shared, _numbers),
    "lengths": (_lengths, list),
}
"""Similarities without learned weights: the measure, and the parts that it compares."""


def _parts(config: SimilarityTokenizer) -> dict[str, NgramTokenizer]:
    """The n-grams of each cosine: single characters, up to three of them, parts of words, words and pairs of them."""
    settings: dict[str, dict[str, Any]] = {
        "characters": {"characters": [1, 1]},
        LATENT_OF: {"characters": [1, 3]},
        "word_parts": {"characters": [2, 4], "across_words": False},
        "words": {"words": [1, 2]},
    }
    return {part: NgramTokenizer(type="ngrams", lowercase=config.lowercase, sublinear=True, **each) for part, each in settings.items()}


def _unit_rows(encoded: Ragged, n_columns: int) -> "csr_array":
    """The rows as a sparse matrix; each has length 1 or is empty."""
    from scipy.sparse import csr_array

    assert encoded.weights is not None, "weighted n-grams"
    return csr_array((encoded.weights, encoded.ids, encoded.offsets), shape=(len(encoded), n_columns))
