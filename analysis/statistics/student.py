"""An estimated difference with its standard error: p-values and intervals by Student's t."""

from typing import NamedTuple


class Difference(NamedTuple):
    """An estimate with its standard error: 0 if nothing varies, infinite if the variance is unknown, as with a single row."""

    value: float
    standard_error: float
    degrees_of_freedom: float

    def p(self) -> float:
        """The two-sided p that the difference is 0.

        If nothing varies, t is undefined, and p is the smallest that a sign-flip test of n rows can give: 2^(1 - n).
        """
        if self.standard_error == 0:
            return 0.5**self.degrees_of_freedom if self.value else 1.0
        return min(2 * self.beyond(0) if self.value < 0 else 2 * self.below(0), 1.0)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The value plus and minus t standard errors."""
        half = quantile((1 + confidence) / 2, self.degrees_of_freedom) * self.standard_error
        return self.value - half, self.value + half

    def below(self, limit: float) -> float:
        """The one-sided p that the difference is `limit` or less: Student's t at (limit - value) / standard error."""
        return _student(limit - self.value, self.standard_error, self.degrees_of_freedom)

    def beyond(self, limit: float) -> float:
        """The one-sided p that the difference is `limit` or more."""
        return _student(self.value - limit, self.standard_error, self.degrees_of_freedom)


def quantile(share: float, degrees_of_freedom: float) -> float:
    """The quantile of Student's t below which this share of values lies."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees_of_freedom, share))


def _student(distance: float, standard_error: float, degrees_of_freedom: float) -> float:
    """The distribution function of t at distance / standard error; a step function if the error is 0, with 1/2 at 0."""
    from scipy.special import stdtr

    if standard_error == 0:
        return 0.5 if distance == 0 else float(distance > 0)
    return float(stdtr(degrees_of_freedom, distance / standard_error))
