"""Open a trained run: its recipe, task, labels, tokenizers and best weights, without its training data."""

from dataclasses import dataclass, replace
from typing import Any

from ..configs.load import load_recipe
from ..configs.schema.recipe import Recipe
from ..datasets.encoded.split import Encoding
from ..tasks.build import build_task
from ..tasks.task import PredictOptions, Task
from .devices import Setting, choose_device, thread_count
from .folder.checkpoints import checkpoint_path
from .folder.data_file import load_encoding
from .folder.run_directory import RunDirectory
from .folder.tensors import load_into, load_tensors
from .run import build_placed_model
from .sources.tagger import open_tagger


@dataclass(frozen=True)
class OpenedRun:
    """A trained run, ready to be evaluated, to predict with, or to start another run from."""

    directory: RunDirectory
    recipe: Recipe
    task: Task
    model: Any
    encoding: Encoding
    hashes: frozenset[str]

    def unused(self, options: PredictOptions) -> list[str]:
        """The names of given options that this kind of run does not use."""
        given = [name for name, value in vars(options).items() if name != "seed" and value is not None]
        return [name for name in given if name not in self.task.predict_options]


def open_run(directory: RunDirectory, device: str = "auto") -> OpenedRun:
    """Open a run with the weights of its best checkpoint. Raises RunError if it was never trained, or is damaged."""
    recipe = load_recipe(str(directory.config))
    encoding, hashes = load_encoding(directory)
    if (tagger := getattr(recipe.task, "tagger", None)) is not None:
        encoding = replace(encoding, tagger=open_tagger(tagger, "task.tagger"))
    task = build_task(recipe.task, encoding)
    setting = Setting(recipe.seeds[0], choose_device(recipe, device), thread_count(recipe))
    model = build_placed_model(recipe, setting, encoding, task)
    _load_weights(model, recipe, directory)
    return OpenedRun(directory, recipe, task, model, encoding, hashes)


def _load_weights(model: Any, recipe: Recipe, directory: RunDirectory) -> None:
    """Load a solver's arrays or a network's tensors from the best checkpoint; rules have none."""
    match recipe.model.learns_by:
        case "nothing":
            return
        case "solver":
            model.load(checkpoint_path(directory, "best"))
        case "gradient":
            load_into(model, load_tensors(checkpoint_path(directory, "best") / "model.safetensors"))
