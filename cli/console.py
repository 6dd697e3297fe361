"""Terminal output (JSON, tables, notices and errors) and shell completion. Rich is loaded only to draw a table."""

import errno
import json
import os
import re
import shutil
import sys
import textwrap
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..terminal import drawing_stream, shortened, visible
from .unknown_names import explain_unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

PIPED_WIDTH = 1_000
"""Width of a table if the output is not a terminal: enough for each row to fit on one line."""

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
PACKAGE = Path(__file__).parent.parent


def print_json(obj: Any, indent: int | None = 2) -> None:
    """Print `obj` as JSON. Control characters that JSON allows in strings but terminals interpret are escaped."""
    text = json.dumps(obj, ensure_ascii=False, indent=indent)
    print(re.sub(r"[\x7f-\x9f]", lambda found: f"\\u{ord(found[0]):04x}", text), flush=True)


def notice(text: str) -> None:
    """Print a notice to standard error; the command continues."""
    print(f"Notice: {shortened(text)}", file=sys.stderr)


def console(stderr: bool = False) -> "Console":
    """A Rich console without markup; colours only on a terminal and without NO_COLOR."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=drawing_stream(stream), width=None if stream.isatty() else PIPED_WIDTH, markup=False, emoji=False, highlight=False)


def say(text: str) -> None:
    """Print a line; on a terminal it is wrapped between words, so that no number is split."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        text = "\n".join(textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""])
    print(text)


@contextmanager
def waiting(text: str) -> "Iterator[Callable[[int, int], None]]":
    """A function that shows how much of a long computation is done, on a terminal, until the block ends."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from ..training.log.bars import WaitBar

    bar = WaitBar()
    try:
        yield lambda done, total: bar.wait(text, done, total)
    finally:
        bar.stop()


def print_error(text: str) -> None:
    """Print an error to standard error; `Error:` is red on a terminal."""
    coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    label = "\033[31mError:\033[0m" if coloured else "Error:"
    print(f"{label} {visible(shortened(text))}", file=drawing_stream(sys.stderr))


def explain(error: Exception) -> tuple[str, int]:
    """The message of an error, one paragraph, and the exit code."""
    if isinstance(error, UserError):
        return str(error), error.exit_code
    if isinstance(error, OSError | RuntimeError | MemoryError) and (message := _explain_system(error)):
        return message, 2
    if isinstance(error, UnicodeDecodeError):
        message = f"the input is not UTF-8: it contains the byte 0x{error.object[error.start]:02x}"
        return f"{message}. Save it as UTF-8, or convert it with iconv.", 2
    if isinstance(error, UnicodeEncodeError):  # a file name with bytes that are not UTF-8
        before, after = (re.split(r"[\s\"';]", part) for part in (error.object[: error.start], error.object[error.start :]))
        name = before[-1] + after[0]
        return f"the name {name!r} is not UTF-8, so it cannot be written to a file. Rename the file or folder, or use a link to it.", 2
    if hasattr(error, "format_message"):  # typer's error for a wrong command line
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "nlp"
        message = explain_unknown(error) or error.format_message().strip()  # pyright: ignore[reportAttributeAccessIssue]
        return f"{message}{'' if message.endswith(('.', '?')) else '.'} Try `{command} --help`.", 2
    summary = f"{type(error).__name__}: {error}".rstrip(": ").partition("\n")[0]
    return (f"{summary} (in {_origin(error)}). This is a bug in nlp, not in your input. "
            "Run the command again with --debug to see the traceback, and please report it."), 1


def _explain_system(error: Exception) -> str | None:
    """Explain a system error about a file, a path or memory. pathlib and torch raise a plain RuntimeError for the last two."""
    if isinstance(error, OSError):
        return _explain_os_error(error)
    if str(error).startswith(("Could not determine home", "Symlink loop")):
        return f"a path cannot be resolved: {error}. Write paths in full, on the command line and in NLP_RUNS, NLP_DATA and NLP_CACHE."
    signs = ("allocate memory", "out of memory", "overflow", "invalid buffer size")
    if isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in signs):
        return "there is not enough memory. Use a smaller training.batch_size, model or vocabulary, or less data."
    return None


def _explain_os_error(error: OSError) -> str:
    name = "a file or connection" if error.filename is None else str(error.filename)
    reason = (error.strerror or type(error).__name__).lower()
    if error.errno in FULL:
        return f"the disk is full: {name} could not be written. Free some space, or set NLP_RUNS to a folder on another disk."
    remedy = "Change its permissions, or name another file or folder" if error.errno in FORBIDDEN else "Check the path"
    return f"{name} cannot be used: {reason}. {remedy}."


def _origin(error: Exception) -> str:
    """The innermost line of this package in the traceback, such as `training/gradient.py:63`."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(PACKAGE)]
    return f"{Path(frames[-1].filename).relative_to(PACKAGE).as_posix()}:{frames[-1].lineno}" if frames else "nlp"


def complete_recipe(incomplete: str) -> list[str]:
    """Recipe names for shell completion; the shell itself completes YAML files."""
    from ..configs.yaml.inheritance import recipe_names

    with suppress(UserError):  # completion cannot show an error
        return [name for name in recipe_names(incomplete.rpartition("/")[0]) if name.startswith(incomplete)]
    return []


def complete_run(incomplete: str) -> list[str]:
    """Runs for shell completion: recipes that have runs, and each run."""
    from ..training.folder.run_directory import list_runs

    addresses = (name for run in list_runs() for name in (run.recipe, run.address))
    return [name for name in dict.fromkeys(addresses) if name.startswith(incomplete)]


def only_recipe(argument: str | None, option: str | None) -> str:
    """The recipe of a command that takes one, as an argument or with --config. Raises ConfigError for none and for two."""
    from ..errors import ConfigError

    if argument is not None and option is not None and argument != option:
        raise ConfigError(f"This command takes one recipe, but two are given: {argument} and --config {option}.")
    if (recipe := argument or option) is None:
        raise ConfigError("Name a recipe, such as names/lstm, or a YAML file; `nlp config list` shows the names.")
    return recipe
