"""Taggers that provide parts of speech and parsers that provide trees, from finished runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ...configs.load import load_recipe
from ...configs.schema.recipe import Recipe
from ...configs.schema.tasks.parsing import ParsingConfig
from ...configs.schema.tasks.tagging import TaggingConfig
from ...datasets.formats.conll import split_tokens
from ...datasets.tokenizers.tagger import PART_OF_SPEECH, SYNTAX
from ...errors import ConfigError
from ..folder.run_directory import RunDirectory
from .finished_run import named_by_kind, named_run, refuse_unfinished, run_fingerprint

if TYPE_CHECKING:
    from ..open_run import OpenedRun


@dataclass(frozen=True, eq=False)
class RunTagger:
    """The tagger of a run, and a hash of its weights and tags."""

    run: "OpenedRun"
    fingerprint: str

    def tags(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of each sentence, by name; none for an empty sentence."""
        texts, run = [" ".join(words) for words in sentences if words], self.run
        if not texts:
            return [[] for _ in sentences]
        batch = run.task.preparation.unlabelled(texts, run.encoding).batch(np.arange(len(texts)), run.model.config.inputs)
        predicted = iter(run.task.predicted_texts(run.task.predict(run.model, batch)))
        return [split_tokens(next(predicted)) if words else [] for words in sentences]


def open_tagger(name: str, key: str = PART_OF_SPEECH) -> RunTagger:
    """The tagger or parser of this run. Raises ConfigError if it is not a finished one, RunError if it is missing or damaged."""
    source = named_run(name, key)
    recipe = load_recipe(str(source.config))
    if key == SYNTAX:
        _refuse_no_parser(source, recipe)
    elif not isinstance(recipe.task, TaggingConfig):
        raise ConfigError(f"{key}: {named_by_kind(source, recipe)}, but only a tagger gives each word a tag. Name a run with "
                          "`task: {type: tagging}`, such as one of ud_english_ewt/averaged-perceptron.")
    refuse_unfinished(source, key, "tags")
    return _opened(source, run_fingerprint(source))


def _refuse_no_parser(source: RunDirectory, recipe: Recipe) -> None:
    if not isinstance(recipe.task, ParsingConfig) or recipe.task.reads_tags:
        reads_tags = isinstance(recipe.task, ParsingConfig)
        what = "reads tags, which a text does not have" if reads_tags else f"is a run of {recipe.model.type}, not a parser"
        raise ConfigError(f"{SYNTAX}: {source.address} {what}. Name a run with `task: {{type: parsing, columns: [form]}}`, or one with "
                          "`task.tagger`.")


def tagger_fingerprint(name: str, key: str = PART_OF_SPEECH) -> str:
    """A hash of everything that the tags of a run depend on. Raises RunError if it is missing or damaged."""
    return run_fingerprint(named_run(name, key))


@lru_cache(maxsize=2)
def _opened(source: RunDirectory, fingerprint: str) -> RunTagger:
    from ..open_run import open_run  # circular import

    return RunTagger(open_run(source, "cpu"), fingerprint)
