"""Format the values of metrics: shares in percent, their differences in points; losses as they are."""

from dataclasses import dataclass
from math import isfinite

from ...tasks.scoring.row_scores import Kind

SHARES: frozenset[Kind] = frozenset({"share", "f1", "precision", "recall", "macro_f1"})
SCORES: frozenset[Kind] = frozenset({"bleu", "bleu_lowercase", "chrf", "ter"})
"""Metrics up to 100; other metrics that have points are shares."""
RATIOS_OF_ONE = ("accuracy", "invalid", "zero_one_loss", "error_rate")
"""Endings of the names of ratios that are shares of tokens or other parts of a row."""


@dataclass(frozen=True)
class Unit:
    """How a metric is formatted; `point` is the size of one point."""

    metric: str
    heading: str
    """Display name: F1 is of classes or of spans."""
    point: float
    is_share: bool
    has_points: bool

    def value(self, number: float) -> str:
        """78.4 %, 34.2 or 0.3127."""
        return f"{self.plain(number)} %" if self.is_share else self.plain(number)

    def plain(self, number: float) -> str:
        """The same without a percent sign."""
        scaled = number / self.point if self.has_points else number
        return _decimals(scaled, 1 if self.has_points else 4)

    def difference(self, number: float) -> str:
        """2.4 points, or 0.0213."""
        return f"{self.plain(number)} points" if self.has_points else self.plain(number)

    def interval(self, ends: tuple[float, float]) -> str:
        """0.9 to 3.9."""
        return " to ".join(map(self.plain, ends))


def unit_of(metric: str, kind: Kind) -> Unit:
    """Shares lie between 0 and 1, sacrebleu's scores mostly between 0 and 100."""
    is_share = kind in SHARES or (kind == "ratio" and metric.endswith(RATIOS_OF_ONE))
    heading = {"macro_f1": "macro_f1", "f1": "span_f1"}.get(kind, metric) if metric == "f1" else metric
    return Unit(metric, heading, 0.01 if is_share else 1.0, is_share, is_share or kind in SCORES)


def _decimals(number: float, fewest: int) -> str:
    """The number with `fewest` decimals, or up to two more if it would otherwise show as 0."""
    if not isfinite(number):
        return "unknown"
    places = fewest
    while number and places < fewest + 2 and abs(number) < 0.5 * 10.0**-places * 2:
        places += 1
    if abs(number) < 0.5 * 10.0**-places:
        number, places = 0.0, fewest
    text = f"{number:,.{places}f}"
    return text.removeprefix("-") if not float(text.replace(",", "")) else text


def probability(p: float) -> str:
    """p = 0.002; never rounded to 0."""
    return f"p = {p_figure(p)}" if p >= 0.0001 else "p < 0.0001"


def p_figure(p: float) -> str:
    """Two digits; `<0.0001` below that, and 1 for 1."""
    if p < 0.0001:
        return "<0.0001"
    if p >= 0.995:
        return "1"
    if abs(p - 0.05) < 0.0005:
        return f"{p:.4f}"  # on which side of 0.05 it is
    return f"{p:.2f}" if p >= 0.1 else f"{p:.3f}" if p >= 0.001 else f"{p:.4f}"


def percent(share: float) -> str:
    """A share in percent, with one decimal."""
    return f"{100 * share:.1f} %"
