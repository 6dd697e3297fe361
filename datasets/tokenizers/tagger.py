"""What parts of speech need of a tagger, which is trained and opened elsewhere."""

from collections.abc import Callable, Sequence
from typing import Protocol

from ...errors import ConfigError


class Tagger(Protocol):
    """One tag for each word of a sentence."""

    @property
    def fingerprint(self) -> str:
        """A hash of all that decides its tags."""
        ...

    def tags(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of each sentence, by name."""
        ...


OpenTagger = Callable[[str], Tagger]
"""From the name of a run to its tagger. Raises ConfigError for a run that is none, RunError where it is missing or damaged."""


def no_tagger(run: str) -> Tagger:
    """For those who open no runs. Raises ConfigError."""
    raise ConfigError(f"tokenizer.analysis.part_of_speech.run is {run!r}, and no run can be opened here.")
