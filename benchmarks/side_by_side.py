"""Two seeds at the same time, a thread each (`--parallel-runs 2`), against the same two one after the other, on two threads.

Whole processes, so starting up, evaluating and saving count too.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from pairs import in_turns, show


def compare(config: str, pairs: int = 3, settings: Sequence[str] = ()) -> dict[str, Any]:
    """The ratio is the time of one after the other over the time of both together."""
    with TemporaryDirectory() as folder:
        together, in_line = ["--parallel-runs", "2"], ["--threads", "2"]
        times = in_turns(lambda: train(config, settings, folder, together), lambda: train(config, settings, folder, in_line), pairs)
    return {"case": config, **times.figures()}


def train(config: str, settings: Sequence[str], folder: str, how: Sequence[str]) -> None:
    """Train two seeds of a recipe in a process of their own."""
    chosen = [part for setting in ("seeds=[1, 2]", *settings) for part in ("--set", setting)]
    command = [str(Path(sys.executable).with_name("nlp")), "train", "--config", config, "--device", "cpu", *chosen, *how]
    subprocess.run(command, env={**os.environ, "NLP_RUNS": folder}, cwd=folder, capture_output=True, check=True)


def main(
    config: Annotated[list[str] | None, typer.Option(help="Recipe; may be repeated.")] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Times that each way is taken.")] = 3,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override a key, such as training.epochs=2.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two runs side by side with two in line."""
    recipes = config or ["trec/bilstm", "trec/cnn", "trec/transformer"]
    show((compare(recipe, pairs, set_ or ()) for recipe in recipes), json)


if __name__ == "__main__":
    typer.run(main)
