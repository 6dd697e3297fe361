"""Token patterns: what each token of a stretch of text must be, with repeats, as in spaCy's Matcher."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ..configs.schema.models.rules import TokenCondition
from ..errors import ConfigError
from .rule_tokens import Token, shape_of

Lemmatize = Callable[[str], str]
"""From a word to its dictionary form."""


class _Step(NamedTuple):
    """One condition, whether it may be left out, and whether it may repeat."""

    admits: Callable[[str], bool]
    optional: bool
    repeats: bool


class TokenPattern:
    """Finds the stretches of tokens that meet the conditions in turn; of those with one beginning, the longest.

    All places in the pattern that can be reached are followed side by side, so no text takes long, whatever repeats.
    """

    def __init__(self, conditions: Sequence[TokenCondition], lemmatize: Lemmatize) -> None:
        self.steps = [_Step(_test(each, lemmatize), each.op in ("?", "*"), each.op in ("+", "*")) for each in conditions]

    def find(self, tokens: Sequence[Token]) -> tuple[int, int] | None:
        """The first match."""
        return next(self.matches(tokens), None)

    def matches(self, tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
        """The first and, exclusive, the last token of each match; no two overlap."""
        behind = 0
        for start in range(len(tokens)):
            if start >= behind and (end := self._longest(tokens, start)) is not None:
                yield start, end
                behind = end

    def _longest(self, tokens: Sequence[Token], start: int) -> int | None:
        end, reached = None, self._skipping({0})
        for place in range(start, len(tokens)):
            reached = self._after(tokens[place].text, reached)
            if not reached:
                break
            if len(self.steps) in reached:
                end = place + 1
        return end

    def _after(self, token: str, reached: set[int]) -> set[int]:
        """The numbers of the steps that may come next once this token is taken."""
        taken = {number for number in reached if number < len(self.steps) and self.steps[number].admits(token)}
        return self._skipping({number + 1 for number in taken} | {number for number in taken if self.steps[number].repeats})

    def _skipping(self, reached: set[int]) -> set[int]:
        """The same, and the steps behind those that may be left out."""
        found = set(reached)
        for number, step in enumerate(self.steps):
            if number in found and step.optional:
                found.add(number + 1)
        return found


def _test(condition: TokenCondition, lemmatize: Lemmatize) -> Callable[[str], bool]:
    """Whether a token is what a condition asks for, in all of its keys; a condition without keys admits any token."""
    forms: dict[str, Callable[[str], str]] = {"text": str, "lower": str.lower, "lemma": lemmatize, "shape": shape_of}
    asked = [(forms[key], frozenset(wanted)) for key, wanted in condition.wanted().items()]
    return lambda token: all(form(token) in wanted for form, wanted in asked)


def lemmatizer(language: str) -> Lemmatize:
    """Dictionary forms by `simplemma`. Raises ConfigError where it is not installed or does not know the language."""
    try:
        from simplemma import lemmatize
    except ImportError:
        raise ConfigError("model.rules: `lemma` needs the package simplemma, which is not installed. Run "
                          "`pip install 'nlp-generations[linguistics]'`, or list the forms of the word under `lower`.") from None
    try:
        lemmatize("word", lang=language)
    except ValueError:
        raise ConfigError(f"model.language: simplemma knows no language {language!r}; give the code of one that it knows, "
                          "such as en, de or fr.") from None
    return lambda word: lemmatize(word, lang=language).lower()
