"""Character encodings of files: decoding, encoding, and guessing the encoding of a file that is not UTF-8."""

import codecs
import re

from ...errors import DataError

UTF8 = "utf-8"
_MARKS = {codecs.BOM_UTF8: (UTF8, UTF8), codecs.BOM_UTF16_LE: ("utf-16", "utf-16-le"), codecs.BOM_UTF16_BE: ("utf-16", "utf-16-be")}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SCRIPTS = {"cp932": "[ぁ-ヿ一-鿿]", "cp949": "[가-힣]", "gb18030": "[一-鿿]", "cp1251": "[Ѐ-ӿ]"}
"""Encodings for particular scripts, in the order in which they are tried, with the letters of each script."""
_SHARE = 0.75
_SAMPLE = 1_000_000
_FOREIGN_WORD = re.compile(r"\b(?=\w\w)\w*[^\W\x00-\x7f]\w*")
_SHOWN_CHARACTERS = 60


def decode(content: bytes, source: str, encoding: str = UTF8) -> str:
    """The text of a file without a byte order mark. Raises DataError with line and byte at the first invalid byte."""
    mark, codec = _codec(content, encoding)
    if content.startswith(_UTF16) and not codecs.lookup(codec).name.startswith(("utf-16", "utf-32")):
        raise DataError(f"{source} is UTF-16, as some spreadsheets write it, and not {encoding.upper()}. {_remedy('utf-16')}")
    try:
        return content[len(mark):].decode(codec)
    except UnicodeDecodeError as error:
        raise DataError(_bad_byte(content, len(mark) + error.start, source, encoding)) from None


def encode(text: str, content: bytes, source: str, encoding: str = UTF8) -> bytes:
    """The text as bytes, with the byte order and the mark of `content`, from which it was read. Raises DataError for characters that the
    encoding lacks."""
    mark, codec = _codec(content, encoding)
    try:
        return mark + text.encode(codec)
    except UnicodeEncodeError as error:
        raise DataError(f"{text[error.start]!r}, which is to be written into a file like {source}, does not exist in its encoding, "
                        f"{encoding}. Convert the file to UTF-8.") from None


def find_encoding(content: bytes, source: str) -> str:
    """UTF-8 if the content is valid UTF-8, otherwise the most probable encoding. Raises DataError if no encoding can read it."""
    if _reads(content, UTF8):
        return UTF8
    if not (encodings := readable_by(content)):
        decode(content, source)
    return encodings[0]


def readable_by(content: bytes) -> list[str]:
    """The encodings that can read content that is not UTF-8, the most probable first: those of a script whose words it contains.

    Latin-1 reads any bytes; the list is empty for content with zero bytes, which occur in text only as UTF-16.
    """
    if content.startswith(_UTF16):
        return ["utf-16"] if _reads(content, "utf-16") else []
    if b"\0" in content:
        return []
    by_script = [name for name, letters in _SCRIPTS.items() if _reads(content, name) and _is_written_in(content, name, letters)]
    return [*by_script, *(["cp1252"] if _reads(content, "cp1252") else []), "latin-1"]


def is_utf8_after_all(content: bytes, encoding: str) -> bool:
    """Whether content declared to have another encoding is UTF-8: long texts in other encodings are never valid UTF-8 by chance."""
    return codecs.lookup(encoding).name != UTF8 and not content.isascii() and _reads(content, UTF8)


def first_foreign_line(text: str) -> str:
    """The first line with a non-ASCII character, shortened to its surroundings, to show users whether an encoding is right."""
    line = next((line for line in text.split("\n") if not line.isascii()), "")
    position = next((index for index, character in enumerate(line) if not character.isascii()), 0)
    start = max(0, position - _SHOWN_CHARACTERS // 2)
    return line[start : start + _SHOWN_CHARACTERS].strip()


def _codec(content: bytes, encoding: str) -> tuple[bytes, str]:
    """The byte order mark of the content, and the codec for the rest; without a mark of this encoding, b"" and the encoding itself."""
    name = codecs.lookup(encoding).name
    matches = ((mark, codec) for mark, (family, codec) in _MARKS.items() if family == name and content.startswith(mark))
    return next(matches, (b"", encoding))


def _reads(content: bytes, encoding: str) -> bool:
    mark, codec = _codec(content, encoding)
    try:
        content[len(mark):].decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _is_written_in(content: bytes, encoding: str, letters: str) -> bool:
    """Whether the words with non-ASCII letters consist of the script's letters. In the wrong encoding words mix two scripts: accented
    letters of a Western language are single letters in ASCII words.
    """
    words = "".join(_FOREIGN_WORD.findall(content[:_SAMPLE].decode(encoding, "ignore")))
    return bool(words) and len(re.findall(letters, words)) >= _SHARE * len(words)


def _bad_byte(content: bytes, offset: int, source: str, encoding: str) -> str:
    line = content[:offset].decode(encoding, "ignore").count("\n") + 1
    problem = f"{source}:{line} is not {encoding.upper()}: the byte 0x{content[offset]:02x} at offset {offset:,} belongs to no character."
    if codecs.lookup(encoding).name != UTF8 and _reads(content, UTF8):
        return f"{problem} The file is UTF-8: remove `data.encoding`, or convert the file to that encoding."
    if not (encodings := readable_by(content)):
        return f"{problem} It has zero bytes, so it is not a text file. Check what kind of file it is."
    best, *others = encodings
    shown = first_foreign_line(content.decode(best, "replace"))
    also = f" {' and '.join(others)} would read it too." if others else ""
    return f"{problem} Read as {best}, the first line beyond ASCII is {shown!r}.{also} {_remedy(best)}"


def _remedy(encoding: str) -> str:
    return (f"Set `data.encoding: {encoding}` in the recipe, or convert the file: `iconv -f {codecs.lookup(encoding).name.upper()} "
            "-t UTF-8 FILE > NEW`.")
