"""Standard streams that escape control characters in data, such as `\\x1b`, so that no text can control the terminal."""

import io
import os
import re
import shlex
import sys
from math import isfinite
from pathlib import Path
from typing import Any, TextIO

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters of ASCII and Latin-1 except tabs and line feeds."""
_LONG_WORD = re.compile(r"\S{400,}")
LONGEST_MESSAGE = 10_000
"""Maximum characters of a message: enough for dozens of mistakes in a recipe, but not for a data file that is one long cell."""


def visible(text: str) -> str:
    """The text with control characters escaped, except tabs and line feeds."""
    return _CONTROLS.sub(lambda match: repr(match[0])[1:-1], text)


def on_one_line(text: str) -> str:
    """The text with control characters, line breaks and tabs escaped: one line per text, and tabs only between columns."""
    return re.sub(r"[\t\n\u2028\u2029]", lambda match: repr(match[0])[1:-1], visible(text))


def argument(text: str | Path) -> str:
    """A run, recipe or file as one argument of a command that users paste into a shell; a name with a leading dash is not an option."""
    return shlex.quote(f"./{text}" if str(text).startswith("-") else str(text))


def shortened(message: str) -> str:
    """A message with the middle of over-long words and of an over-long text left out, whatever data it quotes."""
    message = _LONG_WORD.sub(lambda match: _both_ends(match[0], 200, 50), message)
    return message if len(message) <= LONGEST_MESSAGE else _both_ends(message, LONGEST_MESSAGE - 1_000, 900)


def _both_ends(text: str, first: int, last: int) -> str:
    return f"{text[:first]} [... {len(text) - first - last:,} characters ...] {text[-last:]}"


def figure(value: float) -> str:
    """A number for people: four decimals, none from a thousand on, and three significant digits (1.2e+30) from a million on."""
    size = abs(value)
    return f"{value:.4f}" if size < 1_000 or not isfinite(value) else f"{value:,.0f}" if size < 1_000_000 else f"{value:.3g}"


class Screen(io.TextIOWrapper):
    """A text stream over another stream's bytes that makes all text `visible`; `original` writes unchanged."""

    def __init__(self, original: io.TextIOWrapper) -> None:
        original.reconfigure(encoding="utf-8", errors="backslashreplace", write_through=True)
        super().__init__(original.buffer, encoding="utf-8", errors="backslashreplace", newline=original.newlines,
                         line_buffering=original.line_buffering, write_through=True)
        self.original = original

    def write(self, text: str, /) -> int:
        super().write(visible(text))
        return len(text)


def open_streams() -> None:
    """Set standard input to UTF-8, and wrap the output streams in a `Screen`; a closed stream becomes the null device."""
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
    """The stream for output with its own control sequences, such as progress bars; its texts must be made `visible`."""
    return stream.original if isinstance(stream, Screen) else stream
