"""Static word vectors: word2vec's text and binary formats, which are written too, GloVe's text format, and tables of word pieces.

A file is read once from start to end, and only the vectors of wanted words are kept, so it may be larger than memory.
"""

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, cast

import numpy as np

from ..errors import DataError
from ..storage import write_file
from .arrays import BoolArray, FloatArray

LONGEST_WORD = 10_000
"""Maximum bytes of a word; a binary file with a longer one is damaged or of another format."""
WIDEST = 100_000
"""Maximum size of a vector, for the same reason."""
LONGEST_LINE = LONGEST_WORD + 32 * WIDEST
LINES = 3
"""Lines after the first that show whether the first is a header."""
_HEADER = re.compile(rb"\s*(\d{1,18})\s+(\d{1,18})\s*")
"""The first line in word2vec's formats: the number of words and the size of their vectors."""


class WordVectors(NamedTuple):
    """`values` (n_words, size) in the order of the requested words, zero where `found` (n_words,) is false."""

    values: FloatArray
    found: BoolArray


class VectorsSource(Protocol):
    """A source of word vectors."""

    def read(self, words: list[str]) -> WordVectors:
        """The vectors of these words, as `read_word_vectors` describes."""
        ...

    def fingerprints(self) -> list[str]:
        """Hashes that identify the content of the source."""
        ...


class OpenVectors(Protocol):
    """Opens the word vectors that a recipe names under `key`. Raises UserError if the name refers to none."""

    def __call__(self, name: str, key: str) -> VectorsSource: ...


def read_word_vectors(path: Path, words: Sequence[str]) -> WordVectors:
    """The vectors of these words. A word that the file lacks gets the vector of its lower-cased form, if the file has it.

    `path` is a word2vec (text or binary) or GloVe file, optionally compressed as .gz; or a folder with `tokenizer.json` and one
    safetensors table of vectors, in which a word's vector is the mean of its pieces' vectors. If a word occurs twice, the first counts.
    Raises DataError for a file or folder that is none of these, or is damaged.
    """
    if path.is_dir():
        return _of_pieces(path, words)
    wanted = _Wanted(words)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for word, vector in _records(cast(BinaryIO, file), path, wanted):
                wanted.take(word, vector)
    except FileNotFoundError:
        raise DataError(f"There is no file {path} with word vectors.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is not a complete gzip file: {error}. Download it again.") from None
    return wanted.vectors(path)


def vectors_fingerprints(path: Path) -> list[str]:
    """The SHA-256 of the file, or of each file in the folder that `read_word_vectors` reads. A missing file is skipped here; reading
    reports it."""
    files = sorted((*path.glob("*.safetensors"), path / "tokenizer.json")) if path.is_dir() else [path]
    digests = []
    for file in files:
        if file.is_file():
            with file.open("rb") as stream:
                digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return digests


@dataclass(frozen=True)
class VectorsFile:
    """A file or folder that `read_word_vectors` reads."""

    path: Path

    def read(self, words: list[str]) -> WordVectors:
        """The vectors of these words."""
        return read_word_vectors(self.path, words)

    def fingerprints(self) -> list[str]:
        """The SHA-256 of each file."""
        return vectors_fingerprints(self.path)


def open_file(name: str, key: str) -> VectorsSource:
    """Opens a file or folder by its path; the default for callers that cannot open runs."""
    return VectorsFile(Path(name))


def write_word_vectors(path: Path, words: Sequence[str], values: FloatArray) -> None:
    """Write vectors (n_words, size) in word2vec's format: binary if the name ends in .bin, otherwise text. Raises DataError on failure."""
    try:
        write_file(path.resolve(), _lines(words, values.astype("<f4"), binary=path.suffix == ".bin"))
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}. Name a file in an existing folder.") from None


def _lines(words: Sequence[str], numbers: FloatArray, binary: bool) -> Iterator[bytes]:
    yield b"%d %d\n" % numbers.shape
    for word, vector in zip(words, numbers, strict=True):
        content = vector.tobytes() if binary else " ".join(map(str, vector)).encode()
        yield word.encode("utf-8") + b" " + content + b"\n"


class _Wanted:
    """Collects the vectors of the requested words; exact forms take precedence over lower-cased ones."""

    def __init__(self, words: Sequence[str]) -> None:
        self.n_words = len(words)
        self.exact = {word: index for index, word in enumerate(words)}
        self.lower: dict[str, list[int]] = {}
        for index, word in enumerate(words):
            if word.lower() != word:
                self.lower.setdefault(word.lower(), []).append(index)
        self.exact_vectors: dict[int, FloatArray] = {}
        self.lower_vectors: dict[int, FloatArray] = {}

    def __contains__(self, word: str) -> bool:
        return word in self.exact or word in self.lower

    def take(self, word: str, vector: FloatArray) -> None:
        if (index := self.exact.get(word)) is not None:
            self.exact_vectors.setdefault(index, vector)
        for index in self.lower.get(word, ()):
            self.lower_vectors.setdefault(index, vector)

    def vectors(self, path: Path) -> WordVectors:
        chosen = self.lower_vectors | self.exact_vectors
        size = len(next(iter(chosen.values()), ()))
        values, found = np.zeros((self.n_words, size), dtype=np.float32), np.zeros(self.n_words, dtype=bool)
        for index, vector in chosen.items():
            values[index], found[index] = vector, True
        return _finite(values, found, path)


def _records(file: BinaryIO, path: Path, wanted: _Wanted) -> Iterator[tuple[str, FloatArray]]:
    """The wanted words of a file with their vectors; the format is detected from its first lines."""
    first = file.readline(LONGEST_LINE)
    start = file.tell()
    following = [file.readline(LONGEST_LINE) for _ in range(LINES)]
    file.seek(start)
    if (header := _HEADER.fullmatch(first)) is not None and not _has_one_number(following, header):
        n_words, size = map(int, header.groups())
        if not 1 <= size <= WIDEST:
            raise DataError(f"{path} states vectors of {size:,} numbers in its first line, so it is not a file of word vectors.")
        is_text = _is_vector(following[0], size)
        return _text(file, path, size, 2, wanted, n_words) if is_text else _binary(file, path, n_words, size, wanted)
    size = len(first.split()) - 1
    if not _is_vector(first, size):
        raise DataError(f"{path} is not a file of word vectors: its first line is neither a word with its vector nor the number of words "
                        "and the size of their vectors. Supported are word2vec's text and binary formats and GloVe's format.")
    file.seek(0)
    return _text(file, path, size, 1, wanted)


def _has_one_number(following: Sequence[bytes], header: re.Match[bytes]) -> bool:
    """Whether two numbers in the first line are a word and a vector of size 1: they state another size than the lines after them have."""
    lines = [line for line in following if line]
    return bool(lines) and int(header[2]) != 1 and all(len(line.split()) == 2 and _is_vector(line, 1) for line in lines)


def _is_vector(line: bytes, size: int) -> bool:
    """Whether a line is a word and `size` numbers."""
    parts = line.rstrip().rsplit(b" ", size)
    if size < 1 or len(parts) != size + 1:
        return False
    try:
        line.decode("utf-8")
        return all(np.isfinite(float(part)) for part in parts[1:])
    except ValueError:
        return False


def _text(file: BinaryIO, path: Path, size: int, first_line: int, wanted: _Wanted, stated: int = 0) -> Iterator[tuple[str, FloatArray]]:
    """One word per line, at least as many as word2vec's first line states. GloVe's words may contain spaces, so numbers are counted
    from the end.
    """
    number = first_line - 1
    for number, line in enumerate(file, first_line):
        parts = line.rstrip().rsplit(b" ", size)
        try:
            if len(parts) != size + 1:
                raise ValueError(f"it has {len(parts) - 1:,} numbers")
            if (word := parts[0].decode("utf-8", "replace")) in wanted:  # parsing numbers is the slowest part
                yield word, np.array(parts[1:], dtype=np.float32)
        except ValueError as error:
            raise DataError(f"{path}:{number}: expected a word and {size:,} numbers, as in the lines before: {error}.") from None
    if (n_words := number - first_line + 1) < stated:
        raise DataError(f"{path} is cut short: its first line states {stated:,} words, and it has {n_words:,}. Download it again, or "
                        "correct the first line.")


def _binary(file: BinaryIO, path: Path, n_words: int, size: int, wanted: _Wanted) -> Iterator[tuple[str, FloatArray]]:
    """For each word its bytes, a space, and its numbers as 32-bit floats; some writers add a line feed."""
    for number in range(1, n_words + 1):
        name = bytearray()
        while (byte := file.read(1)) != b" ":
            if not byte or len(name) > LONGEST_WORD:
                raise DataError(f"{path} is damaged or cut short: word {number:,} of {n_words:,} is incomplete. Download it again.")
            name += byte
        content = file.read(4 * size)
        if len(content) < 4 * size:
            raise DataError(f"{path} is damaged or cut short: word {number:,} of {n_words:,} is incomplete. Download it again.")
        if (word := bytes(name).lstrip(b"\n").decode("utf-8", "replace")) in wanted:
            yield word, np.frombuffer(content, dtype="<f4").astype(np.float32)


def _of_pieces(folder: Path, words: Sequence[str]) -> WordVectors:
    """A word's vector is the mean of its pieces' vectors; a word with an unknown piece, or without pieces, is not found."""
    from tokenizers import Tokenizer

    table, tokenizer_file = _table(folder), folder / "tokenizer.json"
    if not tokenizer_file.is_file():
        raise DataError(f"{folder} has no tokenizer.json, which a table of vectors needs.")
    try:
        tokenizer = Tokenizer.from_file(str(tokenizer_file))
    except Exception as error:  # the library raises plain Exceptions for files that it cannot read
        raise DataError(f"{tokenizer_file} cannot be read: {error}.") from None
    unknown = _unknown(tokenizer)
    values, found = np.zeros((len(words), table.shape[1]), dtype=np.float32), np.zeros(len(words), dtype=bool)
    for index, encoding in enumerate(tokenizer.encode_batch(list(words), add_special_tokens=False)):
        ids = np.array(encoding.ids, dtype=np.int64)
        if len(ids) and ids.max() < len(table) and unknown not in ids:
            values[index], found[index] = table[ids].mean(axis=0), True
    return _finite(values, found, folder)


def _finite(values: FloatArray, found: BoolArray, path: Path) -> WordVectors:
    if not np.isfinite(values).all():
        raise DataError(f"{path} has vectors with numbers that are not finite. Download it again.")
    return WordVectors(values, found)


def _table(folder: Path) -> FloatArray:
    """The only matrix in the folder's safetensors file: (n_pieces, size)."""
    from safetensors import SafetensorError, safe_open

    files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1:
        raise DataError(f"{folder} has {len(files)} safetensors files; a folder of word vectors has exactly one, with their table.")
    try:
        with safe_open(files[0], framework="np") as file:
            names = [name for name in file.keys() if len(file.get_slice(name).get_shape()) == 2]  # noqa: SIM118
            if len(names) != 1:
                raise DataError(f"{files[0]} has {len(names)} matrices; a table of word vectors has exactly one.")
            return file.get_tensor(names[0]).astype(np.float32)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{files[0]} is damaged or cut short ({error}). Download it again.") from None


def _unknown(tokenizer: object) -> int | None:
    """The id of the unknown token."""
    to_id = cast("Mapping[str, int]", tokenizer.get_vocab())  # pyright: ignore[reportAttributeAccessIssue]
    return next((to_id[name] for name in ("<unk>", "[UNK]") if name in to_id), None)
