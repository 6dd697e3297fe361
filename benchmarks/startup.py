"""How long commands without a network take: help, a check of a recipe, a run of rules. Each is a process of its own."""

import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from pairs import seconds, show

COMMANDS = (("--help",), ("config", "validate", "names/lstm"), ("train", "--config", "names/rules"))


def measure(arguments: Sequence[str], times: int = 9) -> dict[str, Any]:
    """Seconds that `nlp ARGUMENTS` takes: the median, after one run that fills the caches."""
    with TemporaryDirectory() as folder:
        environment = {**os.environ, "NLP_RUNS": folder}
        command = [str(Path(sys.executable).with_name("nlp")), *arguments]

        def run() -> None:
            subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=True)

        run()
        taken = [seconds(run) for _ in range(times)]
    return {"case": " ".join(["nlp", *arguments]), "seconds": statistics.median(taken), "min": min(taken), "max": max(taken)}


def main(
    times: Annotated[int, typer.Option(min=1, help="Runs of each command.")] = 9,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time the commands that must answer at once."""
    show((measure(arguments, times) for arguments in COMMANDS), json)


if __name__ == "__main__":
    typer.run(main)
