"""Hand-written rules: `model: {type: rules}`."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..base import Config, PositiveFloat, PositiveInt, Share
from .model_base import Inputs, LearnsBy, ModelBase

VADER = "vader"
"""The name of the lexicon that the package vaderSentiment ships (Hutto and Gilbert 2014)."""


class TokenCondition(Config):
    """The condition on one token: all keys that are given must match. Without keys, any token matches."""

    text: str | list[str] | None = None
    """The token itself, or one of several."""
    lower: str | list[str] | None = None
    """The token in lower case."""
    lemma: str | list[str] | None = None
    """The token's dictionary form in lower case, such as `be` for `were`; needs the extra `linguistics`."""
    shape: str | list[str] | None = None
    """The kinds of its characters, such as `Xxxxx` or `dd`; runs of one kind are cut to four."""
    op: Literal["1", "?", "+", "*"] = "1"
    """How often: once, at most once (`?`), at least once (`+`), any number of times (`*`)."""

    def wanted(self) -> dict[str, list[str]]:
        """The keys that are given, each with its accepted values."""
        conditions = {key: getattr(self, key) for key in ("text", "lower", "lemma", "shape")}
        return {key: [value] if isinstance(value, str) else value for key, value in conditions.items() if value is not None}


class Rule(Config):
    """One rule: a class, and what the text must contain for it to fire."""

    label: str
    """The class that the rule votes for."""
    keywords: list[str] = []
    """Fires when one of these occurs as a complete word or phrase."""
    pattern: str | None = None
    """Fires when this regular expression matches anywhere in the text; the syntax is that of Python's `re`."""
    tokens: list[TokenCondition] = []
    """Fires when tokens in a row meet these conditions, as in spaCy's Matcher."""
    weight: PositiveFloat = 1.0
    """The rule's vote in `mode: weighted`."""
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    """Of the rules that fire, only those with the highest priority count."""

    @property
    def condition(self) -> str | list[Any]:
        """The rule's condition: its pattern, its token conditions, or its keywords."""
        return [each.model_dump(exclude_defaults=True) for each in self.tokens] if self.tokens else self.pattern or list(self.keywords)

    @model_validator(mode="after")
    def _has_condition(self) -> Self:
        if bool(self.keywords) + (self.pattern is not None) + bool(self.tokens) != 1:
            raise ValueError("give keywords, a pattern or tokens")
        if self.tokens and all(each.op in ("?", "*") for each in self.tokens):
            raise ValueError("tokens are all optional, so the rule would fire in every text; one needs op `1` or `+`")
        if self.pattern is not None:
            import regex

            try:
                regex.compile(self.pattern)
            except (regex.error, OverflowError, RecursionError) as error:
                raise ValueError(f"pattern is not a valid regular expression: {error}") from None
        return self


class NegationConfig(Config):
    """The effect of a negation word on a keyword or a lexicon word after it."""

    words: list[Annotated[str, Field(min_length=1)]] = Field(
        default=["not", "n't", "no", "never", "nor", "neither", "without", "hardly", "barely", "cannot"], min_length=1)
    """Words or phrases that negate; `n't` is also found in `doesn't`."""
    window: PositiveInt = 3
    """Scope of a negation word: the number of words after it; a punctuation mark of `.,;:!?` ends the scope."""
    factor: Annotated[float, Field(ge=-1, le=0)] = 0.0
    """Factor for the vote of a negated keyword: with 0 it does not fire; with -1 its full weight counts against its class, and so for the
    other one if there are two."""


class LexiconConfig(Config):
    """Words with weights. The sum of the positive weights in a text votes for one class, the sum of the negative ones for another."""

    file: str
    """A file with a word and its weight in each line, separated by a tab or a comma (relative to the recipe); or `vader`, the lexicon of
    7,519 English words in the package vaderSentiment (extra `linguistics`)."""
    positive: str
    """The class that positive weights vote for."""
    negative: str
    """The class that negative weights vote for."""
    weight: PositiveFloat = 1.0
    """Factor for the sums, relative to the weights of rules."""


class RulesConfig(ModelBase):
    """Hand-written keywords, patterns and lexicons that vote for classes; nothing is learned."""

    learns_by: ClassVar[LearnsBy] = "nothing"
    gives: ClassVar[frozenset[str]] = frozenset({"classes"})
    has_chance: ClassVar[bool] = False

    type: Literal["rules"]
    mode: Literal["ordered", "weighted"] = "ordered"
    """`ordered`: the first rule that fires decides. `weighted`: the class with the largest sum of weights wins."""
    rules: list[Rule] = []
    """The rules, written inline."""
    rules_file: str | None = None
    """The rules, as a YAML list in a separate file (relative to the recipe), or another rules recipe, whose rules are used."""
    lexicon: LexiconConfig | None = None
    """Words with weights, which vote along with the rules; in `mode: ordered` only if no rule fires."""
    negation: NegationConfig | None = None
    """Negation words and what they do to the keywords after them; by default a keyword fires wherever it occurs."""
    default: str
    """The class that is predicted when no rule fires."""
    confidence: Share = 0.9
    """Probability given to the predicted class; the rest is spread over the others. It affects only the loss."""
    case_sensitive: bool = False
    """Whether matching is case-sensitive."""
    language: str = "en"
    """The language of `lemma`."""

    @model_validator(mode="after")
    def _rules_once(self) -> Self:
        if bool(self.rules) and self.rules_file is not None:
            raise ValueError("give rules or rules_file")
        if not self.rules and self.rules_file is None and self.lexicon is None:
            raise ValueError("give rules or rules_file, or a lexicon")
        if self.mode == "ordered" and self.negation is not None and self.negation.factor:
            raise ValueError("negation.factor is for `mode: weighted`; in order, a negated keyword does not fire (0)")
        return self

    @property
    def inputs(self) -> Inputs:
        return frozenset({"text"})
