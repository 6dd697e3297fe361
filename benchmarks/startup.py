"""How long commands without a network take, most of it to start: help, validating a recipe, training rules, predicting and evaluating."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from pairs import seconds, show

COMMANDS = (
    ("--help",),
    ("config", "validate", "names/lstm"),
    ("train", "--config", "names/rules"),
    ("train", "--config", "reviews.yaml"),
    ("predict", "names/rules", "Kowalski"),
    ("eval", "names/rules"),
)
RECIPE = """
data: {type: files, train: reviews.csv}
task: {type: classification}
model: {type: rules, default: bad, rules: [{label: good, pattern: good|great}]}
"""


def measure(arguments: Sequence[str], folder: Path, times: int = 10) -> dict[str, Any]:
    """Processor seconds of `nlp ARGUMENTS` and seconds on the clock: the least of each, after one run that fills the caches.

    Processor seconds depend less on what else the machine does.
    """
    command = [str(Path(sys.executable).with_name("nlp")), *arguments]

    def run() -> None:
        subprocess.run(command, env={**os.environ, "NLP_RUNS": str(folder)}, cwd=folder, capture_output=True, check=True)

    run()
    clock, processor = [], []
    for _ in range(times):
        before = _processor_seconds()
        clock.append(seconds(run))
        processor.append(_processor_seconds() - before)
    return {"case": " ".join(["nlp", *arguments]), "cpu_seconds": min(processor), "seconds": min(clock)}


def _processor_seconds() -> float:
    """Of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def all_commands(times: int) -> Iterator[dict[str, Any]]:
    """Each command in a folder that holds a recipe of one's own and the runs of the commands before."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        rows = (f"a {kind} film: number {number},{kind}\n" for number in range(500) for kind in ("good", "bad"))
        (folder / "reviews.csv").write_text("text,label\n" + "".join(rows), encoding="utf-8")
        (folder / "reviews.yaml").write_text(RECIPE, encoding="utf-8")
        for arguments in COMMANDS:
            yield measure(arguments, folder, times)


def main(
    times: Annotated[int, typer.Option(min=1, help="Runs of each command.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time the commands that must answer at once."""
    show(all_commands(times), json)


if __name__ == "__main__":
    typer.run(main)
