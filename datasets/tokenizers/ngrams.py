"""Weighted n-grams of words and characters, through scikit-learn, which is imported when texts are counted."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load, save

from ...configs.schema.saved import checked
from ...configs.schema.tokenizer import NgramTokenizer
from ...errors import DataError
from ...storage import parse_json
from ..arrays import FloatArray, IntArray, Ragged
from .tokenizer import Tokenizer, encodable

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from sklearn.feature_extraction.text import CountVectorizer

WORD = r"(?u)\b\w+\b"
"""scikit-learn's pattern, but words of one letter count too: `I`, `a`, and much of Korean."""

NAMES, IDF = "ngrams.json", "idf.safetensors"


class Ngrams(Tokenizer):
    """N-grams by column: those of words first, then those of characters, each in the order of their text."""

    def __init__(self, config: NgramTokenizer, names: Mapping[str, Sequence[str]], idf: FloatArray | None) -> None:
        self._config, self.names, self.idf = config, names, idf
        self._counters: list[CountVectorizer] = []

    @classmethod
    def fit(cls, config: NgramTokenizer, texts: Sequence[str]) -> "Ngrams":
        """Choose the n-grams and weigh them by the training texts. Raises DataError where none is left."""
        return cls.fit_encode(config, texts)[0]

    @classmethod
    def fit_encode(cls, config: NgramTokenizer, texts: Sequence[str]) -> "tuple[Ngrams, Ragged]":
        """The same, with the encoded texts, which cost nothing more."""
        counters = {kind: _counter(config, kind) for kind in _kinds(config)}
        try:
            counts = [counter.fit_transform(encodable(texts)) for counter in counters.values()]
        except ValueError as error:
            message = f"No n-gram is left of {len(texts):,} training texts ({str(error).rstrip('.')})."
            raise DataError(f"{message} Lower tokenizer.min_frequency, or check the texts with `nlp data show`.") from None
        names = {kind: counter.get_feature_names_out().tolist() for kind, counter in counters.items()}
        joined = _joined(counts)
        idf = _smooth_idf(joined, sum(map(len, names.values()))) if config.weighting == "tfidf" else None
        ngrams = cls(config, names, idf)
        return ngrams, ngrams._weighted(joined)

    @classmethod
    def from_files(cls, config: NgramTokenizer, files: Mapping[str, bytes]) -> "Ngrams":
        """What `files` gave. Raises ValueError where the parts do not fit together."""
        names = checked(dict[str, list[str]], parse_json(files[NAMES]))
        if list(names) != _kinds(config):
            raise ValueError(f"{NAMES} holds n-grams of {' and '.join(names)}, not of {' and '.join(_kinds(config))}")
        if any(not each or len(set(each)) < len(each) for each in names.values()):
            raise ValueError(f"{NAMES} has an n-gram twice, or none")
        idf = load(files[IDF])["idf"] if config.weighting == "tfidf" else None
        if idf is not None and idf.shape != (sum(map(len, names.values())),):
            raise ValueError(f"{IDF} has {len(idf):,} weights for {sum(map(len, names.values())):,} n-grams")
        if idf is not None and (idf.dtype != np.float64 or not np.isfinite(idf).all() or idf.min() <= 0):
            raise ValueError(f"{IDF} has weights that are no inverse document frequencies")
        return cls(config, names, idf)

    @property
    def config(self) -> NgramTokenizer:
        return self._config

    @property
    def vocab_size(self) -> int:
        return sum(map(len, self.names.values()))

    def encode(self, texts: Sequence[str]) -> Ragged:
        """The known n-grams of each text, ids ascending, and their weights; a text without any has an empty row."""
        if not self._counters:
            self._counters = [_counter(self.config, kind, names) for kind, names in self.names.items()]
        return self._weighted(_joined([counter.transform(encodable(texts)) for counter in self._counters]))

    def tokens(self, ids: Sequence[int] | IntArray) -> list[str]:
        """The n-grams; those of characters are quoted where there are both kinds, since `'ab'` may be a word too."""
        words, characters = self.names.get("words", ()), self.names.get("characters", ())
        mark = "'{}'" if words else "{}"
        return [words[place] if place < len(words) else mark.format(characters[place - len(words)]) for place in map(int, ids)]

    def unknown_share(self, encoded: Ragged) -> float:
        """The share of texts in which no n-gram is known."""
        return float((encoded.lengths == 0).mean()) if len(encoded) else 0.0

    def files(self) -> Mapping[str, bytes]:
        """The n-grams as JSON in the order of the columns, and their inverse document frequencies."""
        files = {NAMES: json.dumps(self.names, ensure_ascii=False, separators=(",", ":")).encode("utf-8")}
        return files if self.idf is None else files | {IDF: save({"idf": self.idf})}

    def _weighted(self, counts: "csr_array") -> Ragged:
        """(n_texts, vocab_size) counts -> weighted rows."""
        weights = np.ones(counts.nnz) if self.config.weighting == "binary" else counts.data.astype(np.float64)
        if self.config.sublinear:
            weights = 1 + np.log(weights)
        offsets = counts.indptr.astype(np.int64)
        if self.idf is not None:
            weights *= self.idf[counts.indices]
            rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
            weights /= np.sqrt(np.bincount(rows, weights**2, minlength=1))[rows]
        return Ragged(counts.indices.astype(np.int32), offsets, weights.astype(np.float32))


def _kinds(config: NgramTokenizer) -> list[str]:
    return [kind for kind, bounds in (("words", config.words), ("characters", config.characters)) if bounds is not None]


def _counter(config: NgramTokenizer, kind: str, names: Sequence[str] | None = None) -> "CountVectorizer":
    """Counts the n-grams of one kind: those by name, or those that it finds itself."""
    from sklearn.feature_extraction.text import CountVectorizer

    shortest, longest = (config.words if kind == "words" else config.characters) or (1, 1)
    options: dict[str, Any] = {"analyzer": "char" if config.across_words else "char_wb"}
    if kind == "words":
        options = {"token_pattern": WORD, "stop_words": config.stop_words}
    if names is None:
        options |= {"min_df": config.min_frequency, "max_features": config.max_features}
    else:
        options |= {"vocabulary": {name: column for column, name in enumerate(names)}}
    return CountVectorizer(lowercase=config.lowercase, ngram_range=(shortest, longest), **options)


def _joined(counts: Sequence[Any]) -> "csr_array":
    """The columns of all kinds side by side, each row in the order of its columns."""
    from scipy.sparse import csr_array, hstack

    joined = csr_array(counts[0] if len(counts) == 1 else hstack(counts, format="csr"))
    joined.sort_indices()
    return joined


def _smooth_idf(counts: "csr_array", n_columns: int) -> FloatArray:
    """ln((1 + n_texts) / (1 + n_texts that hold the n-gram)) + 1, (vocab_size,): as if one more text held every n-gram once."""
    texts_with = np.bincount(counts.indices, minlength=n_columns)
    return np.log(len(counts.indptr) / (1 + texts_with)) + 1
