"""The findings as tables of texts, and those as Markdown and LaTeX; the figures themselves as CSV."""

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
"""Of more pairs only those with the best method are shown; all are in the JSON."""
SHOWN_SLICES = 12


class Grid(NamedTuple):
    """A table: its title, the heads of its columns, and its rows."""

    title: str
    heads: list[str]
    rows: list[list[str]]


def grids(found: Comparison) -> list[Grid]:
    """All tables, those without rows left out."""
    return [grid for grid in (methods_grid(found), pairs_grid(found), slices_grid(found)) if grid.rows]


def methods_grid(found: Comparison) -> Grid:
    """A row for each method: quality, and what it costs. Methods that share a letter cannot be told apart; a method is on the front of a
    cost where no cheaper one is as good.
    """
    costs = [cost for cost in COSTS if any(method.cost(cost) is not None for method in found.methods)]
    others = other_metrics(found)
    several = any(method.spread is not None for method in found.methods)
    heads = ["method", found.unit.heading, interval_head(found), *["group"] * (len(found.methods) > 1), "seeds",
             *["spread over seeds"] * several, *_headings(others, found), *(COSTS[cost] for cost in costs),
             *["front of"] * (len(found.methods) > 1)]
    return Grid(f"{found.split}, {found.n_rows:,} examples", heads, [_method_row(each, found, others, costs, several)
                                                                    for each in found.standings])


def interval_head(found: Comparison) -> str:
    """95 % interval."""
    return f"{100 * found.settings.confidence:.10g} % interval"


def other_metrics(found: Comparison) -> list[str]:
    """Metrics beside the compared one that a method has, in the order of the task."""
    return list(dict.fromkeys(name for method in found.methods for run in method.runs for name in run.figures if name != found.unit.metric))


def _headings(metrics: Sequence[str], found: Comparison) -> list[str]:
    known = {name: heading for method in found.methods for run in method.runs for name, heading in run.headings.items()}
    return [known.get(name, name) for name in metrics]


def _method_row(each: Standing, found: Comparison, others: Sequence[str], costs: Sequence[str], several: bool) -> list[str]:
    method, many = each.method, len(found.methods) > 1
    spread = "" if method.spread is None else found.unit.plain(method.spread)
    fronts = ", ".join(COSTS[cost] for cost in costs if any(offer.name == method.name for offer in found.fronts[cost]))
    return [method.name, found.unit.value(method.value), found.unit.interval(each.interval), *[each.letters] * many,
            str(len(method.runs)) if method.has_chance else "no chance", *[spread] * several,
            *(_number(method.figure(name)) for name in others), *(cost_text(cost, method.cost(cost)) for cost in costs), *[fronts] * many]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}" if abs(value) < 1_000 else f"{value:,.0f}"


def cost_text(cost: str, value: float | None) -> str:
    """With its unit, such as 12.3 s, 4.1 MB or 0.82 ms."""
    if value is None:
        return ""
    if cost == "train_seconds":
        return f"{value:,.1f} s"
    if cost.startswith("latency"):
        return f"{value:,.2f} ms" if value < 10 else f"{value:,.0f} ms"
    return f"{value / 1e6:,.1f} MB" if cost.endswith("bytes") else f"{value:,.0f}"


def pairs_grid(found: Comparison) -> Grid:
    """A row for each pair: the interval of the difference first, then p."""
    best = found.methods[0].name
    shown = found.pairs if len(found.pairs) <= MOST_PAIRS else [each for each in found.pairs if each.pair.first == best]
    title = "differences" if len(shown) == len(found.pairs) else f"differences from {best}; all {len(found.pairs)} pairs are in --json"
    p = "p" if len(found.pairs) == 1 else f"p after Holm over {len(found.pairs)} pairs"
    heads = ["better", "than", "difference", interval_head(found), p, "test", "better on a row", "odds", "smallest difference shown",
             "variance from seeds", *["the same in practice"] * (found.settings.margin is not None)]
    return Grid(title, heads, [_pair_row(each, found) for each in shown])


def _pair_row(each: Compared, found: Comparison) -> list[str]:
    pair, parts = each.pair, each.disagreement
    same = [] if each.practical is None else [f"{percent(each.practical.same)} (p {p_figure(each.equivalence or 0.0)})"]
    return [pair.first, pair.second, found.unit.difference(pair.value), found.unit.interval(pair.interval), p_figure(pair.adjusted),
            pair.test.value, percent(parts.superiority), f"{parts.odds:.2f}" if isfinite(parts.odds) else "never worse",
            found.unit.difference(each.smallest) if isfinite(each.smallest) else "none",
            percent(pair.seed_share) if pair.of_methods else "not known", *same]


def slices_grid(found: Comparison) -> Grid:
    """The two best methods on the slices on which they differ most surely."""
    if not found.slices:
        return Grid("", [], [])
    first, second = (method.name for method in found.methods[:2])
    shown = sorted(found.slices, key=lambda each: each.pair.p)[:SHOWN_SLICES]
    rows = [[each.by, each.name, f"{each.n:,}", *(found.unit.value(value) for value in each.values), found.unit.difference(each.pair.value),
             found.unit.interval(each.pair.interval), p_figure(each.pair.adjusted)] for each in shown]
    left = f"; the {len(shown)} surest of {len(found.slices)}" if len(found.slices) > len(shown) else ""
    heads = ["by", "slice", "examples", first, second, "difference", interval_head(found), f"p after Holm over {len(found.slices)}"]
    kinds = list(dict.fromkeys(each.by for each in found.slices))
    return Grid(f"{first} and {second} by {' and '.join(kinds)}{left}", heads, rows)


def markdown(headline: str, found: Comparison) -> str:
    """The sentence and the tables."""
    parts = [_literal(headline)]
    for grid in grids(found):
        lines = [grid.heads, ["---"] * len(grid.heads), *grid.rows]
        table = "\n".join(f"| {' | '.join(map(_literal, line))} |" for line in lines)
        parts += [f"**{_literal(grid.title)}**", table.replace(r"\-\-\-", "---")]
    return "\n\n".join(parts) + "\n"


def _literal(text: str) -> str:
    """Text that Markdown shows as it is."""
    escaped = re.sub(r"([\\`*_\[\]|#])", r"\\\1", _on_one_line(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


LATEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
         "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"}


def latex(headline: str, found: Comparison) -> str:
    """A tabular for each table, with the sentence and the titles as comments; needs no package."""
    parts = [f"% {_on_one_line(headline)}"]
    for grid in grids(found):
        lines = [" & ".join(map(_latex, line)) + r" \\" for line in grid.rows]
        parts += [f"% {_on_one_line(grid.title)}", rf"\begin{{tabular}}{{l{'r' * (len(grid.heads) - 1)}}}", r"\hline",
                  " & ".join(map(_latex, grid.heads)) + r" \\", r"\hline", *lines, r"\hline", r"\end{tabular}"]
    return "\n".join(parts) + "\n"


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in _on_one_line(text))


def _on_one_line(text: str) -> str:
    """Without control characters, since such files are printed in terminals too."""
    return visible(" ".join(text.split()))


def as_csv(found: Comparison) -> str:
    """A row for each method, with numbers that are not rounded."""
    others, written = other_metrics(found), io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(["method", found.unit.metric, "low", "high", "group", "runs", "spread", *others, *COSTS])
    for each in found.standings:
        method = each.method
        writer.writerow([method.name, method.value, *each.interval, each.letters, len(method.runs), method.spread,
                         *map(method.figure, others), *map(method.cost, COSTS)])
    return written.getvalue()
