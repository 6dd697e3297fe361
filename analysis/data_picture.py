"""Plot of a dataset: text lengths and class distribution per split."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from ..datasets.arrays import FloatArray, IntArray
from ..datasets.check import count_labels
from ..datasets.tables import Dataset
from ..errors import DataError
from ..training.log.pictures import one_line
from .drawing import COLOURS, label, render

MAX_LABELS = 60
BARS = 60


class Sample(NamedTuple):
    """A dataset with the names of its text column and of its column of classes or tags (empty if it has none)."""

    dataset: Dataset
    text: str
    label: str
    tagged: bool


class Lengths(NamedTuple):
    """The text lengths of each split, and their unit."""

    unit: str
    by_split: dict[str, IntArray]


def data_picture(sample: Sample, format_: str) -> bytes:
    """The plot as `png` or `svg`. Raises DataError if each split is a single long text, which has no lengths to compare."""
    splits = {name: table for name, table in sample.dataset.splits.items() if len(table)}
    if all(len(table) == 1 for table in splits.values()):
        raise DataError(f"{sample.dataset.name} is one long text in each split, so there are no lengths to draw. `nlp data show` gives its "
                        "size.")
    lengths = _lengths({name: table.columns[sample.text] for name, table in splits.items()})
    counts = {name: count_labels(table, sample.label, sample.tagged) for name, table in splits.items()} if sample.label else {}
    labels = list(dict.fromkeys(name for split in counts.values() for name in split))
    return render(lambda: _drawn(sample, lengths, counts, labels), format_, "".join(labels))


def _lengths(texts: dict[str, Sequence[str]]) -> Lengths:
    """In words, or in characters if most texts contain no spaces, such as names and Chinese texts."""
    words = {split: np.array([len(text.split()) for text in split_texts]) for split, split_texts in texts.items()}
    if np.median(np.concatenate([*words.values()])) > 1:
        return Lengths("words", words)
    return Lengths("characters", {split: np.array([len(text) for text in split_texts]) for split, split_texts in texts.items()})


def _drawn(sample: Sample, lengths: Lengths, counts: dict[str, dict[str, int]], labels: Sequence[str]) -> Figure:
    shown = min(len(labels), MAX_LABELS)
    heights = [3.0] + ([0.6 + shown * max(0.16, 0.09 * len(counts))] if labels else [])
    figure = Figure(figsize=(8, 0.8 + sum(heights)), dpi=150, layout="constrained")
    panels = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    _draw_lengths(panels[0], lengths)
    if labels:
        _draw_labels(panels[1], counts, labels[:shown], "tag" if sample.tagged else "class", len(labels))
    figure.legend(loc="outside upper left", frameon=False, title=sample.dataset.name, alignment="left")
    return figure


def _draw_lengths(axes: Axes, lengths: Lengths) -> None:
    """A histogram of text lengths per split, with median and 95th percentile in the legend; the last bar holds the longest 1 %."""
    edges, longest = _edges(lengths), max(int(values.max()) for values in lengths.by_split.values())
    for place, (split, values) in enumerate(lengths.by_split.items()):
        shares = np.histogram(np.minimum(values, edges[-1] - 0.5), edges)[0] / len(values)
        median, p95 = (int(np.percentile(values, share, method="inverted_cdf")) for share in (50, 95))
        key = f"{split}: {len(values):,} texts, median {median:,} {lengths.unit}, 95 % have at most {p95:,}"
        axes.stairs(shares, edges, color=COLOURS[place % len(COLOURS)], linestyle="-" if place < len(COLOURS) else "--", linewidth=1.5,
                    label=label(key))
    cut = f"; the last bar includes all longer ones, up to {longest:,}" if longest > edges[-1] else ""
    axes.set_xlabel(f"{lengths.unit} per text{cut}")
    axes.set_ylabel("share of texts")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda length, _: f"{length:,.0f}"))
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.grid(color="0.9")


def _edges(lengths: Lengths) -> FloatArray:
    """Bin edges of equal width, up to the 99th percentile."""
    most = max(int(np.percentile(values, 99, method="higher")) for values in lengths.by_split.values())
    step = most // BARS + 1
    return np.arange(0, most + step + 1, step) - 0.5


def _draw_labels(axes: Axes, counts: dict[str, dict[str, int]], labels: Sequence[str], kind: str, total: int) -> None:
    """A bar with the share of each class in each split; labelled with the name of the class and its count in the first split."""
    rows, thickness = np.arange(len(labels)), 0.8 / len(counts)
    for place, split in enumerate(counts.values()):
        shares = [split.get(name, 0) / max(1, sum(split.values())) for name in labels]
        axes.barh(rows + (place - (len(counts) - 1) / 2) * thickness, shares, thickness, color=COLOURS[place % len(COLOURS)])
    first = next(iter(counts.values()))
    axes.set_yticks(rows, [f"{one_line(name)} ({first.get(name, 0):,})" for name in labels], fontsize=8)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    more = f"; the {len(labels)} most frequent of {total:,}" if total > len(labels) else ""
    axes.set_xlabel(f"share of each {kind} in the split; in brackets, its count in {next(iter(counts))}{more}")
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
