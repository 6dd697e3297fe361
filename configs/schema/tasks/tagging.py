"""`task: {type: tagging}`, and the schemes by which tags mark spans."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from ..base import Problem
from ..models.model_base import Inputs
from .task_base import Suggestion, TaskBase

if TYPE_CHECKING:
    from ..recipe import Recipe

Scheme = Literal["IOB1", "IOB2", "BIOES"]
PREFIXES: Mapping[Scheme, str] = {"IOB1": "BI", "IOB2": "BI", "BIOES": "BIES"}
"""The prefixes of a scheme's tags, before a hyphen and a type; the other tag is O."""


def tags_of(scheme: Scheme) -> str:
    """The forms of a scheme's tags, for messages."""
    return ", ".join(["O", *(f"{letter}-TYPE" for letter in PREFIXES[scheme])])


def is_tag(tag: str, scheme: Scheme) -> bool:
    """Whether a tag is one of the scheme's, in any position."""
    prefix, _, kind = tag.partition("-")
    return tag == "O" or (bool(kind) and prefix in list(PREFIXES[scheme]))


class TaggingConfig(TaskBase):
    """One tag for each token of a sentence."""

    needs: ClassVar[str] = "tags"
    text_key: ClassVar[str] = "tokens"
    label_key: ClassVar[str | None] = "tags"
    tagged: ClassVar[bool] = True
    offers: ClassVar[Inputs] = frozenset({"text", "tokens", "characters", "segments"})
    headings: ClassVar[Mapping[str, str]] = {"f1": "span_f1"}
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "zero_one_loss", "invalid"})

    type: Literal["tagging"]
    tokens: str = "tokens"
    """Column with the tokens of a sentence, separated by spaces."""
    tags: str = "tags"
    """Column with one tag per token, separated by spaces."""
    labels: Annotated[list[str], Field(min_length=2)] | None = None
    """The tags, at least two; by default those of the training split, sorted. A tag that is not in this list is an error."""
    scheme: Scheme | None = None
    """How tags mark spans, such as B-PER I-PER O in IOB2; precision, recall and F1 then count spans, as conlleval does."""
    crf: bool = False
    """Score whole tag sequences with a linear-chain conditional random field (Lafferty et al. 2001), not each tag independently."""

    @property
    def main_metric(self) -> str:
        return "f1" if self.scheme else "accuracy"

    @property
    def suggestion(self) -> Suggestion:
        return Suggestion("the tag of each token of a sentence")

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("loss", "accuracy", *(("precision", "recall", "f1") if self.scheme else ()))

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        model = recipe.model
        if self.crf and model.learns_by != "gradient":
            yield Problem(("task", "crf"), f"is the last layer of a network; model.type {model.type} has its own decoding, "
                          "so leave it out")
        if self.scheme is not None and (strange := next((tag for tag in self.labels or () if not is_tag(tag, self.scheme)), None)):
            yield Problem(("task", "labels"), f"{strange!r} is not a tag of task.scheme {self.scheme}, which has {tags_of(self.scheme)}")
        yield from self.token_problems(recipe)
