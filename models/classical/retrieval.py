"""Ranking by shared n-grams: TF-IDF and BM25, as vectors of queries and candidates whose dot products are the scores."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...configs.schema.tasks.ranking import Bm25Config, TfidfCosineConfig
from ..two_texts import apart
from .array_file import checked, opened_arrays, write_arrays
from .classifier import Bag, Targets
from .rounds import Report, silent


class TfidfCosine:
    """TF-IDF vectors. The tokenizer returns weights scaled to length 1, so the cosine of two texts is the dot product of their rows."""

    def __init__(self, config: TfidfCosineConfig | Bm25Config, n_features: int) -> None:
        self.config, self.n_features = config, n_features

    def outputs(self, **inputs: Any) -> dict[str, Any]:
        """Sparse rows (n, n_features) of the first and of the second texts, whose inputs have the prefix `other_`."""
        own, others = apart(inputs)
        return {"queries": self.vectors(**own), "candidates": self.vectors(second=True, **others)}

    def vectors(self, second: bool = False, **inputs: Any) -> Any:
        """`tokens` (n,), `starts` (batch,), `weights` (n,) -> (batch, n_features) sparse rows of queries or of candidates (`second`)."""
        return Bag(**inputs).matrix(self.n_features)

    def describe(self) -> dict[str, int]:
        """Number of features."""
        return {"features": self.n_features}


class Bm25(TfidfCosine):
    """BM25 (Robertson et al. 1994): the vector of a query holds counts, that of a candidate the BM25 weights of its n-grams."""

    config: Bm25Config

    def __init__(self, config: Bm25Config, n_features: int) -> None:
        super().__init__(config, n_features)
        self.idf: npt.NDArray[np.float64] = np.zeros(n_features)
        self.mean_length = 1.0

    def fit(self, *, targets: Targets, seed: int, report: Report = silent, **inputs: Any) -> None:
        """Estimate the IDF of each n-gram and the mean length of the training candidates."""
        counts = Bag(**apart(inputs)[1]).matrix(self.n_features)
        frequencies = np.bincount(counts.indices, minlength=self.n_features)
        # Lucene's variant, which is never negative; Robertson's is for an n-gram in more than half of the candidates.
        self.idf = np.log1p((counts.shape[0] - frequencies + 0.5) / (frequencies + 0.5))
        self.mean_length = max(float(counts.sum()) / counts.shape[0], 1e-9)

    def vectors(self, second: bool = False, **inputs: Any) -> Any:
        """(batch, n_features) sparse rows: counts of queries, or with `second` the BM25 weights of candidates."""
        rows = super().vectors(**inputs)
        if not second:
            return rows
        lengths = np.asarray(rows.sum(axis=1)).ravel() / self.mean_length
        dampening = self.config.k1 * (1 - self.config.b + self.config.b * np.repeat(lengths, np.diff(rows.indptr)))
        rows.data = self.idf[rows.indices] * rows.data * (self.config.k1 + 1) / (rows.data + dampening)
        return rows

    def save(self, folder: Path) -> None:
        """Write `model.npz`."""
        write_arrays(folder, {"model": "bm25"}, {"idf": self.idf, "mean_length": np.array(self.mean_length)})

    def load(self, folder: Path) -> None:
        """Read `model.npz`. Raises RunError for a file that is damaged or of another run."""
        with opened_arrays(folder, {"model": "bm25"}) as arrays:
            self.idf = checked(arrays["idf"], np.float64, (self.n_features,))
            self.mean_length = float(checked(arrays["mean_length"], np.float64, ()))


Retrieval = TfidfCosine | Bm25


def new_retrieval(config: TfidfCosineConfig | Bm25Config, n_features: int) -> Retrieval:
    """The unfitted model."""
    return Bm25(config, n_features) if isinstance(config, Bm25Config) else TfidfCosine(config, n_features)
