"""Sources of word vectors: a package, a file or folder, or a finished run."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...configs.load import load_recipe
from ...configs.schema.tasks.word_vectors import WordVectorsConfig
from ...datasets.word_vectors import VectorsFile, VectorsSource, WordVectors
from ...errors import ConfigError, DataError, RunError
from ...models.pretrained.folder import find_local_weights, find_weights
from ...models.pretrained.packages import PACKAGES
from ...tasks.word_vectors import WordVectors as WordVectorsTask
from ..folder.run_directory import RunDirectory, find_run
from .finished_run import named_by_kind, refuse_unfinished, run_fingerprint


@dataclass(frozen=True)
class RunVectors:
    """The word vectors of a run; with character n-grams, unseen words have vectors too."""

    directory: RunDirectory

    def read(self, words: list[str]) -> WordVectors:
        """Vectors for these words, as `read_word_vectors`."""
        from ..open_run import open_run  # circular import

        opened = open_run(self.directory, "cpu")
        assert isinstance(opened.task, WordVectorsTask), "other runs are refused"
        values = opened.task.vectors_of(opened.model, words)
        if (missing := np.flatnonzero(~np.any(values, axis=1))).size:
            values[missing] = opened.task.vectors_of(opened.model, [words[place].lower() for place in missing.tolist()])
        return WordVectors(values, np.asarray(np.any(values, axis=1)))

    def fingerprints(self) -> list[str]:
        """One fingerprint, of the weights and the words."""
        return [run_fingerprint(self.directory)]


def open_vectors(name: str, key: str) -> VectorsSource:
    """The vectors that `key` names. Raises ConfigError for a run that has none or is not finished, DataError if nothing has
    this name.
    """
    if name in PACKAGES:
        return VectorsFile(find_weights(name))
    if (source := vectors_run(name)) is not None:
        _refuse_other_run(source, key)
        return RunVectors(source)
    if not (path := Path(name).expanduser()).exists():
        raise DataError(f"{key}: There is no file {name} with word vectors, and no run of this name. `nlp runs` lists all runs.")
    return VectorsFile(path)


def vectors_run(name: str) -> RunDirectory | None:
    """The run of this name; None if it names a package, a file, a folder that is not a run, or nothing."""
    place = Path(name).expanduser()
    if name in PACKAGES or place.is_file() or (place / "tokenizer.json").is_file():
        return None
    with suppress(RunError):
        return find_run(name)
    return None


def has_vectors(name: str) -> bool:
    """Whether these vectors are available, so that training can start."""
    if name in PACKAGES:
        return find_local_weights(name) is not None
    source = vectors_run(name)
    return Path(name).expanduser().exists() if source is None else source.status() == "finished"


def _refuse_other_run(source: RunDirectory, key: str) -> None:
    recipe = load_recipe(str(source.config))
    if not isinstance(recipe.task, WordVectorsConfig):
        raise ConfigError(f"{key}: {named_by_kind(source, recipe)}, which has no word vectors. Name a run with "
                          "`task: {type: word_vectors}`, such as one of brown/skip-gram.")
    refuse_unfinished(source, key, "vectors")
