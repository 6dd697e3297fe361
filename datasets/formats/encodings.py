"""How the characters of a file are encoded: reading and writing them, and which encodings would read a file that is not UTF-8."""

import codecs
import re

from ...errors import DataError

UTF8 = "utf-8"
_MARKS = {codecs.BOM_UTF8: (UTF8, UTF8), codecs.BOM_UTF16_LE: ("utf-16", "utf-16-le"), codecs.BOM_UTF16_BE: ("utf-16", "utf-16-be")}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SCRIPTS = {"cp932": "[ぁ-ヿ一-鿿]", "cp949": "[가-힣]", "gb18030": "[一-鿿]", "cp1251": "[Ѐ-ӿ]"}
"""Encodings of scripts of their own, in the order in which they are tried, with the letters of the script."""
_SHARE = 0.75
_SAMPLE = 1_000_000
_FOREIGN_WORD = re.compile(r"\b(?=\w\w)\w*[^\W\x00-\x7f]\w*")
_SHOWN_CHARACTERS = 60


def decode(content: bytes, source: str, encoding: str = UTF8) -> str:
    """The text of a file, a byte order mark left out; DataError with line and byte at the first byte that belongs to no character."""
    mark, codec = _codec(content, encoding)
    if content.startswith(_UTF16) and not codecs.lookup(codec).name.startswith(("utf-16", "utf-32")):
        raise DataError(f"{source} is UTF-16, as some spreadsheets write it, and not {encoding.upper()}. {_remedy('utf-16')}")
    try:
        return content[len(mark):].decode(codec)
    except UnicodeDecodeError as error:
        raise DataError(_bad_byte(content, len(mark) + error.start, source, encoding)) from None


def encode(text: str, content: bytes, source: str, encoding: str = UTF8) -> bytes:
    """The text as bytes, with the byte order and the mark of `content`, which it was read from; DataError for what has no encoding."""
    mark, codec = _codec(content, encoding)
    try:
        return mark + text.encode(codec)
    except UnicodeEncodeError as error:
        raise DataError(f"{text[error.start]!r}, which is to be written into a file like {source}, does not exist in its encoding, "
                        f"{encoding}. Convert the file to UTF-8.") from None


def find_encoding(content: bytes, source: str) -> str:
    """UTF-8 where it reads the content; else the most probable of the encodings that do. DataError where none does."""
    if _reads(content, UTF8):
        return UTF8
    if not (encodings := readable_by(content)):
        decode(content, source)
    return encodings[0]


def readable_by(content: bytes) -> list[str]:
    """The encodings that would read a content that is not UTF-8, the most probable first: those of another script where words are of it.

    Latin-1 reads any bytes; the list is empty for a content with zero bytes, which no text has outside UTF-16.
    """
    if content.startswith(_UTF16):
        return ["utf-16"] if _reads(content, "utf-16") else []
    if b"\0" in content:
        return []
    found = [each for each, letters in _SCRIPTS.items() if _reads(content, each) and _is_written_in(content, each, letters)]
    return [*found, *(["cp1252"] if _reads(content, "cp1252") else []), "latin-1"]


def is_utf8_after_all(content: bytes, encoding: str) -> bool:
    """Whether a content that is to be read in another encoding is UTF-8: long texts of other encodings never are, by chance."""
    return codecs.lookup(encoding).name != UTF8 and not content.isascii() and _reads(content, UTF8)


def first_foreign_line(text: str) -> str:
    """The first line with a character beyond ASCII, shortened to what is around it: it shows whether an encoding is the right one."""
    line = next((line for line in text.split("\n") if not line.isascii()), "")
    place = next((place for place, character in enumerate(line) if not character.isascii()), 0)
    start = max(0, place - _SHOWN_CHARACTERS // 2)
    return line[start : start + _SHOWN_CHARACTERS].strip()


def _codec(content: bytes, encoding: str) -> tuple[bytes, str]:
    """The byte order mark of a content, and the codec of what follows it; without a mark that means something, the encoding itself."""
    name = codecs.lookup(encoding).name
    return next(((mark, codec) for mark, (of, codec) in _MARKS.items() if of == name and content.startswith(mark)), (b"", encoding))


def _reads(content: bytes, encoding: str) -> bool:
    mark, codec = _codec(content, encoding)
    try:
        content[len(mark):].decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _is_written_in(content: bytes, encoding: str, letters: str) -> bool:
    """Whether the words with a letter beyond ASCII consist of the script's letters. In the wrong encoding they mix two scripts: the
    accents of a Western language are single letters in ASCII words.
    """
    words = "".join(_FOREIGN_WORD.findall(content[:_SAMPLE].decode(encoding, "ignore")))
    return bool(words) and len(re.findall(letters, words)) >= _SHARE * len(words)


def _bad_byte(content: bytes, place: int, source: str, encoding: str) -> str:
    line = content[:place].decode(encoding, "ignore").count("\n") + 1
    what = f"{source}:{line} is not {encoding.upper()}: the byte 0x{content[place]:02x} at offset {place:,} belongs to no character."
    if codecs.lookup(encoding).name != UTF8 and _reads(content, UTF8):
        return f"{what} The file is UTF-8: leave out `data.encoding`, or convert it as the recipe says."
    if not (encodings := readable_by(content)):
        return f"{what} It has zero bytes, so it is no text file: look at what it is."
    found, *others = encodings
    shown = first_foreign_line(content.decode(found, "replace"))
    also = f" {' and '.join(others)} would read it too." if others else ""
    return f"{what} Read as {found}, the first line beyond ASCII is {shown!r}.{also} {_remedy(found)}"


def _remedy(encoding: str) -> str:
    return (f"Set `data.encoding: {encoding}` in the recipe, or convert the file: `iconv -f {codecs.lookup(encoding).name.upper()} "
            "-t UTF-8 FILE > NEW`.")
