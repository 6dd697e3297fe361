"""Learning curves summarised in sentences."""

from collections.abc import Iterator
from math import floor, isfinite, isinf, log10

from ...terminal import figure
from .behaviour import MIN_SIZES
from .crossing import DRAWN, Crossing
from .learning_curves import LearningCurves, MethodCurve
from .points import Scale
from .power_law import Estimate

GROWTH = (
    (0.1, "hardly grows with the number of examples"),
    (0.85, "grows more slowly than the number of examples"),
    (1.15, "grows about linearly with the number of examples"),
    (1.75, "grows faster than the number of examples, but more slowly than its square"),
    (2.25, "grows about with the square of the number of examples"),
    (float("inf"), "grows faster than the square of the number of examples"),
)
ENDLESS = 100
"""The upper end of an interval beyond this multiple of the largest size is not reported."""


def sentences(curves: LearningCurves, label_price: float | None = None) -> list[str]:
    """Sentences about each method, then about each crossing, one fact per sentence."""
    lines = [sentence for method in curves.methods for sentence in about_method(method, curves.scale, label_price)]
    lines += [about_crossing(ahead, behind, where, curves.largest) for ahead, behind, where in curves.crossings]
    fitted = [method for method in curves.methods if method.fit]
    if len(fitted) > 1 and not curves.crossings:
        lines.append(f"No two curves cross between {curves.smallest:,.0f} and {DRAWN * curves.largest:,.0f} examples.")
    return lines


def about_method(method: MethodCurve, scale: Scale, label_price: float | None = None) -> Iterator[str]:
    """The gain from more examples, or why none can be estimated, and how training time grows."""
    if method.levels.left_out:
        runs, are = ("run", "is") if method.levels.left_out == 1 else ("runs", "are")
        yield f"{method.name}: {method.levels.left_out} {runs} without a finite {scale.metric} {are} left out."
    if method.trouble is not None:
        yield f"{method.name}: {_trouble(method, scale)}"
    else:
        yield f"{method.name}: {_more_examples(method, scale, label_price)}"
        yield f"{method.name}: {_twice(method, scale)}"
    if method.time_exponent is not None:
        yield f"{method.name}: training time {_growth(method.time_exponent)} (exponent {method.time_exponent:.2f})."


def about_crossing(ahead: str, behind: str, crossing: Crossing, largest: float) -> str:
    """Where one method overtakes another."""
    at = crossing.examples
    if at.low == 0 and isinf(at.high):
        return f"{ahead} and {behind} are too close to tell where they cross, or which is ahead."
    interval = _interval(at, largest, "at any size" if at.low == 0 else None)
    where = f"{ahead} overtakes {behind} at about {count(at.value)} ({interval}) examples"
    return f"{where}{', which your data does not reach' if at.value > largest else ''}{_how_far(at.value, largest)}."


def _trouble(method: MethodCurve, scale: Scale) -> str:
    assert method.trouble is not None
    kind, first, last, amount = method.trouble
    what = "rises" if scale.best is None else "falls"
    match kind:
        case "nothing":
            return f"no run has a finite {scale.metric}, so there is no curve."
        case "few_sizes":
            n_sizes = len(method.levels.examples)
            are = "1 size of training data is" if n_sizes == 1 else f"{n_sizes} sizes of training data are"
            return f"{are} too few for a curve, which needs {MIN_SIZES}; five to eight are better."
        case "rises":
            return (f"the {scale.metric} {what} between {first:,.0f} and {last:,.0f} examples, by {_amount(amount, scale)}, which is more "
                    "than chance. The curve is not well-behaved, and nothing is fitted.")
        case "flat" if (method.levels.errors == method.levels.errors[0]).all():
            return f"the {scale.metric} is {figure(_value(method.levels.errors[0], scale))} at every size. Nothing is fitted."
        case "flat":
            return (f"the {scale.metric} does not improve between {first:,.0f} and {last:,.0f} examples by more than chance. "
                    "Nothing is fitted.")
        case "far_off":
            return (f"a power law is off by {amount:.0%} of what the curve gains, which is more than chance. "
                    "The curve is not well-behaved, and nothing is fitted.")


def _more_examples(method: MethodCurve, scale: Scale, label_price: float | None) -> str:
    step, largest = scale.step(method.now()), method.levels.largest
    more, gain = method.more_examples(step), _step(step, scale)
    assert more is not None
    if isinf(more.value):
        return _out_of_reach(method, scale, gain)
    if more.value > (DRAWN - 1) * largest:
        return f"{gain} takes more than {(DRAWN - 1) * largest:,.0f} more examples, if more examples can give it at all."
    costs = "" if label_price is None else f", which cost about {_money(more, largest, label_price)} at {label_price:g} each,"
    doubt = " It may also be out of reach." if isinf(more.high) else ""
    return (f"about {count(more.value)} more examples ({_interval(more, largest)}){costs} give {gain}"
            f"{_how_far(largest + more.value, largest)}.{doubt}")


def _out_of_reach(method: MethodCurve, scale: Scale, gain: str) -> str:
    end = method.floor()
    assert end is not None
    low, high = sorted(_value(each, scale) for each in (end.low, end.high))
    return (f"{gain} is out of reach of more examples: the curve levels off at {scale.metric} "
            f"{figure(_value(end.value, scale))} ({figure(low)} to {figure(high)}), and is at {figure(_value(method.now(), scale))} with "
            f"{method.levels.largest:,.0f}.")


def _twice(method: MethodCurve, scale: Scale) -> str:
    gain = method.gain_of_twice()
    assert gain is not None
    low, high = (_amount(end, scale, unit=False) for end in (gain.low, gain.high))
    more = f"{_amount(gain.value, scale)} {_better(scale)} ({low} to {high})"
    return f"twice the examples ({2 * method.levels.largest:,.0f}) would give {more}."


def _growth(exponent: float) -> str:
    return next(description for end, description in GROWTH if exponent < end)


def _step(step: float, scale: Scale) -> str:
    return f"a {scale.metric} lower by {step:g}" if scale.point is None else f"one point {_better(scale)}"


def _better(scale: Scale) -> str:
    return "more" if scale.best is not None else "less"


def _amount(error: float, scale: Scale, unit: bool = True) -> str:
    """A difference in points, such as `1.3 points`, or in the metric itself if it has no points."""
    if scale.point is None:
        return f"{error:.2g}"
    points = f"{error / scale.point:.1f}"
    return points + (" point" if points == "1.0" else " points") * unit


def _value(error: float, scale: Scale) -> float:
    return error if scale.best is None else scale.best - error


def _how_far(examples: float, largest: float) -> str:
    """A warning beyond twice the largest size."""
    return f" (an extrapolation to {examples / largest:.1f} times your data)" if examples > 2 * largest else ""


def _interval(examples: Estimate, largest: float, low: str | None = None) -> str:
    start = low or count(examples.low)
    if examples.high > ENDLESS * largest:
        return f"{start} or more"
    return f"{start} to {count(examples.high)}" if low is None else f"at most {count(examples.high)}"


def _money(examples: Estimate, largest: float, price: float) -> str:
    return f"{count(price * examples.value)} ({_interval(Estimate(*(price * end for end in examples)), price * largest)})"


def count(number: float) -> str:
    """An estimated number of examples, rounded to two significant digits, such as 5,200."""
    if not isfinite(number) or number <= 0:
        return f"{number:,.0f}"
    if number < 10:
        return f"{number:.2g}"
    return f"{round(number, 1 - floor(log10(number))):,.0f}"
