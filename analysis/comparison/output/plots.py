"""Plots as self-contained SVG: narrow enough for a phone, with all text escaped."""

from collections.abc import Callable, Sequence
from html import escape
from math import floor, isfinite, log10
from typing import NamedTuple

WIDTH, ROW, LEFT, RIGHT, TOP = 440, 26, 130, 16, 12
AXIS = 38
"""Height below the rows for the axis and its title."""
LONGEST = 18
"""Characters of a name that fit on the left."""


class Bar(NamedTuple):
    """A named value with its interval."""

    name: str
    value: float
    low: float
    high: float


class Point(NamedTuple):
    """A method with its cost and quality."""

    name: str
    cost: float
    value: float
    on_front: bool


class Scale(NamedTuple):
    """Maps values to pixels, linearly or logarithmically."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (log10(each) for each in (self.low, self.high, value)) if self.logarithmic else (self.low, self.high, value)
        return round(self.start + (value - low) / (high - low) * (self.end - self.start), 1)


def intervals(bars: Sequence[Bar], title: str, write: Callable[[float], str], zero: bool = False) -> str:
    """A dot and an interval for each row; `zero` adds a line at 0, which intervals cross if there is no difference."""
    known = [bar for bar in bars if isfinite(bar.low) and isfinite(bar.high)]
    if not known:
        return ""
    ends = [end for bar in known for end in (bar.low, bar.high)] + [0.0] * zero
    scale, bottom = _padded(min(ends), max(ends), LEFT, WIDTH - RIGHT), TOP + ROW * len(known)
    parts = _axis(scale, bottom, title, write)
    if zero:
        parts.append(f'<line x1="{scale(0)}" y1="{TOP}" x2="{scale(0)}" y2="{bottom}" class="zero"/>')
    for place, bar in enumerate(known):
        y = TOP + ROW * place + ROW / 2
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{_shown(bar.name)}</text>'
                     f'<line x1="{scale(bar.low)}" y1="{y}" x2="{scale(bar.high)}" y2="{y}" class="bar"/>'
                     f'<circle cx="{scale(bar.value)}" cy="{y}" r="4"><title>{escape(write(bar.value))}</title></circle>')
    return _drawn(parts, bottom + AXIS, title)


def front(points: Sequence[Point], title: str, across: str, write: Callable[[float], str], write_cost: Callable[[float], str]) -> str:
    """Quality against cost on a logarithmic axis; the line joins the Pareto front.

    A cost of 0, such as that of training rules, is drawn at the left end of the axis.
    """
    known = [point for point in points if isfinite(point.value)]
    lowest = min((point.cost for point in known if point.cost > 0), default=None)
    if lowest is None or len(known) < 2:
        return ""
    shown = [point._replace(cost=max(point.cost, lowest / 3)) for point in known]
    left, bottom = 56, 250
    low, high = (end(point.cost for point in shown) for end in (min, max))
    across_scale = Scale(low / 1.6, high * 1.6, left, WIDTH - RIGHT, logarithmic=True)
    up = _padded(min(point.value for point in shown), max(point.value for point in shown), bottom, TOP)
    parts = [*_log_axis(across_scale, bottom, across, write_cost), *_upright(up, left, write)]
    line = sorted((point for point in shown if point.on_front), key=lambda point: point.cost)
    path = " ".join(f"{across_scale(point.cost)},{up(point.value)}" for point in line)
    parts.append(f'<polyline points="{path}" class="front"/>')
    for point in shown:
        x, y = across_scale(point.cost), up(point.value)
        anchor, shift = ("end", -8) if x > WIDTH * 0.7 else ("start", 8)
        parts.append(f'<circle cx="{x}" cy="{y}" r="4.5" class="{"best" if point.on_front else "other"}"/>'
                     f'<text x="{x + shift}" y="{y - 6}" text-anchor="{anchor}">{_shown(point.name)}</text>')
    return _drawn(parts, bottom + AXIS, title)


def shares(parts: Sequence[tuple[str, float]], title: str) -> str:
    """A bar divided into shares, with a line of text for each."""
    width, x, drawn = WIDTH - 2 * RIGHT, float(RIGHT), list[str]()
    for place, (name, share) in enumerate(parts):
        y = TOP + 44 + 20 * place
        drawn.append(f'<rect x="{x:.1f}" y="{TOP}" width="{share * width:.1f}" height="26" class="part{place}"/>'
                     f'<rect x="{RIGHT}" y="{y - 10}" width="12" height="12" class="part{place}"/>'
                     f'<text x="{RIGHT + 20}" y="{y}">{escape(name)}: {100 * share:.1f} %</text>')
        x += share * width
    return _drawn(drawn, TOP + 44 + 20 * len(parts), title)


def _shown(name: str) -> str:
    """A name, shortened and escaped, with the full name as a tooltip."""
    short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    return f"{escape(short)}<title>{escape(name)}</title>"


def _padded(low: float, high: float, start: float, end: float) -> Scale:
    room = (high - low) * 0.06 or max(abs(high) * 0.1, 0.01)
    return Scale(low - room, high + room, start, end)


def _axis(scale: Scale, bottom: float, title: str, write: Callable[[float], str]) -> list[str]:
    ticks = _ticks(scale.low, scale.high)
    parts = [f'<line x1="{scale.start}" y1="{bottom}" x2="{scale.end}" y2="{bottom}" class="axis"/>']
    parts += [f'<line x1="{scale(tick)}" y1="{TOP}" x2="{scale(tick)}" y2="{bottom}" class="grid"/>'
              f'<text x="{scale(tick)}" y="{bottom + 15}" text-anchor="middle" class="tick">{escape(write(tick))}</text>' for tick in ticks]
    return [*parts, f'<text x="{(scale.start + scale.end) / 2}" y="{bottom + 32}" text-anchor="middle" class="tick">{escape(title)}</text>']


def _upright(scale: Scale, left: float, write: Callable[[float], str]) -> list[str]:
    return [f'<line x1="{left}" y1="{scale(tick)}" x2="{WIDTH - RIGHT}" y2="{scale(tick)}" class="grid"/>'
            f'<text x="{left - 6}" y="{scale(tick) + 4}" text-anchor="end" class="tick">{escape(write(tick))}</text>'
            for tick in _ticks(scale.low, scale.high)]


def _log_axis(scale: Scale, bottom: float, title: str, write: Callable[[float], str]) -> list[str]:
    """An axis with ticks at powers of ten, or at both ends if there are fewer than two."""
    powers = [10.0**power for power in range(floor(log10(scale.low)), floor(log10(scale.high)) + 1) if 10.0**power >= scale.low]
    ticks = powers[:: max(1, len(powers) // 5)] if len(powers) > 1 else [scale.low * 1.6, scale.high / 1.6]
    parts = [f'<line x1="{scale.start}" y1="{bottom}" x2="{scale.end}" y2="{bottom}" class="axis"/>']
    parts += [f'<text x="{scale(tick)}" y="{bottom + 15}" text-anchor="middle" class="tick">{escape(write(tick))}</text>' for tick in ticks]
    return [*parts, f'<text x="{(scale.start + scale.end) / 2}" y="{bottom + 32}" text-anchor="middle" class="tick">{escape(title)}</text>']


def _ticks(low: float, high: float) -> list[float]:
    """Three to seven round values between the ends."""
    rough = (high - low) / 4
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = floor(low / step) + 1
    return [round(number * step, 12) for number in range(first, first + 12) if number * step <= high]


def _drawn(parts: Sequence[str], height: float, title: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
