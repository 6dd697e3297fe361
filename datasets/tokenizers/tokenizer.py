"""The interface of tokenizers, and how they are trained, saved and loaded."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...configs.schema.base import PositiveInt
from ...configs.schema.saved import OpenSaved, checked
from ...configs.schema.tokenizer import NgramTokenizer, PretrainedTokenizer, SimilarityTokenizer, TokenizerConfig
from ...errors import ConfigError, RunError, UserError
from ...storage import damage, read_manifest, write_sealed
from ..arrays import IntArray, Ragged
from ..word_vectors import OpenVectors, open_file
from .tagger import OpenTagger, no_tagger

FORMAT, READABLE = 2, (1, 2)
"""The first is increased when saved tokenizers change so that older versions of this tool cannot read them."""
ABOUT = "about.json"
"""The manifest of a saved tokenizer."""

BETWEEN = "\t"
"""Separates two texts wherever both are one string: on standard input, in saved predictions, in the cache."""
BLOCK = 8_192
"""Texts per block when encoded texts are written to disk."""
_REMEDY = "Copy the folder again from the original, or train again."


class Tokenizer(ABC):
    """A trained tokenizer. Ordered ones have the seven special tokens as ids 0 to 6; n-grams have weights instead."""

    @property
    @abstractmethod
    def config(self) -> TokenizerConfig:
        """The settings that it was trained with."""

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """The number of tokens, including special tokens."""

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> Ragged:
        """The ids of each text, and for n-grams their weights."""

    def encode_blocks(self, texts: Sequence[str]) -> Iterator[Ragged]:
        """The same in blocks of texts; at least one block."""
        for start in range(0, max(len(texts), 1), BLOCK):
            yield self.encode(texts[start : start + BLOCK])

    def counts(self, texts: Sequence[str]) -> Any:
        """(n_texts, vocab_size) sparse: how often each token is in each text; None if tokens cannot be counted."""
        from scipy.sparse import csr_array

        encoded = self.encode(texts)
        return csr_array((np.ones(len(encoded.ids)), encoded.ids, encoded.offsets), shape=(len(texts), self.vocab_size))

    @abstractmethod
    def tokens(self, ids: Sequence[int] | IntArray) -> list[str]:
        """The ids by name."""

    @abstractmethod
    def unknown_share(self, encoded: Ragged) -> float:
        """The share of tokens that are [UNK]; for n-grams the share of texts without any known n-gram."""

    @abstractmethod
    def files(self) -> Mapping[str, bytes]:
        """Everything that was learned, by file name; deterministic for the same training texts."""

    def steps(self, text: str) -> list[tuple[str, str]]:
        """The name and result of each step from one text to its tokens, which are separated by spaces."""
        return [("text", text), ("tokens", " ".join(self.tokens(self.encode([text]).ids)))]

    def fingerprint(self) -> str:
        """SHA-256 of everything that determines the result of `encode`."""
        left_out = self.config.as_before if isinstance(self.config, NgramTokenizer) else None
        digest = hashlib.sha256(self.config.model_dump_json(exclude=left_out).encode("utf-8"))
        for name, content in sorted(self.files().items()):
            digest.update(name.encode("utf-8") + hashlib.sha256(content).digest())
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Write the tokenizer into a folder, which is created if it is missing. Raises OSError."""
        about = {"format": FORMAT, "vocab_size": self.vocab_size, "config": self.config.model_dump()}
        write_sealed(folder, self.files(), ABOUT, about)


def encodable(texts: Sequence[str]) -> Sequence[str]:
    """The texts with `?` for halves of surrogate pairs, which JSON files may contain but UTF-8 cannot."""
    try:
        "".join(texts).encode("utf-8")
        return texts if isinstance(texts, list) else list(texts)
    except UnicodeEncodeError:
        return [text.encode("utf-8", "replace").decode("utf-8") for text in texts]


def train_tokenizer(config: TokenizerConfig, texts: Sequence[str], open_tagger: OpenTagger = no_tagger,
                    open_vectors: OpenVectors = open_file) -> Tokenizer:
    """Learn a tokenizer from the training texts; `open_tagger` opens the run that provides parts of speech, `open_vectors` word vectors.

    Raises ConfigError for a vocabulary that is too small, DataError if there is nothing to learn from the texts.
    """
    if isinstance(config, NgramTokenizer):
        return train_and_encode(config, texts, open_tagger, open_vectors)[0]
    if isinstance(config, PretrainedTokenizer):
        raise ConfigError("tokenizer.type: `pretrained` learns nothing from texts; it comes with the weights of `model.type: pretrained`.")
    if isinstance(config, SimilarityTokenizer):
        from .similarities import Similarities

        return Similarities.fit(config, texts)
    from .token_sequences import TokenSequences

    return TokenSequences.train(config, texts)


def train_and_encode(config: TokenizerConfig, texts: Sequence[str], open_tagger: OpenTagger = no_tagger,
                     open_vectors: OpenVectors = open_file) -> tuple[Tokenizer, Ragged | None]:
    """The same, with the encoded texts if they cost nothing extra: n-grams are counted once for both."""
    if isinstance(config, NgramTokenizer):
        from .in_context import InContext
        from .ngrams import Ngrams

        ngrams, encoded = Ngrams.fit_encode(config, texts, open_tagger, open_vectors)
        return (ngrams, encoded) if config.context is None else (InContext(ngrams), None)
    return train_tokenizer(config, texts), None


def load_tokenizer(folder: Path, vocab_size: int | None = None, open_tagger: OpenTagger = no_tagger) -> Tokenizer:
    """Read what `save` wrote, without running code from the files. `open_tagger` opens the run that provides parts of speech.

    Raises RunError if the folder is damaged, or if its vocabulary does not have the `vocab_size` of the model.
    """
    files, about = _read(folder)
    try:
        tokenizer = _loaded(about.config, files, open_tagger)
    except KeyError as error:
        raise RunError(f"The tokenizer in {folder} is damaged: {error} is missing. {_REMEDY}") from None
    except UserError as error:  # something else is missing, such as an extra
        raise type(error)(f"The tokenizer in {folder}: {error}") from None
    except Exception as error:  # the library raises bare exceptions for files that it cannot read
        raise RunError(f"The tokenizer in {folder} is damaged: {error}. {_REMEDY}") from None
    for expected, whose in ((about.vocab_size, "its own about.json"), (vocab_size, "the model")):
        if expected is not None and expected != tokenizer.vocab_size:
            raise RunError(f"The tokenizer in {folder} has {tokenizer.vocab_size:,} tokens, but {whose} has {expected:,}: they "
                           f"are not of the same run. {_REMEDY}")
    return tokenizer


class About(OpenSaved):
    """The fields of `about.json` besides the list of files."""

    vocab_size: PositiveInt | None = None
    config: TokenizerConfig


def _read(folder: Path) -> tuple[dict[str, bytes], About]:
    """The files by name, and the manifest."""
    if (problem := damage(folder, ABOUT)) is not None:
        raise RunError(f"The tokenizer in {folder} is damaged: {problem} {_REMEDY}")
    about = read_manifest(folder, ABOUT)
    if about.get("format") not in READABLE:
        raise RunError(f"The tokenizer in {folder} has the format {about.get('format')!r}, but this version of nlp reads up to {FORMAT}. "
                       "Use the version that trained the run, or train again.")
    try:
        return {name: (folder / name).read_bytes() for name in about["files"]}, checked(About, about)
    except ValueError as error:
        raise RunError(f"The tokenizer in {folder} is damaged: its settings are not valid ({error}). {_REMEDY}") from None


def _loaded(config: TokenizerConfig, files: Mapping[str, bytes], open_tagger: OpenTagger) -> Tokenizer:
    if isinstance(config, PretrainedTokenizer):
        from .published import PublishedTokens

        return PublishedTokens.from_files(config, files)
    if isinstance(config, NgramTokenizer):
        from .in_context import InContext
        from .ngrams import Ngrams

        ngrams = Ngrams.from_files(config, files, open_tagger)
        return ngrams if config.context is None else InContext(ngrams)
    if isinstance(config, SimilarityTokenizer):
        from .similarities import Similarities

        return Similarities.from_files(config, files)
    from .token_sequences import TokenSequences

    return TokenSequences.from_files(config, files)
