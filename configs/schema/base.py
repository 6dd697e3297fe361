"""The base of every section of a recipe."""

from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(gt=0, lt=1)]
"""A share of a whole, strictly between 0 and 1."""
WholeShare = Annotated[float, Field(gt=0, le=1)]
"""A share of a whole that may be all of it."""
Probability = Annotated[float, Field(ge=0, lt=1)]
"""A probability that may be 0 but not 1, such as a dropout rate."""
Fraction = Annotated[float, Field(ge=0, le=1)]
"""A share from 0 to 1, both included."""
PositiveInt = Annotated[int, Field(ge=1, le=2**31 - 1)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
PositiveFloat = Annotated[float, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0, le=2**31 - 1)]
NonNegativeFloat = Annotated[float, Field(ge=0)]


class Config(BaseModel):
    """Frozen and strict: a misspelt key or a wrong type is an error, never a silent default.

    The docstring under each field is its help in `nlp config schema`, in editors and in the docs. Validation is built for a recipe as a
    whole (`defer_build`), not for each section again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=(), defer_build=True)


class Problem(NamedTuple):
    """Something wrong between sections of a recipe that are each valid: the key to point at, and one sentence."""

    path: tuple[str, ...]
    message: str
