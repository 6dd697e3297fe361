"""Trained tokenizers and encoded texts, kept on disk: a second run with the same texts and settings starts immediately.

Each is stored under a hash of everything that it depends on. Any of them may be deleted at any time; it is then created again.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...configs.schema.tokenizer import NgramTokenizer, SimilarityTokenizer, TokenizerConfig
from ...storage import cache_folder, release
from ..arrays import Ragged
from ..tokenizers.clusters import KEY as CLUSTERS
from ..tokenizers.tagger import SYNTAX, OpenTagger, no_tagger
from ..tokenizers.tokenizer import BLOCK, Tokenizer, load_tokenizer, train_and_encode
from ..word_vectors import OpenVectors, open_file
from .cache_entries import CacheEntries
from .growing_array import GrowingArray

FORMAT = 3
"""Increased when the stored content changes, or how it is computed."""
PART = 2**20
"""Numbers of a memory map that are checked at a time."""
LONG = 1_000_000
"""Number of characters above which a line reports that texts are being encoded."""


def cache_root() -> Path | None:
    """`NLP_CACHE`, or `nlp/encoded` in the user's cache folder; None if there is neither."""
    if folder := os.environ.get("NLP_CACHE"):
        return Path(folder).expanduser()
    caches = cache_folder()
    return None if caches is None else caches / "nlp" / "encoded"


class Cache:
    """Tokenizers and encoded texts of earlier runs. `made` names the entries that were missing, `notices` reports why some were not stored.

    `report` gets a line before anything that takes more than about a second; `open_tagger` opens the run that provides parts of speech,
    `open_vectors` opens word vectors.
    """

    def __init__(self, root: Path | None = None, report: Callable[[str], object] | None = None,
                 open_tagger: OpenTagger = no_tagger, open_vectors: OpenVectors = open_file) -> None:
        self.entries, self.report = CacheEntries(root or cache_root()), report
        self.open_tagger, self.open_vectors = open_tagger, open_vectors
        self._fresh: dict[str, Ragged] = {}  # encoded while their tokenizer was trained

    @property
    def made(self) -> Sequence[str]:
        return self.entries.made

    @property
    def notices(self) -> Sequence[str]:
        return self.entries.notices

    def train(self, config: TokenizerConfig, texts: Sequence[str]) -> Tokenizer:
        """The tokenizer trained on these texts."""
        key = _key(config.model_dump_json(), _library(config), *self._sources(config), *_hashes(config, texts))

        def train() -> Tokenizer:
            self._announce(f"Training the tokenizer ({config.type}) on", texts)
            tokenizer, encoded = train_and_encode(config, texts, self.open_tagger, self.open_vectors)
            if encoded is not None:
                self._fresh[_texts_key(tokenizer, texts)] = encoded
            return tokenizer

        def load(folder: Path) -> Tokenizer:
            return load_tokenizer(folder, open_tagger=self.open_tagger)

        return self.entries.get(f"tokenizer-{key}", train, Tokenizer.save, load)

    def _sources(self, config: TokenizerConfig) -> list[str]:
        """Content hashes of what a tokenizer depends on besides its texts."""
        if not isinstance(config, NgramTokenizer):
            return []
        tagger = [] if config.tagger is None else [self.open_tagger(config.tagger).fingerprint]
        parser = [] if config.parser is None else [self.open_tagger(config.parser, SYNTAX).fingerprint]
        clusters = config.clusters
        return [*tagger, *parser, *([] if clusters is None else self.open_vectors(clusters.vectors, f"{CLUSTERS}.vectors").fingerprints())]

    def encode(self, tokenizer: Tokenizer, texts: Sequence[str]) -> Ragged:
        """The encoded texts as read-only memory maps."""
        key = _texts_key(tokenizer, texts)

        def encode() -> Ragged | Blocks:
            if key in self._fresh:
                return self._fresh[key]
            self._announce("Encoding", texts)
            return Blocks(tokenizer, texts)

        def read(folder: Path) -> Ragged | Blocks:
            return _read(folder, len(texts), tokenizer.vocab_size)

        entry = self.entries.get(key, encode, _write, read)
        return entry if isinstance(entry, Ragged) else Ragged.end_to_end(list(entry))

    def _announce(self, action: str, texts: Sequence[str]) -> None:
        if self.report is not None and sum(map(len, texts)) > LONG:
            self.report(f"{action} {len(texts):,} texts, once for all runs with these settings")


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join((str(FORMAT), *parts)).encode("utf-8")).hexdigest()[:40]


def _texts_key(tokenizer: Tokenizer, texts: Sequence[str]) -> str:
    return f"texts-{_key(tokenizer.fingerprint(), _library(tokenizer.config), *_hashes(tokenizer.config, texts))}"


def _library(config: TokenizerConfig) -> str:
    """Versions that the result depends on: of the libraries, and of Python, which determines the version of Unicode."""
    from importlib.metadata import version

    from ..tokenizers.analysis import installed_packages

    name = "scikit-learn" if isinstance(config, NgramTokenizer | SimilarityTokenizer) else "tokenizers"
    versions = {name: version(name), **installed_packages(config)}
    return ", ".join([*(f"{each} {number}" for each, number in versions.items()),
                      f"Python {sys.version_info.major}.{sys.version_info.minor}"])


def _hashes(config: TokenizerConfig, texts: Sequence[str]) -> list[str]:
    from ..tokenizers.in_context import texts_read

    return [_hash(each) for each in texts_read(config, texts)]


def _hash(texts: Sequence[str]) -> str:
    """The hash of the texts and of where each of them ends."""
    digest = hashlib.sha256(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)).tobytes())
    for start in range(0, len(texts), BLOCK):
        digest.update("".join(texts[start : start + BLOCK]).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@dataclass(frozen=True)
class Blocks:
    """Texts that are encoded while they are written, so that only one block is in memory."""

    tokenizer: Tokenizer
    texts: Sequence[str]

    def __iter__(self) -> Iterator[Ragged]:
        return self.tokenizer.encode_blocks(self.texts)


def _write(texts: "Ragged | Blocks", folder: Path) -> None:
    with ExitStack() as stack:
        files: dict[str, GrowingArray] = {}

        def append(name: str, values: np.ndarray) -> None:
            if name not in files:
                files[name] = stack.enter_context(GrowingArray(folder / f"{name}.npy", values.dtype))
            files[name].append(values)

        append("offsets", np.zeros(1, dtype=np.int64))
        for block in [texts] if isinstance(texts, Ragged) else texts:
            before = files["ids"].length if "ids" in files else 0
            append("ids", block.ids)
            append("offsets", block.offsets[1:] + before)
            if block.weights is not None:
                append("weights", block.weights)


def _read(folder: Path, n_texts: int, vocab_size: int) -> Ragged:
    """Raises ValueError if the arrays do not fit this number of texts and this vocabulary size."""
    weights = mapped_array(folder / "weights.npy", np.float32) if (folder / "weights.npy").exists() else None
    ragged = Ragged(mapped_array(folder / "ids.npy", np.int32), mapped_array(folder / "offsets.npy", np.int64), weights)
    ids, offsets = ragged.ids, ragged.offsets
    if len(offsets) != n_texts + 1 or offsets[0] != 0 or offsets[-1] != len(ids) or np.any(np.diff(offsets) < 0):
        raise ValueError("the offsets of the texts are inconsistent")
    if not all(0 <= part.min() <= part.max() < vocab_size for part in _parts(ids)):
        raise ValueError("an id is outside the vocabulary")
    if weights is not None and (len(weights) != len(ids) or not all(np.isfinite(part).all() for part in _parts(weights))):
        raise ValueError("the weights do not match the ids")
    return ragged


def _parts(array: np.ndarray) -> Iterator[np.ndarray]:
    """A memory map in parts, with one part in memory at a time."""
    for start in range(0, len(array), PART):
        yield array[start : start + PART]
        release(array)


def mapped_array(path: Path, dtype: type) -> np.ndarray:
    """A memory map as a plain array, since NumPy's own class for memory maps is slow to index."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    except Exception as error:  # NumPy raises many kinds of errors for a file that it cannot read
        raise ValueError(f"{path} is not an array: {error}") from None
    if array.ndim != 1 or array.dtype != dtype:
        raise ValueError(f"{path} has the wrong shape or type")
    return array
