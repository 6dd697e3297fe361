"""Hand-written rules: keywords, patterns and lexicons that vote for a class. Nothing is learned; no torch.

A keyword fires as a complete word or phrase: `art` fires in "modern art!" and not in "party". A word
boundary is required only on a side where the keyword has a letter of a script that puts spaces between words, and only against
another such letter. Korean, Chinese, Japanese, Thai, Lao, Khmer and Burmese attach endings to words or write no spaces, so there
`재밌` fires in "재밌어요", and `CG` in "CG가".
"""

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..configs.schema.models.rules import Rule, RulesConfig
from ..errors import ConfigError
from .head import Head
from .lexicon import Found, Lexicon
from .model_report import ModelReport
from .rule_report import DECIDES, FIRES, rule_report
from .rule_tokens import LEFT, LETTER, MARKS, RIGHT, Negation, Token, token_at, tokens_of
from .token_patterns import Lemmatize, TokenPattern, lemmatizer

_WORD = re.compile(rf"(?:{LETTER}++|{MARKS}++)++")

Span = tuple[int, int]
"""Start and exclusive end of a piece of text."""
PATTERN_SECONDS = 2.0
"""Time limit of a pattern per text; thousands of times what an ordinary one takes."""


class _Text:
    """A text in the forms that conditions match against, each computed once for all rules."""

    def __init__(self, text: str, case_sensitive: bool, negation: Negation | None = None) -> None:
        self.original = unicodedata.normalize("NFC", text)
        self.folded = self.original if case_sensitive else self.original.lower()
        self.words = frozenset(_WORD.findall(self.folded))
        self.negation = negation

    @cached_property
    def tokens(self) -> list[Token]:
        """The tokens of `original`."""
        return tokens_of(self.original)

    @cached_property
    def folded_tokens(self) -> list[Token]:
        """The tokens of `folded`."""
        return self.tokens if self.folded == self.original else tokens_of(self.folded)

    @cached_property
    def _reached(self) -> list[bool]:
        return [] if self.negation is None else self.negation.reached(self.folded_tokens)

    def is_negated(self, place: int) -> bool:
        """Whether the token at this character of `folded` is in the scope of a negation word."""
        return bool(self._reached) and self._reached[token_at(self.folded_tokens, place)]

    def words_at(self, place: Span, in_original: bool) -> list[int]:
        """The indices of the whitespace-separated words that a span of the original or the folded text overlaps."""
        start, end = place
        words = re.finditer(r"\S+", self.original if in_original else self.folded)
        return [number for number, word in enumerate(words) if word.start() < end and word.end() > start]

    def cut(self, start: int, end: int) -> str:
        """The original's characters at a span of `folded`; the folded ones if lower-casing made a few letters longer."""
        return (self.original if len(self.original) == len(self.folded) else self.folded)[start:end]


class _Condition:
    """The condition under which one rule fires.

    `words` are the keywords that are looked up in the set of the text's words; only the other keywords need a search, and only if
    one of their `needles` is among the words. `anything` finds the position of any keyword.
    """

    def __init__(self, number: int, rule: Rule, case_sensitive: bool, lemmatize: Lemmatize = str) -> None:
        self.name = f"model.rules: rule {number} (`{rule.label}`)"
        self.search = None if rule.pattern is None else _search_for(unicodedata.normalize("NFC", rule.pattern), case_sensitive)
        keywords = [" ".join(_Text(keyword, case_sensitive).folded.split()) for keyword in rule.keywords]
        phrases = [keyword for keyword in keywords if not _WORD.fullmatch(keyword)]
        self.words = frozenset(keywords) - frozenset(phrases)
        self.needles = frozenset(max(_WORD.findall(phrase), key=len, default="") for phrase in phrases)
        self.phrases = _any_of(phrases)
        self.anything = _any_of(keywords)
        self.tokens = TokenPattern(rule.tokens, lemmatize) if rule.tokens else None

    def fires(self, text: _Text) -> bool:
        if self.search is not None:
            return self._match(text.original) is not None
        if self.tokens is not None:
            return self.tokens.find(text.tokens) is not None
        if not self.words.isdisjoint(text.words):
            return True
        if not self.needles or ("" not in self.needles and self.needles.isdisjoint(text.words)):
            return False
        return self.phrases.search(text.folded) is not None

    def is_negated(self, text: _Text) -> bool:
        """Whether all keywords found in a text are negated; patterns handle negation themselves."""
        if text.negation is None or self.search is not None or self.tokens is not None:
            return False
        return all(text.is_negated(found.start()) for found in self.anything.finditer(text.folded))

    def found(self, text: _Text) -> str:
        """The first piece of the text that makes the rule fire."""
        first = next(self._places(text), None)
        if first is None:
            return ""
        return text.original[slice(*first)] if self._reads_original else text.cut(*first)

    def found_words(self, text: _Text) -> list[list[int]]:
        """For each piece of the text that makes the rule fire, the indices of the words that it overlaps."""
        return [text.words_at(place, self._reads_original) for place in self._places(text)]

    @property
    def _reads_original(self) -> bool:
        return self.search is not None or self.tokens is not None

    def _places(self, text: _Text) -> Iterator[Span]:
        """Spans of matches in the original or the folded text; negated keywords only if all are negated."""
        if self.tokens is not None:
            for start, end in self.tokens.matches(text.tokens):
                yield text.tokens[start].start, text.tokens[end - 1].start + len(text.tokens[end - 1].text)
        elif self.search is not None:
            yield from self._matches(text.original)
        else:
            places = [match.span() for match in self.anything.finditer(text.folded)]
            yield from [place for place in places if not text.is_negated(place[0])] or places

    def _matches(self, text: str) -> Iterator[Span]:
        at = 0
        while at <= len(text) and (match := self._match(text, at)) is not None:
            yield match.span()
            at = max(match.end(), match.start() + 1)

    def _match(self, text: str, start: int = 0) -> Any:
        assert self.search is not None
        try:
            return self.search(text, start)
        except TimeoutError:
            raise ConfigError(f"{self.name} has a pattern that took more than {PATTERN_SECONDS:.0f} seconds for the text "
                              f"{text[:60]!r}: it tries too many ways to match. Avoid nested repeats such as `(a+)+`; "
                              "`(?:a++)++` never backtracks.") from None


def _search_for(pattern: str, case_sensitive: bool) -> Callable[..., Any]:
    """Compile with the `regex` package, which accepts the syntax of `re` and supports a time limit for searches."""
    import regex

    search = regex.compile(pattern, 0 if case_sensitive else regex.IGNORECASE).search
    return partial(search, timeout=PATTERN_SECONDS) if _may_take_long(pattern) else search


def _may_take_long(pattern: str) -> bool:
    """False for a pattern without repeats and group calls and with at most three choices. It is searched without a time limit, because
    reading the processor's clock makes a search several times slower.
    """
    return re.search(r"[*+{]|\(\?[^:=!<]", pattern) is not None or len(re.findall(r"[(?]", pattern)) > 3


def _any_of(keywords: Iterable[str]) -> re.Pattern[str]:
    """One expression for all keywords, longest first; a space in a keyword matches any white space."""
    sides: dict[tuple[str, str], list[str]] = {}
    for keyword in sorted(keywords, key=len, reverse=True):
        left, right = (bool(_WORD.match(keyword[edge])) for edge in (0, -1))
        spaced = r"\s+".join(map(re.escape, keyword.split()))
        sides.setdefault((LEFT if left else "", RIGHT if right else ""), []).append(spaced)
    return re.compile("|".join(f"{left}(?:{'|'.join(words)}){right}" for (left, right), words in sides.items()))


@dataclass(frozen=True)
class _Vote:
    """A vote by a rule (numbered from 0), or by the lexicon's words for one class; a negative amount counts against the class."""

    voter: int
    label: str
    amount: float


@dataclass(frozen=True)
class _Decision:
    """The class of one text, the voter that decided (None: the default) and, in weighted mode, all votes that count."""

    label: str
    voter: int | None
    votes: list[_Vote] = field(default_factory=list)


class Evidence(NamedTuple):
    """The rules' evidence on some texts, as numbers that a network can weight.

    fired (batch, n_voters): 1 where a rule fires, the factor of `negation` where it is negated, else 0; then for each class of the
    lexicon the sum of its words' weights. sums (batch, n_classes): the votes for each class, summed as the mode does; the class that
    the rules decide for gets a thousandth more, which represents the default and breaks ties.
    """

    fired: npt.NDArray[np.float32]
    sums: npt.NDArray[np.float32]


DECIDED = 1e-3


class Finding(NamedTuple):
    """A match of a rule or the lexicon: the class that it votes for, its weight, the matched text, and the word indices of all matches."""

    label: str
    weight: float
    matched: str
    words: Sequence[Sequence[int]]


class Rules:
    """Rules over the text itself, in order or by weight; every prediction can name the rule behind it.

    Raises ConfigError if a rule or the default votes for a class that the data does not have. Without labels (counting before data
    is loaded) it can be described, but computes no scores.
    """

    scores_are: ClassVar[Literal["probabilities"]] = "probabilities"

    def __init__(self, config: RulesConfig, head: Head) -> None:
        self.config = config
        self.labels = head.labels
        if head.labels:
            _check_labels(config, head.labels)
        _check_keywords(config)
        has_lemmas = any(each.lemma is not None for rule in config.rules for each in rule.tokens)
        lemmatize = lemmatizer(config.language) if has_lemmas else str
        self._conditions = [_Condition(number, rule, config.case_sensitive, lemmatize) for number, rule in enumerate(config.rules, start=1)]
        self._in_order = sorted(range(len(config.rules)), key=lambda number: -config.rules[number].priority)
        self._negation = Negation(config.negation, config.case_sensitive) if config.negation is not None else None
        self._lexicon = Lexicon(config.lexicon.file, config.case_sensitive) if config.lexicon is not None else None

    @property
    def voters(self) -> list[tuple[str, str]]:
        """All voters as (name, class): each rule, then the lexicon once per class."""
        lexicon = self.config.lexicon
        signs = [] if lexicon is None else [("lexicon", lexicon.positive), ("lexicon", lexicon.negative)]
        return [*((f"rule {number}", rule.label) for number, rule in enumerate(self.config.rules, start=1)), *signs]

    def scores(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """(batch,) texts -> (batch, n_classes) probabilities: `confidence` for the predicted class, the rest spread evenly."""
        return self._probabilities([self._decide(self._text(text)).label for text in texts])

    def traced_scores(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int8]]:
        """The scores, and what each voter did in each text, (batch, n_voters), as `report` needs it."""
        trace, predicted = np.zeros((len(texts), len(self.voters)), dtype=np.int8), []
        for row, text in enumerate(map(self._text, texts)):
            votes = self._votes(text)
            decision = self._decide(text, votes)
            behind = self._behind(decision)
            for vote in votes:
                trace[row, vote.voter] = (DECIDES if vote.voter in behind else FIRES) * (1 if vote.amount > 0 else -1)
            predicted.append(decision.label)
        return self._probabilities(predicted), trace

    def report(self, trace: npt.NDArray[np.int8], gold: npt.NDArray[np.integer[Any]]) -> ModelReport:
        """How often each rule fired, was right, decided and was contradicted, from the trace and the gold classes (texts,) of a split."""
        return rule_report(self.config, self.labels, trace, gold)

    def _probabilities(self, labels: Sequence[str]) -> npt.NDArray[np.float64]:
        n_classes = len(self.labels)
        columns = {label: column for column, label in enumerate(self.labels)}
        predicted = np.array([columns[label] for label in labels], dtype=np.intp)
        confidence = self.config.confidence if n_classes > 1 else 1.0
        scores = np.full((len(labels), n_classes), (1 - confidence) / max(n_classes - 1, 1))
        scores[np.arange(len(labels)), predicted] = confidence
        return scores

    def evidence(self, texts: Sequence[str]) -> Evidence:
        """(batch,) texts -> what fired, and the sums of votes."""
        columns = {label: column for column, label in enumerate(self.labels)}
        fired = np.zeros((len(texts), len(self.voters)), dtype=np.float32)
        sums = np.zeros((len(texts), len(self.labels)), dtype=np.float32)
        for row, text in enumerate(map(self._text, texts)):
            votes = self._votes(text)
            for vote in votes:
                fired[row, vote.voter] = vote.amount / self._weight(vote.voter)
            decision = self._decide(text, votes)
            for label, amount in self._sums(decision.votes).items():
                sums[row, columns[label]] = amount
            if self.config.mode == "ordered" and decision.voter is not None:
                sums[row, columns[decision.label]] = 1.0
            sums[row, columns[decision.label]] += DECIDED
        return Evidence(fired, sums)

    def why(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """For each text: `label`, `rule` (from 1; None: the default decided), `matched` and `condition` of the deciding rule.

        If the lexicon decided, `rule` is `lexicon` and `matched` its words. In weighted mode the deciding rule is the first one that
        voted for the winner, and `fired` lists all votes that count, each with `weight` and the same four keys.
        """
        return [self._reason(self._text(text)) for text in texts]

    def findings(self, texts: Sequence[str]) -> list[list[Finding]]:
        """For each text the matches behind its class: in weighted mode all votes that count, otherwise the deciding rule, with weight 1;
        each lexicon word is listed separately, with its own weight."""
        return [self._findings(self._text(text)) for text in texts]

    def describe(self) -> dict[str, int]:
        """Counts of rules, keywords and patterns, and of lexicon words if there is a lexicon."""
        rules = self.config.rules
        counts = {"rules": len(rules), "keywords": sum(len(rule.keywords) for rule in rules),
                  "patterns": sum(rule.pattern is not None or bool(rule.tokens) for rule in rules)}
        return counts | ({"lexicon_words": len(self._lexicon.weights)} if self._lexicon is not None else {})

    def _text(self, text: str) -> _Text:
        return _Text(text, self.config.case_sensitive, self._negation)

    def _weight(self, voter: int) -> float:
        lexicon, rules = self.config.lexicon, self.config.rules
        return lexicon.weight if lexicon is not None and voter >= len(rules) else rules[voter].weight

    def _vote(self, number: int, text: _Text) -> _Vote | None:
        """The vote of a rule; None if it does not fire."""
        condition, rule = self._conditions[number], self.config.rules[number]
        if not condition.fires(text):
            return None
        factor = self.config.negation.factor if self.config.negation is not None and condition.is_negated(text) else 1.0
        return _Vote(number, rule.label, factor * rule.weight) if factor else None

    def _votes(self, text: _Text) -> list[_Vote]:
        """All votes on a text, the lexicon's last."""
        votes = [self._vote(number, text) for number in range(len(self._conditions))]
        return [*(vote for vote in votes if vote is not None), *self._lexicon_votes(text)]

    def _lexicon_votes(self, text: _Text) -> list[_Vote]:
        config, first = self.config.lexicon, len(self.config.rules)
        if config is None:
            return []
        weights = [weight for _, weight in self._lexicon_matches(text)]
        sums = [(config.positive, sum(each for each in weights if each > 0)), (config.negative, -sum(each for each in weights if each < 0))]
        return [_Vote(first + place, label, config.weight * amount) for place, (label, amount) in enumerate(sums) if amount]

    def _lexicon_matches(self, text: _Text) -> list[tuple[Found, float]]:
        """The lexicon words in a text, each with its weight after negation."""
        if self._lexicon is None:
            return []
        factor = self.config.negation.factor if self.config.negation is not None else 1.0
        return [(found, found.weight * factor if text.is_negated(found.start) else found.weight)
                for found in self._lexicon.find(text.folded, text.folded_tokens)]

    def _decide(self, text: _Text, votes: list[_Vote] | None = None) -> _Decision:
        """The decision on a text; `votes` are all votes on it, if already known."""
        if self.config.mode == "weighted":
            return self._majority(self._counting(self._votes(text) if votes is None else votes))
        first = self._first(text, votes)
        if first is not None:
            return _Decision(first.label, first.voter)
        by_lexicon = max(self._lexicon_votes(text), key=lambda vote: round(vote.amount, 9), default=None)
        return _Decision(self.config.default, None) if by_lexicon is None else _Decision(by_lexicon.label, by_lexicon.voter)

    def _first(self, text: _Text, votes: list[_Vote] | None) -> _Vote | None:
        """The vote of the first rule in order that fires; rules after it are not evaluated unless `votes` is given."""
        if votes is None:
            return next((vote for number in self._in_order if (vote := self._vote(number, text)) is not None), None)
        rules = self.config.rules
        return max((vote for vote in votes if vote.voter < len(rules)), key=lambda vote: rules[vote.voter].priority, default=None)

    def _behind(self, decision: _Decision) -> set[int]:
        """The voters behind a decision: the one that decided, and in weighted mode all that voted for the winning class."""
        if decision.voter is None:
            return set()
        supported = [(vote.voter, *self._supported(vote)) for vote in decision.votes]
        return {decision.voter} | {voter for voter, label, amount in supported if label == decision.label and amount > 0}

    def _counting(self, votes: list[_Vote]) -> list[_Vote]:
        """The votes with the highest priority; the lexicon has priority 0."""
        rules = self.config.rules
        priorities = [rules[vote.voter].priority if vote.voter < len(rules) else 0 for vote in votes]
        highest = max(priorities, default=0)
        return [vote for vote, priority in zip(votes, priorities, strict=True) if priority == highest]

    def _majority(self, votes: list[_Vote]) -> _Decision:
        # Rounded, so that 0.1 + 0.2 ties with 0.3; `max` takes the first of equal sums, which is the earlier rule's class.
        sums = self._sums(votes)
        winner = max(sums, key=lambda label: round(sums[label], 9), default=None)
        if winner is None or sums[winner] <= 0:
            return _Decision(self.config.default, None, votes)
        supported = [(vote.voter, *self._supported(vote)) for vote in votes]
        return _Decision(winner, next(voter for voter, label, amount in supported if label == winner and amount > 0), votes)

    def _sums(self, votes: Sequence[_Vote]) -> dict[str, float]:
        sums: dict[str, float] = {}
        for vote in votes:
            label, amount = self._supported(vote)
            sums[label] = sums.get(label, 0.0) + amount
        return sums

    def _supported(self, vote: _Vote) -> tuple[str, float]:
        """The class that a vote adds to, and how much: with two classes, a vote against one is a vote for the other."""
        if vote.amount < 0 and len(self.labels) == 2:
            return next(label for label in self.labels if label != vote.label), -vote.amount
        return vote.label, vote.amount

    def _reason(self, text: _Text) -> dict[str, Any]:
        decision = self._decide(text)
        if decision.voter is None:
            reason: dict[str, Any] = {"rule": None, "label": decision.label, "matched": None, "condition": None}
        else:
            reason = {**self._account(decision.voter, text), "label": decision.label}
        if self.config.mode == "weighted":
            reason["fired"] = [self._fired(vote, text) for vote in decision.votes]
        return reason

    def _fired(self, vote: _Vote, text: _Text) -> dict[str, Any]:
        label, amount = self._supported(vote)
        negated = {"negated": True} if vote.amount < 0 else {}
        return {**self._account(vote.voter, text), "label": label, "weight": round(amount, 6), **negated}

    def _findings(self, text: _Text) -> list[Finding]:
        decision = self._decide(text)
        decided = [] if decision.voter is None else [_Vote(decision.voter, decision.label, 1.0)]
        votes = decision.votes if self.config.mode == "weighted" else decided
        return [finding for vote in votes for finding in self._found_by(vote, text)]

    def _found_by(self, vote: _Vote, text: _Text) -> list[Finding]:
        label, amount = self._supported(vote)
        if vote.voter < len(self.config.rules):
            condition = self._conditions[vote.voter]
            return [Finding(label, amount, condition.found(text), condition.found_words(text))]
        lexicon, negative = self.config.lexicon, vote.voter > len(self.config.rules)
        assert lexicon is not None
        return [Finding(label, lexicon.weight * abs(weight), word, [text.words_at((start, start + len(word)), in_original=False)])
                for (word, start, _), weight in self._lexicon_matches(text) if weight and (weight < 0) == negative]

    def _account(self, voter: int, text: _Text) -> dict[str, Any]:
        if voter >= len(self.config.rules):
            return self._lexicon_account(voter - len(self.config.rules), text)
        rule = self.config.rules[voter]
        return {"rule": voter + 1, "label": rule.label, "matched": self._conditions[voter].found(text), "condition": rule.condition}

    def _lexicon_account(self, side: int, text: _Text) -> dict[str, Any]:
        lexicon = self.config.lexicon
        assert lexicon is not None
        words = [found.word for found, weight in self._lexicon_matches(text) if (weight < 0 if side else weight > 0)]
        return {"rule": "lexicon", "label": (lexicon.positive, lexicon.negative)[side], "matched": ", ".join(words),
                "condition": lexicon.file}


def _check_labels(config: RulesConfig, labels: Sequence[str]) -> None:
    votes = [(f"model.rules: rule {number} votes for", rule.label) for number, rule in enumerate(config.rules, start=1)]
    lexicon = config.lexicon
    signs = [] if lexicon is None else [("model.lexicon.positive is", lexicon.positive), ("model.lexicon.negative is", lexicon.negative)]
    for what, label in [*votes, *signs, ("model.default is", config.default)]:
        if label not in labels:
            nearest = difflib.get_close_matches(label, labels, n=1, cutoff=0.0)[0]
            raise ConfigError(f"{what} `{label}`, which is not a class of this data; the nearest is `{nearest}`. "
                              f"The classes are: {', '.join(labels)}.")


def _check_keywords(config: RulesConfig) -> None:
    for number, rule in enumerate(config.rules, start=1):
        if any(not keyword.strip() for keyword in rule.keywords):
            raise ConfigError(f"model.rules: rule {number} (`{rule.label}`) has an empty keyword; "
                              "remove it, or write the word that should fire.")
