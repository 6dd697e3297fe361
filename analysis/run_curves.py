"""The curves of runs as a picture: loss above, main metric below, over training steps, from their logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..errors import RunError
from ..training.folder.run_directory import RunDirectory
from ..training.log.tracking import figures_of, read_metrics
from .drawing import label, style_of, written

LOSSES = ("loss", "hinge_loss")
STYLES: dict[str, dict[str, Any]] = {
    "train": {"linestyle": ":", "linewidth": 1, "markersize": 3},
    "validation": {"linestyle": "-", "linewidth": 1.5, "markersize": 4},
}
MARKS = 10
"""The most markers on a curve: they tell runs apart without hiding the curve."""


@dataclass(frozen=True)
class Logged:
    """One run by the name in the legend, and the lines of its log."""

    name: str
    lines: Sequence[dict[str, Any]]

    def points(self, split: str, tag: str) -> list[tuple[int, float]]:
        """Steps and values of a tag."""
        return [(line["step"], float(line[tag])) for line in self.lines if line["split"] == split and tag in line]

    @property
    def last_step(self) -> int:
        return max(line["step"] for line in self.lines)


def curves(runs: Sequence[RunDirectory], metric: str, format_: str) -> bytes:
    """The picture as `png` or `svg`. Raises RunError for a run without a log, and for a metric that none of them has."""
    logged = [Logged(_name(run, runs), read_metrics(run)) for run in runs]
    if empty := [run.name for run in logged if not run.lines]:
        raise RunError(f"{empty[0]} has no figures in its metrics.jsonl, so there is nothing to draw. Leave it out, or train it again.")
    if not any(run.points("validation", metric) for run in logged):
        known = sorted({tag for run in logged for line in run.lines if line["split"] == "validation" for tag in figures_of(line)})
        raise RunError(f"None of these runs has logged the metric {metric!r} on validation; they have {', '.join(known)}. Choose one with "
                       "--metric.")
    return written(lambda: _drawn(logged, metric), format_, "".join(run.name for run in logged))


def _name(run: RunDirectory, runs: Sequence[RunDirectory]) -> str:
    """The recipe, where no other run is of the same one."""
    return run.recipe if [other.recipe for other in runs].count(run.recipe) == 1 else run.address


def _drawn(runs: Sequence[Logged], metric: str) -> Figure:
    """A panel for the loss, and one for the metric where it is another."""
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
    """Curves of both splits; a model that is trained in one step or none is a level line as long as the curves of others."""
    for split, style in STYLES.items():
        points = next(filter(None, (run.points(split, tag) for tag in tags)), [])
        if points and run.last_step <= 1:
            points = [(points[-1][0], points[-1][1]), (end, points[-1][1])]
        if points:
            axes.plot(*zip(*points, strict=True), markevery=max(1, len(points) // MARKS), **style, **look)
