"""Ranking by shared n-grams: TF-IDF and BM25, as vectors of queries and of candidates whose dot products are the scores."""

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
    """The tokenizer gives TF-IDF weights scaled to length 1, so that the cosine of two texts is the dot product of what they are."""

    def __init__(self, config: TfidfCosineConfig | Bm25Config, n_features: int) -> None:
        self.config, self.n_features = config, n_features

    def outputs(self, **inputs: Any) -> dict[str, Any]:
        """Sparse rows (n, n_features) of the first texts and of the second ones, whose inputs are called `other_...`."""
        own, others = apart(inputs)
        return {"queries": self.vectors(**own), "candidates": self.vectors(second=True, **others)}

    def vectors(self, second: bool = False, **inputs: Any) -> Any:
        """`tokens` (n,), `starts` (batch,), `weights` (n,) -> (batch, n_features) sparse rows of queries or of candidates (`second`)."""
        return Bag(**inputs).matrix(self.n_features)

    def describe(self) -> dict[str, int]:
        """Sizes."""
        return {"features": self.n_features}


class Bm25(TfidfCosine):
    """A query is its counts, a candidate what each of its n-grams is worth to a query (Robertson et al. 1994)."""

    config: Bm25Config

    def __init__(self, config: Bm25Config, n_features: int) -> None:
        super().__init__(config, n_features)
        self.idf: npt.NDArray[np.float64] = np.zeros(n_features)
        self.mean_length = 1.0

    def fit(self, *, targets: Targets, seed: int, report: Report = silent, **inputs: Any) -> None:
        """How many of the training candidates have each n-gram, and how long they are on average."""
        counts = Bag(**apart(inputs)[1]).matrix(self.n_features)
        with_ngram = np.bincount(counts.indices, minlength=self.n_features)
        # As Lucene has it: never negative, which Robertson's own is for an n-gram in more than half of the candidates.
        self.idf = np.log1p((counts.shape[0] - with_ngram + 0.5) / (with_ngram + 0.5))
        self.mean_length = max(float(counts.sum()) / counts.shape[0], 1e-9)

    def vectors(self, second: bool = False, **inputs: Any) -> Any:
        """(batch, n_features) sparse rows: counts of queries, and with `second` the worth of each n-gram of candidates."""
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
        """Read it. Raises RunError for a file that is damaged or of another run."""
        with opened_arrays(folder, {"model": "bm25"}) as arrays:
            self.idf = checked(arrays["idf"], np.float64, (self.n_features,))
            self.mean_length = float(checked(arrays["mean_length"], np.float64, ()))


Retrieval = TfidfCosine | Bm25


def new_retrieval(config: TfidfCosineConfig | Bm25Config, n_features: int) -> Retrieval:
    """The model, not yet fitted."""
    return Bm25(config, n_features) if isinstance(config, Bm25Config) else TfidfCosine(config, n_features)
