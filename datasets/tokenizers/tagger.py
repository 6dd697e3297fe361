"""The interface of a tagger for parts of speech; taggers are trained and opened elsewhere."""

from collections.abc import Sequence
from typing import Protocol

from ...errors import ConfigError


class Tagger(Protocol):
    """Predicts one tag for each word of a sentence, or its head and relation."""

    @property
    def fingerprint(self) -> str:
        """A hash of everything that determines the tags."""
        ...

    def tags(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of each sentence, by name."""
        ...


PART_OF_SPEECH = "tokenizer.analysis.part_of_speech.run"
"""The key that names the tagger of a classical pipeline."""
SYNTAX = "tokenizer.analysis.syntax.parser"
"""The key that names the parser, which is opened in the same way: its prediction for a word, HEAD:RELATION, is treated as a tag."""


class OpenTagger(Protocol):
    """From the name of a run to its tagger. Raises ConfigError for a run of another task, RunError if it is missing or damaged."""

    def __call__(self, name: str, key: str = PART_OF_SPEECH) -> Tagger:
        """`key` is the key of the recipe that names the run."""
        ...


def no_tagger(name: str, key: str = PART_OF_SPEECH) -> Tagger:
    """For callers that open no runs. Raises ConfigError."""
    raise ConfigError(f"{key} is {name!r}, and no run can be opened here.")
