"""Cells of files whose columns have types, as text; and the packages of the extra that reads them."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module
from math import isnan
from types import ModuleType
from typing import Any

from ...errors import MissingExtraError

_EXACT = 2**53
"""Up to this size, a float tells each integer from the next."""


def of_extra(module: str, source: str) -> ModuleType:
    """A module of the extra `tables`. Raises MissingExtraError where it is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise MissingExtraError(f"{source}: reading Parquet, Excel and Hugging Face's datasets needs the extra: "
                                "pip install 'nlp-generations[tables]'.") from None


def cell_text(value: Any) -> str | None:
    """A cell as text: nothing and NaN as an empty one, numbers without a fraction as integers, dates by ISO 8601; None for what is none.

    A column of integers becomes one of floats as soon as a value is missing, so a label 1.0 has to be the same as a label 1.
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
