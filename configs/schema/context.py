"""Features of the texts next to a text in its document: `tokenizer.context`, and what it needs of other sections."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from .base import Config, Problem
from .data import SizesData

if TYPE_CHECKING:
    from .recipe import Recipe

Neighbours = Annotated[int, Field(ge=0, le=10)]


class ContextConfig(Config):
    """The texts next to a text in its document, whose n-grams are features of their own: `-1:word` for one of the text before."""

    before: Neighbours = 1
    """Number of texts before it."""
    after: Neighbours = 0
    """Number of texts after it."""

    @model_validator(mode="after")
    def _has_neighbours(self) -> Self:
        if not self.offsets:
            raise ValueError("names no text before or after; give one of the two a number above 0, or leave this section out")
        return self

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where they are, counted from the text."""
        return (*range(-self.before, 0), *range(1, self.after + 1))


def context_problems(recipe: "Recipe") -> Iterator[Problem]:
    """Neighbours need a column that says which texts these are, files whose rows stay together, and a classical model."""
    task, context, document = recipe.task, getattr(recipe.tokenizer, "context", None), getattr(recipe.task, "document", None)
    if context is not None and document is None:
        yield Problem(("tokenizer", "context"), "needs to know which texts belong together: set `task.document` to the column that "
                      "identifies a document, which only task.type classification has")
    if document is None or task is None:
        return
    if context is None:
        yield Problem(("task", "document"), "is for n-grams of neighbouring texts, and only tokenizer.type ngrams has those: set "
                      "`tokenizer.context`, such as `{before: 1}`, or leave document out")
    elif recipe.model.learns_by == "gradient":
        yield Problem(("tokenizer", "context"), f"is for classical models, such as linear_svm, and model.type {recipe.model.type} is a "
                      "network; leave it and task.document out")
    if getattr(task, "other", None) is not None:
        yield Problem(("task", "document"), "says which single texts are neighbours, and with task.other each row has two; leave "
                      "one of them out")
    if document in (getattr(task, "text", None), getattr(task, "label", None)):
        yield Problem(("task", "document"), f"{document!r} is the column of the texts or of the classes; name one that identifies "
                      "documents: rows that are neighbours since they have the same class would give it away")
    if not isinstance(recipe.data, SizesData) and getattr(recipe.data, "validation", None) is None:
        yield Problem(("task", "document"), "needs `data: {type: files}` with a validation file: a validation split that is drawn from the "
                      "training rows would part them from their neighbours")
