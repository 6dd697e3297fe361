"""Features from the neighbours of a text in its document: `tokenizer.context`, and what it needs from other sections."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from .base import Config, Problem
from .data import SizesData

if TYPE_CHECKING:
    from .recipe import Recipe

Neighbours = Annotated[int, Field(ge=0, le=10)]


class ContextConfig(Config):
    """The neighbours of a text in its document, whose n-grams are separate features: `-1:word` for a word of the previous text."""

    before: Neighbours = 1
    """Number of texts before it."""
    after: Neighbours = 0
    """Number of texts after it."""

    @model_validator(mode="after")
    def _has_neighbours(self) -> Self:
        if not self.offsets:
            raise ValueError("selects no text before or after; set one of the two above 0, or leave this section out")
        return self

    @property
    def offsets(self) -> tuple[int, ...]:
        """Positions of the neighbours relative to the text."""
        return (*range(-self.before, 0), *range(1, self.after + 1))


def context_problems(recipe: "Recipe") -> Iterator[Problem]:
    """Neighbours need a column that identifies documents, files whose rows stay together, and a classical model."""
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
        yield Problem(("task", "document"), "says which single texts are neighbours, but with task.other each row has two; leave "
                      "one of them out")
    if document in (getattr(task, "text", None), getattr(task, "label", None)):
        yield Problem(("task", "document"), f"{document!r} is the column of the texts or of the classes; name one that identifies "
                      "documents: neighbours by class would reveal the class")
    if not isinstance(recipe.data, SizesData) and getattr(recipe.data, "validation", None) is None:
        yield Problem(("task", "document"), "needs `data: {type: files}` with a validation file: a validation split that is drawn from the "
                      "training rows would separate them from their neighbours")
