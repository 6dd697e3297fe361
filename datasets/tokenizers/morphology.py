"""Morphemes and lemmas from optional packages, each imported on demand, and the versions that determine their results."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any, NamedTuple

from ...errors import ConfigError, MissingExtraError, RunError

KIWI, LEMMAS, STOP_WORDS = ("kiwipiepy", "kiwipiepy_model"), ("simplemma",), ("stopwordsiso",)
"""The packages whose versions determine the result of a step."""
EXTRAS = {"kiwipiepy": "korean", "simplemma": "linguistics", "stopwordsiso": "linguistics"}


class Token(NamedTuple):
    """A word or morpheme, and its part of speech if known."""

    form: str
    tag: str = ""


def morphemes(texts: Sequence[str]) -> Iterator[list[Token]]:
    """The Korean morphemes of each text with Sejong tags, such as NNG and VV; a space inside one is written as `_`."""
    for tokens in _kiwi().tokenize(texts):
        yield [Token("_".join(token.form.split()), str(token.tag)) for token in tokens if token.form.strip()]


@lru_cache(maxsize=1)
def _kiwi() -> Any:
    """Cached, since its dictionary takes a second or two to load."""
    return _module("kiwipiepy").Kiwi()


class Lemmas:
    """The dictionary forms of one language; each distinct word is looked up once."""

    def __init__(self, language: str) -> None:
        self.language, self._lemma_of = language, dict[str, str]()
        self._lemmatize = _module("simplemma").lemmatize
        try:
            self._lemmatize("a", lang=language)
        except ValueError:
            raise ConfigError(f"tokenizer.analysis.morphology.language is {language!r}, for which simplemma has no lemmas. Use an "
                              "ISO 639-1 code that it supports, such as en, de or fr; for Korean, `morphology: {type: kiwi}`.") from None

    def __call__(self, word: str) -> str:
        """The lemma; an unknown word is unchanged."""
        if word not in self._lemma_of:
            self._lemma_of[word] = "_".join(self._lemmatize(word, lang=self.language).split()) or word
        return self._lemma_of[word]


def stop_words(language: str) -> frozenset[str]:
    """The stop words of a language. Raises ConfigError if there is no list."""
    lists = _module("stopwordsiso")
    if not lists.has_lang(language):
        raise ConfigError(f"tokenizer.analysis.stop_words.language is {language!r}, for which stopwordsiso has no list. It has: "
                          f"{', '.join(sorted(lists.langs()))}.")
    return frozenset(lists.stopwords(language))


def installed(packages: Sequence[str]) -> dict[str, str]:
    """The versions of packages. Raises MissingExtraError if one is not installed."""
    versions = {}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            raise _missing(package) from None
    return versions


def refuse_other_versions(stated: Mapping[str, str]) -> None:
    """Raises RunError if a package has another version than in training, since it may split texts differently."""
    current = installed(tuple(stated))
    different = [package for package, expected in stated.items() if current[package] != expected]
    if different:
        trained = ", ".join(f"{package} {stated[package]}" for package in different)
        here = ", ".join(f"{package} {current[package]}" for package in different)
        pinned = " ".join(f"{package}=={stated[package]}" for package in different)
        raise RunError(f"it was trained with {trained}, but {here} is installed, which may analyse texts differently. Run "
                       f"`pip install {pinned}`, or train again.")


def _module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise _missing(name) from None


def _missing(package: str) -> MissingExtraError:
    extra = next(extra for name, extra in EXTRAS.items() if package.startswith(name))
    what = "Korean morphemes need" if extra == "korean" else "lemmas and lists of stop words need"
    return MissingExtraError(f"{what} the extra `{extra}`: pip install 'nlp-generations[{extra}]'.")
