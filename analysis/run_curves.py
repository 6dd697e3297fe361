"""Plot of the learning curves of runs from their logs: loss above, main metric below, over training steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..errors import RunError
from ..training.folder.run_directory import RunDirectory
from ..training.log.tracking import figures_of, read_metrics
from .drawing import label, render, style_of

LOSSES = ("loss", "hinge_loss")
STYLES: dict[str, dict[str, Any]] = {
    "train": {"linestyle": ":", "linewidth": 1, "markersize": 3},
    "validation": {"linestyle": "-", "linewidth": 1.5, "markersize": 4},
}
MARKS = 10
"""Markers per curve, roughly: enough to distinguish runs without hiding the curve."""


@dataclass(frozen=True)
class Logged:
    """The lines of a run's log, with its name in the legend."""

    name: str
    lines: Sequence[dict[str, Any]]

    def points(self, split: str, tag: str) -> list[tuple[int, float]]:
        """(step, value) pairs of a tag."""
        return [(line["step"], float(line[tag])) for line in self.lines if line["split"] == split and tag in line]

    @property
    def last_step(self) -> int:
        return max(line["step"] for line in self.lines)


def curves(runs: Sequence[RunDirectory], metric: str, format_: str) -> bytes:
    """The plot as `png` or `svg`. Raises RunError for a run without a log, or a metric that no run has logged."""
    logged = [Logged(_name(run, runs), read_metrics(run)) for run in runs]
    if empty := [run.name for run in logged if not run.lines]:
        raise RunError(f"{empty[0]} has no metrics in its metrics.jsonl, so there is nothing to draw. Leave it out, or train it again.")
    if not any(run.points("validation", metric) for run in logged):
        known = sorted({tag for run in logged for line in run.lines if line["split"] == "validation" for tag in figures_of(line)})
        raise RunError(f"None of these runs has logged the metric {metric!r} on validation; they have {', '.join(known)}. Choose one with "
                       "--metric.")
    return render(lambda: _drawn(logged, metric), format_, "".join(run.name for run in logged))


def _name(run: RunDirectory, runs: Sequence[RunDirectory]) -> str:
    """The name of the recipe if no other run uses it, else the address of the run."""
    return run.recipe if [other.recipe for other in runs].count(run.recipe) == 1 else run.address


def _drawn(runs: Sequence[Logged], metric: str) -> Figure:
    """A panel for the loss, and one for the metric unless it is the loss itself."""
    panels = [("loss", LOSSES)] if metric in LOSSES else [("loss", LOSSES), (metric, (metric,))]
    figure = Figure(figsize=(8, 1 + 3 * len(panels)), dpi=150, layout="constrained")
    end = max(2, *(run.last_step for run in runs))
    for place, (title, tags) in enumerate(panels, 1):
        axes = figure.add_subplot(len(panels), 1, place)
        for number, run in enumerate(runs):
            _draw(axes, run, tags, end, style_of(number))
        axes.set_ylabel(title)
        axes.grid(color="0.9")
    figure.axes[-1].set_xlabel("training step")
    keys = [Line2D([], [], label=label(run.name), **style_of(number)) for number, run in enumerate(runs)]
    keys += [Line2D([], [], color="0.4", label=split, **style) for split, style in STYLES.items()]
    figure.legend(handles=keys, loc="outside upper left", ncols=2, frameon=False)
    return figure


def _draw(axes: Axes, run: Logged, tags: Sequence[str], end: int, look: dict[str, Any]) -> None:
    """Curves of both splits; a model with at most one training step is drawn as a horizontal line."""
    for split, style in STYLES.items():
        points = next(filter(None, (run.points(split, tag) for tag in tags)), [])
        if points and run.last_step <= 1:
            points = [(points[-1][0], points[-1][1]), (end, points[-1][1])]
        if points:
            axes.plot(*zip(*points, strict=True), markevery=max(1, len(points) // MARKS), **style, **look)
