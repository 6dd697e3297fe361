"""Rules written by hand: `model: {type: rules}`."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from .base import Config, PositiveFloat, Share
from .model_base import Inputs, LearnsBy, ModelBase


class Rule(Config):
    """One rule: a class, and what the text must contain for it to fire."""

    label: str
    """The class that the rule votes for."""
    keywords: list[str] = []
    """Fires when one of these occurs as a whole word (or phrase)."""
    pattern: str | None = None
    """Fires when this regular expression matches anywhere in the text; the syntax is that of Python's `re`."""
    weight: PositiveFloat = 1.0
    """The rule's vote in `mode: weighted`."""

    @model_validator(mode="after")
    def _has_condition(self) -> Self:
        if bool(self.keywords) == (self.pattern is not None):
            raise ValueError("give keywords or a pattern")
        if self.pattern is not None:
            import regex

            try:
                regex.compile(self.pattern)
            except (regex.error, OverflowError, RecursionError) as error:
                raise ValueError(f"pattern is not a valid regular expression: {error}") from None
        return self


class RulesConfig(ModelBase):
    """Keyword and regular-expression rules, written by hand; nothing is learned."""

    learns_by: ClassVar[LearnsBy] = "nothing"
    gives: ClassVar[frozenset[str]] = frozenset({"classes"})
    has_chance: ClassVar[bool] = False

    type: Literal["rules"]
    mode: Literal["ordered", "weighted"] = "ordered"
    """`ordered`: the first rule that fires decides. `weighted`: the class with the largest sum of weights wins."""
    rules: list[Rule] = []
    """The rules, written here."""
    rules_file: str | None = None
    """The rules, as a YAML list in a separate file (relative to the recipe)."""
    default: str
    """The class that is predicted when no rule fires."""
    confidence: Share = 0.9
    """Probability given to the predicted class; the rest is spread over the others. It affects only the loss."""
    case_sensitive: bool = False
    """Whether matching is case-sensitive."""

    @model_validator(mode="after")
    def _rules_once(self) -> Self:
        if bool(self.rules) == (self.rules_file is not None):
            raise ValueError("give rules or rules_file")
        return self

    @property
    def inputs(self) -> Inputs:
        return frozenset({"text"})
