"""The recipe with all its sections, and the checks across sections."""

from collections.abc import Iterator

from pydantic import Field

from .base import Config, Problem, Seed
from .context import context_problems
from .data import DataConfig, FileData, SizesData
from .model import ModelConfig
from .task import TaskConfig
from .tasks.classification import ClassificationConfig
from .tokenizer import NgramTokenizer, TokenizerConfig
from .training import TrainingConfig

STREAMS = ("works only if training never needs all texts at once: `task.type: classification`, `tokenizer: {type: ngrams, hash_bits: 20}` "
           "without latent dimensions, and `model.type` sgd, perceptron or naive_bayes (not `gaussian`). Every other model, such as "
           "linear_svm, kernel_svm or knn, is fitted to all texts; use one of these three, or leave data.on_disk out")

class Recipe(Config):
    """One experiment: data, tokenizer, task, model and training, for one or more seeds."""

    description: str = ""
    """One line for `nlp config list`."""
    data: DataConfig
    """Where the examples come from."""
    tokenizer: TokenizerConfig | None = None
    """How to split text into tokens; rules and statistical taggers read the text itself and have no tokenizer."""
    task: TaskConfig | None = None
    """What to predict. Optional only with `data: {type: sizes}`, which then builds the bare encoder."""
    model: ModelConfig
    """The model and its sizes."""
    training: TrainingConfig | None = None
    """How to train a network; rules and classical models have no training section."""
    seeds: list[Seed] = Field(default=[1], min_length=1)
    """One run is trained per seed."""
    score_test: bool = True
    """Whether to score the test split at the end of a run. Set it to false while you choose settings: scores of settings chosen on the test
    split are optimistic."""

    @property
    def best_metric(self) -> str:
        """The validation metric that selects the `best` checkpoint."""
        stated = self.training.best_metric if self.training is not None else None
        return stated or (self.task.default_metric if self.task is not None else "loss")


def problems(recipe: Recipe) -> Iterator[Problem]:
    """Inconsistencies between the sections of a recipe; each model and each task checks itself against the other sections."""
    if len(set(recipe.seeds)) < len(recipe.seeds):
        yield Problem(("seeds",), "lists a seed twice; each run needs its own seed")
    yield from recipe.model.problems(recipe)
    yield from context_problems(recipe)
    if isinstance(recipe.data, FileData) and recipe.data.on_disk and not _streams(recipe):
        yield Problem(("data", "on_disk"), STREAMS)
    if recipe.task is not None:
        yield from recipe.task.problems(recipe)
    elif not isinstance(recipe.data, SizesData):
        yield Problem((), "task: is missing; add one, such as `task: {type: classification}`")


def _streams(recipe: Recipe) -> bool:
    """Whether texts can be read, encoded and learned from in blocks."""
    if not isinstance(recipe.tokenizer, NgramTokenizer) or recipe.tokenizer.hash_bits is None:
        return False
    meaning = None if recipe.tokenizer.analysis is None else recipe.tokenizer.analysis.meaning
    latent = meaning is not None and meaning.latent is not None
    return isinstance(recipe.task, ClassificationConfig) and recipe.model.learns_in_blocks and not latent
