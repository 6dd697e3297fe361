"""The identity of a run: a hash of its resolved recipe and of the files that it names, so that the same run is found again."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...configs.schema.data import FileData
from ...configs.schema.recipe import Recipe
from ...configs.schema.tasks.parsing import ParsingConfig
from ...configs.schema.tokenizer import NgramTokenizer
from ...datasets.build import read_picture_hashes
from ...errors import RunError, UserError
from ...tasks.build import preparation
from ..folder.checkpoints import checkpoint_path
from ..folder.run_directory import find_run
from ..sources.finished_run import run_fingerprint
from ..sources.tagger import tagger_fingerprint
from ..sources.vectors import vectors_run

LENGTH = 8
WEIGHTS_FILES = "*.json", "*.safetensors"


def method_address(recipe: Recipe) -> str:
    """Eight hexadecimal digits that identify a recipe, ignoring its seeds, its description, and whether the test split is scored.

    Only settings that differ from their defaults count, so that a version with new settings finds the runs of older ones. Files count by
    their content, not their path. The files of named datasets have their own checksums.
    """
    settings: dict[str, Any] = recipe.model_dump(mode="json", exclude={"seeds", "description", "score_test"}, exclude_defaults=True)
    _add_data(settings, recipe)
    _add_tokenizer(settings, recipe)
    _add_model(settings["model"], recipe)
    if isinstance(recipe.task, ParsingConfig) and recipe.task.tagger is not None:
        settings["task"]["tagger"] = _tags_of(recipe.task.tagger)
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode("utf-8")).hexdigest()[:LENGTH]


def _add_data(settings: dict[str, Any], recipe: Recipe) -> None:
    if isinstance(recipe.data, FileData):
        paths = {name: getattr(recipe.data, name) for name in ("train", "validation", "test")}
        settings["data"] |= {name: _content(path) for name, path in paths.items() if path is not None}
        with suppress(UserError):  # training reports unreadable files
            settings["data"] |= read_picture_hashes(recipe.data, preparation(recipe.task))


def _add_tokenizer(settings: dict[str, Any], recipe: Recipe) -> None:
    if not isinstance(recipe.tokenizer, NgramTokenizer):
        return
    if (tagger := recipe.tokenizer.tagger) is not None:
        settings["tokenizer"]["analysis"]["part_of_speech"]["run"] = _tags_of(tagger)
    if (parser := recipe.tokenizer.parser) is not None:
        settings["tokenizer"]["analysis"]["syntax"]["parser"] = _tags_of(parser)
    if (clusters := recipe.tokenizer.clusters) is not None:
        settings["tokenizer"]["analysis"]["meaning"]["clusters"]["vectors"] = _vectors_of(clusters.vectors)


def _add_model(settings: dict[str, Any], recipe: Recipe) -> None:
    for key, source in recipe.model.sources.items():
        settings[key] = _weights_of(source)
    settings.pop("architecture", None)  # determined by the weights, which `path` names
    for key, content in (("path", _published), ("vectors", _vectors_of)):
        if (name := getattr(recipe.model, key, None)) is not None:
            settings[key] = content(name)
    for section, keys in ((recipe.model, settings), (getattr(recipe.model, "rules", None), settings.get("rules"))):
        if keys is not None and (lexicon := getattr(section, "lexicon", None)) is not None:
            keys["lexicon"]["file"] = _content(lexicon.file)


def _weights_of(source: str) -> list[str]:
    """The SHA-256 of the weights that a run starts from; the source's name if they do not exist yet, which training reports."""
    with suppress(RunError):
        return _content(str(checkpoint_path(find_run(source), "best") / "model.safetensors"))
    return [source]


def _vectors_of(name: str) -> list[str]:
    """The identity of word vectors from a run or from a publisher."""
    if (source := vectors_run(name)) is None:
        return _published(name)
    with suppress(RunError):
        return [run_fingerprint(source)]
    return [name]


def _published(path: str) -> list[str]:
    """The SHA-256 of a file of weights or word vectors, or of each relevant file in a folder. For anything else its name: that of a
    package, which has its own checksums, or of a model on the Hub.
    """
    place = Path(path).expanduser()
    if not place.is_dir():
        return _content(path) if place.is_file() else [path]
    return [digest for pattern in WEIGHTS_FILES for file in sorted(place.glob(pattern)) for digest in _content(str(file))]


def _tags_of(tagger: str) -> str:
    """The fingerprint of a tagger; its name if it does not exist yet, which training reports."""
    with suppress(RunError):
        return tagger_fingerprint(tagger)
    return tagger


def _content(path: str) -> list[str]:
    """The SHA-256 of a file, or of each parallel file with this prefix; the path if it is missing, which training reports."""
    file = Path(path).expanduser()
    files = [file] if file.is_file() else sorted(file.parent.glob(f"{file.name}.*")) if file.parent.is_dir() else []
    digests = []
    for part in files:
        with part.open("rb") as stream:
            digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return digests or [path]
