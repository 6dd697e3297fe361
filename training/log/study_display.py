"""The display of several runs at once: a bar for each run in progress and one for all; plain lines without a terminal."""

import math
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from ...terminal import drawing_stream, figure, visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ...configs.schema.recipe import Recipe
    from ..finish import Results


class StudyDisplay:
    """Progress of a study on standard error. Evaluations are shown only if all runs are of one recipe; otherwise there are too many."""

    def __init__(self, n_runs: int, one_method: bool) -> None:
        self.n_runs, self.one_method = n_runs, one_method
        self.printed: set[str] = set()
        self.bars: Progress | None = None
        self.total: TaskID | None = None
        self.rows: dict[str, TaskID] = {}
        self.n_ended = 0

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
            self.bars = Progress(*columns, console=Console(file=drawing_stream(sys.stderr)))
            self.bars.start()
            self.total = self.bars.add_task(f"{self.n_runs} runs", total=self.n_runs)
        return self

    def __exit__(self, *_: object) -> None:
        if self.bars is not None:
            self.bars.stop()

    def update(self, finished: int, failed: int, running: Mapping[str, float], to_come: int, seconds_left: float) -> None:
        """Show how many runs are done, the progress of those that are running, and the estimated time left."""
        self.n_ended = finished + failed
        if self.bars is None or self.total is None:
            return
        for name in [name for name in self.rows if name not in running]:
            self.bars.remove_task(self.rows.pop(name))
        for name, share in running.items():
            if name not in self.rows:
                self.rows[name] = self.bars.add_task(visible(name), total=1.0)
            self.bars.update(self.rows[name], completed=share)
        left = "" if math.isnan(seconds_left) else f", about {_duration(seconds_left)} left"
        counts = f"{finished} done, {len(running)} running, {to_come} to come" + (f", {failed} failed" if failed else "")
        self.bars.update(self.total, completed=self.n_ended, description=f"{counts}{left}")

    def finished(self, name: str, recipe: "Recipe", results: "Results") -> None:
        """Print a line for a finished run, with its main metric."""
        metrics, task = results.metrics["validation"], recipe.task
        metric = task.quoted_metric(recipe.tokenizer.type if recipe.tokenizer else None) if task else "loss"
        shown = f"validation {task.heading(metric)} {figure(metrics[metric])}, " if task and metric in metrics else ""
        self.n_ended += 1
        self.line("", f"{self.n_ended}/{self.n_runs}  {name}: {shown}{float(results.cost['train_seconds']):.1f} s")

    def failed(self, name: str, reason: str) -> None:
        """Print a line for a failed run, with the first line of the reason."""
        self.n_ended += 1
        self.line("", f"{self.n_ended}/{self.n_runs}  {name} failed: {reason.partition(chr(10))[0]}")

    def line(self, name: str, text: str, is_evaluation: bool = False) -> None:
        """Print a line from a run with the run's name; a line that another run has printed is not repeated."""
        if text in self.printed or (is_evaluation and not self.one_method):
            return
        self.printed.add(text)
        self._print(f"{name}: {text}" if name and not is_evaluation else text)

    def once(self, text: str) -> None:
        """Print a line unless it has been printed before."""
        self.line("", text)

    def _print(self, text: str) -> None:
        if self.bars is not None:
            self.bars.console.print(visible(text), highlight=False, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{rest} s" if not minutes else f"{minutes}:{rest:02} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02} h"
