"""What every method gives: a signed number for each part of a text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

DIGITS = 6


class Share(NamedTuple):
    """A token, word or n-gram, and what it adds to the score of the predicted class; below 0, what it takes away."""

    token: str
    number: float


@dataclass(frozen=True)
class Explanation:
    """The shares of one text. `completeness_error`, of gradients only: by what part of the change in the score from an empty text to this
    one the numbers' sum is wrong."""

    method: str
    shares: Sequence[Share]
    completeness_error: float | None = None
    between: str | None = None
    """What stands between one token and the next; None where shares are not in the order of the text."""

    def to_json(self) -> dict[str, Any]:
        """As programs read it."""
        error = self.completeness_error
        return {"method": self.method, "tokens": [[token, round(number, DIGITS)] for token, number in self.shares],
                "completeness_error": None if error is None else round(error, DIGITS)}

    def largest(self, most: int) -> list[Share]:
        """The shares that matter most, for and against, those of 0 left out."""
        ordered = sorted(self.shares, key=lambda share: -abs(share.number))
        return [share for share in ordered[:most] if share.number]
