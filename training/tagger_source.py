"""The tagger that parts of speech come from, a finished run for tagging; and the parser that trees come from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..configs.load import load_recipe
from ..configs.schema.parsing import ParsingConfig
from ..configs.schema.recipe import Recipe
from ..configs.schema.tagging import TaggingConfig
from ..datasets.formats.conll import split_tokens
from ..datasets.tokenizers.tagger import PART_OF_SPEECH, SYNTAX
from ..errors import ConfigError, RunError
from .folder.checkpoints import checkpoint_path
from .folder.run_directory import RunDirectory, find_run

if TYPE_CHECKING:
    from .open_run import OpenedRun


@dataclass(frozen=True, eq=False)
class RunTagger:
    """The tagger of a run, and a hash of its weights and tags."""

    run: "OpenedRun"
    fingerprint: str

    def tags(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of each sentence, by name; of no words there are none."""
        texts, run = [" ".join(words) for words in sentences if words], self.run
        if not texts:
            return [[] for _ in sentences]
        batch = run.task.preparation.unlabelled(texts, run.encoding).batch(np.arange(len(texts)), run.model.config.inputs)
        found = iter(run.task.predicted_texts(run.task.predict(run.model, batch)))
        return [split_tokens(next(found)) if words else [] for words in sentences]


def open_tagger(name: str, key: str = PART_OF_SPEECH) -> RunTagger:
    """The tagger of this run. Raises ConfigError where it is no finished run for tagging, RunError where it is missing or damaged."""
    source = _find(name, key)
    recipe = load_recipe(str(source.config))
    if key == SYNTAX:
        _refuse_no_parser(source, recipe)
    elif not isinstance(recipe.task, TaggingConfig):
        task = "nothing" if recipe.task is None else recipe.task.type
        raise ConfigError(f"{key}: {source.address} is a {recipe.model.type} for {task}, and only a tagger gives each word a tag. Name a "
                          "run with `task: {type: tagging}`, such as one of ud_english_ewt/averaged-perceptron.")
    if source.status() != "finished":
        raise ConfigError(f"{key}: {source.address} is not finished, and its tags may still change. Finish it with "
                          f"`nlp train --resume {source.address}`, or name another run.")
    return _opened(source, _fingerprint(source))


def _refuse_no_parser(source: RunDirectory, recipe: Recipe) -> None:
    if not isinstance(recipe.task, ParsingConfig) or recipe.task.reads_tags:
        what = "reads tags, which a text has not" if isinstance(recipe.task, ParsingConfig) else f"is a {recipe.model.type}, and no parser"
        raise ConfigError(f"{SYNTAX}: {source.address} {what}. Name a run with `task: {{type: parsing, columns: [form]}}`, or one with "
                          "`task.tagger`.")


def tagger_fingerprint(name: str, key: str = PART_OF_SPEECH) -> str:
    """A hash of what decides the tags of a run. Raises RunError where it is missing or damaged."""
    return _fingerprint(_find(name, key))


@lru_cache(maxsize=2)
def _opened(source: RunDirectory, fingerprint: str) -> RunTagger:
    from .open_run import open_run  # which itself reads tokenizers

    return RunTagger(open_run(source, "cpu"), fingerprint)


def _find(name: str, key: str) -> RunDirectory:
    try:
        return find_run(name)
    except RunError as error:
        raise RunError(f"{key}: {error}") from None


def _fingerprint(source: RunDirectory) -> str:
    """SHA-256 of the weights of its best checkpoint, and of `data.json`, which has the tags and what identifies its tokenizers."""
    digest = hashlib.sha256()
    for path in (source.data, *sorted(checkpoint_path(source, "best").glob("model.*"))):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
