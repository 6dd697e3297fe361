"""From texts to the tokens that are counted: words or morphemes, lemmas, parts of speech, stop words."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...configs.schema.linguistics import AnalysisConfig, KiwiConfig, LemmasConfig, PartOfSpeechConfig, StopWordsConfig
from ...configs.schema.saved import Saved, checked
from ...configs.schema.tokenizer import NgramTokenizer, TokenizerConfig, WordTokenizer
from ...errors import RunError
from ...storage import parse_json
from ..word_vectors import OpenVectors
from .clusters import Clusters
from .morphology import KIWI, LEMMAS, STOP_WORDS, Lemmas, Token, installed, morphemes, refuse_other_versions, stop_words
from .tagger import SYNTAX, OpenTagger, Tagger, no_tagger

FILE = "analysis.json"
TAGGED_TOGETHER = 64
"""Texts per batch of a tagger."""
SPLITS = {"words": r"\b\w+\b", "punctuation": r"\w+|[^\w\s]", "whitespace": r"\S+"}


class SavedAnalysis(Saved):
    """`analysis.json`: what the steps depend on besides the settings."""

    versions: dict[str, str]
    stop_words: list[str]
    tagger: str | None = None
    """The tagger's fingerprint."""
    parser: str | None = None


class Analysis:
    """The steps before words are counted. Tokens contain no white space, so a text of tokens is one string with single spaces."""

    def __init__(self, config: AnalysisConfig, lowercase: bool, open_tagger: OpenTagger = no_tagger,
                 saved: SavedAnalysis | None = None) -> None:
        """A new analysis, or a `saved` one. Raises MissingExtraError without the packages, RunError if they or the tagger have changed."""
        run = None if config.part_of_speech is None else config.part_of_speech.run
        self._tagger = None if run is None else open_tagger(run)
        parser = None if config.syntax is None else config.syntax.parser
        self._parser = None if parser is None else open_tagger(parser, SYNTAX)
        if saved is None:
            saved = SavedAnalysis(versions=installed(packages(config)), stop_words=sorted(_stop_words(config.stop_words)),
                                  tagger=_fingerprint(self._tagger), parser=_fingerprint(self._parser))
        else:
            refuse_other_versions(saved.versions)
            _refuse_changed(run, self._tagger, saved.tagger, "parts of speech")
            _refuse_changed(parser, self._parser, saved.parser, "parse trees")
        self.config, self.lowercase, self.saved = config, lowercase, saved
        self._left_out = frozenset(saved.stop_words)
        self._lemmas = Lemmas(config.morphology.language) if isinstance(config.morphology, LemmasConfig) else None
        self.clusters: Clusters | None = None
        self._classes = _classes_of(config.meaning.lexicon if config.meaning and config.meaning.lexicon else {})

    @classmethod
    def from_files(cls, config: AnalysisConfig, lowercase: bool, files: Mapping[str, bytes],
                   open_tagger: OpenTagger = no_tagger) -> "Analysis":
        """Load what `files` returned."""
        analysis = cls(config, lowercase, open_tagger, checked(SavedAnalysis, parse_json(files[FILE])))
        analysis.clusters = Clusters.from_files(files) if config.meaning and config.meaning.clusters else None
        return analysis

    def learn(self, texts: Iterable[str], open_vectors: OpenVectors) -> None:
        """Cluster the words of training texts in the form of `apply`'s result, if the recipe specifies clusters."""
        if self.config.meaning is not None and self.config.meaning.clusters is not None:
            words = {word for tokens in texts for word in self._forms(tokens)}
            self.clusters = Clusters.fit(self.config.meaning.clusters, sorted(words), open_vectors)

    def files(self) -> Mapping[str, bytes]:
        """The versions of the packages, the stop words, the fingerprints of tagger and parser, and the clusters."""
        saved = self.saved.model_dump(exclude_none=True)
        clusters = {} if self.clusters is None else self.clusters.files()
        return {FILE: json.dumps(saved, ensure_ascii=False, separators=(",", ":")).encode("utf-8"), **clusters}

    def apply(self, texts: Sequence[str]) -> list[str]:
        """Each text as its tokens, separated by single spaces."""
        attach = self._attaches
        return [_joined(self._chosen(self._normalized(tokens)), attach) for tokens in self._tokens(texts)]

    def pairs(self, texts: Sequence[str]) -> list[str]:
        """Each word of a text with its head, as in `film>good`, separated by single spaces; the root has no head."""
        assert self._parser is not None, "pairs need a parser"
        parsed = _tagged(self._parser, re.compile(SPLITS[self.config.split or "words"]), texts)
        return [" ".join(self._pairs(words)) for words in parsed]

    def _pairs(self, words: Sequence[Token]) -> Iterator[str]:
        forms = [word.form for word in self._normalized(list(words))]
        for form, (_, tree) in zip(forms, words, strict=True):
            if head := int(tree.partition(":")[0]):
                yield f"{forms[head - 1]}>{form}"

    def classes(self, tokens: str) -> list[str]:
        """The classes of the lexicon that the tokens of a text belong to, once for each token."""
        return [name for form in self._forms(tokens) for name in self._classes.get(form.lower(), ())]

    def clusters_of(self, tokens: str) -> list[str]:
        """The clusters that the tokens of a text belong to, once for each token."""
        assert self.clusters is not None, "clusters are learned first"
        return self.clusters.of(self._forms(tokens))

    def class_names(self, kind: str) -> list[str]:
        """The classes of a `lexicon` or of `clusters`; empty for n-grams."""
        lexicon = self.config.meaning.lexicon if self.config.meaning is not None else None
        return {"lexicon": list(lexicon or ()), "clusters": [] if self.clusters is None else self.clusters.names}.get(kind, [])

    def _forms(self, tokens: str) -> list[str]:
        """The tokens without attached tags."""
        return [token.rpartition("/")[0] for token in tokens.split()] if self._attaches else tokens.split()

    def steps(self, text: str) -> list[tuple[str, str]]:
        """The text after each step of the recipe."""
        (tokens,), config = list(self._tokens([text])), self.config
        kiwi = isinstance(config.morphology, KiwiConfig)
        named = [] if kiwi else [("tokens", _joined(tokens))]
        if self._tagger is not None:
            named.append(("tags", _joined(tokens, attach=True)))
        tokens = self._normalized(tokens)
        if config.morphology is not None:
            named.append(("morphemes" if kiwi else "lemmas", _joined(tokens, attach=kiwi)))
        if config.part_of_speech is not None:
            tokens = list(_by_tag(tokens, config.part_of_speech))
            named.append(("part of speech", _joined(tokens, self._attaches)))
        if config.stop_words is not None:
            tokens = self._without_stop_words(tokens)
            named.append(("stop words", _joined(tokens, self._attaches)))
        if self._parser is not None:
            named.append(("syntax", self.pairs([text])[0]))
        if self._classes:
            named.append(("lexicon", " ".join(self.classes(_joined(tokens, self._attaches)))))
        if self.clusters is not None:
            named.append(("clusters", ", ".join(self.clusters_of(_joined(tokens, self._attaches)))))
        return named

    @property
    def _attaches(self) -> bool:
        return self.config.part_of_speech is not None and self.config.part_of_speech.attach

    def _tokens(self, texts: Sequence[str]) -> Iterator[list[Token]]:
        if isinstance(self.config.morphology, KiwiConfig):
            return morphemes(texts)
        pattern = re.compile(SPLITS[self.config.split or "words"])
        if self._tagger is not None:
            return _tagged(self._tagger, pattern, texts)
        return ([Token(word) for word in pattern.findall(text)] for text in texts)

    def _normalized(self, tokens: list[Token]) -> list[Token]:
        """Words are lower-cased only after their lemmas are looked up, since `May` and `may` differ."""
        lemmas = [token._replace(form=self._lemmas(token.form)) for token in tokens] if self._lemmas else tokens
        return [token._replace(form=token.form.lower()) for token in lemmas] if self.lowercase else lemmas

    def _chosen(self, tokens: Iterable[Token]) -> list[Token]:
        chosen = tokens if self.config.part_of_speech is None else _by_tag(tokens, self.config.part_of_speech)
        return self._without_stop_words(chosen)

    def _without_stop_words(self, tokens: Iterable[Token]) -> list[Token]:
        return [token for token in tokens if token.form.lower() not in self._left_out]


def installed_packages(config: TokenizerConfig) -> dict[str, str]:
    """The versions of the optional packages that a tokenizer uses. Raises MissingExtraError if one is not installed."""
    if isinstance(config, NgramTokenizer) and config.analysis is not None:
        return installed(packages(config.analysis))
    return installed(KIWI) if isinstance(config, WordTokenizer) and config.split == "kiwi" else {}


def packages(config: AnalysisConfig) -> tuple[str, ...]:
    """The packages that the steps use."""
    of_morphology = {KiwiConfig: KIWI, LemmasConfig: LEMMAS}.get(type(config.morphology), ())
    return (*of_morphology, *(STOP_WORDS if config.stop_words is not None and config.stop_words.language is not None else ()))


def _stop_words(config: StopWordsConfig | None) -> frozenset[str]:
    if config is None:
        return frozenset()
    listed = stop_words(config.language) if config.language is not None else frozenset()
    return frozenset(word.lower() for word in (*listed, *config.words)) - {word.lower() for word in config.exceptions}


def _classes_of(lexicon: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    names_of: dict[str, list[str]] = {}
    for name, words in lexicon.items():
        for word in dict.fromkeys(word.lower() for word in words):
            names_of.setdefault(word, []).append(name)
    return names_of


def _tagged(tagger: Tagger, pattern: re.Pattern[str], texts: Sequence[str]) -> Iterator[list[Token]]:
    for start in range(0, len(texts), TAGGED_TOGETHER):
        sentences = [pattern.findall(text) for text in texts[start : start + TAGGED_TOGETHER]]
        for words, tags in zip(sentences, tagger.tags(sentences), strict=True):
            yield [Token(word, tag) for word, tag in zip(words, tags, strict=True)]


def _fingerprint(tagger: Tagger | None) -> str | None:
    return None if tagger is None else tagger.fingerprint


def _refuse_changed(run: str | None, tagger: Tagger | None, stated: str | None, what: str) -> None:
    """Raises RunError if the run has been trained again since."""
    if _fingerprint(tagger) != stated:
        raise RunError(f"it was trained with the {what} of another version of {run}, and the current one would give other features. "
                       "Restore that run's folder, or train again.")


def _by_tag(tokens: Iterable[Token], config: PartOfSpeechConfig) -> Iterator[Token]:
    kept, dropped = tuple(config.keep or ("",)), tuple(config.drop or ())
    return (token for token in tokens if token.tag.startswith(kept) and not token.tag.startswith(dropped))


def _joined(tokens: Iterable[Token], attach: bool = False) -> str:
    return " ".join(f"{form}/{tag}" if attach else form for form, tag in tokens)
