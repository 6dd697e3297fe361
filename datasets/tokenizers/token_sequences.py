"""Tokenizers that keep the order of their tokens: words, characters, bytes and subwords."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...configs.schema.linguistics import AnalysisConfig, KiwiConfig
from ...configs.schema.tokenizer import CLS, SEP, SPECIAL_TOKENS, UNK, WordTokenizer
from ..arrays import BoolArray, IntArray, Ragged
from ..interruptible import interruptible
from .analysis import Analysis
from .tokenizer import Tokenizer, encodable
from .vocabulary import BYTE_CHARACTERS, SequenceConfig, normalized, special_names, train_vocabulary

if TYPE_CHECKING:
    import tokenizers

FILE = "tokenizer.json"
MODELS = {"words": "WordLevel", "characters": "BPE", "bytes": "BPE", "bpe": "BPE", "unigram": "Unigram", "wordpiece": "WordPiece"}
"""The model class of each type of tokenizer in the `tokenizers` library."""
UNKNOWN_TEXT = "\ue000 \ue000\ue001"
"""Private-use characters, which no text contains."""
CHUNK = 8_192
"""Texts per call of the library: enough for all cores, with little memory."""

MORPHEMES = AnalysisConfig(morphology=KiwiConfig(type="kiwi"))
"""The analysis of `split: kiwi` before words are looked up."""

_BYTE_OF = {character: byte for byte, character in enumerate(BYTE_CHARACTERS)}


class TokenSequences(Tokenizer):
    """An ordered tokenizer based on the `tokenizers` library. A text without tokens becomes one [UNK]."""

    def __init__(self, config: SequenceConfig, library: "tokenizers.Tokenizer", analysis: Analysis | None = None) -> None:
        self._config, self.library, self.analysis = config, library, analysis
        self.kind = config.type

    @classmethod
    def train(cls, config: SequenceConfig, texts: Sequence[str]) -> "TokenSequences":
        """Learn the vocabulary from texts."""
        analysis = Analysis(MORPHEMES, lowercase=False) if _by_morphemes(config) else None
        valid_texts = encodable(texts)
        return cls(config, train_vocabulary(config, valid_texts if analysis is None else analysis.apply(valid_texts)), analysis)

    @classmethod
    def from_files(cls, config: SequenceConfig, files: Mapping[str, bytes]) -> "TokenSequences":
        """The tokenizer that `files` saved. Raises ValueError for another kind of tokenizer, or one whose ids have gaps."""
        from tokenizers import Tokenizer

        library = Tokenizer.from_str(files[FILE].decode("utf-8"))
        if (kind := type(library.model).__name__) != MODELS[config.type]:
            raise ValueError(f"it is a {kind}, but its settings ask for a {MODELS[config.type]}")
        vocabulary = library.get_vocab()
        tokens = sorted(vocabulary, key=vocabulary.__getitem__)
        if tokens[: len(SPECIAL_TOKENS)] not in (special_names(config), list(SPECIAL_TOKENS)):  # the latter in older tokenizers
            raise ValueError(f"its first tokens are not {' '.join(SPECIAL_TOKENS)}")
        if [vocabulary[token] for token in tokens] != list(range(len(tokens))):
            raise ValueError("its ids do not count from 0 without gaps")
        if config.type == "bytes" and tokens[len(SPECIAL_TOKENS) :] != list(BYTE_CHARACTERS):
            raise ValueError("its tokens are not the 256 bytes")
        library.encode(UNKNOWN_TEXT)  # fail now, rather than at the first unknown word
        return cls(config, library, Analysis.from_files(MORPHEMES, False, files) if _by_morphemes(config) else None)

    @property
    def config(self) -> SequenceConfig:
        return self._config

    @property
    def vocab_size(self) -> int:
        return self.library.get_vocab_size()

    def encode(self, texts: Sequence[str]) -> Ragged:
        """The ids of each text, int32: [CLS] if `add_cls` is set, then its tokens, truncated to `max_length` in total."""
        prefix, most = [CLS] if self.config.add_cls else [], self.config.max_length
        valid_texts = encodable(texts) if self.analysis is None else self.analysis.apply(encodable(texts))
        rows = self._byte_rows(valid_texts) if self.config.type == "bytes" else self._rows(valid_texts)
        return as_ragged((prefix + (row or [UNK]))[:most] for row in rows)

    def tokens(self, ids: Sequence[int] | IntArray) -> list[str]:
        """The ids by name. Bytes are shown as text if they are valid UTF-8, otherwise as hex, such as `<E2 82>`."""
        names = [self._name(int(number)) for number in ids]
        if self.config.type not in ("bytes", "bpe"):
            return names
        return [name if number < len(SPECIAL_TOKENS) else _spelled(name) for number, name in zip(ids, names, strict=True)]

    def _name(self, number: int) -> str:
        return SPECIAL_TOKENS[number] if number < len(SPECIAL_TOKENS) else self.library.id_to_token(number) or ""

    def word_starts(self) -> BoolArray:
        """(vocab_size,): whether a token begins a word; a piece without the mark of a new word continues the word before it."""
        names = self.tokens(range(self.vocab_size))
        if self.config.type == "wordpiece":
            return np.array([not name.startswith("##") for name in names])
        return np.array([self.config.type == "words" or not name[:1].isalnum() or name == "[UNK]" for name in names])

    def decode(self, ids: Sequence[int] | IntArray) -> str:
        """The text of the ids; special tokens other than [UNK] are left out.

        Characters, bytes and BPE restore the exact text (lower-cased if `lowercase` is set; for characters, if all are known),
        unigram pieces all but the number of spaces, words and WordPiece the words separated by single spaces.
        """
        kept = [int(number) for number in ids if number == UNK or number >= len(SPECIAL_TOKENS)]
        return " ".join(self.tokens(kept)) if self.config.type == "words" else self.library.decode(kept, skip_special_tokens=False)

    def unknown_share(self, encoded: Ragged) -> float:
        """The share of tokens that are [UNK]; [CLS] does not count as a token."""
        counted = encoded.ids[encoded.ids != CLS] if self.config.add_cls else encoded.ids
        return float((counted == UNK).mean()) if len(counted) else 0.0

    def files(self) -> Mapping[str, bytes]:
        """One `tokenizer.json` as the `tokenizers` library writes it; with morphemes, also the files of their analysis."""
        return {FILE: self.library.to_str().encode("utf-8"), **({} if self.analysis is None else self.analysis.files())}

    def steps(self, text: str) -> list[tuple[str, str]]:
        """The text, its morphemes if it is split into them, and its tokens."""
        first, last = super().steps(text)
        return [first, *([] if self.analysis is None else self.analysis.steps(*encodable([text]))), last]

    def _rows(self, texts: Sequence[str]) -> Iterator[list[int]]:
        for start in range(0, len(texts), CHUNK):
            chunk = texts[start : start + CHUNK]
            for encoding in interruptible(partial(self.library.encode_batch_fast, chunk, add_special_tokens=False)):
                yield encoding.ids

    def _byte_rows(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """The library's result, ten times as fast."""
        for text in normalized(texts, self.config.lowercase):
            yield [len(SPECIAL_TOKENS) + byte for byte in text.encode("utf-8")[: self.config.max_length]]


def _by_morphemes(config: SequenceConfig) -> bool:
    return isinstance(config, WordTokenizer) and config.split == "kiwi"


def join_pairs(first: Ragged, second: Ragged, max_length: int | None = None) -> tuple[Ragged, Ragged]:
    """Both texts of each row as one sequence, `[CLS] first [SEP] second [SEP]`, and the segment of each token, 0 or 1 (Devlin et al. 2019).

    With `max_length` tokens in total, the longer text is truncated first. A [CLS] at the start of `first` is not repeated.
    """
    has_cls = len(first.ids) and bool((first.ids[first.offsets[:-1][first.lengths > 0]] == CLS).all())
    skipped = 1 if has_cls else 0
    lengths, others = np.maximum(first.lengths - skipped, 0), second.lengths
    if max_length is not None:
        room = max(max_length - 3, 0)
        lengths = np.minimum(lengths, np.maximum(room - others, (room + 1) // 2))
        others = np.minimum(others, room - lengths)
    offsets = np.append(0, np.cumsum(lengths + others + 3))
    starts, seconds = offsets[:-1], offsets[:-1] + lengths + 2
    ids = np.full(offsets[-1], SEP, dtype=np.int32)
    ids[starts] = CLS
    ids[_places(starts + 1, lengths)] = first.ids[_places(first.offsets[:-1] + skipped, lengths)]
    ids[_places(seconds, others)] = second.ids[_places(second.offsets[:-1], others)]
    segments = np.zeros(len(ids), dtype=np.int32)
    segments[_places(seconds, others + 1)] = 1
    return Ragged(ids, offsets), Ragged(segments, offsets)


def _places(starts: IntArray, lengths: IntArray) -> IntArray:
    """The concatenated indices of ranges with these starts and lengths."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)


def as_ragged(rows: Iterable[list[int]]) -> Ragged:
    """Concatenate rows of ids."""
    ids, ends = array("i"), array("q", [0])
    for row in rows:
        ids.fromlist(row)
        ends.append(len(ids))
    return Ragged(np.frombuffer(ids, dtype=np.int32) if ids else np.zeros(0, np.int32), np.frombuffer(ends, dtype=np.int64))


def _spelled(token: str) -> str:
    content = bytes(_BYTE_OF[character] for character in token)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return f"<{content.hex(' ').upper()}>"
