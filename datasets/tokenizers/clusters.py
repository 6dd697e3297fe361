"""Clusters of words with similar vectors as features: k-means over word vectors, by scikit-learn."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...configs.schema.linguistics import ClustersConfig
from ...configs.schema.saved import checked
from ...errors import ConfigError
from ...storage import parse_json
from ..arrays import FloatArray
from ..word_vectors import OpenVectors

FILE = "clusters.json"
KEY = "tokenizer.analysis.meaning.clusters"
NAMED_BY = 3
"""Number of words in a cluster's name: those nearest to its centre."""
STARTS = 3
"""Random initialisations of k-means; the best result is kept."""


class Clusters:
    """The `words` of each cluster, those nearest to its centre first; every word is in one cluster."""

    def __init__(self, words: Sequence[Sequence[str]]) -> None:
        self.words = words
        self.names = [f"cluster {number} ({' '.join(each[:NAMED_BY])})" for number, each in enumerate(words, start=1)]
        self._name_of = {word: name for each, name in zip(words, self.names, strict=True) for word in each}

    @classmethod
    def fit(cls, config: ClustersConfig, words: list[str], open_vectors: OpenVectors) -> "Clusters":
        """Cluster the distinct words of the training texts. Raises the errors of `open_vectors` for unreadable vectors, ConfigError if too
        few words have a vector.
        """
        values, found = open_vectors(config.vectors, f"{KEY}.vectors").read(words)
        known = [word for word, is_found in zip(words, found.tolist(), strict=True) if is_found]
        if not known:
            raise ConfigError(f"{KEY}.vectors: {config.vectors} has none of the {len(words):,} words of the training texts. Are they "
                              "vectors of another language, or should tokenizer.lowercase be changed?")
        if config.n > len(known):
            raise ConfigError(f"{KEY}.n is {config.n:,}, but {config.vectors} has the vectors of only {len(known):,} of the {len(words):,} "
                              "words of the training texts. Lower it.")
        return cls(_clustered(known, values[found], config.n))

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "Clusters":
        """Load what `files` returned. Raises ValueError if a word is in two clusters, or a cluster is empty."""
        words = checked(list[list[str]], parse_json(files[FILE]))
        if not all(words) or sum(map(len, words)) > len({word for each in words for word in each}):
            raise ValueError(f"{FILE} has a word twice, or a cluster without words")
        return cls(words)

    def files(self) -> Mapping[str, bytes]:
        """The words, so that the vectors are not needed again."""
        return {FILE: json.dumps(self.words, ensure_ascii=False, separators=(",", ":")).encode("utf-8")}

    def of(self, words: Sequence[str]) -> list[str]:
        """The names of the clusters of words, once for each word that is in one."""
        return [self._name_of[word] for word in words if word in self._name_of]


def _clustered(words: Sequence[str], vectors: FloatArray, n: int) -> list[list[str]]:
    """Cluster vectors scaled to length 1, so that only their directions count; on one thread, so that the result is reproducible."""
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    means: Any = MiniBatchKMeans(n, random_state=0, n_init=STARTS)  # pyright: ignore[reportArgumentType]
    with threadpool_limits(1):
        clusters, distances = means.fit_predict(directions), means.transform(directions).min(axis=1)
    nearest_first = np.argsort(distances, kind="stable")
    groups: list[list[str]] = [[] for _ in range(n)]
    for place in nearest_first.tolist():
        groups[clusters[place]].append(words[place])
    return [each for each in groups if each]
