"""Earlier runs that a recipe names: find them, check that they are finished, and fingerprint their content."""

import hashlib
from collections.abc import Mapping

from ...configs.catalog import packaged
from ...configs.schema.recipe import Recipe
from ...errors import ConfigError, RunError
from ...terminal import argument
from ..folder.checkpoints import checkpoint_path
from ..folder.run_directory import RunDirectory, find_run


def named_run(name: str, key: str) -> RunDirectory:
    """The run of this name. Raises RunError, which starts with the key and, for a recipe without runs, says how to train one."""
    try:
        return find_run(name)
    except RunError as error:
        remedy = f" Train one with `nlp train {name}`." if name in packaged() else ""
        raise RunError(f"{key}: {error}{remedy}") from None


def named_by_kind(source: RunDirectory, recipe: Recipe) -> str:
    """The model and task of a run, for errors about a run of the wrong kind."""
    return f"{source.address} is a run of {recipe.model.type} for {'nothing' if recipe.task is None else recipe.task.type}"


def differences(mine: Mapping[str, object], theirs: Mapping[str, object], prefix: str = "") -> list[str]:
    """The settings in which a recipe differs from the run that it starts from."""
    return [f"{prefix}{key} is {value}, but {theirs.get(key)} in the run" for key, value in mine.items() if value != theirs.get(key)]


def refuse_unfinished(source: RunDirectory, key: str, what: str) -> None:
    """Raises ConfigError if the run is not finished, since `what` is taken from it may still change."""
    if source.status() != "finished":
        raise ConfigError(f"{key}: {source.address} is not finished, and its {what} may still change. Finish it with "
                          f"`nlp train --resume {argument(source.address)}`, or name another run.")


def run_fingerprint(source: RunDirectory) -> str:
    """SHA-256 of the best checkpoint's weights and of `data.json`, which has the labels and identifies the tokenizers.

    Raises RunError if there is no checkpoint.
    """
    digest = hashlib.sha256()
    for path in (source.data, *sorted(checkpoint_path(source, "best").glob("model.*"))):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
