"""The confidence interval of one method's metric."""

from math import inf
from statistics import NormalDist

import numpy as np

from ..statistics.bootstrap import percentile_interval
from ..statistics.proportions import wilson_interval
from ..statistics.student import quantile
from .methods import LOSSES, MeasuredRows, Method

PARTS = ("f1", "precision", "recall", "macro_f1")
MANY = 2_000
"""From this number of distinct rows on, the interval of one run is computed from its standard error, which is as good and fast."""


def interval(method: Method, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of the metric: Wilson's for a share, the bootstrap for other metrics of one run, Student's t for several seeds.

    If every row is perfect (or none is right at all), the last two have no variance to work with; then every row counts as right or
    wrong, with Wilson's interval.
    """
    rows = method.rows
    if rows.kind == "share":
        return _share_interval(method, confidence)
    if method.value in (0, 1) and _is_part_of_one(rows):
        return wilson_interval(round(method.value) * len(rows), len(rows), confidence)
    if len(method.runs) == 1 and len(rows) > 1 and len(rows.different) < MANY:
        return percentile_interval(rows.figure, rows.sums, confidence)
    low, high = method.itself.interval(confidence)
    return max(low, _least(rows)), min(high, _most(rows))


def _share_interval(method: Method, confidence: float) -> tuple[float, float]:
    """Wilson's interval. For several seeds it uses the number of rows that would give the mean share its standard error, and Student's
    quantile instead of the normal one: it covers both seeds and rows, and holds near 0 and 1 (Dean and Pagano 2015).
    """
    share, n = method.value, float(len(method.rows))
    if len(method.runs) == 1:
        return wilson_interval(round(share * n), n, confidence)
    _, error, degrees = method.itself
    if error > 0 and 0 < share < 1:
        n = share * (1 - share) / error**2
    as_normal = 2 * NormalDist().cdf(quantile((1 + confidence) / 2, degrees)) - 1
    return wilson_interval(share * n, n, min(as_normal, 1 - 1e-12))


def _is_part_of_one(rows: MeasuredRows) -> bool:
    """Whether the metric is a share of tokens or spans, which lies between 0 and 1."""
    return rows.kind in PARTS or (rows.kind == "ratio" and bool(np.all(rows.different[:, 0] <= rows.different[:, 1])))


def _least(rows: MeasuredRows) -> float:
    if rows.kind == "correlation":
        return -1.0
    return 0.0 if np.all(rows.different >= 0) else -inf


def _most(rows: MeasuredRows) -> float:
    """1 for shares of one thing in another, 100 for sacrebleu's scores (which it gives in percent), no limit for losses and error rates."""
    if rows.kind in LOSSES or rows.kind == "ter":
        return inf
    return 100.0 if rows.kind in ("bleu", "bleu_lowercase", "chrf") else 1.0
