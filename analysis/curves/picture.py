"""Plot of learning curves: quality above, training time below, against the number of examples."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from ..drawing import label, render, style_of
from .crossing import DRAWN
from .learning_curves import LearningCurves, MethodCurve


def picture(curves: LearningCurves, format_: str) -> bytes:
    """The plot as `png` or `svg`, byte for byte reproducible."""
    return render(lambda: _drawn(curves), format_, "".join(method.name for method in curves.methods))


def _drawn(curves: LearningCurves) -> Figure:
    figure = Figure(figsize=(8, 7), dpi=150, layout="constrained")
    quality, time = figure.subplots(2, 1, sharex=True, height_ratios=[5, 2])
    shown = [method for method in curves.methods if len(method.levels.examples)]
    for place, method in enumerate(shown):
        style = style_of(place)
        _draw_quality(quality, method, curves, style)
        time.plot(method.levels.examples, method.levels.seconds, linewidth=1, markersize=5, **style)
    quality.set_ylabel(f"{curves.scale.metric} on {curves.split}")
    _label_time(time, shown)
    _label_examples(time, shown)
    _mark_the_end_of_the_data(quality, shown)
    figure.legend(handles=[_key(place, method) for place, method in enumerate(shown)] + _explanations(shown), loc="outside upper left",
                  ncols=2, frameon=False)
    return figure


def _draw_quality(axes: Axes, method: MethodCurve, curves: LearningCurves, style: dict[str, Any]) -> None:
    """Means with error bars, and the fitted law, dashed where it extrapolates."""
    levels, fit, colour = method.levels, method.fit, style["color"]
    axes.errorbar(levels.examples, curves.scale.values(levels.means), np.nan_to_num(levels.spreads), linestyle="none", capsize=3,
                  markersize=6, **style)
    if fit is None:
        axes.plot(levels.examples, curves.scale.values(levels.means), color=colour, linewidth=1, linestyle=":")
        return
    sizes = np.geomspace(levels.examples[0], DRAWN * levels.largest, 200)
    low, high = fit.band(sizes)
    axes.fill_between(sizes, curves.scale.values(low), curves.scale.values(high), color=colour, alpha=0.15, linewidth=0)
    inside = sizes <= levels.largest
    axes.plot(sizes[inside], curves.scale.values(fit.errors(sizes[inside])), color=colour)
    axes.plot(sizes[~inside], curves.scale.values(fit.errors(sizes[~inside])), color=colour, linestyle="--")


def _key(place: int, method: MethodCurve) -> Line2D:
    return Line2D([], [], label=label(method.name), linestyle="-" if method.fit else ":", **style_of(place))


def _explanations(shown: list[MethodCurve]) -> list[Line2D]:
    grey: dict[str, Any] = {"color": "0.4"}
    keys = [Line2D([], [], linestyle="none", marker="_", markersize=9, label="mean ± standard deviation over seeds", **grey)]
    if any(method.fit for method in shown):
        keys += [Line2D([], [], linestyle="--", label="beyond the data, up to four times", **grey),
                 Line2D([], [], linewidth=8, alpha=0.3, label="95 % interval of the curve", **grey)]
    if any(method.fit is None for method in shown):
        keys.append(Line2D([], [], linestyle=":", label="no curve fitted", **grey))
    return keys


def _label_time(axes: Axes, shown: list[MethodCurve]) -> None:
    axes.set_ylabel("training time (s)")
    if all((method.levels.seconds > 0).all() for method in shown):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:,.10g}"))
        axes.yaxis.set_minor_locator(NullLocator())


def _label_examples(axes: Axes, shown: list[MethodCurve]) -> None:
    """Round numbers, written out, on a logarithmic axis."""
    smallest = min((method.levels.examples[0] for method in shown), default=1)
    largest = max((method.levels.largest * (DRAWN if method.fit else 1) for method in shown), default=10)
    axes.set_xscale("log")
    axes.set_xlim(smallest / 1.15, largest * 1.15)
    axes.xaxis.set_major_locator(FixedLocator(_round_sizes(smallest, largest)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    axes.set_xlabel("training examples (logarithmic)")


def _round_sizes(smallest: float, largest: float) -> list[float]:
    """1, 2 and 5 times powers of ten, or only powers of ten if the range is wide."""
    powers = range(math.floor(math.log10(smallest)), math.ceil(math.log10(largest)) + 1)
    digits = (1,) if largest > 2000 * smallest else (1, 2, 5)
    return [digit * 10.0**power for power in powers for digit in digits if smallest / 1.15 <= digit * 10.0**power <= largest * 1.15]


def _mark_the_end_of_the_data(axes: Axes, shown: list[MethodCurve]) -> None:
    axes.grid(color="0.9")
    if any(method.fit for method in shown):
        largest = max(method.levels.largest for method in shown)
        axes.axvspan(2 * largest, 2 * DRAWN * largest, color="0.93", zorder=0)
        axes.text(2 * largest, 0.01, " past twice\n the data:\n uncertain", transform=axes.get_xaxis_transform(), fontsize=8, color="0.35")
