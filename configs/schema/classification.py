"""`task: {type: classification}`."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from .base import PositiveFloat, Probability, Problem
from .model_base import Inputs
from .task_base import Suggestion, TaskBase

if TYPE_CHECKING:
    from .recipe import Recipe


class ClassificationConfig(TaskBase):
    """One class for each text."""

    needs: ClassVar[str] = "classes"
    text_key: ClassVar[str] = "text"
    label_key: ClassVar[str | None] = "label"
    offers: ClassVar[Inputs] = frozenset({"text", "bag", "tokens", "segments"})
    headings: ClassVar[Mapping[str, str]] = {"f1": "macro_f1"}
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "hinge_loss"})

    type: Literal["classification"]
    text: str = "text"
    """Column with the text."""
    label: str = "label"
    """Column with the class."""
    document: str | None = None
    """Column that identifies the document of a text, for `tokenizer.context`: rows with the same value in it, in the order of their file,
    are neighbours. A row where it is empty has none."""
    labels: Annotated[list[str], Field(min_length=2)] | None = None
    """The classes, in order, at least two; by default those of the training split, sorted. A label that is not in this list is an error."""
    missing_labels: Literal["refuse", "drop", "keep"] = "refuse"
    """Rows whose label is empty or denotes a missing value (`NaN`, `NA`, `null`, `None` and the like) and is not in `labels`: `refuse`
    reports them as an error, `drop` leaves them out with a notice, `keep` treats the label like any other class."""
    label_smoothing: Probability = 0.0
    """Share of the target's probability that is spread evenly over all classes (Szegedy et al. 2016)."""
    class_weights: Literal["balanced"] | dict[str, PositiveFloat] | None = None
    """Weight of each class in the loss; `balanced` sets it to n_examples / (n_classes * count of the class)."""

    @property
    def suggestion(self) -> Suggestion:
        return Suggestion("the class of a text")

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("loss", "accuracy", "f1")

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        """Settings of the loss, which only networks have."""
        model = recipe.model
        if model.learns_by == "gradient":
            return
        instead = ": set model.class_weight" if "class_weight" in type(model).model_fields else ""
        for key, given in (("class_weights", self.class_weights is not None), ("label_smoothing", self.label_smoothing > 0)):
            if given:
                reason = f"changes the loss of a network; model.type {model.type} has none"
                yield Problem(("task", key), f"{reason}{instead if key == 'class_weights' else ''}, so leave it out")
