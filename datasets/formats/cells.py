"""Conversion of typed cells to text, and imports of the packages that read typed files."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module
from math import isnan
from types import ModuleType
from typing import Any

from ...errors import MissingExtraError

_EXACT = 2**53
"""Floats represent all integers below this size exactly."""


def of_extra(module: str, source: str) -> ModuleType:
    """A module of the extra `tables`. Raises MissingExtraError if it is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise MissingExtraError(f"{source}: reading Parquet, Excel and Hugging Face's datasets needs the extra: "
                                "pip install 'nlp-generations[tables]'.") from None


def cell_text(value: Any) -> str | None:
    """A cell as text: empty for None and NaN, an integer for numbers without a fraction, ISO 8601 for dates; None for other types.

    A column of integers becomes one of floats as soon as a value is missing, so the label 1.0 has to equal the label 1.
    """
    match value:
        case None:
            text = ""
        case bool():
            text = "true" if value else "false"
        case float():
            text = "" if isnan(value) else str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
        case datetime():
            midnight = value.time() == time() and value.tzinfo is None
            text = value.date().isoformat() if midnight else value.isoformat(sep=" ")
        case str() | int() | Decimal() | date() | time() | timedelta():
            text = str(value)
        case _:
            text = None
    return text
