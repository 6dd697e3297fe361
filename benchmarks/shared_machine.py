"""Several runs at once on one machine, with the defaults, against one alone on one thread.

And one alone whose threads sleep while they wait against one whose threads spin.
"""

import json as json_text
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from pairs import Pairs, show

RECIPES = ("names/mlp", "names/lstm", "trec/cnn", "trec/transformer")
SPINNING = {"OMP_WAIT_POLICY": "active"}


def compare(config: str, together: Sequence[int], pairs: int, settings: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The time of runs that start at once over that of one alone on one thread; then of one alone over one with spinning threads."""
    with TemporaryDirectory() as folder:
        train = partial(training_seconds, config, settings, folder)
        ways = {f"{count} at once": partial(at_once, train, count) for count in together}
        ways |= {"alone": train, "alone, spinning": partial(train, variables=SPINNING), "alone, one thread": partial(train, threads=1)}
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(pairs):
            for name in list(ways) if turn % 2 == 0 else reversed(ways):
                taken[name].append(ways[name]())
    for count in together:
        yield ratio(config, taken, f"{count} at once", "alone, one thread")
    yield ratio(config, taken, "alone", "alone, spinning")


def ratio(config: str, taken: Mapping[str, list[float]], one: str, other: str) -> dict[str, Any]:
    """How many times as long the one took as the other: the median over all turns, with the lowest and the highest."""
    return {"case": f"{config}: {one} / {other}", **Pairs(taken[other], taken[one]).figures()}


def at_once(train: Any, count: int) -> float:
    """The mean of so many runs that start together."""
    with ThreadPoolExecutor(count) as pool:
        return mean(pool.map(lambda _: train(), range(count)))


def training_seconds(config: str, settings: Sequence[str], folder: str, threads: int | None = None,
                     variables: Mapping[str, str] | None = None) -> float:
    """What one run in a process of its own reports, without starting up."""
    chosen = [part for setting in settings for part in ("--set", setting)] + (["--threads", str(threads)] if threads else [])
    command = [str(Path(sys.executable).with_name("nlp")), "train", "--config", config, "--device", "cpu", "--json", *chosen]
    environment = {**os.environ, **(variables or {}), "NLP_RUNS": folder}
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=True)
    return json_text.loads(done.stdout)[0]["cost"]["train_seconds"]


def main(
    config: Annotated[list[str] | None, typer.Option(help="Recipe; may be repeated.")] = None,
    together: Annotated[list[int] | None, typer.Option(min=2, help="How many runs at once; may be repeated.")] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Times that each way is taken.")] = 3,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override a key; by default training.epochs=1.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure what runs that share a machine take from each other."""
    counts, settings = together or [2, 3, 4], set_ or ["training.epochs=1"]
    show((row for recipe in config or RECIPES for row in compare(recipe, counts, pairs, settings)), json)


if __name__ == "__main__":
    typer.run(main)
