"""Files without columns: one long text, and parallel files, whose lines correspond by number."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...errors import DataError
from ..tables import Table
from .encodings import UTF8, decode
from .file_format import Form, refuse_column

_SHOWN_CHARACTERS = 60


def read_text(text: str, source: str, form: Form, wanted: Sequence[str]) -> Table:
    """The text of a file as the only row of the column `text`. Line breaks are kept; Windows line ends become single line feeds."""
    names = wanted or form.columns or ("text",)
    for name in names:
        if form.columns.get(name, name) not in ("text", 0):
            refuse_column(name, str(form.columns.get(name, name)), ["text"], f"{source}, read as one long text,", form)
    return Table({name: [text.replace("\r\n", "\n")] for name in names}, source, [1])


def split_lines(text: str) -> list[str]:
    """The lines of a text, including empty ones. Splits at line feeds alone: `splitlines` would also split at characters in a text."""
    lines = text.replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def stream_lines(stream: Iterable[bytes], source: str) -> Iterator[str]:
    """The lines of a stream as they arrive, without line ends and byte order mark. Raises DataError for a byte that is not UTF-8."""
    for number, line in enumerate(stream, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{source}:{number} is not UTF-8: the byte 0x{line[error.start]:02x} belongs to no character. Convert it, "
                            "for example with `iconv -f LATIN1 -t UTF-8`.") from None
        yield text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def pair_lines(files: Mapping[str, tuple[bytes, str]], encoding: str = UTF8) -> Table:
    """A table from parallel files, column -> (decompressed bytes, path) of its file: line i of each file is in row i.

    Raises DataError if the files have different numbers of lines, have an invalid byte or are empty.
    """
    columns = {name: split_lines(decode(content, source, encoding)) for name, (content, source) in files.items()}
    sources = [source for _, source in files.values()]
    first = next(iter(columns.values()))
    for lines, source in zip(columns.values(), sources, strict=True):
        _check_lengths(first, sources[0], lines, source)
    if not first:
        raise DataError(f"{sources[0]} is empty. It must contain at least one example.")
    return Table(columns, sources[0], range(1, len(first) + 1))


def _check_lengths(lines: Sequence[str], source: str, other: Sequence[str], other_source: str) -> None:
    if len(lines) == len(other):
        return
    longer, its_source = (lines, source) if len(lines) > len(other) else (other, other_source)
    number = min(len(lines), len(other)) + 1
    alone = longer[number - 1][:_SHOWN_CHARACTERS]
    raise DataError(
        f"{source} has {len(lines):,} lines and {other_source} has {len(other):,}, so {its_source}:{number} has no partner "
        f"({alone!r}). Each line must be the translation of the same line in the other file; leave a line empty if there is none."
    )
