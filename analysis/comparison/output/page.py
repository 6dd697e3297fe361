"""The results of a comparison as a self-contained HTML page without scripts, for phones, screens and paper."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from ..comparison import COSTS, Compared, Comparison
from ..from_runs import Example
from ..units import Unit
from . import plots
from .grids import Grid, cost_text, grids
from .sentences import agreement, cautions, headline

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 0 auto; max-width: 60rem; padding: 1rem; }
h1 { font-size: 1.3rem; line-height: 1.35; } h2 { font-size: 1.05rem; margin-top: 2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child, .texts td { text-align: left; } .texts td { white-space: normal; overflow-wrap: anywhere; }
svg { width: 100%; max-width: 40rem; height: auto; display: block; } svg text { font: 12px system-ui, sans-serif; fill: #222; }
svg .tick { font-size: 11px; fill: #555; } .grid { stroke: #eee; } .axis { stroke: #888; } .zero { stroke: #222; stroke-dasharray: 3 3; }
.bar { stroke: #2b6cb0; stroke-width: 3; opacity: .55; } circle { fill: #2b6cb0; } .other { fill: #aaa; }
.front { fill: none; stroke: #2b6cb0; stroke-width: 1.5; }
.part0 { fill: #9ec5e8; } .part1 { fill: #2b6cb0; } .part2 { fill: #d9822b; } .part3 { fill: #ccc; }
@media print { body { max-width: none; padding: 0; } .wide { overflow: visible; } table { font-size: .65rem; }
  th, td { white-space: normal; padding: .15rem .3rem; }
  section { break-inside: avoid; } }
"""


def page(result: Comparison, examples: Sequence[Example] = ()) -> str:
    """The page: sentence, plots, tables and, if given, examples."""
    sentence = headline(result)
    parts = [f"<h1>{escape(sentence)}</h1>", *(f"<p>Note: {escape(line)}</p>" for line in cautions(result))]
    tables = grids(result)
    parts += [_section(f"{result.unit.heading} with intervals", _quality(result)), _section(tables[0].title, _table(tables[0]))]
    parts += [_section(f"quality against {COSTS[cost]}", _front(result, cost)) for cost in COSTS]
    if result.pairs:
        parts.append(_section(tables[1].title, _table(tables[1])))
        parts.append(_section("where they differ", _flips(result.pairs[0]) + _lines(agreement(result.pairs[0], result))))
    if result.slices:
        parts.append(_section(tables[2].title, _slices(result) + _table(tables[2])))
    if examples:
        parts.append(_section("examples that only one gets right", _table(_example_grid(result, examples), "texts")))
    body = "\n".join(part for part in parts if part)
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, '
            f'initial-scale=1"><title>{escape(sentence[:120])}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n')


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _table(grid: Grid, kind: str = "") -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in grid.heads)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in grid.rows)
    return f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _quality(result: Comparison) -> str:
    bars = [plots.Bar(each.method.name, each.method.value, *each.interval) for each in result.standings]
    return plots.intervals(bars, f"{_axis_title(result.unit)} with {100 * result.settings.confidence:.10g} % intervals", result.unit.plain)


def _axis_title(unit: Unit) -> str:
    return f"{unit.heading}{' in %' if unit.is_share else ''}"


def _front(result: Comparison, cost: str) -> str:
    best = {offer.name for offer in result.fronts[cost]}
    points = [plots.Point(method.name, price, method.value, method.name in best) for method in result.methods
              if (price := method.cost(cost)) is not None]
    drawn = plots.front(points, f"{result.unit.heading} against {COSTS[cost]}", f"{COSTS[cost]} (logarithmic)",
                        result.unit.plain, lambda value: cost_text(cost, value))
    return drawn + _lines(_of_a_point(result, cost)) if drawn else ""


def _of_a_point(result: Comparison, cost: str) -> list[str]:
    offers, point = result.fronts[cost], "a point" if result.unit.has_points else "1"
    texts = [f"{point} more with {offer.name} than with {before.name} costs {cost_text(cost, offer.of_a_point)}"
             for before, offer in pairwise(offers) if offer.of_a_point is not None]
    return [f"{'; '.join(texts)}."] if texts else []


def _flips(each: Compared) -> str:
    parts, pair = each.disagreement, each.pair
    if not parts.oracle:
        return ""
    both = parts.oracle - parts.only_first - parts.only_second
    return plots.shares([("both right", both), (f"only {pair.first}", parts.only_first), (f"only {pair.second}", parts.only_second),
                         ("neither", 1 - parts.oracle)], f"which texts {pair.first} and {pair.second} get right")


def _slices(result: Comparison) -> str:
    first, second = (method.name for method in result.methods[:2])
    shown = sorted(result.slices, key=lambda each: each.pair.p)[:12]
    bars = [plots.Bar(each.name, each.pair.value, *each.pair.interval) for each in shown]
    return plots.intervals(bars, f"by how much {first} is better than {second}", result.unit.plain, zero=True)


def _example_grid(result: Comparison, examples: Sequence[Example]) -> Grid:
    first, second = (method.name for method in result.methods[:2])
    return Grid("", ["right", "text", "gold", f"{first} says", f"{second} says"],
                [[each.right, each.text, each.label, *each.said] for each in examples])
