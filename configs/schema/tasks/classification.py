"""`task: {type: classification}`."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..base import PositiveFloat, Probability, Problem
from ..data import SizesData
from ..models.model_base import READ_OF_TEXTS, Inputs
from .task_base import Suggestion
from .texts_task import TextsTask

if TYPE_CHECKING:
    from ..recipe import Recipe


class ClassificationConfig(TextsTask):
    """Classify each text, pair of texts, row of numbers or picture."""

    needs: ClassVar[str] = "classes"
    label_key: ClassVar[str | None] = "label"
    headings: ClassVar[Mapping[str, str]] = {"f1": "macro_f1"}
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "hinge_loss"})

    type: Literal["classification"]
    numbers: Literal["all"] | Annotated[list[str], Field(min_length=1)] | None = None
    """Columns of numbers to classify instead of a text, or `all` except the class column. Each is standardised with its mean and standard
    deviation in the training split."""
    missing_numbers: Literal["refuse", "mean"] = "refuse"
    """Numbers that are empty or denote a missing value (`NaN`, `NA`, `null` and the like): `refuse` reports them as an error, `mean`
    replaces them with the column's mean in the training split."""
    picture: str | None = None
    """Column of pictures to classify instead of a text: the path of a PNG or JPEG file, relative to the table, or the pixels, from 0
    (black) to 255, with `;` between lines. All are read as greyscale and must have the same size."""
    label: str = "label"
    """Column with the class."""
    document: str | None = None
    """Column that identifies the document of a text, for `tokenizer.context`: rows with the same value, in the order of the file, are
    neighbours. A row with an empty value has no neighbours."""
    labels: Annotated[list[str], Field(min_length=2)] | None = None
    """The classes, in order, at least two; by default those of the training split, sorted. A label that is not in this list is an error."""
    missing_labels: Literal["refuse", "drop", "keep"] = "refuse"
    """Rows whose label is empty or denotes a missing value (`NaN`, `NA`, `null`, `None` and the like) and is not in `labels`: `refuse`
    reports them as an error, `drop` leaves them out with a notice, `keep` treats the label like any other class."""
    label_smoothing: Probability = 0.0
    """Share of the target's probability that is spread evenly over all classes (Szegedy et al. 2016)."""
    class_weights: Literal["balanced"] | dict[str, PositiveFloat] | None = None
    """Weight of each class in the loss; `balanced` sets it to n_examples / (n_classes * count of the class)."""

    @model_validator(mode="after")
    def _one_thing_is_read(self) -> Self:
        if self.numbers is not None and self.picture is not None:
            raise ValueError("numbers and picture both set the input; leave one of them out")
        if self.numbers is None and self.missing_numbers != "refuse":
            raise ValueError("missing_numbers is for columns of `numbers`; leave it out")
        if isinstance(self.numbers, list) and (len(set(self.numbers)) < len(self.numbers) or self.label in self.numbers):
            raise ValueError("numbers names a column twice, or the class column; name each column of numbers once")
        return self

    @property
    def offered(self) -> Inputs:
        if self.picture is not None:
            return frozenset({"vector", "picture"})
        return frozenset({"vector"}) if self.numbers is not None else self.offers

    @property
    def reads_texts(self) -> bool:
        """Whether the input is text, not numbers or pictures."""
        return self.numbers is None and self.picture is None

    @property
    def suggestion(self) -> Suggestion:
        if self.picture is not None:
            return Suggestion("the class of a picture", text="picture.png")
        return self._suggestion("the class of a text") if self.numbers is None else Suggestion("the class of a row of numbers")

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("loss", "accuracy", "f1")

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        """Models that read text without text data, towers with a single score, and loss settings for models without a loss."""
        yield from super()._problems(recipe)
        model = recipe.model
        towers = getattr(model, "towers", None)
        if towers is not None and towers.combine in ("cosine", "dot"):
            yield Problem(("model", "towers", "combine"), f"`{towers.combine}` gives a single number, for task.type regression or ranking; "
                          "use `symmetric`")
        if "vector" in self.offered and model.inputs & READ_OF_TEXTS and not isinstance(recipe.data, SizesData):
            key = "input" if "input" in type(model).model_fields else "type"
            yield Problem(("model", key), f"{model.type} reads texts, but the task has {'numbers' if self.numbers else 'pictures'}: "
                          f"{'set `input: vector`' if key == 'input' else 'use mlp or a classical model with `input: vector`'}")
        if model.learns_by == "gradient":
            return
        instead = ": set model.class_weight" if "class_weight" in type(model).model_fields else ""
        for key, is_set in (("class_weights", self.class_weights is not None), ("label_smoothing", self.label_smoothing > 0)):
            if is_set:
                reason = f"changes the loss of a network; model.type {model.type} has none"
                yield Problem(("task", key), f"{reason}{instead if key == 'class_weights' else ''}, so leave it out")
