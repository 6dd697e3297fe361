"""Final output of `nlp train`: metrics by split, mean and spread over seeds, and next steps."""

import math
import os
from collections.abc import Sequence
from statistics import mean, stdev
from typing import TYPE_CHECKING

from ..terminal import figure
from .console import print_json, say
from .next_steps import print_next_steps
from .tables import fits, table

if TYPE_CHECKING:
    from ..training.finish import Results


def print_results(results: "Sequence[Results]", as_json: bool, splits_drawn: Sequence[int] = ()) -> None:
    """Print the metrics over all seeds, and over all random splits of the data if there are several."""
    from ..training.folder.files import plain
    from ..training.run_summary import heading, sections_of

    if os.environ.get("RANK", "0") != "0":
        return  # only the first of several processes prints
    if as_json:
        print_json([plain({**result.to_json(), "run": str(result.directory.path)}) for result in results])
        return
    # Runs that were resumed together need not have been made by the same version.
    names = [name for name in results[0].metrics["validation"] if all(name in result.metrics["validation"] for result in results)]
    splits = [split for split in results[0].metrics if all(split in result.metrics for result in results)]
    rows = [[split, *(mean_and_spread([result.metrics[split][name] for result in results]) for name in names)] for split in splits]
    over = _numbered("seed", [result.seed for result in results]) + (f" on {_numbered('split', splits_drawn)}" if splits_drawn else "")
    spread = "; mean ± standard deviation" if len(results) > 1 else ""
    heads = [heading(sections_of(results[0].directory), name) for name in names]
    head, *lines = [["split", *heads], *rows]
    if not fits(head, lines):
        head, *lines = [["metric", *splits], *map(list, zip(heads, *(row[1:] for row in rows), strict=True))]
    table(head, lines, title=f"{over}{spread}")
    seconds = mean(float(result.cost["train_seconds"]) for result in results)
    if len(results) > 1:
        groups = list(dict.fromkeys(str(result.directory.group) for result in results))
        say(f"Training took {seconds:.1f} s per run. The runs are in {', '.join(f'{group}-seed-*' for group in groups)}")
    else:
        say(f"Training took {seconds:.1f} s. The run is in {results[0].directory.path}")
    print_next_steps(results[-1].directory)


def _numbered(what: str, values: Sequence[int]) -> str:
    numbers = list(dict.fromkeys(values))
    return f"{what}{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def mean_and_spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation; the value itself if there is only one."""
    if len(values) == 1:
        return figure(values[0])
    return f"{figure(mean(values))} ± {figure(stdev(values) if all(map(math.isfinite, values)) else math.nan)}"
