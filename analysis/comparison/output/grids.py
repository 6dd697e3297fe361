"""The results of a comparison as tables, also in Markdown and LaTeX; unrounded figures as CSV."""

import csv
import io
import re
from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

from ....terminal import visible
from ..comparison import COSTS, Compared, Comparison, Standing
from ..units import p_figure, percent

MOST_PAIRS = 15
"""Beyond this number, only pairs with the best method are shown; the JSON has them all."""
SHOWN_SLICES = 12


class Grid(NamedTuple):
    """A table: title, column headings and rows."""

    title: str
    heads: list[str]
    rows: list[list[str]]


def grids(result: Comparison) -> list[Grid]:
    """All tables that have rows."""
    return [grid for grid in (methods_grid(result), pairs_grid(result), slices_grid(result)) if grid.rows]


def methods_grid(result: Comparison) -> Grid:
    """A row for each method: quality and cost. Methods that share a letter cannot be told apart; a method is on the front of a cost if no
    cheaper one is as good.
    """
    costs = [cost for cost in COSTS if any(method.cost(cost) is not None for method in result.methods)]
    others = other_metrics(result)
    several = any(method.spread is not None for method in result.methods)
    heads = ["method", result.unit.heading, interval_head(result), *["group"] * (len(result.methods) > 1), "seeds",
             *["spread over seeds"] * several, *_headings(others, result), *(COSTS[cost] for cost in costs),
             *["front of"] * (len(result.methods) > 1)]
    return Grid(f"{result.split}, {result.n_rows:,} examples", heads, [_method_row(each, result, others, costs, several)
                                                                      for each in result.standings])


def interval_head(result: Comparison) -> str:
    """The heading of the column of intervals, such as `95 % interval`."""
    return f"{100 * result.settings.confidence:.10g} % interval"


def other_metrics(result: Comparison) -> list[str]:
    """All metrics but the compared one, in the order of the task."""
    names = (name for method in result.methods for run in method.runs for name in run.figures)
    return list(dict.fromkeys(name for name in names if name != result.unit.metric))


def _headings(metrics: Sequence[str], result: Comparison) -> list[str]:
    known = {name: heading for method in result.methods for run in method.runs for name, heading in run.headings.items()}
    return [known.get(name, name) for name in metrics]


def _method_row(each: Standing, result: Comparison, others: Sequence[str], costs: Sequence[str], several: bool) -> list[str]:
    method, many = each.method, len(result.methods) > 1
    spread = "" if method.spread is None else result.unit.plain(method.spread)
    fronts = ", ".join(COSTS[cost] for cost in costs if any(offer.name == method.name for offer in result.fronts[cost]))
    return [method.name, result.unit.value(method.value), result.unit.interval(each.interval), *[each.letters] * many,
            str(len(method.runs)) if method.has_chance else "deterministic", *[spread] * several,
            *(_number(method.figure(name)) for name in others), *(cost_text(cost, method.cost(cost)) for cost in costs), *[fronts] * many]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}" if abs(value) < 1_000 else f"{value:,.0f}"


def cost_text(cost: str, value: float | None) -> str:
    """The cost with its unit, such as 12.3 s, 4.1 MB or 0.82 ms."""
    if value is None:
        return ""
    if cost == "train_seconds":
        return f"{value:,.1f} s"
    if cost.startswith("latency"):
        return f"{value:,.2f} ms" if value < 10 else f"{value:,.0f} ms"
    return f"{value / 1e6:,.1f} MB" if cost.endswith("bytes") else f"{value:,.0f}"


def pairs_grid(result: Comparison) -> Grid:
    """A row for each pair: the difference with its interval, p and the details of the test."""
    best = result.methods[0].name
    shown = result.pairs if len(result.pairs) <= MOST_PAIRS else [each for each in result.pairs if each.pair.first == best]
    title = "differences" if len(shown) == len(result.pairs) else f"differences from {best}; all {len(result.pairs)} pairs are in --json"
    p = "p" if len(result.pairs) == 1 else f"p after Holm over {len(result.pairs)} pairs"
    heads = ["better", "than", "difference", interval_head(result), p, "test", "better on a row", "odds", "smallest difference shown",
             "variance from seeds", *["the same in practice"] * (result.settings.margin is not None)]
    return Grid(title, heads, [_pair_row(each, result) for each in shown])


def _pair_row(each: Compared, result: Comparison) -> list[str]:
    pair, parts = each.pair, each.disagreement
    same = [] if each.practical is None else [f"{percent(each.practical.same)} (p {p_figure(each.equivalence or 0.0)})"]
    return [pair.first, pair.second, result.unit.difference(pair.value), result.unit.interval(pair.interval), p_figure(pair.adjusted),
            pair.test.value, percent(parts.superiority), f"{parts.odds:.2f}" if isfinite(parts.odds) else "never worse",
            result.unit.difference(each.smallest) if isfinite(each.smallest) else "none",
            percent(pair.seed_share) if pair.of_methods else "not known", *same]


def slices_grid(result: Comparison) -> Grid:
    """The two best methods on the slices with the most significant differences."""
    if not result.slices:
        return Grid("", [], [])
    first, second = (method.name for method in result.methods[:2])
    shown = sorted(result.slices, key=lambda each: each.pair.p)[:SHOWN_SLICES]
    rows = [[each.by, each.name, f"{each.n:,}", *(result.unit.value(value) for value in each.values),
             result.unit.difference(each.pair.value), result.unit.interval(each.pair.interval), p_figure(each.pair.adjusted)]
            for each in shown]
    omitted = f"; the {len(shown)} most significant of {len(result.slices)}" if len(result.slices) > len(shown) else ""
    heads = ["by", "slice", "examples", first, second, "difference", interval_head(result), f"p after Holm over {len(result.slices)}"]
    kinds = list(dict.fromkeys(each.by for each in result.slices))
    metric = f", {result.slice_metric}" if result.slice_metric != result.unit.metric else ""
    return Grid(f"{first} and {second} by {' and '.join(kinds)}{metric}{omitted}", heads, rows)


def markdown(headline: str, result: Comparison) -> str:
    """The sentence and the tables."""
    parts = [_literal(headline)]
    for grid in grids(result):
        lines = [grid.heads, ["---"] * len(grid.heads), *grid.rows]
        table = "\n".join(f"| {' | '.join(map(_literal, line))} |" for line in lines)
        parts += [f"**{_literal(grid.title)}**", table.replace(r"\-\-\-", "---")]
    return "\n\n".join(parts) + "\n"


def _literal(text: str) -> str:
    """Text escaped for Markdown."""
    escaped = re.sub(r"([\\`*_\[\]|#])", r"\\\1", _on_one_line(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


LATEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
         "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"}


def latex(headline: str, result: Comparison) -> str:
    """A `tabular` for each table, with the sentence and the titles as comments; needs no LaTeX package."""
    parts = [f"% {_on_one_line(headline)}"]
    for grid in grids(result):
        lines = [" & ".join(map(_latex, line)) + r" \\" for line in grid.rows]
        parts += [f"% {_on_one_line(grid.title)}", rf"\begin{{tabular}}{{l{'r' * (len(grid.heads) - 1)}}}", r"\hline",
                  " & ".join(map(_latex, grid.heads)) + r" \\", r"\hline", *lines, r"\hline", r"\end{tabular}"]
    return "\n".join(parts) + "\n"


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in _on_one_line(text))


def _on_one_line(text: str) -> str:
    """On one line and without control characters, since such files may be printed in terminals."""
    return visible(" ".join(text.split()))


def as_csv(result: Comparison) -> str:
    """A row for each method, with unrounded numbers."""
    others, file = other_metrics(result), io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["method", result.unit.metric, "low", "high", "group", "runs", "spread", *others, *COSTS])
    for each in result.standings:
        method = each.method
        writer.writerow([method.name, method.value, *each.interval, each.letters, len(method.runs), method.spread,
                         *map(method.figure, others), *map(method.cost, COSTS)])
    return file.getvalue()
