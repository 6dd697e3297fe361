"""What parts of speech need of a tagger, which is trained and opened elsewhere."""

from collections.abc import Sequence
from typing import Protocol

from ...errors import ConfigError


class Tagger(Protocol):
    """One tag for each word of a sentence, or its head and relation."""

    @property
    def fingerprint(self) -> str:
        """A hash of all that decides its tags."""
        ...

    def tags(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of each sentence, by name."""
        ...


PART_OF_SPEECH = "tokenizer.analysis.part_of_speech.run"
"""The key that names the tagger of a classical pipeline."""
SYNTAX = "tokenizer.analysis.syntax.parser"
"""The key that names its parser, which is opened in the same way: its prediction for a word, HEAD:RELATION, is handled as a tag."""


class OpenTagger(Protocol):
    """From the name of a run to its tagger. Raises ConfigError for a run that is none, RunError where it is missing or damaged."""

    def __call__(self, name: str, key: str = PART_OF_SPEECH) -> Tagger:
        """`key` is the one of the recipe that names the run."""
        ...


def no_tagger(name: str, key: str = PART_OF_SPEECH) -> Tagger:
    """For those who open no runs. Raises ConfigError."""
    raise ConfigError(f"{key} is {name!r}, and no run can be opened here.")
