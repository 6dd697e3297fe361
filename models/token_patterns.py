"""Token patterns: conditions on consecutive tokens, with repeats, as in spaCy's Matcher."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ..configs.schema.models.rules import TokenCondition
from ..errors import ConfigError
from .rule_tokens import Token, shape_of

Lemmatize = Callable[[str], str]
"""Maps a word to its dictionary form."""


class _Step(NamedTuple):
    """One condition, whether it is optional, and whether it may repeat."""

    admits: Callable[[str], bool]
    optional: bool
    repeats: bool


class TokenPattern:
    """Finds spans of tokens that meet the conditions in turn; among those with the same start, the longest.

    All reachable positions in the pattern are followed in parallel, so repeats never make the search slow.
    """

    def __init__(self, conditions: Sequence[TokenCondition], lemmatize: Lemmatize) -> None:
        self.steps = [_Step(_test(condition, lemmatize), condition.op in ("?", "*"), condition.op in ("+", "*"))
                      for condition in conditions]

    def find(self, tokens: Sequence[Token]) -> tuple[int, int] | None:
        """The first match."""
        return next(self.matches(tokens), None)

    def matches(self, tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
        """The first and the last token (exclusive) of each match; matches do not overlap."""
        previous_end = 0
        for start in range(len(tokens)):
            if start >= previous_end and (end := self._longest(tokens, start)) is not None:
                yield start, end
                previous_end = end

    def _longest(self, tokens: Sequence[Token], start: int) -> int | None:
        end, reached = None, self._skipping({0})
        for index in range(start, len(tokens)):
            reached = self._after(tokens[index].text, reached)
            if not reached:
                break
            if len(self.steps) in reached:
                end = index + 1
        return end

    def _after(self, token: str, reached: set[int]) -> set[int]:
        """The numbers of the steps that may come next after this token."""
        matched = {number for number in reached if number < len(self.steps) and self.steps[number].admits(token)}
        return self._skipping({number + 1 for number in matched} | {number for number in matched if self.steps[number].repeats})

    def _skipping(self, reached: set[int]) -> set[int]:
        """These steps, and those reached by skipping optional steps."""
        steps = set(reached)
        for number, step in enumerate(self.steps):
            if number in steps and step.optional:
                steps.add(number + 1)
        return steps


def _test(condition: TokenCondition, lemmatize: Lemmatize) -> Callable[[str], bool]:
    """A test of whether a token meets all keys of a condition; a condition without keys admits any token."""
    forms: dict[str, Callable[[str], str]] = {"text": str, "lower": str.lower, "lemma": lemmatize, "shape": shape_of}
    tests = [(forms[key], frozenset(wanted)) for key, wanted in condition.wanted().items()]
    return lambda token: all(form(token) in wanted for form, wanted in tests)


def lemmatizer(language: str) -> Lemmatize:
    """Lemmatization by `simplemma`. Raises ConfigError if it is not installed or does not support the language."""
    try:
        from simplemma import lemmatize
    except ImportError:
        raise ConfigError("model.rules: `lemma` needs the package simplemma, which is not installed. Run "
                          "`pip install 'nlp-generations[linguistics]'`, or list the forms of the word under `lower`.") from None
    try:
        lemmatize("word", lang=language)
    except ValueError:
        raise ConfigError(f"model.language: simplemma does not support the language {language!r}; use the code of one that it supports, "
                          "such as en, de or fr.") from None
    return lambda word: lemmatize(word, lang=language).lower()
