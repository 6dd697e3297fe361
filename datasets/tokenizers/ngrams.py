"""Weighted n-grams of words and characters, by scikit-learn, which is imported when texts are counted."""

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
from ..word_vectors import OpenVectors, open_file
from .analysis import Analysis
from .latent import Latent
from .tagger import OpenTagger, no_tagger
from .tokenizer import BLOCK, Tokenizer, encodable

if TYPE_CHECKING:
    from scipy.sparse import csr_array

WORD = r"(?u)\b\w+\b"
"""scikit-learn's pattern, but with one-letter words: `I`, `a`, and much of Korean."""

TOKEN = r"[^ ]+"
"""The tokens of an analysis, which are separated by single spaces."""

NAMES, IDF = "ngrams.json", "idf.safetensors"
CLASSES = ("lexicon", "clusters")
"""Kinds of features that are classes of words."""


class Ngrams(Tokenizer):
    """N-grams by column: first those of words, then those of characters, each in alphabetical order; then, if the recipe specifies
    them, classes of a lexicon, clusters of words and latent dimensions."""

    def __init__(self, config: NgramTokenizer, names: Mapping[str, Sequence[str]], idf: FloatArray | None,
                 analysis: Analysis | None = None, latent: Latent | None = None) -> None:
        self._config, self.names, self.idf, self.analysis, self.latent = config, names, idf, analysis, latent
        self._counters: dict[str, Any] = {}

    @classmethod
    def fit(cls, config: NgramTokenizer, texts: Sequence[str], open_tagger: OpenTagger = no_tagger) -> "Ngrams":
        """Choose the n-grams and weight them by the training texts. Raises DataError if none is left."""
        return cls.fit_encode(config, texts, open_tagger)[0]

    @classmethod
    def fit_encode(cls, config: NgramTokenizer, texts: Sequence[str],
                   open_tagger: OpenTagger = no_tagger, open_vectors: OpenVectors = open_file) -> "tuple[Ngrams, Ragged | None]":
        """The same, with the encoded texts if they cost nothing extra."""
        analysis = None if config.analysis is None else Analysis(config.analysis, config.lowercase, open_tagger)
        if config.hash_bits is not None:
            return cls._hashed(config, texts, analysis, open_vectors)
        read = _read(analysis, texts)
        if analysis is not None:
            analysis.learn(read["words"], open_vectors)
        counters = {kind: _counter(config, kind, analysis) for kind in _kinds(config)}
        try:
            counts = [counter.fit_transform(read[kind]) for kind, counter in counters.items()]
        except ValueError as error:
            message = f"No n-gram is left of {len(texts):,} training texts ({str(error).rstrip('.')})."
            raise DataError(f"{message} Lower tokenizer.min_frequency, or check the texts with `nlp data show`.") from None
        names = {kind: counter.get_feature_names_out().tolist() for kind, counter in counters.items()}
        joined = _joined(counts)
        idf = _smooth_idf(joined, sum(map(len, names.values()))) if config.weighting == "tfidf" else None
        ngrams = cls(config, names, idf, analysis)
        weighted = ngrams._weighted(joined)
        if (size := _latent_size(config)) is None:
            return ngrams, weighted
        ngrams.latent = Latent.fit(weighted, ngrams.n_counted, size)
        return ngrams, ngrams._with_latent(weighted)

    @classmethod
    def _hashed(cls, config: NgramTokenizer, texts: Sequence[str], analysis: Analysis | None,
                open_vectors: OpenVectors) -> "tuple[Ngrams, Ragged | None]":
        """Hashed n-grams have no vocabulary, so only document frequencies are learned, from one block of texts at a time."""
        if analysis is not None:
            blocks = (texts[start : start + BLOCK] for start in range(0, len(texts), BLOCK))
            analysis.learn((text for block in blocks for text in _read(analysis, block)["words"]), open_vectors)
        ngrams = cls(config, _fixed_names(config, analysis), None, analysis)
        if config.weighting == "tfidf":
            texts_with = np.zeros(ngrams.n_counted, dtype=np.int64)
            for start in range(0, len(texts), BLOCK):
                texts_with += np.bincount(ngrams._counts(texts[start : start + BLOCK]).indices, minlength=ngrams.n_counted)
            ngrams.idf = _smoothed(texts_with, len(texts))
        if (size := _latent_size(config)) is None:
            return ngrams, None
        weighted = ngrams._weigh(texts)
        ngrams.latent = Latent.fit(weighted, ngrams.n_counted, size)
        return ngrams, ngrams._with_latent(weighted)

    @classmethod
    def from_files(cls, config: NgramTokenizer, files: Mapping[str, bytes], open_tagger: OpenTagger = no_tagger) -> "Ngrams":
        """Load what `files` returned. Raises ValueError if the parts do not fit together."""
        names = checked(dict[str, list[str]], parse_json(files[NAMES]))
        if list(names) != _kinds(config):
            raise ValueError(f"{NAMES} has n-grams of {' and '.join(names)}, not of {' and '.join(_kinds(config))}")
        analysis = None if config.analysis is None else Analysis.from_files(config.analysis, config.lowercase, files, open_tagger)
        if config.hash_bits is not None and names != _fixed_names(config, analysis):
            raise ValueError(f"{NAMES} names n-grams, which hashed ones cannot have")
        if config.hash_bits is None and any(not each or len(set(each)) < len(each) for each in names.values()):
            raise ValueError(f"{NAMES} has an n-gram twice, or none")
        idf = load(files[IDF])["idf"] if config.weighting == "tfidf" else None
        size = sum(_sizes(config, names).values())
        if idf is not None and idf.shape != (size,):
            raise ValueError(f"{IDF} has {len(idf):,} weights for {size:,} n-grams")
        if idf is not None and (idf.dtype != np.float64 or not np.isfinite(idf).all() or idf.min() <= 0):
            raise ValueError(f"{IDF} has weights that are not inverse document frequencies")
        dimensions = _latent_size(config)
        latent = None if dimensions is None else Latent.from_files(files, size, dimensions)
        return cls(config, names, idf, analysis, latent)

    @property
    def config(self) -> NgramTokenizer:
        return self._config

    @property
    def n_counted(self) -> int:
        """Number of counted features: n-grams and classes of words."""
        return sum(_sizes(self.config, self.names).values())

    @property
    def vocab_size(self) -> int:
        return self._n_kept + (0 if self.latent is None else self.latent.size)

    @property
    def _n_kept(self) -> int:
        """Number of counted features that are kept: all, or none if only latent dimensions are features."""
        meaning = None if self.config.analysis is None else self.config.analysis.meaning
        return self.n_counted if meaning is None or meaning.ngrams else 0

    def encode(self, texts: Sequence[str]) -> Ragged:
        """The known n-grams of each text, ids ascending, and their weights; a text without any has an empty row."""
        weighted = self._weigh(texts)
        return weighted if self.latent is None else self._with_latent(weighted)

    def _weigh(self, texts: Sequence[str]) -> Ragged:
        return self._weighted(self._counts(texts))

    def counts(self, texts: Sequence[str]) -> Any:
        """How often each n-gram is in each text; None with latent dimensions, which cannot be counted."""
        return self._counts(texts) if self.latent is None else None

    def _counts(self, texts: Sequence[str]) -> "csr_array":
        if not self._counters:
            self._counters = {kind: _counter(self.config, kind, self.analysis, names) for kind, names in self.names.items()}
        read = _read(self.analysis, texts)
        return _joined([counter.transform(read[kind]) for kind, counter in self._counters.items()])

    def tokens(self, ids: Sequence[int] | IntArray) -> list[str]:
        """The n-grams; those of characters are quoted if there are both kinds, since `'ab'` may be a word too. Classes of words
        are written in `<>`, and latent dimensions are named by their number and their n-grams with the largest weights."""
        return [self._name(place) for place in map(int, ids)]

    def _name(self, place: int) -> str:
        if place < self._n_kept:
            return self._counted_name(place)
        assert self.latent is not None, "ids after those of n-grams are latent dimensions"
        return self.latent.name(place - self._n_kept, self._counted_name)

    def _counted_name(self, place: int) -> str:
        quoted = "'{}'" if "words" in self.names else "{}"
        marks = {"words": "{}", "syntax": "{}", "characters": quoted, "lexicon": "<{}>", "clusters": "<{}>"}
        for kind, size in _sizes(self.config, self.names).items():
            if place < size:
                return marks[kind].format(self.names[kind][place] if self.names[kind] else f"#{place}")
            place -= size
        raise IndexError(place)

    def steps(self, text: str) -> list[tuple[str, str]]:
        """The text, the result of each step of the analysis, its known n-grams, and the strongest latent dimensions."""
        weighted = self._weigh([text])
        named = [("text", text), *([] if self.analysis is None else self.analysis.steps(*encodable([text])))]
        named.append(("n-grams", " ".join(self._counted_name(place).replace(" ", "␣") for place in weighted.ids.tolist())))
        if self.latent is not None:
            named.append(("latent", " ".join(self.latent.strongest(weighted, self._counted_name))))
        return named

    def unknown_share(self, encoded: Ragged) -> float:
        """The share of texts without any known n-gram."""
        return float((encoded.lengths == 0).mean()) if len(encoded) else 0.0

    def files(self) -> Mapping[str, bytes]:
        """The n-grams as JSON in the order of the columns, and their inverse document frequencies."""
        files = {NAMES: json.dumps(self.names, ensure_ascii=False, separators=(",", ":")).encode("utf-8")}
        weights = {} if self.idf is None else {IDF: save({"idf": self.idf})}
        parts = [part.files() for part in (self.analysis, self.latent) if part is not None]
        return {**files, **weights, **{name: content for part in parts for name, content in part.items()}}

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

    def _with_latent(self, weighted: Ragged) -> Ragged:
        """The rows with latent dimensions after the n-grams, or instead of them."""
        assert self.latent is not None
        return self.latent.beside(weighted, self._n_kept)


def _kinds(config: NgramTokenizer) -> list[str]:
    meaning = None if config.analysis is None else config.analysis.meaning
    settings_of = {"words": config.words, "characters": config.characters, "syntax": config.parser,
              "lexicon": None if meaning is None else meaning.lexicon, "clusters": config.clusters}
    return [kind for kind, settings in settings_of.items() if settings is not None]


def _fixed_names(config: NgramTokenizer, analysis: Analysis | None) -> dict[str, list[str]]:
    """Hashed n-grams have no names; classes of words keep theirs."""
    return {kind: [] if analysis is None else analysis.class_names(kind) for kind in _kinds(config)}


def _sizes(config: NgramTokenizer, names: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The number of features of each kind."""
    return {kind: 2**config.hash_bits if config.hash_bits is not None and kind not in CLASSES else len(names[kind]) for kind in names}


def _latent_size(config: NgramTokenizer) -> int | None:
    return None if config.analysis is None or config.analysis.meaning is None else config.analysis.meaning.latent


def _read(analysis: Analysis | None, texts: Sequence[str]) -> dict[str, Sequence[str]]:
    """The input of each kind of feature: analysed texts for words and their classes, the texts themselves for characters."""
    texts = encodable(texts)
    words = texts if analysis is None else analysis.apply(texts)
    pairs = analysis.pairs(texts) if analysis is not None and analysis.config.syntax is not None else []
    return {"words": words, "characters": texts, "syntax": pairs, "lexicon": words, "clusters": words}


def _counter(config: NgramTokenizer, kind: str, analysis: Analysis | None, names: Sequence[str] | None = None) -> Any:
    """The vectorizer of one kind of n-grams, with a given vocabulary, hashed, or still to be fitted; or of classes of words."""
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

    if kind in CLASSES:
        assert analysis is not None, "classes are of analysed words"
        by_class: Any = analysis.classes if kind == "lexicon" else analysis.clusters_of  # the stubs do not allow functions
        return CountVectorizer(analyzer=by_class, vocabulary=analysis.class_names(kind))
    shortest, longest = {"words": config.words, "characters": config.characters}.get(kind) or (1, 1)
    options: dict[str, Any] = {"analyzer": "char" if config.across_words else "char_wb", "lowercase": config.lowercase}
    if kind == "syntax":
        options = {"token_pattern": TOKEN, "lowercase": False}
    if kind == "words":
        options = {"token_pattern": WORD, "stop_words": config.stop_words, "lowercase": config.lowercase}
        options |= {} if analysis is None else {"token_pattern": TOKEN, "lowercase": False}
    if config.hash_bits is not None:
        options |= {"n_features": 2**config.hash_bits, "alternate_sign": False, "norm": None}
        return HashingVectorizer(ngram_range=(shortest, longest), **options)
    if names is None:
        options |= {"min_df": config.min_frequency, "max_features": config.max_features}
    else:
        options |= {"vocabulary": {name: column for column, name in enumerate(names)}}
    return CountVectorizer(ngram_range=(shortest, longest), **options)


def _joined(counts: Sequence[Any]) -> "csr_array":
    """The columns of all kinds side by side, each row in the order of its columns."""
    from scipy.sparse import csr_array, hstack

    joined = csr_array(counts[0] if len(counts) == 1 else hstack(counts, format="csr"))
    joined.sort_indices()
    return joined


def _smooth_idf(counts: "csr_array", n_columns: int) -> FloatArray:
    return _smoothed(np.bincount(counts.indices, minlength=n_columns), len(counts.indptr) - 1)


def _smoothed(texts_with: IntArray, n_texts: int) -> FloatArray:
    """ln((1 + n_texts) / (1 + n_texts with the n-gram)) + 1, (vocab_size,): as if one more text contained every n-gram once."""
    return np.log((1 + n_texts) / (1 + texts_with)) + 1
