"""The base of all task sections, and the checks of a task against other sections."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, NamedTuple, get_args

from ..base import Config, Problem
from ..data import SizesData
from ..models.model_base import WITHOUT_TOKENS, Input, Inputs, ModelBase

if TYPE_CHECKING:
    from ..recipe import Recipe

NOT_OFFERED: dict[Input, Problem] = {
    "characters": Problem(("model", "characters"), "are for single words, so they work only with task.type tagging and parsing; leave them "
                          "out"),
    "columns": Problem(("model", "d_column"), "is for columns of single words, so it works only with `task: {type: parsing}` and more "
                       "than one task.columns; leave it out"),
    "vector": Problem(("model", "input"), "`vector` needs numbers: set task.numbers or task.picture; for text use `bag`"),
    "picture": Problem(("model", "type"), "picture_cnn needs pictures: set task.picture"),
}


class Suggestion(NamedTuple):
    """An example of `nlp predict` for a trained model: what it does, its options, and its text (None: a text from the data)."""

    what: str
    options: str = ""
    text: str | None = None
    n_texts: int = 1
    """Number of texts per prediction; 0 if the input is noise."""
    is_word: bool = False
    """Whether the text must be a word of the run's vocabulary, as `text` may be."""


class TaskBase(Config):
    """The base of every task's section."""

    needs: ClassVar[str]
    """The output that the task needs from a model; see `gives` of models."""
    offers: ClassVar[Inputs]
    """The inputs that the data of this task can provide."""
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss"})
    """Metrics for which lower is better."""
    text_key: ClassVar[str]
    """The key that names the text column, for `nlp data`."""
    label_key: ClassVar[str | None] = None
    """The key that names the column of the class or, if `tagged`, of one tag per token."""
    tagged: ClassVar[bool] = False
    default_metric: ClassVar[str] = "accuracy"
    """The metric that selects the `best` checkpoint, unless the recipe names one."""

    headings: ClassVar[Mapping[str, str]] = {}
    """Display names of metrics whose own names are ambiguous."""

    def heading(self, metric: str) -> str:
        """The display name of a metric."""
        return self.headings.get(metric, metric)

    @property
    def offered(self) -> Inputs:
        """The inputs that the data can provide with these settings of the task."""
        return self.offers

    @property
    def whole_batches(self) -> bool:
        """Whether the loss of a row depends on the other rows of its batch, so that a batch cannot be divided among processes."""
        return False

    @property
    def main_metric(self) -> str:
        """The metric by which systems are judged."""
        return "accuracy"

    def quoted_metric(self, tokenizer: str | None) -> str:
        """The metric to report, with a tokenizer of this type."""
        return self.main_metric

    @property
    def suggestion(self) -> Suggestion:
        """What to try with a trained model."""
        raise NotImplementedError

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that `training.best_metric` may name."""
        raise NotImplementedError

    def row_tokens(self, model: ModelBase) -> int | None:
        """Tokens per row if the recipe determines them; None if they depend on the data."""
        return 1 if model.inputs & WITHOUT_TOKENS else None

    def problems(self, recipe: "Recipe") -> Iterator[Problem]:
        """Inconsistencies between the task and other sections; checks that need the data are made later."""
        if self.needs not in recipe.model.gives:
            fitting = ", ".join(models_that_give(self.needs))
            yield Problem(("model", "type"), f"{recipe.model.type} does not support task.type {recipe.task and recipe.task.type}; "
                          f"use one of {fitting}")
            return
        if not isinstance(recipe.data, SizesData):
            yield from (problem for name, problem in NOT_OFFERED.items() if name in recipe.model.inputs - self.offered)
            yield from self._vocabulary_problems(recipe)
        yield from self._problems(recipe)
        metric = recipe.training.best_metric if recipe.training is not None else None
        if metric is not None and metric not in self.metrics:
            yield Problem(("training", "best_metric"), f"{metric!r} is not a metric of {recipe.task and recipe.task.type}; "
                          f"use one of {', '.join(self.metrics)}")

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        """Checks of this task only."""
        yield from ()

    def token_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        """Settings for whole texts, in a task with one prediction per token."""
        model, task = recipe.model, recipe.task and recipe.task.type
        pooling = type(model).model_fields.get("pooling")
        if pooling is not None and getattr(model, "pooling", None) != pooling.default:  # a resolved recipe includes defaults
            yield Problem(("model", "pooling"), f"pools a text into one vector, but {task} needs one per token; leave it out")
        if getattr(model, "pooler", False):
            yield Problem(("model", "pooler"), f"needs one vector per text, but {task} needs one per token; leave it out")
        for key in ("max_length", "add_cls"):
            if getattr(recipe.tokenizer, key, None):
                yield Problem(("tokenizer", key), f"is for whole texts; in {task} the tokenizer reads one token at a time, so leave it out")

    def _vocabulary_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        if getattr(recipe.tokenizer, "counted_in", "train") != "train":
            yield Problem(("tokenizer", "counted_in"), "`all_splits` uses the words of the test split, and is only for comparing "
                          "language models with published results; leave it out")


def models_that_give(need: str) -> list[str]:
    """The values of `model.type` that have this output."""
    from ..model import ModelConfig

    classes = get_args(get_args(ModelConfig)[0])
    return [name for cls in classes if need in cls.gives for name in get_args(cls.model_fields["type"].annotation)]
