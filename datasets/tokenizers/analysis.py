"""From texts to the tokens that are counted: words or morphemes, lemmas, parts of speech, stop words."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...configs.schema.linguistics import AnalysisConfig, KiwiConfig, LemmasConfig, PartOfSpeechConfig, StopWordsConfig
from ...configs.schema.saved import Saved, checked
from ...configs.schema.tokenizer import NgramTokenizer, TokenizerConfig, WordTokenizer
from ...storage import parse_json
from .morphology import KIWI, LEMMAS, STOP_WORDS, Lemmas, Token, installed, morphemes, refuse_other_versions, stop_words

FILE = "analysis.json"
SPLITS = {"words": r"\b\w+\b", "punctuation": r"\w+|[^\w\s]", "whitespace": r"\S+"}


class SavedAnalysis(Saved):
    """`analysis.json`: what the steps depend on beside the settings."""

    versions: dict[str, str]
    stop_words: list[str]


class Analysis:
    """The steps before words are counted. Tokens contain no white space, so a text of tokens is one string with single spaces."""

    def __init__(self, config: AnalysisConfig, lowercase: bool, saved: SavedAnalysis | None = None) -> None:
        """New, or as it was `saved`. Raises MissingExtraError without the packages, RunError where they are of other versions."""
        if saved is None:
            saved = SavedAnalysis(versions=installed(packages(config)), stop_words=sorted(_stop_words(config.stop_words)))
        else:
            refuse_other_versions(saved.versions)
        self.config, self.lowercase, self.saved = config, lowercase, saved
        self._left_out = frozenset(saved.stop_words)
        self._lemmas = Lemmas(config.morphology.language) if isinstance(config.morphology, LemmasConfig) else None
        self._classes = _classes_of(config.meaning.lexicon if config.meaning and config.meaning.lexicon else {})

    @classmethod
    def from_files(cls, config: AnalysisConfig, lowercase: bool, files: Mapping[str, bytes]) -> "Analysis":
        """What `files` gave."""
        return cls(config, lowercase, checked(SavedAnalysis, parse_json(files[FILE])))

    def files(self) -> Mapping[str, bytes]:
        """The versions of the packages, and the words that are left out."""
        return {FILE: json.dumps(self.saved.model_dump(), ensure_ascii=False, separators=(",", ":")).encode("utf-8")}

    def apply(self, texts: Sequence[str]) -> list[str]:
        """Each text as its tokens with a space between one and the next."""
        attach = self._attaches
        return [_joined(self._chosen(tokens), attach) for tokens in self._morphemes(texts)]

    def classes(self, tokens: str) -> list[str]:
        """The classes of the lexicon that the tokens of a text belong to, once for each token."""
        forms = (token.rpartition("/")[0] for token in tokens.split()) if self._attaches else tokens.split()
        return [name for form in forms for name in self._classes.get(form.lower(), ())]

    def steps(self, text: str) -> list[tuple[str, str]]:
        """The text after each step that the recipe asks for."""
        (tokens,), config = list(self._tokens([text])), self.config
        named = [] if isinstance(config.morphology, KiwiConfig) else [("tokens", _joined(tokens))]
        if config.morphology is not None:
            (tokens,) = list(self._morphemes([text]))
            named.append(("lemmas" if self._lemmas else "morphemes", _joined(tokens, attach=bool(tokens and tokens[0].tag))))
        if config.part_of_speech is not None:
            tokens = list(_by_tag(tokens, config.part_of_speech))
            named.append(("part of speech", _joined(tokens, self._attaches)))
        if config.stop_words is not None:
            tokens = self._without_stop_words(tokens)
            named.append(("stop words", _joined(tokens, self._attaches)))
        if self._classes:
            named.append(("lexicon", " ".join(self.classes(_joined(tokens, self._attaches)))))
        return named

    @property
    def _attaches(self) -> bool:
        return self.config.part_of_speech is not None and self.config.part_of_speech.attach

    def _tokens(self, texts: Sequence[str]) -> Iterator[list[Token]]:
        if isinstance(self.config.morphology, KiwiConfig):
            return morphemes(texts)
        pattern = re.compile(SPLITS[self.config.split or "words"])
        return ([Token(word) for word in pattern.findall(text)] for text in texts)

    def _morphemes(self, texts: Sequence[str]) -> Iterator[list[Token]]:
        """Lemmas are looked up as words are written, since `May` and `may` differ, and only then put in lower case."""
        for tokens in self._tokens(texts):
            found = [token._replace(form=self._lemmas(token.form)) for token in tokens] if self._lemmas else tokens
            yield [token._replace(form=token.form.lower()) for token in found] if self.lowercase else found

    def _chosen(self, tokens: Iterable[Token]) -> list[Token]:
        chosen = tokens if self.config.part_of_speech is None else _by_tag(tokens, self.config.part_of_speech)
        return self._without_stop_words(chosen)

    def _without_stop_words(self, tokens: Iterable[Token]) -> list[Token]:
        return [token for token in tokens if token.form.lower() not in self._left_out]


def installed_packages(config: TokenizerConfig) -> dict[str, str]:
    """The versions of the optional packages that a tokenizer uses. Raises MissingExtraError where one is not installed."""
    if isinstance(config, NgramTokenizer) and config.analysis is not None:
        return installed(packages(config.analysis))
    return installed(KIWI) if isinstance(config, WordTokenizer) and config.split == "kiwi" else {}


def packages(config: AnalysisConfig) -> tuple[str, ...]:
    """The packages that the steps use."""
    found = {KiwiConfig: KIWI, LemmasConfig: LEMMAS}.get(type(config.morphology), ())
    return (*found, *(STOP_WORDS if config.stop_words is not None and config.stop_words.language is not None else ()))


def _stop_words(config: StopWordsConfig | None) -> frozenset[str]:
    if config is None:
        return frozenset()
    listed = stop_words(config.language) if config.language is not None else frozenset()
    return frozenset(word.lower() for word in (*listed, *config.words)) - {word.lower() for word in config.exceptions}


def _classes_of(lexicon: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, words in lexicon.items():
        for word in dict.fromkeys(word.lower() for word in words):
            found.setdefault(word, []).append(name)
    return found


def _by_tag(tokens: Iterable[Token], config: PartOfSpeechConfig) -> Iterator[Token]:
    kept, dropped = tuple(config.keep or ("",)), tuple(config.drop or ())
    return (token for token in tokens if token.tag.startswith(kept) and not token.tag.startswith(dropped))


def _joined(tokens: Iterable[Token], attach: bool = False) -> str:
    return " ".join(f"{form}/{tag}" if attach else form for form, tag in tokens)
