"""Standard streams that show control characters in data as escapes, such as `\\x1b`, so that no text can steer a terminal."""

import io
import os
import re
import sys
from math import isfinite
from pathlib import Path
from typing import Any, TextIO

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""The controls of ASCII and Latin-1 but for tabs and line feeds."""
_LONG_WORD = re.compile(r"\S{400,}")
LONGEST_MESSAGE = 10_000
"""Characters of a message: room for dozens of mistakes in a recipe, but not for a data file that is one long cell."""


def visible(text: str) -> str:
    """The text with each control character but tabs and line feeds written as an escape."""
    return _CONTROLS.sub(lambda found: repr(found[0])[1:-1], text)


def on_one_line(text: str) -> str:
    """The same, with line breaks and tabs as escapes too: one line for each text, and tabs only between columns."""
    return re.sub(r"[\t\n\u2028\u2029]", lambda found: repr(found[0])[1:-1], visible(text))


def shortened(message: str) -> str:
    """An error or a notice without the middle of words and of lists that are too long to be read, whatever data they quote."""
    message = _LONG_WORD.sub(lambda found: _both_ends(found[0], 200, 50), message)
    return message if len(message) <= LONGEST_MESSAGE else _both_ends(message, LONGEST_MESSAGE - 1_000, 900)


def _both_ends(text: str, first: int, last: int) -> str:
    return f"{text[:first]} [... {len(text) - first - last:,} characters ...] {text[-last:]}"


def figure(value: float) -> str:
    """A figure for people: four decimals, none from a thousand on, and from a million on as 1.2e+30, which says all that it tells."""
    size = abs(value)
    return f"{value:.4f}" if size < 1_000 or not isfinite(value) else f"{value:,.0f}" if size < 1_000_000 else f"{value:.3g}"


class Screen(io.TextIOWrapper):
    """A text stream over the bytes of another one that writes everything `visible`; `original` writes as it is."""

    def __init__(self, original: io.TextIOWrapper) -> None:
        original.reconfigure(encoding="utf-8", errors="backslashreplace", write_through=True)
        super().__init__(original.buffer, encoding="utf-8", errors="backslashreplace", newline=original.newlines,
                         line_buffering=original.line_buffering, write_through=True)
        self.original = original

    def write(self, text: str, /) -> int:
        super().write(visible(text))
        return len(text)


def open_streams() -> None:
    """Make standard input UTF-8 and output a `Screen`; a stream that the caller has closed becomes the null device."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 (open until the process ends)
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="strict")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = Screen(sys.stdout)
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = Screen(sys.stderr)


def drawing_stream(stream: TextIO) -> Any:
    """The stream for what draws with control sequences of its own, such as a progress bar; its texts must be `visible`."""
    return stream.original if isinstance(stream, Screen) else stream
