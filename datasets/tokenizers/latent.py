"""Latent semantic analysis (Deerwester et al. 1990): the largest dimensions of the matrix of weighted n-grams, by scikit-learn."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from ...errors import ConfigError
from ..arrays import FloatArray, Ragged

FILE = "latent.safetensors"
NAMED_BY, SHOWN = 3, 5
"""Number of n-grams in a dimension's name, and of dimensions shown for a text."""
BLOCK = 4_096
"""Texts whose dense vectors are in memory at a time, in addition to the result."""
Name = Callable[[int], str]


class Latent:
    """`axes` (size, n_counted) float32, orthogonal rows: a text is its weights times each of them, scaled to length 1."""

    def __init__(self, axes: FloatArray) -> None:
        self.axes = axes

    @classmethod
    def fit(cls, weighted: Ragged, n_columns: int, size: int) -> "Latent":
        """Fit the axes to the training texts; on one thread, so that it is reproducible. Raises ConfigError for too large a size."""
        from sklearn.decomposition import TruncatedSVD
        from threadpoolctl import threadpool_limits

        if size > (most := min(len(weighted), n_columns) - 1):
            raise ConfigError(f"tokenizer.analysis.meaning.latent is {size}, but {len(weighted):,} training texts with {n_columns:,} "
                              f"n-grams have at most {max(most, 0):,} latent dimensions. Lower it.")
        svd: Any = TruncatedSVD(size, random_state=0)
        with threadpool_limits(1):
            svd.fit(_matrix(weighted, n_columns))
        return cls(svd.components_.astype(np.float32))

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], n_columns: int, size: int | None = None) -> "Latent":
        """Load what `files` returned. Raises ValueError if the axes do not have this number of n-grams, or this size."""
        axes = load(files[FILE])["axes"]
        size = size or len(axes)
        if axes.shape != (size, n_columns) or axes.dtype != np.float32 or not np.isfinite(axes).all():
            raise ValueError(f"{FILE} has no {size} axes of {n_columns:,} n-grams")
        return cls(axes)

    @property
    def size(self) -> int:
        return len(self.axes)

    def files(self) -> Mapping[str, bytes]:
        """The axes."""
        return {FILE: save({"axes": np.ascontiguousarray(self.axes)})}

    def beside(self, weighted: Ragged, n_kept: int) -> Ragged:
        """The first `n_kept` columns (all n-grams, or none), followed by the latent dimensions; zeros are left out."""
        from scipy.sparse import csr_array, hstack, vstack

        if not len(weighted):
            return weighted
        counted = _matrix(weighted, self.axes.shape[1])
        blocks = []
        for start in range(0, len(weighted), BLOCK):
            block = counted[start : start + BLOCK]
            dense = csr_array(self._vectors(block))
            blocks.append(hstack([block, dense], format="csr") if n_kept else dense)
        joined = csr_array(vstack(blocks, format="csr"))
        return Ragged(joined.indices.astype(np.int32), joined.indptr.astype(np.int64), joined.data.astype(np.float32))

    def name(self, dimension: int, ngram: Name) -> str:
        """The name of a dimension, such as `latent 3 (space orbit nasa)`."""
        largest = np.argsort(-np.abs(self.axes[dimension]), kind="stable")[:NAMED_BY]
        return f"latent {dimension + 1} ({' '.join(map(ngram, largest.tolist()))})"

    def strongest(self, weighted: Ragged, ngram: Name) -> list[str]:
        """The dimensions of one text with the largest values, such as `+0.51*latent 3 (space orbit nasa)`."""
        (vector,) = self._vectors(_matrix(weighted, self.axes.shape[1]))
        order = np.argsort(-np.abs(vector), kind="stable")[:SHOWN].tolist()
        return [f"{vector[number]:+.2f}*{self.name(number, ngram)}" for number in order if vector[number]]

    def _vectors(self, counted: Any) -> FloatArray:
        vectors = counted @ self.axes.T
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def _matrix(weighted: Ragged, n_columns: int) -> Any:
    from scipy.sparse import csr_array

    return csr_array((weighted.weights, weighted.ids, weighted.offsets), shape=(len(weighted), n_columns))
