"""What every task's section of a recipe states, and the checks that concern a task and another section."""

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
    """What to try with a trained model in `nlp predict`: options, what they give, and the text, None for one of the data."""

    what: str
    options: str = ""
    text: str | None = None
    n_texts: int = 1
    """Texts that one prediction is of; 0 where it is of noise."""


class TaskBase(Config):
    """The base of every task's section."""

    needs: ClassVar[str]
    """What a model must give to serve the task; see `gives` of a model."""
    offers: ClassVar[Inputs]
    """What the data of this task can give a model to read."""
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss"})
    """Metrics that are better the lower they are."""
    text_key: ClassVar[str]
    """The key that names the column with the text; `nlp data` looks at it."""
    label_key: ClassVar[str | None] = None
    """The key that names the column with the class, or where `tagged` with one tag for each token of the text."""
    tagged: ClassVar[bool] = False
    default_metric: ClassVar[str] = "accuracy"
    """The metric that decides which checkpoint is `best` where the recipe names none."""

    headings: ClassVar[Mapping[str, str]] = {}
    """What people read in place of a metric's name where the name alone leaves open what is meant."""

    def heading(self, metric: str) -> str:
        """How a metric is called in tables and lines for people."""
        return self.headings.get(metric, metric)

    @property
    def offered(self) -> Inputs:
        """What the data of a task with these settings can give a model to read."""
        return self.offers

    @property
    def whole_batches(self) -> bool:
        """Whether what a row teaches depends on the other rows of its batch, which processes then cannot share."""
        return False

    @property
    def main_metric(self) -> str:
        """The metric that people judge a system by."""
        return "accuracy"

    def quoted_metric(self, tokenizer: str | None) -> str:
        """The figure that people follow and quote, with a tokenizer of this type."""
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
        """Tokens in a row of data where the recipe alone fixes them; None where it depends on the data."""
        return 1 if model.inputs & WITHOUT_TOKENS else None

    def problems(self, recipe: "Recipe") -> Iterator[Problem]:
        """What does not fit between the task and the other sections; what the data would decide is left to the data."""
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
        """What only this task refuses."""
        yield from ()

    def token_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        """What only makes sense for whole texts, for a task that says something of each token."""
        model, task = recipe.model, recipe.task and recipe.task.type
        pooling = type(model).model_fields.get("pooling")
        if pooling is not None and getattr(model, "pooling", None) != pooling.default:  # a resolved recipe states defaults too
            yield Problem(("model", "pooling"), f"pools a text into one vector, but {task} needs one for each token; leave it out")
        if getattr(model, "pooler", False):
            yield Problem(("model", "pooler"), f"needs one vector per text, but {task} needs one for each token; leave it out")
        for key in ("max_length", "add_cls"):
            if getattr(recipe.tokenizer, key, None):
                yield Problem(("tokenizer", key), f"is for whole texts; in {task} the tokenizer gets one token at a time, so leave it out")

    def _vocabulary_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        if getattr(recipe.tokenizer, "counted_in", "train") != "train":
            yield Problem(("tokenizer", "counted_in"), "`all_splits` uses the words of the test split, and is only for comparing "
                          "language models with published results; leave it out")


def models_that_give(need: str) -> list[str]:
    """The `model.type` values that can serve a task with this need."""
    from ..model import ModelConfig

    classes = get_args(get_args(ModelConfig)[0])
    return [name for cls in classes if need in cls.gives for name in get_args(cls.model_fields["type"].annotation)]
