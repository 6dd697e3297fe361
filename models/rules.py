"""Rules written by hand: keywords and regular expressions that vote for a class. Nothing is learned; no torch.

A keyword fires as a complete word or phrase: `art` fires in "modern art!" and not in "party". A side of the keyword is held
to this only where the keyword ends in a letter of a script that puts spaces between words, and only against such a letter.
Korean, Chinese, Japanese, Thai, Lao, Khmer and Burmese glue endings to words or write no spaces, so there `재밌` fires in
"재밌어요", and `CG` in "CG가".
"""

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from ..configs.schema.rules import Rule, RulesConfig
from ..errors import ConfigError
from .head import Head

# Thai to Burmese, Hangul jamo, Khmer, kana, CJK, Hangul, and their compatibility forms: scripts without word boundaries.
_UNSPACED = (r"\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff"
             r"\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff")
# Accents and vowel signs belong to the word, but Python's \w leaves them out.
_MARKS = r"[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u0900-\u0963\u0970-\u0dff]"
_LETTER = rf"[^\W{_UNSPACED}]"
_WORD = re.compile(rf"(?:{_LETTER}++|{_MARKS}++)++")
_LEFT = rf"(?<!{_LETTER})(?<!{_MARKS})"
_RIGHT = rf"(?!{_LETTER}|{_MARKS})"

PATTERN_SECONDS = 2.0
"""The longest that a pattern may search one text; thousands of times what an ordinary one takes."""


class _Text:
    """A text in the forms that conditions look at, each made once for all rules."""

    def __init__(self, text: str, case_sensitive: bool) -> None:
        self.original = unicodedata.normalize("NFC", text)
        self.folded = self.original if case_sensitive else self.original.lower()
        self.words = frozenset(_WORD.findall(self.folded))

    def cut(self, start: int, end: int) -> str:
        """The original's characters at a place in `folded`; a few letters grow when lower-cased, then the folded ones."""
        return (self.original if len(self.original) == len(self.folded) else self.folded)[start:end]


class _Condition:
    """What must be found for one rule to fire.

    `words` are the keywords that a set of the text's words answers; only the other keywords need a search, and that only
    when one of their `needles` is among the words. `anything` finds any keyword, and its position.
    """

    def __init__(self, number: int, rule: Rule, case_sensitive: bool) -> None:
        self.name = f"model.rules: rule {number} (`{rule.label}`)"
        self.search = None if rule.pattern is None else _search_for(unicodedata.normalize("NFC", rule.pattern), case_sensitive)
        keywords = [" ".join(_Text(keyword, case_sensitive).folded.split()) for keyword in rule.keywords]
        phrases = [keyword for keyword in keywords if not _WORD.fullmatch(keyword)]
        self.words = frozenset(keywords) - frozenset(phrases)
        self.needles = frozenset(max(_WORD.findall(phrase), key=len, default="") for phrase in phrases)
        self.phrases = _any_of(phrases)
        self.anything = _any_of(keywords)

    def fires(self, text: _Text) -> bool:
        if self.search is not None:
            return self._match(text.original) is not None
        if not self.words.isdisjoint(text.words):
            return True
        if not self.needles or ("" not in self.needles and self.needles.isdisjoint(text.words)):
            return False
        return self.phrases.search(text.folded) is not None

    def found(self, text: _Text) -> str:
        """The first piece of the text that makes the rule fire."""
        if self.search is not None:
            match = self._match(text.original)
            return match.group() if match else ""
        match = self.anything.search(text.folded)
        return text.cut(*match.span()) if match else ""

    def _match(self, text: str) -> Any:
        assert self.search is not None
        try:
            return self.search(text)
        except TimeoutError:
            raise ConfigError(f"{self.name} has a pattern that took more than {PATTERN_SECONDS:.0f} seconds for the text "
                              f"{text[:60]!r}: it tries too many ways to match. Do not repeat what contains a repeat, as in `(a+)+`; "
                              "`(?:a++)++` never goes back.") from None


def _search_for(pattern: str, case_sensitive: bool) -> Callable[[str], Any]:
    """By the `regex` package, which reads the syntax of `re`, and whose searches can have a time limit."""
    import regex

    search = regex.compile(pattern, 0 if case_sensitive else regex.IGNORECASE).search
    return partial(search, timeout=PATTERN_SECONDS) if _may_take_long(pattern) else search


def _may_take_long(pattern: str) -> bool:
    """Not where a pattern repeats nothing, calls no group and makes at most three choices. Its searches go without a time limit, which
    would take several times as long, since it reads the processor's clock.
    """
    return re.search(r"[*+{]|\(\?[^:=!<]", pattern) is not None or len(re.findall(r"[(?]", pattern)) > 3


def _any_of(keywords: Iterable[str]) -> re.Pattern[str]:
    """One expression for all keywords, longest first; a space in a keyword matches any white space."""
    sides: dict[tuple[str, str], list[str]] = {}
    for keyword in sorted(keywords, key=len, reverse=True):
        left, right = (bool(_WORD.match(keyword[edge])) for edge in (0, -1))
        spaced = r"\s+".join(map(re.escape, keyword.split()))
        sides.setdefault((_LEFT if left else "", _RIGHT if right else ""), []).append(spaced)
    return re.compile("|".join(f"{left}(?:{'|'.join(words)}){right}" for (left, right), words in sides.items()))


@dataclass(frozen=True)
class _Decision:
    """The class of one text, the rule that decided (None: the default) and, in weighted mode, all that fired."""

    label: str
    rule: int | None
    fired: list[int] = field(default_factory=list)


class Rules:
    """Rules over the text itself, in order or by weight; every prediction can name the rule behind it.

    Raises ConfigError for a rule or a default that votes for a class which the data does not have. Without labels (counting
    before any data) it can be described, but computes no scores.
    """

    scores_are: ClassVar[Literal["probabilities"]] = "probabilities"

    def __init__(self, config: RulesConfig, head: Head) -> None:
        self.config = config
        self.labels = head.labels
        if head.labels:
            _check_labels(config, head.labels)
        _check_keywords(config)
        self._conditions = [_Condition(number, rule, config.case_sensitive) for number, rule in enumerate(config.rules, start=1)]

    def scores(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """(batch,) texts -> (batch, n_classes) probabilities: `confidence` for the predicted class, the rest spread evenly."""
        n_classes = len(self.labels)
        columns = {label: column for column, label in enumerate(self.labels)}
        predicted = np.array([columns[self._decide(self._text(text)).label] for text in texts], dtype=np.intp)
        confidence = self.config.confidence if n_classes > 1 else 1.0
        scores = np.full((len(texts), n_classes), (1 - confidence) / max(n_classes - 1, 1))
        scores[np.arange(len(texts)), predicted] = confidence
        return scores

    def why(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """For each text: `label`, `rule` (from 1; None: the default decided), `matched` and `condition` of the deciding rule.

        In weighted mode the deciding rule is the first one that voted for the winner, and `fired` lists all votes, each with
        `weight` and the same four keys.
        """
        return [self._reason(self._text(text)) for text in texts]

    def describe(self) -> dict[str, int]:
        """What there is to count: rules, keywords and patterns."""
        rules = self.config.rules
        return {"rules": len(rules), "keywords": sum(len(rule.keywords) for rule in rules),
                "patterns": sum(rule.pattern is not None for rule in rules)}

    def _text(self, text: str) -> _Text:
        return _Text(text, self.config.case_sensitive)

    def _decide(self, text: _Text) -> _Decision:
        fired = (number for number, condition in enumerate(self._conditions) if condition.fires(text))
        if self.config.mode == "weighted":
            return self._vote(list(fired))
        first = next(fired, None)
        return _Decision(self.config.default if first is None else self.config.rules[first].label, first)

    def _vote(self, fired: list[int]) -> _Decision:
        if not fired:
            return _Decision(self.config.default, None)
        sums: dict[str, float] = {}
        for number in fired:
            rule = self.config.rules[number]
            sums[rule.label] = sums.get(rule.label, 0.0) + rule.weight
        # Rounded, so that 0.1 + 0.2 ties with 0.3; `max` takes the first of equals, which is the earlier rule's class.
        winner = max(sums, key=lambda label: round(sums[label], 9))
        return _Decision(winner, next(number for number in fired if self.config.rules[number].label == winner), fired)

    def _reason(self, text: _Text) -> dict[str, Any]:
        decision = self._decide(text)
        if decision.rule is None:
            reason: dict[str, Any] = {"rule": None, "label": decision.label, "matched": None, "condition": None}
        else:
            reason = self._account(decision.rule, text)
        if self.config.mode == "weighted":
            fired = [(number, self.config.rules[number].weight) for number in decision.fired]
            reason["fired"] = [{**self._account(number, text), "weight": weight} for number, weight in fired]
        return reason

    def _account(self, number: int, text: _Text) -> dict[str, Any]:
        rule = self.config.rules[number]
        return {"rule": number + 1, "label": rule.label, "matched": self._conditions[number].found(text),
                "condition": rule.pattern if rule.pattern is not None else list(rule.keywords)}


def _check_labels(config: RulesConfig, labels: Sequence[str]) -> None:
    votes = [(f"model.rules: rule {number} votes for", rule.label) for number, rule in enumerate(config.rules, start=1)]
    for what, label in [*votes, ("model.default is", config.default)]:
        if label not in labels:
            nearest = difflib.get_close_matches(label, labels, n=1, cutoff=0.0)[0]
            raise ConfigError(f"{what} `{label}`, which is not a class of this data; the nearest is `{nearest}`. "
                              f"The classes are: {', '.join(labels)}.")


def _check_keywords(config: RulesConfig) -> None:
    for number, rule in enumerate(config.rules, start=1):
        if any(not keyword.strip() for keyword in rule.keywords):
            raise ConfigError(f"model.rules: rule {number} (`{rule.label}`) has an empty keyword; "
                              "remove it, or write the word that should fire.")
