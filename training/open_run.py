"""A finished run, opened again: its recipe, task, labels, tokenizers and best weights; nothing of its training data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..configs.load import load_recipe
from ..configs.schema.data import SizesData
from ..configs.schema.recipe import Recipe
from ..datasets.encoded.split import Encoding
from ..datasets.tokenizers.tokenizer import Tokenizer, load_tokenizer
from ..errors import RunError
from ..tasks.build import build_task
from ..tasks.task import Task
from .devices import Setting, choose_device, thread_count
from .folder.checkpoints import checkpoint_path
from .folder.files import checksum, read_json
from .folder.run_directory import DATA_FORMAT, RunDirectory
from .folder.tensors import load_into, load_tensors
from .run import build_placed_model


@dataclass(frozen=True)
class OpenedRun:
    """What other commands and other runs need of a run: to evaluate it, to predict with it, to start from its weights."""

    directory: RunDirectory
    recipe: Recipe
    task: Task
    model: Any
    encoding: Encoding
    hashes: frozenset[str]


def open_run(directory: RunDirectory, device: str = "auto") -> OpenedRun:
    """Open a run with the weights of its best checkpoint. Raises RunError where it was never trained, or is damaged."""
    recipe = load_recipe(str(directory.config))
    about = _about(directory)
    tokenizers = {role: _tokenizer(directory.tokenizer(role), fingerprint) for role, fingerprint in about["tokenizers"].items()}
    spec = SizesData.model_validate(about["spec"])
    encoding = Encoding(spec, tuple(about["labels"]), tuple(about["label_counts"]), tokenizers)
    task = build_task(recipe.task, encoding)
    setting = Setting(recipe.seeds[0], choose_device(recipe, device), thread_count(recipe))
    model = build_placed_model(recipe, setting, encoding, task)
    _load_weights(model, recipe, directory)
    return OpenedRun(directory, recipe, task, model, encoding, frozenset(about["hashes"].values()))


def _tokenizer(folder: Path, fingerprint: str) -> Tokenizer:
    tokenizer = load_tokenizer(folder)
    if tokenizer.fingerprint() != fingerprint:
        raise RunError(f"The tokenizer in {folder} is not the one that the model was trained with, according to data.json. "
                       "Copy the folder again from the original, or train again.")
    return tokenizer


def _about(directory: RunDirectory) -> Mapping[str, Any]:
    """What the run's data was. Labels in another order would give wrong predictions that look right, so the checksum must fit."""
    if not directory.data.exists():
        raise RunError(f"{directory.path} was stopped before its training started: it has no data.json. "
                       f"Resume it with `nlp train --resume {directory.path}`, or copy the folder again from the original.")
    about = read_json(directory.data)
    if not isinstance(about, Mapping) or about.get("checksum") != checksum(about):
        raise RunError(f"{directory.data} has changed since it was written: its checksum does not fit. It contains the labels in the order "
                       "that the model uses; take it from where the folder was copied, or train again.")
    if about.get("format") != DATA_FORMAT:
        raise RunError(f"{directory.data} has the format {about.get('format')!r}, but this version of nlp reads {DATA_FORMAT}. "
                       "Use the version that trained the run, or train again.")
    return about


def _load_weights(model: Any, recipe: Recipe, directory: RunDirectory) -> None:
    """Rules have none; the arrays of a solver and the tensors of a network are in the best checkpoint."""
    match recipe.model.learns_by:
        case "nothing":
            return
        case "solver":
            model.load(checkpoint_path(directory, "best"))
        case "gradient":
            load_into(model, load_tensors(checkpoint_path(directory, "best") / "model.safetensors"))
