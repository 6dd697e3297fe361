"""Makes `docs/terminal.svg`, a picture of a terminal, from what the commands print there.

    python scripts/make_terminal_picture.py

The commands run in a terminal of 104 columns and a folder of their own, which the picture calls `~/texts`.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from io import StringIO
from pathlib import Path

import nlp
from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

PICTURE = Path(nlp.__file__).parent / "docs" / "terminal.svg"
COMMANDS = ("nlp train names/rules", "nlp predict names/rules Kowalski Lindqvist")
COLUMNS = 104
PROGRAM = "from nlp.cli.main import main; main()"


def printed(command: str, folder: Path) -> str:
    """What a command writes to a terminal, colours included."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    variables = {**os.environ, "NLP_RUNS": str(folder / "runs"), "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *command.split()[1:]], cwd=folder, env=variables, stdin=subprocess.DEVNULL,
                               stdout=theirs, stderr=theirs)
    os.close(theirs)
    parts = []
    while part := _read(ours):
        parts.append(part)
    if process.wait() != 0:
        raise SystemExit(f"{command} failed:\n{b''.join(parts).decode()}")
    return b"".join(parts).decode()


def _read(terminal: int) -> bytes:
    """The next part of what is written to a terminal; empty when its program has ended, which Linux reports as an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def screen(text: str) -> str:
    """The lines that stay on the screen: a line that was drawn again over itself is shown as it was last."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(re.sub(r"\x1b\[[\d;?]*[A-HJKSTfhlsu]", "", line.rpartition("\r")[2]) for line in lines)


def picture(outputs: dict[str, str]) -> str:
    """The SVG. It loads no fonts from elsewhere: a README shows pictures without a network."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), highlight=False)
    for command, output in outputs.items():
        console.print(Text.assemble(("$ ", "green"), (command, "bold")))
        console.print(Text.from_ansi(output))
    svg = console.export_svg(title="nlp", theme=SVG_EXPORT_THEME, unique_id="terminal")
    without = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return without.replace("Fira Code", "Menlo, Consolas, DejaVu Sans Mono")


def main() -> None:
    """Run the commands and write the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        outputs = {command: screen(printed(command, folder)).rstrip().replace(str(folder), "~/texts") for command in COMMANDS}
    PICTURE.write_text(picture(outputs), encoding="utf-8")


if __name__ == "__main__":
    main()
