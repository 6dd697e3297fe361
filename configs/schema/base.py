"""The base of every section of a recipe."""

from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(gt=0, lt=1)]
"""A share strictly between 0 and 1."""
WholeShare = Annotated[float, Field(gt=0, le=1)]
"""A share above 0, up to and including 1."""
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

    The docstring under each field is its help in `nlp config schema`, in editors and in the docs. Validators are built once for the
    whole recipe (`defer_build`), not for each section.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=(), defer_build=True)


class Problem(NamedTuple):
    """An inconsistency between sections that are valid by themselves: the path of the key to report, and a message."""

    path: tuple[str, ...]
    message: str
