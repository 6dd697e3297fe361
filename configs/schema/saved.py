"""Base of the schemas of files that this package writes and reads back; they are validated, since run folders may come from anyone."""

import math
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from .base import Config

T = TypeVar("T")

Count = Annotated[int, Field(ge=0)]
_AS_TEXT = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _as_number(value: Any) -> Any:
    return _AS_TEXT.get(value, value) if isinstance(value, str) else value


Number = Annotated[float, BeforeValidator(_as_number)]
"""A number; NaN and infinities, which JSON lacks, are written as "nan", "inf" and "-inf"."""
Finite = Annotated[float, Field(allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Saved(Config):
    """Frozen and strict, like a section of a recipe."""


class OpenSaved(Saved):
    """Like `Saved`, but unknown keys are ignored, since later versions may add some."""

    model_config = ConfigDict(extra="ignore")


def checked(kind: type[T] | TypeAdapter[T], value: Any) -> T:
    """The value, validated. Raises ValueError with a clause that names the key and the error."""
    adapter = kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind)
    try:
        return adapter.validate_python(value, strict=True)
    except ValidationError as error:
        raise ValueError(_wrong(error)) from None


def _wrong(error: ValidationError) -> str:
    """The first error, such as: `cost.steps` should be a valid integer."""
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"]))
    what = f"`{key[:100]}`" if key else "its content"
    match first["type"]:
        case "missing":
            return f"{what} is missing"
        case "extra_forbidden":
            return f"{what} is not known"
        case "model_type" | "dict_type":
            return f"{what} should be a mapping of keys to values"
        case "value_error":
            return f"{what} {first.get('ctx', {}).get('error')}"
    return f"{what} {first['msg'].replace('Input should', 'should')}"
