"""The tokenizer of a published network, with its original special tokens and their ids."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...configs.schema.tokenizer import PretrainedTokenizer
from ..arrays import IntArray, Ragged
from ..interruptible import interruptible
from .token_sequences import CHUNK, FILE, as_ragged
from .tokenizer import Tokenizer, encodable

if TYPE_CHECKING:
    import tokenizers


class PublishedTokens(Tokenizer):
    """A tokenizer of the `tokenizers` library that was trained elsewhere. A text without tokens becomes one unknown token, or token 0."""

    def __init__(self, config: PretrainedTokenizer, library: "tokenizers.Tokenizer") -> None:
        self._config, self.library = config, library
        library.no_padding()
        library.no_truncation()
        added = library.num_special_tokens_to_add(False) if config.special_tokens else 0
        self.longest = None if config.max_length is None else max(config.max_length, added + 1)
        if self.longest is not None:
            library.enable_truncation(self.longest)
        unknown: Any = getattr(library.model, "unk_token", None)
        self._unknown = library.token_to_id(unknown) if isinstance(unknown, str) else None

    @classmethod
    def from_files(cls, config: PretrainedTokenizer, files: Mapping[str, bytes]) -> "PublishedTokens":
        """The tokenizer that `files` saved."""
        from tokenizers import Tokenizer

        return cls(config, Tokenizer.from_str(files[FILE].decode("utf-8")))

    @property
    def config(self) -> PretrainedTokenizer:
        return self._config

    @property
    def vocab_size(self) -> int:
        """The largest id plus one, since ids may have gaps."""
        return max(self.library.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    def encode(self, texts: Sequence[str]) -> Ragged:
        """The ids of each text, int32, with the special tokens that its network expects."""
        return as_ragged(encoded.ids or [self._unknown or 0] for encoded in self._encoded(encodable(texts)))

    def n_truncated(self, texts: Sequence[str], lengths: IntArray) -> int:
        """Number of truncated texts, given lengths (texts,); those of maximum length are encoded again to find out."""
        if self.longest is None:
            return 0
        full = [texts[row] for row in np.flatnonzero(lengths >= self.longest).tolist()]
        return sum(bool(encoded.overflowing) for encoded in self._encoded(encodable(full)))

    def _encoded(self, texts: Sequence[str]) -> "Iterator[tokenizers.Encoding]":
        for start in range(0, len(texts), CHUNK):
            encode = partial(self.library.encode_batch_fast, texts[start : start + CHUNK], add_special_tokens=self.config.special_tokens)
            yield from interruptible(encode)

    def tokens(self, ids: Sequence[int] | IntArray) -> list[str]:
        """The ids by name."""
        return [self.library.id_to_token(int(number)) or "" for number in ids]

    def decode(self, ids: Sequence[int] | IntArray) -> str:
        """The text of the ids without special tokens."""
        return self.library.decode([int(number) for number in ids])

    def unknown_share(self, encoded: Ragged) -> float:
        """The share of tokens that are its unknown token."""
        return float((encoded.ids == self._unknown).mean()) if len(encoded.ids) and self._unknown is not None else 0.0

    def files(self) -> Mapping[str, bytes]:
        """One `tokenizer.json` as the `tokenizers` library writes it."""
        return {FILE: self.library.to_str().encode("utf-8")}
